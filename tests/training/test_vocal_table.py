"""The table of `bench vocal`: intervals, differences between columns, and the files they come from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.training.vocal_rows import FIGURES
from neo_core.training.vocal_table import (
    COLUMNS,
    SHIPPED,
    Cell,
    Column,
    cell,
    differences,
    draw,
    markdown,
    trained_columns,
)
from neo_core.vocal.loading import stored_config
from neo_core.vocal.unified_mmdit import UnifiedConfig, UnifiedMMDiT
from neo_core.weights.safetensors_io import save

SPEAKERS, SENTENCES, SEEDS = 10, 4, 3
RATIO = FIGURES[1]  # the first sum over the second


def measured(values: Tensor, draws: int = 300) -> Cell:
    """The mean of values [K, S, C], one for every seed and clip."""
    sums = torch.stack((values, torch.ones_like(values)), -1).double().flatten(1, 2)
    return cell(RATIO, sums, sums[0], draw(*values.shape[1:], draws))


def clips(number: int = 0) -> Tensor:
    """Errors of every clip with every seed, where speakers, sentences and seeds all count."""
    dice = torch.Generator().manual_seed(number)
    shapes = ((SEEDS, 1, 1), (SPEAKERS, 1), (SENTENCES,), (SEEDS, SPEAKERS, SENTENCES))
    return sum(torch.rand(shape, generator=dice) for shape in shapes)


def width(found: Cell) -> float:
    return found.high - found.low


def test_an_interval_holds_the_value_and_narrows_with_units():
    values = torch.rand(SEEDS, 16, 8, generator=torch.Generator().manual_seed(0))
    many, few = measured(values), measured(values[:, :4, :2])
    assert many.low < many.value < many.high
    assert width(many) < 0.6 * width(few)


def test_what_differs_between_sentences_counts_by_their_number_and_not_by_that_of_the_clips():
    """Of equal spread over the clips: 4 sentences, 10 speakers, or every clip on its own."""
    spread = {
        "sentences": torch.linspace(-1, 1, SENTENCES).expand(SPEAKERS, SENTENCES),
        "speakers": torch.linspace(-1, 1, SPEAKERS)[:, None].expand(SPEAKERS, SENTENCES),
    }
    found = {name: width(measured((x / x.std())[None], 2000)) for name, x in spread.items()}
    apart = 2 * 1.96 / (SPEAKERS * SENTENCES) ** 0.5  # if the 40 clips were independent
    assert found["sentences"] > 1.3 * found["speakers"]
    assert found["speakers"] > 1.5 * apart
    assert found["sentences"] == pytest.approx(2 * 1.96 / SENTENCES**0.5, rel=0.15)


def test_figures_by_speaker_draw_speakers_alone():
    """The same value in every sentence is the same as one value of each speaker."""
    own = torch.rand(1, SPEAKERS, 1, generator=torch.Generator().manual_seed(3))
    sums = torch.stack((own, torch.ones_like(own)), -1).double().flatten(1, 2)  # [1, S, 2]
    by_speaker = cell(RATIO, sums, sums[0], draw(SPEAKERS, SENTENCES, 300))
    by_clip = measured(own.expand(1, SPEAKERS, SENTENCES))
    assert by_speaker.drawn == pytest.approx(by_clip.drawn)
    assert width(by_speaker) > 0


def test_draws_without_a_value_are_left_out():
    found = Cell(1.0, np.array([1.0, 2.0, np.inf, np.nan, 3.0]))
    assert (found.low, found.high) == pytest.approx((1.05, 2.95))
    assert (found - found).high == 0


def test_equal_columns_differ_by_nothing():
    same = measured(clips()) - measured(clips())
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert not same.excludes_zero


def test_a_small_constant_shift_is_found_though_the_intervals_overlap():
    here, there = measured(clips()), measured(clips() + 0.02)
    assert there.low < here.high
    shift = there - here
    assert shift.excludes_zero
    assert (shift.value, shift.low, shift.high) == pytest.approx((0.02, 0.02, 0.02))
    assert (here - there).excludes_zero


def test_columns_that_differ_by_chance_alone_are_not_told_apart():
    dice = torch.Generator().manual_seed(5)
    noise = torch.randn(2, SEEDS, SPEAKERS, SENTENCES, generator=dice)
    shift = measured(clips() + 0.1 * (noise[0] - noise[0].mean())) - measured(
        clips() + 0.1 * (noise[1] - noise[1].mean())
    )
    assert width(shift) > 0.01
    assert not shift.excludes_zero


@pytest.mark.parametrize("name", [COLUMNS["neo-1.5"], SHIPPED])
def test_all_columns_are_compared_with_neo_1_5_and_what_is_sure_is_marked(name):
    ours, better, same = measured(clips() + 1), measured(clips()), measured(clips() + 1)
    table = {kind: [found] * len(FIGURES) for kind, found in (("better", better), (name, ours), ("same", same))}
    apart = differences(table)
    assert {kind: cells[0].value for kind, cells in apart.items()} == pytest.approx({"better": -1, "same": 0})
    said = markdown(table, [Column(kind, ()) for kind in table])
    values, note, changes = said.split("\n\n")
    assert len(values.splitlines()) == len(changes.splitlines()) == 2 + len(FIGURES)
    assert "95 %" in note
    assert changes.splitlines()[0].endswith("| better | same |")
    assert all(line.endswith("| **-1 (-1 to -1)** | +0 (+0 to +0) |") for line in changes.splitlines()[2:])
    assert not differences({"better": table["better"]})


def test_columns_are_read_by_name_and_must_have_equal_steps(tmp_path: Path, tiny_vocal):
    with pytest.raises(InputError, match=r"expected COLUMN-SEED\.safetensors, COLUMN in neo, neo-1\.5"):
        trained_columns(tmp_path)
    for name, seed in (("neo-1.5", 0), ("neo-1.5", 1), ("no-residuals", 0)):
        made = {"steps": 900, "minutes": 6.0 + seed}
        save(tmp_path / f"{name}-{seed}.safetensors", tiny_vocal.state_dict(), stored_config(tiny_vocal), made=made)
    columns = trained_columns(tmp_path)
    assert [(c.name, len(c.seeds), c.cost) for c in columns] == [
        (COLUMNS["neo-1.5"], 2, "900 steps, 6.5 CPU min"),
        (COLUMNS["no-residuals"], 1, "900 steps, 6.0 CPU min"),
    ]
    save(
        tmp_path / "neo-0.safetensors",
        tiny_vocal.state_dict(),
        stored_config(tiny_vocal),
        made={"steps": 1, "minutes": 1},
    )
    with pytest.raises(InputError, match=r"trained for \[1, 900\] steps; expected one number"):
        trained_columns(tmp_path)


def test_weights_that_do_not_say_their_steps_are_refused(tmp_path: Path, tiny_vocal):
    save(tmp_path / "neo-0.safetensors", tiny_vocal.state_dict(), stored_config(tiny_vocal), made={"minutes": 6.0})
    with pytest.raises(InputError, match=r"neo-0\.safetensors does not say its steps; expected"):
        trained_columns(tmp_path)


@pytest.fixture
def tiny_vocal():
    return UnifiedMMDiT(UnifiedConfig(audio_layers=2, audio_width=4, width=32, depth=2, heads=2, rotary=4))
