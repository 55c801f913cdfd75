"""The training of NEO 2's DiT: windows that are what they say, losses that weigh what counts, runs that go on."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from einops import rearrange, reduce, repeat
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.latent_space import CELL, CHANNELS, COARSE
from neo_core.neo2.loading import load_dit
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import neo2, neo2_clips
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
from neo_core.training.neo2_clips import (
    CACHE,
    HANDS,
    MOUTH,
    NONE,
    Clip,
    Windows,
    channel_weight,
    covered,
    cut,
    digest,
    disturb,
    drop,
    hush,
    latent_weight,
    load_clips,
    load_codes,
    muffle,
    restyled,
)
from neo_core.training.neo2_exam import PLACES, Care, agreement, comparison, exam_windows, health
from neo_core.training.neo2_lips import SIDE as MOUTH_SIDE
from neo_core.training.neo2_lips import Lips
from neo_core.weights.safetensors_io import load_made, save

LOCAL = {"local_width": 16, "local_depth": 1}
TINY = DiTConfig(2, 6, width=32, depth=1, heads=2, side_width=8, rotary_time=4, rotary_place=4, patch=2, **LOCAL)
VAE = VideoVAEConfig(
    encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=8, motion_depth=2,
)  # fmt: skip
FRAMES, SIDE = 64, 64  # of a film
CODE, GRID = SIDE // CELL, SIDE // CELL // COARSE  # cells of a code and of a latent
CARE = Care(torch.ones(CHANNELS), Lips(torch.full((CHANNELS * MOUTH_SIDE**2, 4), 0.01), 1.0))
BOX = torch.tensor([16.0, 16.0, 32.0, 24.0])


def write_film(folder: Path, number: int, held_out: bool = False) -> None:
    """A grey film whose brightness, and sound, are the number of the frame."""
    frame = torch.arange(FRAMES)
    video = (frame * 2 + number).byte()[:, None, None, None].expand(-1, SIDE, SIDE, 3)
    heard = (1 + torch.arange(2 * FRAMES) / 2).floor()[None, :, None].expand(2, -1, 6)
    hands = torch.stack((torch.tensor([0.0, 40, 12, 52]), torch.full((4,), torch.nan)))
    tensors = {
        "video": video,
        "anchor": video[0],
        "heard": heard.half(),
        "sound": torch.full((640 * FRAMES,), float(number)),
        "mouth": frame / FRAMES,
        "hands": torch.zeros(FRAMES, 2, 3),
        "mouth_box": BOX.expand(FRAMES, -1),
        "hand_boxes": hands.expand(FRAMES, -1, -1),
    }
    config = {
        "frames": FRAMES, "size": SIDE, "prompt": f"person {number}", "manner": "calm", "speaking": True,
        "person": number, "scene": str(number), "part": 0, "voice": "v", "held_out": held_out, "framing": "half body",
    }  # fmt: skip
    save(folder / f"scene_{number:05d}.safetensors", tensors, config)


@pytest.fixture
def films(tmp_path) -> list[Film]:
    for number in range(3):
        write_film(tmp_path, number)
    return load_films(tmp_path)


@pytest.fixture
def vae() -> VideoVAE:
    """One whose latents are seen: a fresh one shows the anchor whatever they are."""
    torch.manual_seed(0)
    vae = VideoVAE(VAE).eval().requires_grad_(False)
    for head in (vae.motion.decoder.flow, vae.motion.decoder.head):
        torch.nn.init.normal_(head[2].weight, std=0.1)
    return vae


@pytest.fixture
def voices(monkeypatch) -> None:
    """Each thing that another voice says is 1 louder than what one said before it."""
    said = []

    def say(samples: Tensor) -> Tensor:
        said.append(samples)
        return torch.full((2, 2 * len(samples) // 640, 6), float(len(said)))

    monkeypatch.setattr(neo2, "load_audio_encoder", lambda: None)
    monkeypatch.setattr(neo2, "other_voice", lambda _: said.clear() or say)


@pytest.fixture
def clips(films) -> list[Clip]:
    """Films with latents that say which they are."""
    number = torch.arange(FRAMES // 4)[:, None, None, None]
    codes = number.expand(-1, CHANNELS, CODE, CODE).half()
    clips = [neo2_clips._clip(film, 0, codes, torch.full_like(codes[0], -1)) for film in films]
    return [at_latents(clip, codes[..., :GRID, :GRID] + 100 * k) for k, clip in enumerate(clips)]


def at_latents(clip: Clip, latents: Tensor) -> Clip:
    return replace(clip, latents=latents, shows=reduce(clip.shows, "n (h p) (w q) -> n h w", "max", p=COARSE, q=COARSE))


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_films_are_encoded_once(films, vae, monkeypatch):
    first = load_clips(films, vae)
    assert (films[0].path.parent / CACHE).is_file()
    calls = []
    encode = neo2_clips.encode
    monkeypatch.setattr(neo2_clips, "encode", lambda film, *rest: calls.append(film.path.stem) or encode(film, *rest))
    again = load_clips(films, vae)
    assert not calls
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.latents, other.latents)
        assert torch.equal(one.anchor, other.anchor)
    write_film(films[0].path.parent, 3)
    assert len(load_clips(load_films(films[0].path.parent), vae)) == 4
    assert calls == ["scene_00003"]


def test_films_come_in_versions(films, vae):
    """The first is the film; the second is mirrored and of other colours, which person and number decide."""
    plain, turned, again = load_clips(films[:1], vae, versions=3)
    assert torch.equal(plain.latents, load_clips(films[:1], vae)[0].latents)
    assert torch.equal(turned.shows, plain.shows.flip(-1))
    assert torch.equal(again.shows, plain.shows)
    assert not torch.equal(again.latents, plain.latents)
    pictures = torch.rand(3, 2, 8, 8) * 2 - 1
    once, twice = (restyled(pictures, films[0], 1) for _ in range(2))
    assert torch.equal(once, twice)
    assert torch.equal(restyled(pictures.flip(-1), films[0], 1), once.flip(-1))
    assert torch.allclose(restyled(pictures, films[0], 2)[:, :1], restyled(pictures[:, :1], films[0], 2))
    assert once.abs().max() <= 1


def test_codes_of_another_autoencoder_are_made_anew(films, vae):
    old, name = load_codes(films, vae)[0].latents, digest(vae)
    with torch.no_grad():
        vae.motion.scale.mul_(2)  # says nothing of codes
    assert digest(vae) == name
    with torch.no_grad():
        vae.std.mul_(2)
    assert torch.allclose(load_codes(films, vae)[0].latents.float(), old.float() / 2, atol=0.03)
    assert digest(vae) != name


def test_latents_are_those_of_the_film(films, vae):
    clip = load_clips(films, vae)[1]
    video = films[1].video().permute(3, 0, 1, 2).float() / 127.5 - 1
    anchor = vae.encode_still(video[None, :, 0])
    assert torch.allclose(clip.latents.float(), vae.encode(video[None], anchor)[0], atol=0.05)
    assert torch.allclose(clip.anchor.float(), anchor[0], atol=0.05)
    codes = load_codes(films, vae)[1]
    assert torch.allclose(codes.latents.float(), vae.codes(video[None])[0], atol=0.05)
    assert clip.shows.shape[-1] * COARSE == codes.shows.shape[-1]


def test_a_cache_that_does_not_fit_is_refused(films, vae):
    clips = load_clips(films, vae)
    with pytest.raises(InputError, match="expected"):
        neo2_clips._clip(films[0], 0, clips[0].latents[:-1], clips[0].anchor)


@pytest.mark.parametrize(("start", "length", "context"), [(0, 10, 0), (3, 7, 2), (6, 10, 2)])
def test_windows_hold_what_belongs_together(clips, start, length, context):
    """Latents say their number, feature frames 1 + that of their video frame: an error of one would show."""
    windows = cut(clips[1:], [start] * 2, length, context)
    given = windows.conditions
    assert windows.latents[0, :, 0, 0, 0].tolist() == [100 + k for k in range(start, start + length)]
    heard = given.audio[0, 0, :, 0]
    assert heard.tolist() == [1 + 4 * start + k // 2 for k in range(8 * length)]
    assert given.context[0, :, 0, 0, 0].tolist() == [100 + start - k for k in range(context, 0, -1)]
    assert given.context_time[0].tolist() == [-k for k in range(context, 0, -1)]
    assert given.contextual.tolist() == [bool(context)] * 2


@pytest.mark.parametrize(("start", "length", "context"), [(7, 10, 0), (1, 8, 2)])
def test_windows_beyond_a_film_are_refused(clips, start, length, context):
    with pytest.raises(ValueError, match="not in"):
        cut(clips[:1], [start], length, context)


def test_windows_are_drawn_from_all_places(clips):
    seen = set()
    for k in range(60):
        windows = draw_windows(clips, 2, dice(k))
        first = windows.latents[:, 0, 0, 0, 0] % 100
        seen |= set(first.tolist())
        assert windows.latents.shape[1] in range(6, 13)
        assert windows.conditions.audio.shape[2] == 8 * windows.latents.shape[1]
    assert seen >= set(range(7))


def test_cells_show_mouth_and_hands(clips):
    shows = clips[0].shows
    assert shows.shape == (FRAMES // 4, GRID, GRID)
    assert (shows[0] == MOUTH).nonzero().tolist() == [[1, 1]]
    assert (shows[0] == HANDS).nonzero().tolist() == [[2, 0], [3, 0]]


def test_a_box_counts_in_the_latent_of_its_frame():
    boxes = torch.zeros(16, 1, 4)
    boxes[7] = BOX
    assert covered(boxes, (CODE, CODE)).flatten(1).sum(1).tolist() == [0, 8, 0, 0]


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


def test_channels_weigh_what_they_do_to_pixels():
    """The change of pixels when a channel changes by one, while the decoder's networks are silent."""
    torch.manual_seed(0)
    vae = VideoVAE(VAE).eval()
    vae.std.copy_(torch.linspace(0.1, 2, CHANNELS))
    still = torch.zeros(1, 1, CHANNELS, 2, 2)
    anchor = still[:, 0]
    base = vae.paint(vae.plain(still), vae.remember(anchor))
    changes = []
    for channel in range(CHANNELS):
        one = still.clone()
        one[:, :, channel] = 1
        changes.append((vae.paint(vae.plain(one), vae.remember(anchor)) - base).square().mean().sqrt())
    changes = torch.stack(changes)
    assert torch.allclose(channel_weight(vae), changes / changes.mean(), rtol=1e-3)


