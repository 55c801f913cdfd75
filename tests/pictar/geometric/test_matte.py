"""The person's share of each pixel: no halo of the background, and what a mask knows for sure stays."""

import torch

from neo_core.pictar.geometric.matte import holes, matte
from neo_core.pictar.geometric.sampling import blur, dilate, erode


def scene():
    """A speckled brown disc before a striped blue wall, and where the disc is. [3, 120, 120], [120, 120]"""
    generator = torch.Generator().manual_seed(2)
    y, x = torch.meshgrid(torch.arange(120.0), torch.arange(120.0), indexing="ij")
    disc = ((x - 60).square() + (y - 60).square() < 30**2).float()
    wall = torch.tensor([0.2, 0.4, 0.7])[:, None, None] + 0.08 * torch.sin(y / 5)
    skin = torch.tensor([0.7, 0.5, 0.35])[:, None, None].expand(3, 120, 120)
    noise = 0.02 * torch.randn(3, 120, 120, generator=generator)
    return (torch.where(disc > 0, skin, wall) + noise).clamp(0, 1), disc


def test_a_halo_is_not_taken_for_the_person():
    picture, disc = scene()
    soft = blur(disc[None], 8.0)[0]
    share = matte(picture, soft, erode(disc, 12))
    beyond, within = dilate(disc, 3) < 0.5, erode(disc, 3) > 0.5
    assert soft[beyond].max() > 0.25  # the mask alone has a halo
    assert share[beyond].quantile(0.99) < 0.15
    assert share[within].quantile(0.01) > 0.85


def test_a_sharp_mask_stays():
    picture, disc = scene()
    share = matte(picture, disc, torch.zeros(10, 10))
    away = (dilate(disc, 3) < 0.5) | (erode(disc, 3) > 0.5)
    assert (share - disc)[away].abs().max() < 0.1


def test_a_colour_seen_on_the_person_speaks_for_the_person():
    picture, disc = scene()
    doubtful = torch.where(disc > 0, 1.0, 0.0)
    doubtful[:, 70:] = 0.4 * disc[:, 70:] + 0.2  # a side of which the mask knows little
    share = matte(picture, doubtful, erode(disc, 12))
    side = torch.zeros_like(disc)
    side[:, 74:] = 1
    assert share[(erode(disc, 3) * side) > 0].quantile(0.05) > 0.7
    assert share[((1 - dilate(disc, 3)) * side) > 0].quantile(0.95) < 0.3


def test_a_small_hole_belongs_to_the_person_but_no_bay_and_no_window():
    share = torch.zeros(120, 160)
    share[10:110, 10:150] = 1
    share[40:50, 30:44] = 0  # a hole
    share[10:50, 70:80] = 0  # a bay, as wide
    share[40:90, 100:140] = 0  # a window
    found = holes(share, 8.0)
    assert found[42:48, 32:42].min() > 0.9
    assert found[12:46, 72:78].max() < 0.1
    assert found[45:85, 105:135].max() < 0.1
    assert found[share > 0].mean() < 0.05
