"""Framing: points survive the round trip, sides are even, and pasting changes nothing but the region."""

import pytest
import torch

from neo_core.pictar.crop import from_linear, paste_back, square_around, to_linear, whole


def photo(height=90, width=121):
    return torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)


def test_whole_keeps_the_pixels():
    picture = photo()
    framing = whole(picture)
    assert torch.equal(framing.image, picture[:90, :120])


@pytest.mark.parametrize("box", [(40, 20, 60, 45), (0, 0, 30, 30), (90, 60, 120, 89)])
def test_square_lies_inside_the_photo_and_points_return(box):
    framing = square_around(photo(), torch.tensor(box, dtype=torch.float32), 64)
    assert framing.image.shape == (64, 64, 3)
    corners = framing.to_photo(torch.tensor([[0.0, 0.0], [64.0, 64.0]]))
    assert corners.min() >= 0
    assert (corners[1] <= torch.tensor([121.0, 90.0])).all()
    points = torch.rand(9, 2) * 80
    assert torch.allclose(framing.to_photo(framing.to_frame(points)), points, atol=1e-4)


def test_paste_back_of_the_unchanged_frame_is_the_photo():
    picture = photo()
    framing = square_around(picture, torch.tensor([30.0, 20, 60, 60]), 48)
    out = paste_back(picture, framing.image, framing, torch.ones(48, 48))
    assert torch.equal(out, picture)


def test_paste_back_changes_the_region_only():
    picture = photo()
    framing = square_around(picture, torch.tensor([40.0, 25, 70, 60]), 64)
    region = torch.zeros(64, 64)
    region[24:40, 24:40] = 1
    out = paste_back(picture, 255 - framing.image, framing, region)
    changed = (out != picture).any(-1).nonzero().float()
    assert len(changed)
    inside = framing.to_frame(changed.flip(1) + 0.5)
    assert inside.min() > 20
    assert inside.max() < 44


def test_linear_light_round_trip():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(from_linear(to_linear(levels)), levels)