def test_a_channel_that_is_not_seen_in_codes_weighs_nothing(films, vae):
    clips = load_clips(films, vae)
    vae.motion.decoder.enter.weight[:, 3] = 0
    weight = latent_weight(clips, vae)
    assert weight[3] == 0
    assert weight[torch.arange(CHANNELS) != 3].min() > 0
    assert weight.mean() == pytest.approx(1)


def test_channels_of_latents_weigh_what_they_do_to_codes_that_are_seen(films, vae, monkeypatch):
    """Each goes into a channel of codes of its own, the second one twice as far; the third of these is not shown."""
    clips, gain = load_clips(films, vae), torch.ones(CHANNELS)
    gain[1] = 2
    vae.linear_decoder.weight[:, 2] = 0

    def decode(latents: Tensor, anchor: Tensor) -> tuple[Tensor, None]:
        fine = repeat(gain[:, None, None] * latents, "b t c h w -> b t c (h p) (w q)", p=COARSE, q=COARSE)
        return anchor[:, None] + fine, None

    monkeypatch.setattr(vae.motion, "decode", decode)
    expected = gain.square() * channel_weight(vae)
    torch.testing.assert_close(latent_weight(clips, vae), expected / expected.mean(), rtol=0.25, atol=1e-6)


def test_signals_are_dropped_each_on_its_own(clips):
    windows = cut(clips * 100, [2] * 300, 6, 2)
    given = drop(windows, 0.2, dice()).conditions
    gone = torch.stack((~given.heard, ~given.prompted, ~given.anchored)).float()
    assert gone.mean(1).tolist() == pytest.approx([0.2] * 3, abs=0.07)
    assert gone.prod(0).mean() < 0.05
    assert given.contextual.all()


