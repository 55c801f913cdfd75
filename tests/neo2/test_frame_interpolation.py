"""What moves frames within a latent: what stands stays, what moves goes on evenly, only neighbours are seen."""

import pytest
import torch
import torch.nn.functional as F
from einops import repeat

from neo_core.neo2.frame_interpolation import FrameInterpolation, standing_beyond, warped
from neo_core.neo2.latent_space import CELL, FRAMES

C, CELLS, T = 5, 8, 5  # T latents, of which the first and the last only stand beside the others
SIDE = CELL * CELLS


@pytest.fixture
def fresh():
    torch.manual_seed(0)
    return FrameInterpolation(C, 8).eval().requires_grad_(False)


@pytest.fixture
def learned(fresh):
    for parameter in fresh.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return fresh


@pytest.fixture
def given():
    dice = torch.Generator().manual_seed(1)
    shapes = ((2, T, C, CELLS, CELLS), (2, T, 2, CELLS, CELLS), (2, C, CELLS, CELLS), (2, 3, FRAMES * T, SIDE, SIDE))
    codes, flow, anchor, video = (torch.randn(shape, generator=dice) for shape in shapes)
    return codes, 3 * flow, anchor, video.tanh()


def blob(row, column):
    """A soft bright spot. [3, H, W]"""
    y, x = torch.arange(SIDE)[:, None], torch.arange(SIDE)
    return torch.exp(-((y - row).square() + (x - column).square()) / 8).expand(3, -1, -1)


def centre(picture):
    """Column of the mean brightness of [3, H, W]."""
    return float((picture.sum((0, 1)) * torch.arange(SIDE)).sum() / picture.sum())


def test_what_moves_from_latent_to_latent_moves_in_between(fresh):
    """Painted in one place for four frames, four pixels further for the next four: a pixel per frame."""
    places = [8 + 4 * k for k in range(T)]
    painted = torch.stack([blob(16, x) for x in places], dim=1).repeat_interleave(FRAMES, dim=1)[None]
    flow = torch.zeros(1, T, 2, CELLS, CELLS)
    flow[:, :, 1] = torch.tensor([float(places[0] - x) for x in places])[None, :, None, None]
    codes, anchor = torch.zeros(1, T, C, CELLS, CELLS), torch.zeros(1, C, CELLS, CELLS)
    columns = torch.tensor([centre(frame) for frame in fresh(codes, flow, anchor, painted)[0].unbind(1)])
    expected = places[1] - 1.5 + torch.arange(FRAMES * (T - 2))
    torch.testing.assert_close(columns, expected, atol=0.05, rtol=0)


def test_a_standing_picture_stays(fresh, given):
    """Until something is learned, and as long as the flow does not change."""
    codes, flow, anchor, video = given
    still = video[:, :, :1].expand_as(video)
    shown = fresh(codes, flow[:, :1].expand_as(flow), anchor, still)
    torch.testing.assert_close(shown, still[:, :, FRAMES:-FRAMES], atol=1e-5, rtol=0)


@pytest.mark.parametrize("latent", range(T))
def test_frames_know_their_latent_and_its_neighbours(learned, given, latent):
    before = learned(*given)
    for number, length, axis in ((0, 1, 1), (1, 1, 1), (3, FRAMES, 2)):
        changed = list(given)
        changed[number] = given[number].clone()
        changed[number].narrow(axis, length * latent, length).add_(0.5)
        apart = (learned(*changed) - before).abs().amax(dim=(0, 1, 3, 4)).unflatten(0, (T - 2, FRAMES))
        near = (torch.arange(1, T - 1) - latent).abs() <= 1
        assert not apart[~near].any()
        assert (apart[near].amax(1) > 1e-4).all()


def test_frames_look_to_the_nearer_neighbour(learned, given):
    """The last picture painted before for the first two, the first one painted after for the others."""
    codes, flow, anchor, video = given
    before = learned(*given)
    for frame, seen in ((2 * FRAMES - 1, (True, True, False, False)), (3 * FRAMES, (False, False, True, True))):
        changed = video.clone()
        changed[:, :, frame] += 0.5
        apart = (learned(codes, flow, anchor, changed) - before).abs().amax(dim=(0, 1, 3, 4))
        assert tuple((apart[FRAMES : 2 * FRAMES] > 1e-4).tolist()) == seen


def test_windows_are_parts_of_the_whole(learned, given):
    codes, flow, anchor, video = given
    whole = learned(*given)
    for first in range(T - 2):
        some, frames = slice(first, first + 3), slice(FRAMES * first, FRAMES * (first + 3))
        part = learned(codes[:, some], flow[:, some], anchor, video[:, :, frames])
        torch.testing.assert_close(part, whole[:, :, frames][:, :, :FRAMES], atol=1e-5, rtol=0)


def test_nothing_is_brighter_or_darker_than_what_was_painted(learned, given):
    video, painted = learned(*given), given[3][:, :, FRAMES:-FRAMES]
    assert video.shape == painted.shape
    assert video.max() <= given[3].max()
    assert video.min() >= given[3].min()
    assert (video - painted).abs().mean() > 0.05


def test_warping_by_whole_pixels_shifts():
    pictures = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    flow = repeat(torch.tensor([2.0, -1.0]), "c -> 2 c 9 7")
    expected = F.pad(pictures, (1, 0, 0, 2), mode="replicate")[:, :, 2:, :7]
    torch.testing.assert_close(warped(pictures, flow), expected, atol=1e-5, rtol=0)


def test_beyond_its_ends_a_video_stands(given):
    codes, flow, _, video = given
    more, flow, painted = standing_beyond(codes, flow, video)
    assert more.shape[1] == flow.shape[1] == T + 2
    assert torch.equal(more[:, 0], codes[:, 0])
    assert torch.equal(more[:, -1], codes[:, -1])
    assert torch.equal(painted[:, :, FRAMES:-FRAMES], video)
    for end in (slice(FRAMES), slice(-FRAMES, None)):
        assert torch.equal(painted[:, :, end], video[:, :, end])
