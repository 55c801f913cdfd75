import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from neo_core.pictar.squares import Squares, crop_grid, cut, frame_face, to_crop, to_picture


def some_squares():
    return Squares(torch.tensor([[20.0, 30.0], [50.0, 40.0]]), torch.tensor([16.0, 40.0]), torch.tensor([30.0, -75.0]))


def test_there_and_back():
    points = torch.randn(2, 9, 2, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(to_crop(some_squares(), to_picture(some_squares(), points)), points, atol=1e-5)


def test_a_crop_shows_what_lies_there():
    y, x = torch.meshgrid(torch.arange(80) + 0.5, torch.arange(90) + 0.5, indexing="ij")
    ramp = torch.stack([x, y])
    crops = cut(ramp, some_squares(), 12)
    expected = to_picture(some_squares(), crop_grid(12)).view(2, 12, 12, 2).permute(0, 3, 1, 2)
    assert torch.allclose(crops, expected, atol=1e-3)


class LargestNumbers(TorchDispatchMode):
    """Of all tensors of floats that are made meanwhile, how many the largest one has."""

    most = 0

    def __torch_dispatch__(self, function, types, given=(), named=None):
        made = function(*given, **(named or {}))
        for one in made if isinstance(made, tuple | list) else (made,):
            if isinstance(one, torch.Tensor) and one.is_floating_point():
                self.most = max(self.most, one.numel())
        return made


PLACES = {
    "inside": (300.0, 200.0, 120.0),
    "at the edge": (20.0, 330.0, 150.0),
    "at a corner": (630.0, 5.0, 64.0),
    "larger": (320.0, 180.0, 900.0),
    "beside": (-500.0, 180.0, 60.0),
}


@pytest.mark.parametrize("place", PLACES)
def test_bytes_are_cut_as_numbers_are(place):
    picture = torch.randint(0, 256, (360, 640, 3), dtype=torch.uint8)
    x, y, side = PLACES[place]
    square = Squares(torch.tensor([[x, y]]), torch.tensor([side]), torch.tensor([33.0]))
    expected = cut(picture.permute(2, 0, 1).float() / 255, square, 32)
    assert torch.allclose(cut(picture, square, 32), expected, atol=1e-3)
    assert cut(picture, square[:0], 32).shape == (0, 3, 32, 32)


def test_of_a_large_picture_of_bytes_only_what_is_covered_becomes_numbers():
    picture = torch.zeros(1, 1, 3, dtype=torch.uint8).expand(2160, 3840, 3)
    square = Squares(torch.tensor([[2000.0, 900.0]]), torch.tensor([300.0]), torch.tensor([45.0]))
    with LargestNumbers() as numbers:
        cut(picture, square, 64)
    assert numbers.most < 3 * 450**2  # where all of it would be 3 * 2160 * 3840


def test_shrinking_averages():
    checks = (torch.arange(400)[None] + torch.arange(400)[:, None])[None].remainder(2).float()
    crop = cut(checks, Squares(torch.tensor([[200.0, 200.0]]), torch.tensor([320.0]), torch.tensor([0.0])), 32)
    assert (crop - 0.5).abs().max() < 0.2


def test_a_tilted_face_is_framed_upright():
    landmarks = torch.randn(1, 68, 2, generator=torch.Generator().manual_seed(0)) * 2
    landmarks[:, 36:42], landmarks[:, 42:48] = torch.tensor([-10.0, 0.0]), torch.tensor([10.0, 0.0])
    angle = torch.deg2rad(torch.tensor(25.0))  # clockwise as displayed
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    level, turned = frame_face(landmarks), frame_face(landmarks @ turn.T)
    assert abs(float(turned.tilt) - 25) < 1e-3
    assert torch.allclose(level.side, turned.side, rtol=1e-4)
    assert torch.allclose(to_crop(level, landmarks), to_crop(turned, landmarks @ turn.T), atol=1e-5)
