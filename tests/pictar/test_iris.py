"""Irises found by their darkness, sideways, in eyes that are open."""

import pytest
import torch

from neo_core.pictar.iris import IRIS, iris_shift, seen_irises

WIDTH = 40.0  # of an eye, pixels


def eyes(shift: float, tilt: float = 0.0, height: float = 0.4) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture u8 of two drawn eyes whose irises lie `shift` widths beside the middle, and its 70 landmarks."""
    angle = torch.deg2rad(torch.tensor(tilt))
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    y, x = torch.meshgrid(torch.arange(160) + 0.5, torch.arange(200) + 0.5, indexing="ij")
    at = (torch.stack([x, y], -1) - torch.tensor([100.0, 80.0])) @ turn  # upright, from the middle
    picture = torch.full((160, 200), 190.0)
    landmarks = torch.rand(70, 2, generator=torch.Generator().manual_seed(0)) * 60 - 30
    outline = [[-0.5, 0], [-0.2, -height / 2], [0.2, -height / 2], [0.5, 0], [0.2, height / 2], [-0.2, height / 2]]
    for first, middle in ((36, -40.0), (42, 40.0)):
        own = (at - torch.tensor([middle, 0.0])) / WIDTH
        opened = (own[..., 0] / 0.5).square() + (own[..., 1] / (0.5 * height)).square() < 1
        iris = (own - torch.tensor([shift, 0.0])).norm(dim=-1) < IRIS
        picture = torch.where(opened, torch.where(iris, 40.0, 235.0), picture)
        landmarks[first : first + 6] = torch.tensor(outline) * WIDTH + torch.tensor([middle, 0.0])
        landmarks[-1 if first == 36 else -2] = torch.tensor([middle, 1.0])
    return picture.byte()[..., None].expand(-1, -1, 3).contiguous(), landmarks @ turn.T + torch.tensor([100.0, 80.0])


@pytest.mark.parametrize("tilt", [0.0, 20.0, -35.0])
@pytest.mark.parametrize("shift", [-0.15, -0.05, 0.0, 0.1, 0.15])
def test_an_iris_is_found_where_it_is(shift, tilt):
    image, landmarks = eyes(shift, tilt)
    found = iris_shift(image.permute(2, 0, 1).float() / 255, landmarks[:68])
    assert (found - shift).abs().max() < 0.03


def test_the_landmarks_of_irises_move_along_the_eye():
    image, landmarks = eyes(0.12)
    moved, shift = seen_irises(image, landmarks, None)
    assert torch.equal(moved[:-2], landmarks[:-2])
    assert torch.allclose(moved[-2:, 1], landmarks[-2:, 1])
    assert torch.allclose(moved[-2:, 0] - landmarks[-2:, 0], torch.full((2,), 0.12 * WIDTH), atol=1.5)
    assert (shift - 0.12).abs().max() < 0.03


def test_closed_eyes_look_where_they_looked_before():
    image, landmarks = eyes(0.1, height=0.08)
    assert iris_shift(image.permute(2, 0, 1).float() / 255, landmarks[:68]) is None
    same, shift = seen_irises(image, landmarks, None)
    assert same is landmarks
    assert shift is None
    moved, shift = seen_irises(image, landmarks, torch.tensor([0.1, 0.1]))
    assert torch.equal(shift, torch.tensor([0.1, 0.1]))
    assert torch.allclose(moved[-2:, 0] - landmarks[-2:, 0], torch.full((2,), 0.1 * WIDTH), atol=1e-3)


def test_a_face_at_the_rim_of_the_picture_is_no_trouble():
    image, landmarks = eyes(0.1)
    same, _ = seen_irises(image, landmarks + 500, None)
    assert torch.equal(same, landmarks + 500)
