"""Framing: points survive the round trip, sides are even, the whole photo keeps its pixels."""

import pytest
import torch

from neo_core.pictar.crop import square_around, whole


def photo(height=90, width=121):
    return torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)


def test_whole_keeps_the_pixels():
    picture = photo()
    framing = whole(picture)
    assert torch.equal(framing.image, picture[:90, :120])


@pytest.mark.parametrize(("height", "width"), [(2160, 3840), (3000, 1500)])
def test_large_photos_keep_theirs(height, width):
    picture = torch.zeros(1, 1, 3, dtype=torch.uint8).expand(height, width, 3)
    assert whole(picture).image.shape == (height, width, 3)


@pytest.mark.parametrize("box", [(40, 20, 60, 45), (0, 0, 30, 30), (90, 60, 120, 89)])
def test_square_lies_inside_the_photo_and_points_return(box):
    framing = square_around(photo(), torch.tensor(box, dtype=torch.float32), 64)
    assert framing.image.shape == (64, 64, 3)
    corners = framing.to_photo(torch.tensor([[0.0, 0.0], [64.0, 64.0]]))
    assert corners.min() >= 0
    assert (corners[1] <= torch.tensor([121.0, 90.0])).all()
    points = torch.rand(9, 2) * 80
    assert torch.allclose(framing.to_photo(framing.to_frame(points)), points, atol=1e-4)


def test_a_mask_is_framed_like_the_photo():
    mask = torch.zeros(300, 200)
    mask[100:180, 60:140] = 1
    photo = (mask * 255).to(torch.uint8)[..., None].expand(-1, -1, 3)
    framing = square_around(photo, torch.tensor([60.0, 100, 140, 180]), 256)
    assert (framing.framed(mask) - framing.image[..., 0] / 255).abs().max() < 0.01
    assert whole(photo).framed(mask).equal(mask)
