"""The square that public renderers are shown."""

import torch

from neo_core.pictar.head_crop import crop_head
from neo_core.pictar.squares import to_crop


def face(angle: float) -> torch.Tensor:
    """A ring of points with eyes above a mouth, turned clockwise by degrees. [68, 2]"""
    around = torch.linspace(0, 6.2, 68)
    points = torch.stack([30 * around.cos(), 40 * around.sin()], 1)
    points[36:42], points[42:48], points[[48, 54]] = (
        torch.tensor(p) for p in ([-12.0, -10.0], [12.0, -10.0], [0.0, 20.0])
    )
    turn = torch.deg2rad(torch.tensor(angle))
    matrix = torch.stack([torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])])
    return points @ matrix.T + torch.tensor([150.0, 120.0])


def test_faces_stand_upright_wherever_they_are():
    photo = torch.zeros(300, 300, 3, dtype=torch.uint8)
    level, tilted = (crop_head(photo, face(angle), 64) for angle in (0.0, 25.0))
    torch.testing.assert_close(level.to_frame(face(0.0)), tilted.to_frame(face(25.0)), atol=1e-3, rtol=0)
    eyes, mouth = tilted.to_frame(face(25.0))[[36, 42]], tilted.to_frame(face(25.0))[48]
    assert torch.allclose(eyes[0, 1], eyes[1, 1], atol=1e-3)
    assert mouth[1] > eyes[0, 1]


def test_points_go_both_ways():
    crop = crop_head(torch.zeros(300, 300, 3, dtype=torch.uint8), face(-12.0), 96)
    torch.testing.assert_close(crop.to_photo(crop.to_frame(face(-12.0))), face(-12.0), atol=1e-3, rtol=0)
    matrix = crop.to_square
    square = face(-12.0) @ matrix[:, :2].T + matrix[:, 2]
    torch.testing.assert_close(square, crop.to_frame(face(-12.0)) * 2 / 96 - 1, atol=1e-4, rtol=0)
    torch.testing.assert_close(square, to_crop(crop.square, face(-12.0)[None])[0], atol=1e-4, rtol=0)


def test_the_image_is_what_lies_there():
    """A white dot of the photo is where its point of the frame is."""
    photo = torch.zeros(300, 300, 3, dtype=torch.uint8)
    photo[118:123, 158:163] = 255
    crop = crop_head(photo, face(25.0), 128)
    column, row = crop.to_frame(torch.tensor([[160.5, 120.5]]))[0].long().tolist()
    assert crop.image.shape == (128, 128, 3)
    assert crop.image[row, column].min() > 200
    assert crop.image.float().mean() < 10
