"""What the bench counts of re-enactment and redub."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neo_core import motion_space
from neo_core.evaluation import reenactment
from neo_core.evaluation.bench import load_bars
from neo_core.evaluation.reenactment import Film, bench, lag, out_of_step, reach, told_wrongly
from neo_core.media.footage import Footage
from neo_core.motion_space import INDEX
from neo_core.pictar.lost_faces import Lost
from neo_core.pictar.paste_back import paste_back
from neo_core.pictar.squares import Squares
from neo_core.pipelines.reenactment import Watched


def speech(frames: int = 60) -> torch.Tensor:
    """A jaw that moves like none at any other time. [T, 63]"""
    motion = torch.zeros(frames, motion_space.SIZE)
    motion[:, INDEX["jawOpen"]] = torch.rand(frames, generator=torch.Generator().manual_seed(1))
    return motion


def footage(frames: int = 60, late: float | None = 0) -> Footage:
    sound = None if late is None else SimpleNamespace(late=Fraction(late))
    return Footage(Path("made.mp4"), (8, 8), frames, Fraction(25), Fraction(0), sound=sound)


@pytest.mark.parametrize("shift", [-3, -1, 0, 2])
def test_a_lag_is_found_either_way(shift):
    truth = speech()[:, INDEX["jawOpen"]]
    assert lag(truth.roll(shift), truth) == shift


def test_what_is_held_while_nobody_is_seen_is_not_late():
    """Over a slow jaw it would look so."""
    truth = torch.sin(torch.arange(60) / 8)
    told = truth.clone()
    told[20:45] = told[19]
    assert lag(told, truth, range(20, 45)) == 0
    assert lag(told.roll(2), truth, range(20, 47)) == 2


def test_a_still_jaw_is_not_late():
    assert lag(torch.zeros(30), torch.zeros(30)) == 0


@pytest.mark.parametrize(("late", "off"), [(0, 0), (0.01, 0), (0.08, 2), (-0.08, 2), (None, torch.inf)])
def test_sound_that_begins_late_is_out_of_step(late, off):
    assert out_of_step(speech(), speech(), footage(late=late)) == off
    assert out_of_step(speech().roll(-3, 0), speech(), footage(late=late)) == max(off, 3)


def test_what_is_told_wrongly_is_counted_both_ways():
    watched = Watched(20, [Lost(3, 6, "held"), Lost(9, 9, "held")])
    assert told_wrongly(watched, [3, 4, 5, 6, 9]) == 0
    assert told_wrongly(watched, [4, 5, 6, 9]) == 1
    assert told_wrongly(watched, [3, 4, 5, 6, 9, 12, 13]) == 2


def test_all_that_a_mask_may_change_is_in_its_reach():
    mask = torch.zeros(32, 32)
    mask[10:20, 8:24] = torch.linspace(0, 1, 16)
    square = Squares(torch.tensor([[40.0, 30.0]]), torch.tensor([48.0]), torch.tensor([20.0]))
    picture = torch.zeros(64, 90, 3, dtype=torch.uint8)
    changed = (paste_back(picture, torch.ones(3, 32, 32), square, mask) != picture).any(-1)
    reached = reach(mask, square, (64, 90))
    assert changed.any()
    assert not changed[~reached].any()
    assert reached.sum() < 1.6 * changed.sum()


def test_every_figure_has_a_bar(monkeypatch, tmp_path):
    def reenact(*_, kept):
        kept.extend(0.5 * speech())
        return Watched(60, [Lost(reenactment.UNSEEN.start, reenactment.UNSEEN.stop - 1, "held")])

    monkeypatch.setattr(reenactment, "load_models", lambda: None)
    monkeypatch.setattr(reenactment, "read_waveform", lambda _: None)
    monkeypatch.setattr(reenactment, "filmed", lambda *_: Film(footage(), speech()))
    monkeypatch.setattr(reenactment, "_enrolled", lambda *_: None)
    monkeypatch.setattr(reenactment, "inspect_footage", lambda _: footage(59))
    monkeypatch.setattr(reenactment, "outside_the_mask", lambda _: 0)
    monkeypatch.setattr(reenactment, "reenact", reenact)
    notes = {}
    figures = bench(tmp_path, notes)
    assert list(figures.values()) == [1, 0, 0, 0]
    assert figures.keys() <= {bar["name"] for bar in load_bars("pictar")}
    assert notes["re-enactment, jawOpen: size over the driver's"] == pytest.approx(0.5)
    assert notes["re-enactment, jawOpen: correlation with the driver's"] == pytest.approx(1, abs=1e-4)
