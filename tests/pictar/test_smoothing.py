"""Tremor goes, closures and blinks stay, nothing comes late and no frame is lost."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neo_core import motion_space
from neo_core.motion_space import INDEX
from neo_core.pictar.expression import SHUT, lip_gap
from neo_core.pictar.smoothing import REACH, smooth

FPS = Fraction(25)
JAW, BLINK, YAW = INDEX["jawOpen"], INDEX["eyeBlink_L"], INDEX["yaw"]


def speech(frames: int, closures: list[int], tremor: float, fps: Fraction = FPS) -> torch.Tensor:
    """A jaw that opens and closes at four syllables a second, measured with noise; shut in single frames. [T, 63]"""
    time = torch.arange(frames) / float(fps)
    track = torch.zeros(frames, motion_space.SIZE)
    track[:, JAW] = 0.3 + 0.12 * torch.sin(2 * torch.pi * 2 * time)
    track[:, INDEX["mouthFunnel"]] = 0.1
    track[:, motion_space.EXPRESSION] += tremor * torch.randn(frames, 53)
    track = motion_space.clamp(track)
    track[closures, motion_space.EXPRESSION] = 0.0
    return track


def smoothed(track, fps=FPS):
    return list(smooth(iter(track), fps))


@given(st.sets(st.integers(0, 59), max_size=12), st.integers(0, 2**31), st.sampled_from(["23.976", "25", "50", "60"]))
def test_a_closure_of_one_frame_survives(closures, seed, rate):
    torch.manual_seed(seed)
    closed = sorted(closures)
    out = torch.stack(smoothed(speech(60, closed, 0.01), Fraction(rate)))
    gap = lip_gap(out).amax(1)
    assert (gap[closed] < SHUT).all()
    others = sorted(set(range(60)) - closures)
    assert (gap[others] > 2 * SHUT).all()  # nor does a closure spread


def test_a_blink_of_two_frames_survives():
    track = torch.zeros(40, motion_space.SIZE)
    track[20:22, [BLINK, BLINK + 1]] = 1.0
    out = torch.stack(smoothed(track))
    assert out[20:22, BLINK].min() > 0.95
    assert out[[19, 22], BLINK].max() < 0.05


def test_tremor_goes():
    still = torch.zeros(400, motion_space.SIZE)
    still[:, JAW] = 0.3
    still[:, motion_space.POSE.start + 5] = -90.0
    noise = torch.randn(still.shape) * torch.tensor([0.01] * 53 + [0.2] * 3 + [0.08] * 3 + [0.3] * 4)
    out = torch.stack(smoothed(still + noise))
    left = (out - still).std(0) / noise.std(0)
    assert left.max() < 0.8  # the jaw, whose tremor moves lips that may be closing
    assert left.mean() < 0.6


def test_nothing_comes_late_and_nothing_is_flattened():
    time = torch.arange(200) / 25
    track = torch.zeros(200, motion_space.SIZE)
    track[:, YAW] = 10 * torch.sin(2 * torch.pi * 1.5 * time)
    out = torch.stack(smoothed(track))[:, YAW]
    lags = [float((out[10:-10] * track[10 + lag : 190 + lag, YAW]).sum()) for lag in (-2, -1, 0, 1, 2)]
    assert lags.index(max(lags)) == 2
    assert out.max() > 0.95 * 10


def test_what_does_not_move_does_not_change():
    track = torch.randn(1, motion_space.SIZE).expand(30, -1)
    assert torch.allclose(torch.stack(smoothed(track)), track, atol=1e-5)


@given(st.lists(st.booleans(), max_size=40))
def test_frames_stay_as_many_and_gaps_where_they_were(seen):
    track = [torch.full((motion_space.SIZE,), float(k)) if there else None for k, there in enumerate(seen)]
    out = smoothed(track)
    assert [frame is not None for frame in out] == seen


def test_nothing_is_mixed_across_a_gap():
    before, after = torch.zeros(motion_space.SIZE), torch.full((motion_space.SIZE,), 0.01)
    out = smoothed([before, before, None, after, after])
    assert torch.equal(out[1], before)
    assert torch.allclose(out[3], after)


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(25), Fraction(60)])
def test_only_a_few_frames_are_waited_for(fps):
    taken = 0

    def frames():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield motion_space.rest()

    steady = smooth(frames(), fps)
    for given_out in range(1, 100):
        next(steady)
        assert taken - given_out <= REACH * fps + 1
