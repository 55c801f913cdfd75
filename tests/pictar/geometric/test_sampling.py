"""Sampling is exact at pixel centres; filling and distance do what their names say."""

import torch

from neo_core.pictar.geometric.sampling import dilate, distance, erode, fill, pixel_centres, sample


def test_sampling_pixel_centres_gives_the_picture_back():
    picture = torch.rand(3, 37, 53)
    assert torch.allclose(sample(picture, pixel_centres(37, 53)), picture, atol=1e-4)


def test_sampling_follows_a_smooth_picture_between_pixels():
    at = pixel_centres(40, 40) + torch.tensor([0.3, -0.4])
    ramp = pixel_centres(40, 40).permute(2, 0, 1)
    inner = slice(3, -3)
    assert torch.allclose(sample(ramp, at)[:, inner, inner], at.permute(2, 0, 1)[:, inner, inner], atol=0.06)


def test_fill_keeps_what_is_known_and_stays_in_range():
    picture = torch.rand(3, 45, 31)
    known = (torch.rand(45, 31) > 0.6).float()
    filled = fill(picture, known)
    assert torch.allclose(filled * known, picture * known, atol=1e-6)
    assert filled.min() >= 0
    assert filled.max() <= 1
    assert torch.isfinite(filled).all()


def test_distance_to_a_point():
    mask = torch.zeros(21, 33)
    mask[10, 12] = 1
    expected = (pixel_centres(21, 33) - torch.tensor([12.5, 10.5])).norm(dim=-1)
    assert torch.allclose(distance(mask, 40), expected, atol=1e-4)


def test_erosion_undoes_dilation_of_a_square():
    mask = torch.zeros(20, 20)
    mask[8:12, 8:12] = 1
    assert dilate(mask, 2).sum() == 64
    assert torch.equal(erode(dilate(mask, 2), 2), mask)