def test_hushed_windows_are_silent_at_one_end(clips):
    windows = cut(clips * 20, [0] * 60, 6)
    hushed = hush(windows, 0.5, dice()).conditions.audio
    silent = (hushed == 0).all(1).all(-1)  # [B, 8 T]
    assert 15 < silent.any(1).sum() < 45
    for row in silent[silent.any(1)]:
        assert row[0] != row[-1]
        assert row.int().diff().abs().sum() == 1
        assert row.sum() % 2 == 0
    assert torch.equal(hushed[~silent.any(1)], windows.conditions.audio[~silent.any(1)])


def test_sound_is_muffled_and_nothing_else(clips):
    windows = cut(clips, [2] * 3, 6, 2)
    given, muffled = windows.conditions, muffle(windows, 0.5, dice())
    levels = (muffled.conditions.audio - given.audio).flatten(1).std(1)
    assert levels.max() < 0.55
    assert levels.min() > 0.01
    assert levels.max() > 1.5 * levels.min()  # every window has its own
    _nothing_else_changed(windows, muffled, "audio")
    assert torch.equal(muffle(windows, 0.0, dice()).conditions.audio, given.audio)


def _nothing_else_changed(windows: Windows, other: Windows, name: str) -> None:
    assert other.latents is windows.latents
    assert other.shows is windows.shows
    given, told = windows.conditions, other.conditions
    assert all(getattr(told, f.name) is getattr(given, f.name) for f in fields(given) if f.name != name)


def test_context_fades_to_the_anchor_and_nothing_else_changes(clips):
    windows = cut(clips, [2] * 3, 6, 2)
    disturbed = disturb(windows, 0.9, 0.0, dice())
    given, other = windows.conditions, disturbed.conditions
    away, left = given.context, other.context  # the anchor's latents are zeros
    share = (left * away).sum((1, 2, 3, 4)) / away.square().sum((1, 2, 3, 4))
    torch.testing.assert_close(left, share[:, None, None, None, None] * away)
    assert ((share > 0.1) & (share < 1)).all()
    assert len(share.unique()) == len(share)
    _nothing_else_changed(windows, disturbed, "context")
    torch.testing.assert_close(disturb(windows, 0.0, 0.0, dice()).conditions.context, given.context)
    trembling = (disturb(windows, 0.0, 0.5, dice()).conditions.context - given.context).flatten(1).std(1)
    assert trembling.max() < 0.55
    assert trembling.max() > 1.5 * trembling.min() > 0.01


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
def recipe(tmp_path, monkeypatch, vae, request):
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
