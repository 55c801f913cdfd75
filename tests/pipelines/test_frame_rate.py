"""Motion at any frame rate: exact count, same curve, however it is cut into pieces."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neo_core import motion_space, timebase
from neo_core.pipelines.frame_rate import resample_motion

RATES = st.sampled_from([Fraction(12), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])


def smooth(frames: int) -> torch.Tensor:
    """A slow wave on every channel, inside all ranges. [T, 63]"""
    time = (torch.arange(frames) + 0.5) / 25
    return (0.4 + 0.3 * torch.sin(2 * time)[:, None]).expand(-1, motion_space.SIZE).contiguous()


@settings(max_examples=40, deadline=None)
@given(st.integers(1600, 200_000), RATES, st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_pieces_do_not_matter_and_the_count_is_exact(samples, fps, sizes):
    motion = torch.rand(timebase.frame_count(samples, 16000, Fraction(25)), motion_space.SIZE)
    frames = timebase.frame_count(samples, 16000, fps)
    whole = torch.cat(list(resample_motion([motion], fps, frames)))
    cuts = []
    rest = motion
    while len(rest):
        size = sizes[len(cuts) % len(sizes)]
        cuts.append(rest[:size])
        rest = rest[size:]
    pieces = torch.cat(list(resample_motion(cuts, fps, frames)))
    assert whole.shape == (frames, motion_space.SIZE)
    assert torch.allclose(pieces, whole, atol=1e-6)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30), Fraction(60)])
def test_the_curve_stays_where_it_is_in_time(fps):
    frames = timebase.frame_count(16000 * 8, 16000, fps)
    got = torch.cat(list(resample_motion(smooth(200).split(13), fps, frames)))
    time = (torch.arange(frames) + 0.5) / float(fps)
    inner = slice(5, -5)
    assert (got[inner, 0] - (0.4 + 0.3 * torch.sin(2 * time))[inner]).abs().max() < 1e-4


def test_25_fps_changes_nothing():
    motion = torch.randn(60, motion_space.SIZE) * 100
    assert torch.equal(torch.cat(list(resample_motion(motion.split(7), Fraction(25), 58))), motion[:58])


@pytest.mark.parametrize(("samples", "rate"), [(48001, 48000), (8821, 22050), (9601, 48000), (48000, 48000)])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_sound_that_ends_just_after_the_last_motion_frame_is_covered(samples, rate, fps):
    heard = samples * 16000 // rate  # whole samples at 16 kHz, which the motion covers
    motion = torch.rand(timebase.frame_count(heard, 16000, Fraction(25)), motion_space.SIZE)
    frames = timebase.frame_count(samples, rate, fps)
    got = torch.cat(list(resample_motion(motion.split(7), fps, frames)))
    assert len(got) == frames
    if fps == 25:
        assert torch.equal(got, torch.cat([motion, motion[-1:]])[:frames])


def test_interpolation_stays_in_range():
    motion = torch.zeros(50, motion_space.SIZE)
    motion[20:23] = 1.0
    got = torch.cat(list(resample_motion([motion], Fraction(60), 120)))
    assert got[:, motion_space.EXPRESSION].min() >= 0
    assert got[:, motion_space.EXPRESSION].max() <= 1
