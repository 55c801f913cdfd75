"""Lenses before films: the same for every moment, for the anchor, and for what cells show."""

from types import SimpleNamespace

import torch
from torch import Tensor

from neo_core.neo2.anchor_warp import identity_kernel
from neo_core.neo2.latent_space import CELL
from neo_core.training.neo2_clips import Clip
from neo_core.training.warped_films import BUMP, SHIFT, STRETCH, TURN, ZOOM, bend, bend_labels, bent_clip, lens

C, SIDE = 3, 16
KERNEL, LEVEL = identity_kernel(C)
CODEC = SimpleNamespace(shift_kernel=KERNEL, shift_level=LEVEL)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes(count: int, moments: int) -> Tensor:
    return torch.randn(count, moments, C, SIDE, SIDE, generator=dice(1))


def test_plain_glass_changes_nothing():
    film, shows = codes(2, 3), torch.randint(0, 3, (2, 3, SIDE, SIDE), generator=dice())
    plain = torch.zeros(2, 2, SIDE, SIDE)
    torch.testing.assert_close(bend(film, plain, CODEC), film, atol=1e-5, rtol=0)
    assert torch.equal(bend_labels(shows, plain), shows)


def test_a_lens_that_looks_whole_cells_away_moves_film_and_labels_by_them():
    film, shows = codes(2, 3), torch.randint(0, 3, (2, 3, SIDE, SIDE), generator=dice())
    look = torch.zeros(2, 2, SIDE, SIDE)
    look[0, 0], look[1, 1] = 2 * CELL, -CELL  # the first film from below, the second from the left
    bent, labels = bend(film, look, CODEC), bend_labels(shows, look)
    torch.testing.assert_close(bent[0, :, :, :-2], film[0, :, :, 2:], atol=1e-5, rtol=0)
    torch.testing.assert_close(bent[1, ..., 1:], film[1, ..., :-1], atol=1e-5, rtol=0)
    assert torch.equal(labels[0, :, :-2], shows[0, :, 2:])
    assert torch.equal(labels[1, :, :, 1:], shows[1, :, :, :-1])
    assert torch.equal(labels[1, :, :, 0], shows[1, :, :, 0]), "the picture ends at its border"


def test_what_shows_a_mouth_shows_it_through_the_lens_too():
    """A bright square and its label, both bent: the label lies where it is bright."""
    film, shows = torch.zeros(8, 1, C, SIDE, SIDE), torch.zeros(8, 1, SIDE, SIDE, dtype=torch.uint8)
    film[..., 6:10, 5:9], shows[..., 6:10, 5:9] = 1, 1
    look = lens(8, (SIDE, SIDE), dice(2))
    bright, labels = bend(film, look, CODEC)[:, :, 0], bend_labels(shows, look)
    assert not torch.equal(labels, shows)
    assert bright[labels == 1].mean() > 0.8
    assert bright[labels == 0].mean() < 0.05


def test_lenses_differ_and_stay_within_bounds():
    look = lens(64, (SIDE, SIDE), dice())
    assert look.shape == (64, 2, SIDE, SIDE)
    assert torch.equal(look, lens(64, (SIDE, SIDE), dice()))
    half = CELL * (SIDE - 1) / 2
    bound = (ZOOM + STRETCH + 2 * TURN) * half + 1.5 * SHIFT + 8 * BUMP
    assert look.abs().max() < bound
    across = look.std(dim=0)
    assert across.min() > 0.3 * SHIFT, "each has its own"
    assert look.mean((2, 3)).std(dim=0).min() > 0.5 * SHIFT
    zoomed = look[:, 0, -1].mean(-1) - look[:, 0, 0].mean(-1)  # how much farther the lowest row looks than the first
    assert zoomed.std() > 0.25 * ZOOM * 2 * half


def test_a_film_and_its_anchor_are_seen_through_one_lens():
    """Who never leaves the anchor does not behind the lens; what cells show is bent with them."""
    anchor, shows = codes(1, 1)[0, 0].half(), torch.zeros(3, SIDE, SIDE, dtype=torch.uint8)
    shows[:, 4:8, 4:8] = 1
    clip = Clip(None, anchor.expand(3, -1, -1, -1).clone(), anchor, shows, torch.zeros(1, 3), 2, torch.ones(3, 3, 1, 1))
    bent = bent_clip(clip, CODEC, dice(3))
    assert (bent.latents.dtype, bent.latents.shape) == (torch.float16, clip.latents.shape)
    assert torch.equal(bent.latents, bent.anchor.expand_as(bent.latents))
    assert not torch.allclose(bent.anchor, anchor, atol=0.1)
    assert bent.shows.unique().tolist() == [0, 1]
    assert not torch.equal(bent.shows, shows)
    assert (bent.match, bent.version) == (None, 2)
    assert not torch.allclose(bent_clip(clip, CODEC, dice(4)).anchor, bent.anchor, atol=0.1)
