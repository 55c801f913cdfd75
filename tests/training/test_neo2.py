"""The training of NEO 2's DiT: losses that weigh what counts, runs that go on."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from einops import rearrange
from torch import Tensor

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.data_types import InputError
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.latent_space import CELL, CHANNELS, COARSE
from neo_core.neo2.loading import load_dit
from neo_core.training import neo2
from neo_core.training.films import Film, load_films
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.latent_statistics import autocovariances
from neo_core.training.neo2 import (
    LIPS_SHARE,
    SHARES,
    all_versions,
    draw_times,
    draw_windows,
    step_loss,
    weighted,
    windows_loss,
)
from neo_core.training.neo2_clips import HANDS, MOUTH, NONE, cut, load_clips, load_codes
from neo_core.training.neo2_exam import PLACES, Care, agreement, comparison, exam_windows, health
from neo_core.training.neo2_lips import SIDE as MOUTH_SIDE
from neo_core.training.neo2_lips import Lips
from neo_core.weights.safetensors_io import load_made

LOCAL = {"local_width": 16, "local_depth": 1}
TINY = DiTConfig(2, 6, width=32, depth=1, heads=2, side_width=8, rotary_time=4, rotary_place=4, patch=2, **LOCAL)
FRAMES, SIDE = 64, 64  # of a film
GRID = SIDE // CELL // COARSE  # cells of a latent
CARE = Care(torch.ones(CHANNELS), Lips(torch.full((CHANNELS * MOUTH_SIDE**2, 4), 0.01), 1.0))


@pytest.fixture
def voices(monkeypatch) -> None:
    """Each thing that another voice says is 1 louder than what one said before it."""
    said = []

    def say(samples: Tensor) -> Tensor:
        said.append(samples)
        return torch.full((2, 2 * len(samples) // 640, 6), float(len(said)))

    monkeypatch.setattr(neo2, "load_audio_encoder", lambda: None)
    monkeypatch.setattr(neo2, "other_voice", lambda _: said.clear() or say)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_windows_are_drawn_from_all_places(clips):
    seen = set()
    for k in range(60):
        windows = draw_windows(clips, 2, dice(k))
        first = windows.latents[:, 0, 0, 0, 0] % 100
        seen |= set(first.tolist())
        assert windows.latents.shape[1] in range(6, 13)
        assert windows.conditions.audio.shape[2] == 8 * windows.latents.shape[1]
    assert seen >= set(range(7))


def test_shares_weigh_cells_and_channels():
    shows = torch.full((1, 1, 4, 4), NONE, dtype=torch.uint8)
    shows[..., 0, 0], shows[..., 0, 1] = MOUTH, HANDS
    seen = torch.tensor([1.5, 0.5])
    error = torch.zeros(1, 1, 2, 4, 4)
    whole = 14 * SHARES[NONE] + SHARES[MOUTH] + SHARES[HANDS]
    for (row, column), share in (((0, 0), SHARES[MOUTH]), ((0, 1), SHARES[HANDS]), ((2, 2), SHARES[NONE])):
        for channel in (0, 1):
            one = error.clone()
            one[0, 0, channel, row, column] = 1
            assert float(weighted(one, shows, seen)) == pytest.approx(share * float(seen[channel]) / (2 * whole))
    assert float(weighted(torch.ones_like(error), shows, seen)) == pytest.approx(1)


def test_times_lean_to_the_noise():
    t = draw_times(4000, dice())
    assert 0.6 < t.median() < 0.9
    assert (t > 0.95).float().mean() > 0.15
    assert (t < 0.4).float().mean() > 0.03
    assert ((t > 0) & (t < 1)).all()


class Anchor(torch.nn.Module):
    """Predicts what a function says."""

    def __init__(self, say: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.say = say

    def forward(self, x: Tensor, _: Tensor, _conditions) -> Tensor:
        return self.say(torch.zeros_like(x))


def test_the_truth_has_no_loss(clips):
    still = [replace(clip, latents=torch.zeros_like(clip.latents), anchor=0 * clip.anchor) for clip in clips]
    windows = cut(still, [0, 1, 2], 6)
    assert windows_loss(Anchor(lambda anchor: anchor), windows, CARE, dice()) == 0


def test_the_loss_is_of_velocity_and_of_lips(clips, monkeypatch):
    """Half way between data and noise, for answers that are off by a tenth."""
    monkeypatch.setattr(neo2, "draw_times", lambda count, _dice: torch.full((count,), 0.5))
    still = [replace(clip, latents=torch.zeros_like(clip.latents), anchor=0 * clip.anchor) for clip in clips]
    windows = cut(still, [0, 1, 2], 6)
    velocity = (0.1 / 0.5) ** 2
    lips = LIPS_SHARE * (0.1 * 0.01 * CHANNELS * MOUTH_SIDE**2) ** 2  # all of the square counts 0.01
    always = windows_loss(Anchor(lambda anchor: anchor + 0.1), windows, CARE, dice())
    assert float(always) == pytest.approx(velocity + lips, rel=1e-4)


def learner(seed: int = 0, steps: int = 6, rate: float = 1e-3) -> Run:
    torch.manual_seed(seed)
    return Run(DiT(TINY), Plan(rate=rate, warm_up=2, steps=steps))


def test_a_run_goes_on_as_it_would_have(clips, tmp_path):
    def go(state: Run) -> None:
        train(state, partial(step_loss, state=state, clips=clips, count=2, care=CARE, seed=3), str)

    whole = learner()
    go(whole)
    part = learner()
    progress = Run.progress
    try:  # the plan is of six steps, put down after three
        Run.progress = property(lambda self: 1.0 if self.step >= 3 else self.step / 6)
        go(part)
    finally:
        Run.progress = progress
    part.save(tmp_path / "run.resume")
    rest = learner(seed=1)
    rest.load(tmp_path / "run.resume")
    assert rest.step == 3
    go(rest)
    for name, value in rest.net.state_dict().items():
        assert torch.equal(value, whole.net.state_dict()[name]), name
    assert torch.equal(rest.average.final.weight, whole.average.final.weight)


def test_a_tiny_network_learns_its_films(clips):
    """Latents are the brightness of a film; from the anchor's they differ by a constant that can be learned."""
    level = [replace(c, latents=torch.full_like(c.latents, 1.0), anchor=0 * c.anchor) for c in clips]
    windows = cut(level, [0, 1, 2], 6)
    state = learner(steps=80, rate=8e-3)
    before = windows_loss(state.net, windows, CARE, dice()).item()
    train(state, partial(step_loss, state=state, clips=level, count=2, care=CARE, seed=0), str)
    assert windows_loss(state.net, windows, CARE, dice()).item() < before / 3


