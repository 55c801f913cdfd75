"""Motion at 25 fps to motion at the rate of the video, piece by piece."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import torch
from torch import Tensor

from .. import motion_space
from ..timebase import MOTION_RATE

REACH = 2  # motion frames a cubic needs on either side


def resample_motion(pieces: Iterable[Tensor], fps: Fraction, frames: int) -> Iterator[Tensor]:
    """Catmull-Rom interpolation from 25 fps to `fps`, exactly `frames` frames. pieces: [t, 63] -> [n, 63] each

    A frame shows the middle of the time it covers: frame m of the video lies at motion frame (m + 1/2) 25 / fps - 1/2.
    At 25 fps every value comes through unchanged. It holds still before the first and after the last motion frame:
    16 kHz sound, which VOCAL hears, may end a fraction of a sample before the sound that is shown.
    """
    if fps == MOTION_RATE:
        yield from _first(pieces, frames)
        return
    held, first, done = torch.empty(0, motion_space.SIZE), 0, 0  # `first` is the motion frame that held[0] is
    for piece in pieces:
        held = torch.cat([held, piece])
        count = min(frames, _frames_before(first + len(held) - REACH, fps))
        if count > done:
            yield _sample(held, first, range(done, count), fps)
            done = count
            keep = max(0, int(_position(done, fps)) - REACH - first)
            held, first = held[keep:], first + keep
    if done < frames:
        yield _sample(held, first, range(done, frames), fps)


def _position(frame: int, fps: Fraction) -> Fraction:
    """Where a video frame lies on the motion clock, in motion frames."""
    return (frame + Fraction(1, 2)) * MOTION_RATE / fps - Fraction(1, 2)


def _frames_before(position: int, fps: Fraction) -> int:
    """Video frames that lie before a motion frame."""
    exact = (position + Fraction(1, 2)) * fps / MOTION_RATE - Fraction(1, 2)
    return max(0, -(-exact.numerator // exact.denominator))


def _sample(held: Tensor, first: int, frames: range, fps: Fraction) -> Tensor:
    """Cubic through four neighbours; the ends of `held` stand for what lies beyond. [n, 63]"""
    position = [_position(frame, fps) - first for frame in frames]
    before = [p.numerator // p.denominator for p in position]  # floor
    t = torch.tensor([float(p - b) for p, b in zip(position, before, strict=True)])[:, None]
    index = torch.tensor(before)[:, None] + torch.arange(-1, 3)  # [n, 4]
    a, b, c, d = held[index.clamp(0, len(held) - 1)].unbind(1)  # each [n, 63]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return motion_space.clamp(curve)  # a cubic may swing past a closed lid


def _first(pieces: Iterable[Tensor], frames: int) -> Iterator[Tensor]:
    """The first `frames` vectors, the last one repeated where there are fewer."""
    last = torch.empty(0, motion_space.SIZE)
    for piece in pieces:
        if frames and len(piece):
            yield piece[:frames]
            frames -= len(piece[:frames])
            last = piece[-1:]
    if frames:
        yield last.expand(frames, -1)
