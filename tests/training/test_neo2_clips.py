"""Films as NEO 2 learns from them: latents made once, windows that are what they say, signals disturbed one by one."""

from dataclasses import fields

import pytest
import torch
from einops import repeat
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.latent_space import CELL, CHANNELS, COARSE
from neo_core.training import neo2_clips
from neo_core.training.films import load_films
from neo_core.training.neo2_clips import (
    CACHE,
    HANDS,
    MOUTH,
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

FRAMES, SIDE = 64, 64  # of a film
CODE, GRID = SIDE // CELL, SIDE // CELL // COARSE  # cells of a code and of a latent


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_films_are_encoded_once(films, vae, write_film, monkeypatch):
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


def test_cells_show_mouth_and_hands(clips):
    shows = clips[0].shows
    assert shows.shape == (FRAMES // 4, GRID, GRID)
    assert (shows[0] == MOUTH).nonzero().tolist() == [[1, 1]]
    assert (shows[0] == HANDS).nonzero().tolist() == [[2, 0], [3, 0]]


def test_a_box_counts_in_the_latent_of_its_frame():
    boxes = torch.zeros(16, 1, 4)
    boxes[7] = torch.tensor([16.0, 16.0, 32.0, 24.0])
    assert covered(boxes, (CODE, CODE)).flatten(1).sum(1).tolist() == [0, 8, 0, 0]


def test_channels_weigh_what_they_do_to_pixels(vae):
    """The change of pixels when a channel changes by one, while the decoder's networks are silent."""
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