def test_the_exam_tells_sound_that_matters(clips):
    """A network that hears: it paints what the sound says, and another's sound makes it wrong."""

    class Hearing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor, _: Tensor, conditions) -> Tensor:
            level = conditions.audio[:, 0, ::8, 0]
            return level[:, :, None, None, None].expand_as(x)

    heard, generator = [], dice(4)
    for clip in clips:
        level = torch.randint(-8, 9, (FRAMES // 4,), generator=generator).float()
        states = level.repeat_interleave(8)
        film = _Heard(**vars(clip.film), states=states[None, :, None].expand(2, -1, 6))
        heard.append(replace(clip, film=film, latents=level[:, None, None, None].expand_as(clip.latents)))
    report = health(Hearing(), exam_windows(heard, 3), CARE)
    assert report["lips"] == pytest.approx(1, abs=1e-3)
    assert report["lips_other"] < 0.5
    assert report["lips_effect"] == pytest.approx(1, abs=1e-3)
    assert report["lips_size"] == pytest.approx(1, abs=1e-3)
    assert report["hands_gain"] > 100
    assert report["mouth_error"] < 1e-3
    assert report["all_motion"] == pytest.approx(1, abs=0.01)


class _Heard(Film):
    """A film with another sound."""

    def __init__(self, states: Tensor, **values) -> None:
        super().__init__(**values)
        object.__setattr__(self, "states", states)

    def heard(self, first: int | None = None, last: int | None = None) -> Tensor:
        return self.states[:, 2 * first : 2 * last]


def test_a_network_that_moves_nothing_has_no_motion(clips):
    class Still(DiT):
        def forward(self, x, _, _conditions):
            return torch.zeros_like(x)

    report = health(Still(TINY), exam_windows(clips, 3), CARE)
    assert report["error"] == pytest.approx(1)
    assert report["hands_gain"] == pytest.approx(1)
    assert report["lips"] == report["lips_effect"] == report["lips_size"] == 0
    assert report["all_motion"] == pytest.approx(0)


def test_agreement_is_a_correlation_row_by_row():
    one = torch.randn(3, 20)
    assert agreement(one, 2 * one + 3) == pytest.approx(1)
    assert agreement(one, -one) == pytest.approx(-1)
    assert agreement(one, torch.ones(3, 20)) == 0
    other = torch.randn(3, 20)
    rows = [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(one, other, strict=True)]
    assert agreement(one, other) == pytest.approx(float(sum(rows) / 3), abs=1e-5)


def test_exam_windows_are_spread(clips):
    quiet = [replace(clip, film=replace(clip.film, speaking=False)) for clip in clips]
    windows = exam_windows([*quiet, *clips], 2)
    assert windows.latents[:, 0, 0, 0, 0].tolist() == [6, 106]
    few = exam_windows(clips, 10)
    assert few.latents[:, 0, 0, 0, 0].tolist() == [6, 106, 206]


def test_the_picture_has_true_and_sampled_frames(films, vae):
    windows = exam_windows(load_clips(films, vae), 2)
    sheet = comparison(DiT(TINY).eval(), vae, windows, 2)
    assert sheet.shape == (4 * SIDE, 6 * SIDE, 3)
    assert sheet.dtype == torch.uint8
    anchor = windows.conditions.anchor
    true = vae.decode(windows.latents, anchor)[:, :, [round(place * 39) for place in PLACES]]
    for row in range(2):
        shown, sampled = sheet[2 * row * SIDE :][:SIDE], sheet[(2 * row + 1) * SIDE :][:SIDE]
        first = vae.show(anchor[:, None], anchor)[row, :, :1]
        expected = torch.cat((first, true[row]), dim=1)
        expected = ((rearrange(expected, "c n y x -> y (n x) c").clamp(-1, 1) + 1) * 127.5).round()
        assert (shown - expected).abs().max() <= 1  # a half may round either way
        assert torch.equal(sampled[:, :SIDE], shown[:, :SIDE])
        assert not torch.equal(sampled[:, SIDE:], shown[:, SIDE:])


@pytest.fixture
def recipe(tmp_path, monkeypatch, vae, write_film, request):
    """`train neo2` with a tiny network on three films of 64 frames: takes options, returns the file."""
    for folder, held_out in (("films", False), ("exam", True)):
        for number in range(3):
            write_film(tmp_path / folder, number + 10 * held_out, held_out)
    sizes = asdict(TINY) | {"prior_lags": 3, "prior_side": GRID}
    request.getfixturevalue("voices")
    monkeypatch.setattr(neo2, "SIZES", {"mini": sizes})
    monkeypatch.setattr(neo2, "load_video_vae", lambda *_: vae)
    monkeypatch.setattr(neo2, "fit_lips", lambda _: CARE.lips)
    parser = ArgumentParser()
    neo2.add_arguments(parser)

    def run(*flags: str, **changed: object) -> Path:
        options = {"films": tmp_path / "films", "exam": tmp_path / "exam", "out": tmp_path / "dit.safetensors"}
        options |= {"steps": 2, "batch": 1, "versions": 1, "bent": 1} | changed
        neo2.run(parser.parse_args([*flags, *(w for name, x in options.items() for w in (f"--{name}", str(x)))]))
        return options["out"]

    return run


def test_the_recipe_trains_and_tells_what_it_did(recipe, caplog):
    caplog.set_level("INFO")
    out = recipe()
    made, dit = load_made(out), load_dit(out)
    assert "--steps 2.0 --rate 0.001 --batch 1 --versions 1 --bent 1 --size mini --seed 0" in made["recipe"]
    assert made["steps"] == 2
    assert not out.with_suffix(".resume").exists()
    vae, versions = neo2.load_video_vae(), Namespace(versions=1, bent=1, seed=0)
    clips = all_versions(load_codes(load_films(out.parent / "films"), vae), vae, versions)
    told = autocovariances(clips, 3)
    torch.testing.assert_close(dit.autocovariance, told, atol=1e-3, rtol=1e-3)
    (rows,) = [record.getMessage() for record in caplog.records if "linear estimate on the exam" in record.getMessage()]
    assert [line.split()[0] for line in rows.splitlines()[1:]] == ["flow", "one", "per", "per"]


@pytest.mark.usefixtures("voices")
def test_films_are_learned_from_in_all_versions_and_through_lenses(films, vae):
    codes = load_codes(films, vae, versions=2)
    clips = all_versions(codes, vae, Namespace(versions=2, bent=3, seed=0))
    assert len(clips) == 3 * (2 + 3)
    for made, plain in zip(clips, load_clips(films, vae, versions=2), strict=False):
        assert torch.equal(made.latents, plain.latents)
    assert [clip.version for clip in clips[6:]] == 3 * [0] + 3 * [1] + 3 * [0], "colours by turns"
    assert not torch.equal(clips[6].shows, clips[12].shows), "ever new lenses"
    again = all_versions(codes, vae, Namespace(versions=2, bent=3, seed=0))
    assert all(torch.equal(a.latents, b.latents) for a, b in zip(clips, again, strict=True))


@pytest.mark.usefixtures("voices")
def test_all_versions_but_the_first_have_a_voice_of_their_own(films, vae):
    clips = all_versions(load_codes(films, vae, versions=2), vae, Namespace(versions=2, bent=3, seed=0))
    plain, others = [c for c in clips[:6] if not c.version], [c for c in clips[:6] if c.version] + clips[6:]
    assert all(torch.equal(clip.heard(2, 5), clip.film.heard(8, 20).float()) for clip in plain)
    assert sorted(clip.heard(2, 5)[0, 0, 0].item() for clip in others) == list(range(1, 13))
    for first, last in ((0, 1), (FRAMES // 4 - 1, FRAMES // 4)):  # a piece of a recording sounds otherwise at its ends
        for clip in others:
            known = clip.film.heard(4 * first, 4 * last).float().clamp(max=12.7)  # as much as is kept
            torch.testing.assert_close(clip.heard(first, last), known)
    assert all(clip.heard(2, 5).shape == (2, 24, 6) for clip in others)
    audio = cut([plain[0], others[-1]], [3, 3], 6).conditions.audio
    assert torch.equal(audio[1], others[-1].heard(3, 9)), "windows hear it"


def test_voices_depend_on_the_seed_alone(films, vae, monkeypatch):
    """With the ways in which a training really hears other voices, through a small encoder."""
    torch.manual_seed(0)
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=6, inner=8, dilations=(1,))).eval()
    monkeypatch.setattr(neo2, "load_audio_encoder", lambda: encoder)
    codes = load_codes(films, vae, versions=2)

    def voices_of(seed: int) -> Tensor:
        torch.rand(7)  # whatever was drawn before
        made = all_versions(codes, vae, Namespace(versions=2, bent=1, seed=seed))
        return torch.stack([clip.voice for clip in made if clip.voice is not None])

    once = voices_of(3)
    assert len(once) == 6, "of each film a version and what a lens made of it"
    assert torch.equal(voices_of(3), once)
    assert not torch.equal(voices_of(4), once)
    assert not torch.equal(once[0], once[1])


def test_films_leave_what_performances_have_taught(recipe, monkeypatch):
    taught = {}

    def teach(net: DiT, *_) -> None:
        for part in (net.audio_input, net.latent_sound):
            for value in part.parameters():
                torch.nn.init.normal_(value, std=0.1)
        taught.update({name: value.clone().half().float() for name, value in net.state_dict().items()})

    monkeypatch.setattr(neo2, "learn_to_hear", teach)
    after = load_dit(recipe(performances="somewhere")).state_dict()
    same = {name for name, value in after.items() if torch.equal(value, taught[name])}
    hearing = {name for name in after if name.startswith(("audio_input.", "latent_sound."))}
    assert hearing
    assert hearing <= same
    assert len(set(after) - same) > len(after) / 2, "the rest has learned"


def test_the_recipe_goes_on_with_its_own_run_alone(recipe, monkeypatch):
    with pytest.MonkeyPatch.context() as patch:  # it is put down before its first step
        patch.setattr(neo2, "train", lambda state, _loss, report: report(state) and _stop())
        with pytest.raises(KeyboardInterrupt):
            recipe()
    for changed in ({"seed": 1}, {"batch": 2}, {"rate": 2e-3}, {"steps": 3}, {"performances": "somewhere"}):
        with pytest.raises(InputError, match="is of a run with"):
            recipe("--resume", **changed)
    begun = []
    monkeypatch.setattr(neo2, "train", lambda state, *_: begun.append(state.step))
    recipe("--resume")
    assert begun == [0]


def _stop() -> None:
    raise KeyboardInterrupt


def test_the_recipe_judges_by_strangers(recipe, tmp_path):
    with pytest.raises(InputError, match="held-out person"):
        recipe(exam=tmp_path / "films")
    with pytest.raises(InputError, match="expected some to learn from"):
        recipe(films=tmp_path / "exam")
