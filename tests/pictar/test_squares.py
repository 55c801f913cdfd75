import torch

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
