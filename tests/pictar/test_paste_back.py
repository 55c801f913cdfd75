"""Crops go back where they came from, and nowhere else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neo_core.pictar.head_crop import HeadCrop
from neo_core.pictar.paste_back import find_seat, paste_back, rim_mask
from neo_core.pictar.squares import Squares, cut, frame_head, to_crop

from .test_squares import LargestNumbers


def square(x: float, y: float, side: float, tilt: float) -> Squares:
    return Squares(torch.tensor([[x, y]]), torch.tensor([side]), torch.tensor([tilt]))


def picture(height: int, width: int) -> torch.Tensor:
    """Smooth waves and a little noise. u8 [H, W, 3]"""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = torch.stack([(x / 9).sin(), (y / 7).cos(), ((x + y) / 11).sin()], -1)
    return (127 + 90 * waves + torch.randint(-4, 5, waves.shape)).to(torch.uint8)


def as_crop(frame: torch.Tensor, where: Squares, size: int) -> torch.Tensor:
    return cut(frame.permute(2, 0, 1).float() / 255, where, size)[0]


@settings(max_examples=20)
@given(st.floats(-20, 140), st.floats(-20, 120), st.floats(8, 90), st.floats(-80, 80))
def test_what_the_mask_leaves_out_keeps_every_bit(x, y, side, tilt):
    frame, where = picture(100, 120), square(x, y, side, tilt)
    before = frame.clone()
    pasted = paste_back(frame, torch.ones(3, 32, 32), where, rim_mask(32))
    assert torch.equal(frame, before)  # nor is the picture itself written to
    rows, columns = torch.meshgrid(torch.arange(100) + 0.5, torch.arange(120) + 0.5, indexing="ij")
    at = to_crop(where, torch.stack([columns, rows], -1).view(1, -1, 2)).view(100, 120, 2)
    outside = at.abs().amax(-1) >= 1
    assert torch.equal(pasted[outside], frame[outside])
    middle = at.abs().amax(-1) < 0.5
    assert (pasted[middle] == 255).all()


def test_an_empty_mask_changes_nothing():
    frame = picture(60, 70)
    assert torch.equal(paste_back(frame, torch.rand(3, 24, 24), square(30, 30, 40, 20), torch.zeros(24, 24)), frame)


@pytest.mark.parametrize("tilt", [0.0, 17.0])
def test_a_crop_goes_back_to_where_it_was_cut(tilt):
    frame, where = picture(200, 220), square(104.3, 97.8, 120.0, tilt)
    pasted = paste_back(frame, as_crop(frame, where, 256), where, rim_mask(256))
    assert (pasted.float() - frame.float()).abs().mean() < 1.0


@pytest.mark.parametrize("tilt", [0.0, 17.0])
def test_no_edge_shows_where_a_crop_ends(tilt):
    """A shoulder that is elsewhere in the crop than in the picture fades into it; here all of the crop is elsewhere."""
    frame = torch.full((240, 240, 3), 100, dtype=torch.uint8)
    pasted = paste_back(frame, torch.full((3, 256, 256), 180 / 255), square(120, 120, 160, tilt), rim_mask(256)).int()
    assert pasted.max() >= 179
    assert max(pasted.diff(dim=k).abs().max() for k in (0, 1)) < 80 / 4
    straight = paste_back(
        frame, torch.full((3, 256, 256), 180 / 255), square(120, 120, 160, tilt), torch.ones(256, 256)
    )
    assert straight.int().diff(dim=0).abs().max() > 80 / 2


def test_half_a_mask_is_half_the_light():
    frame = torch.zeros(40, 40, 3, dtype=torch.uint8)
    pasted = paste_back(frame, torch.ones(3, 16, 16), square(20, 20, 30, 0), torch.full((16, 16), 0.5) * rim_mask(16))
    assert abs(int(pasted[20, 20, 0]) - round(255 * 0.5**0.5)) <= 1  # 180, where half the display value is 128


@pytest.mark.parametrize("size", [48, 160])  # a coarser crop than the picture, and a finer one
def test_hundreds_of_generations_move_and_scale_nothing(size):
    """Worse than any video, where each frame starts from its own picture: the same crop cut and pasted again."""
    y, x = torch.meshgrid(torch.arange(120) + 0.5, torch.arange(120) + 0.5, indexing="ij")
    spots = sum(torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 72) for a, b in ((48, 58), (76, 60), (61, 80)))
    frame = (spots[..., None].expand(-1, -1, 3) * 200 + 20).to(torch.uint8)
    where = square(61.37, 63.81, 90.0, 11.3)
    now = frame
    for _ in range(300):
        now = paste_back(now, as_crop(now, where, size), where, rim_mask(size))

    def moments(image):
        weight = (image[..., 0].double() - 20).clamp(min=0)
        weight = weight / weight.sum()
        mean = torch.stack([(weight * x).sum(), (weight * y).sum()])
        return mean, (weight * ((x - mean[0]) ** 2 + (y - mean[1]) ** 2)).sum().sqrt()

    (place, spread), (place_after, spread_after) = moments(frame), moments(now)
    assert (place - place_after).norm() < 0.3
    assert abs(float(spread_after / spread) - 1) < 0.1


@pytest.mark.parametrize("where", [(60.0, 50.0, 40.0), (3.0, 96.0, 50.0), (118.0, 2.0, 130.0), (300.0, 300.0, 40.0)])
def test_a_crop_looks_only_at_what_it_covers(where):
    """And is the crop of the whole picture all the same, also where it reaches beyond it."""
    photo = torch.randint(0, 256, (100, 120, 3), dtype=torch.uint8)
    one = square(*where, 20.0)
    with LargestNumbers() as numbers:
        crop = HeadCrop(photo, one, (48, 48)).image
    whole = cut(photo.permute(2, 0, 1).float() / 255, one, 48)[0].permute(1, 2, 0) * 255
    assert (crop.float() - whole).abs().max() <= 0.51
    assert where != (60.0, 50.0, 40.0) or numbers.most < 3 * 70**2


def test_nothing_is_computed_where_the_mask_is_black():
    """Nor changed, to the pixel, on either side of its edge."""
    frame = torch.full((200, 300, 3), 90, dtype=torch.uint8)
    allowed = torch.zeros(200, 300)
    allowed[:, :150] = 1.0
    where = square(150.0, 100.0, 120.0, 0.0)
    whole, half = (find_seat((200, 300), where, rim_mask(64), mask) for mask in (None, allowed))
    assert 0 < len(half.row) < 0.6 * len(whole.row)
    pasted = paste_back(frame, torch.ones(3, 64, 64), where, rim_mask(64), allowed)
    assert torch.equal(pasted[:, 150:], frame[:, 150:])
    assert (pasted[100, 100:150] == 255).all()


def test_a_large_picture_costs_only_what_the_square_covers():
    frame = torch.full((2160, 3840, 3), 90, dtype=torch.uint8)
    where = square(3000.0, 700.0, 300.0, -25.0)
    assert len(find_seat((2160, 3840), where, rim_mask(128)).row) <= 300**2
    pasted = paste_back(frame, torch.ones(3, 128, 128), where, rim_mask(128))
    changed = (pasted != frame).any(-1).nonzero()
    assert (pasted[700, 3000] == 255).all()
    assert changed[:, 0].min() >= 700 - 213
    assert changed[:, 1].max() <= 3000 + 213


def face(turned: float = 0.0) -> torch.Tensor:
    """68 landmarks around (100, 100), eyes at the top. [1, 68, 2]"""
    points = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0)) * 60 - 30
    points[:, [36, 39, 42, 45]] = torch.tensor([[-20.0, -10], [-8, -10], [8, -10], [20, -10]])
    points[:, [48, 54]] = torch.tensor([[-9.0, 20], [9, 20]])
    angle = torch.deg2rad(torch.tensor(turned))
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    return points @ turn.T + 100


def test_the_vertical_runs_from_the_eyes_to_the_mouth():
    level, turned = frame_head(face()), frame_head(face(31.0))
    assert abs(float(level.tilt)) < 1e-3
    assert abs(float(turned.tilt) - 31) < 1e-3
    assert torch.allclose(level.side, turned.side, rtol=1e-4)
    assert torch.allclose(to_crop(level, face()), to_crop(turned, face(31.0)), atol=1e-4)


def test_the_head_is_framed_as_the_reference_does():
    points = face()
    extent = points.amax(1) - points.amin(1)
    framed = frame_head(points)
    assert torch.allclose(framed.side, extent.amax(-1) * 2.3)
    middle = (points.amax(1) + points.amin(1)) / 2
    assert torch.allclose(framed.center, middle - torch.stack([torch.zeros(1), framed.side * 0.125], -1), atol=1e-4)


def test_one_eye_that_looks_smaller_does_not_tilt_the_head():
    """A head that turns to the side foreshortens the line of the eyes; its middle and the mouth's move together."""
    points = face()
    points[:, [36, 39]] += torch.tensor([0.0, -2.0])
    points[:, [42, 45]] += torch.tensor([0.0, 2.0])
    assert abs(float(frame_head(points).tilt)) < 1e-3
