"""What the bench of NEO 2 counts in a video: do mouth and hands follow the sound, is it still the same person?

Pure functions of what was read from frames (`mouth_reader`) or of the frames themselves. Each can fail: what does not
move agrees with nothing, and a frozen picture is no proof of an identity.

Letters: T frames, W windows, H height, W width of a picture, D features.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..timebase import MOTION_RATE

FACE_GRID, CLOTHES_GRID = 12, 4  # cells a side, in which a face and a trunk are averaged
SMOOTHING = 1.5  # frames, deviation of the Gaussian that quiets places that were read
REACH = 4  # frames that it reaches to either side
LEAST_MOTION = 0.25  # of the films': what moves less counts as frozen


# --- agreement -------------------------------------------------------------------------------------------------------


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's, 0 where either does not change. [N], [N]"""
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    scale = a.norm() * b.norm()
    return float(a @ b / scale) if scale > 1e-9 * max(1.0, len(a)) else 0.0


def agreement(found: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Correlation over the frames of all clips, [T] each, every clip's own mean taken off: who has a wide mouth counts
    for nothing."""
    pairs = list(zip(found, truth, strict=True))
    return correlation(torch.cat([f - f.mean() for f, _ in pairs]), torch.cat([t - t.mean() for _, t in pairs]))


# --- gestures --------------------------------------------------------------------------------------------------------


def smoothed(path: Tensor, deviation: float = SMOOTHING) -> Tensor:
    """A path that was read frame by frame, without its tremble. [T, D] -> [T, D]"""
    steps = torch.arange(-REACH, REACH + 1, dtype=path.dtype)
    kernel = torch.exp(-steps.square() / (2 * deviation**2))
    padded = F.pad(path.T[:, None], (REACH, REACH), mode="replicate")  # [D, 1, T + 2 REACH]
    return F.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].T


def hand_speed(hands: Tensor, visible: Tensor) -> Tensor:
    """Pixels per second, the mean of the hands that are seen, 0 where none is. [T, 2, 2], [T, 2] bool -> [T]"""
    path = smoothed(hands.flatten(1)).unflatten(1, (-1, 2))
    speed = torch.gradient(path, dim=0)[0].norm(dim=-1) * MOTION_RATE  # [T, 2]
    seen = visible.to(speed.dtype)
    return (speed * seen).sum(1) / seen.sum(1).clamp(min=1)


def amplitude(hands: Tensor, visible: Tensor) -> float:
    """How far hands swing: root mean square distance from their mean place, pixels. [T, 2, 2], [T, 2] bool"""
    path = smoothed(hands.flatten(1)).unflatten(1, (-1, 2))
    seen = visible.to(path.dtype)[..., None]
    middle = (path * seen).sum(0) / seen.sum(0).clamp(min=1)
    away = ((path - middle).square() * seen).sum() / seen.sum().clamp(min=1)
    return math.sqrt(float(away))


def swing_ratio(larger: Sequence[float], smaller: Sequence[float], usual: float) -> float:
    """All amplitudes over all others, which count as at least a quarter of a usual one each: two that hardly move are
    no contrast."""
    least = LEAST_MOTION * usual * len(smaller)
    return sum(larger) / max(sum(smaller), least) if max(sum(smaller), least) > 0 else 0.0


def window_means(values: Tensor, length: int) -> Tensor:
    """The mean over every whole window. [T] -> [T // length]"""
    count = len(values) // length
    return values[: count * length].unflatten(0, (count, length)).mean(1)


# --- who it is -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What a person looks like in every frame: colours and coarse structure of the face, and of the clothes."""

    face: Tensor  # [T, D]
    clothes: Tensor  # [T, D]

    def distance(self, other: "Look") -> float:
        """Root mean square difference of a frame of the one and a frame of the other, the mean over all such pairs."""
        parts = ((self.face, other.face), (self.clothes, other.clothes))
        squares = [(a[:, None] - b[None]).square().mean(-1) for a, b in parts]  # [T, T'] each
        return float(torch.stack(squares).mean(0).sqrt().mean())


def look(video: Tensor, face: Tensor, every: int = 4) -> Look:
    """Every fourth frame of u8 [T, H, W, 3], with the box of the face (left, top, right, bottom) in pixels [4].

    The clothes are what lies below the box: twice as wide, as high as it.
    """
    frames = video[::every].permute(0, 3, 1, 2).float() / 255
    left, top, right, bottom = face.tolist()
    across, down = right - left, bottom - top
    below = (left - across / 2, bottom + 0.1 * down, right + across / 2, bottom + 1.1 * down)
    return Look(_cells(frames, face.tolist(), FACE_GRID), _cells(frames, below, CLOTHES_GRID))


def _cells(frames: Tensor, box: Sequence[float], grid: int) -> Tensor:
    """Mean colours of the cells of a box, as far as it lies in the picture. [T, 3, H, W] -> [T, 3 x grid x grid]"""
    height, width = frames.shape[-2:]
    left, right = (min(max(round(x), 0), width) for x in (box[0], box[2]))
    top, bottom = (min(max(round(y), 0), height) for y in (box[1], box[3]))
    if right - left < 1 or bottom - top < 1:
        raise ValueError(f"box {[round(x) for x in box]} found, expected one inside {width} x {height} pixels")
    return F.adaptive_avg_pool2d(frames[..., top:bottom, left:right], grid).flatten(1)


def across_within(across: Sequence[float], within: Sequence[float], floor: float = 0.0) -> float:
    """Mean distance between people over mean distance within one person, which counts as at least `floor`."""
    between, inside = (sum(values) / len(values) for values in (across, within))
    inside = max(inside, floor)
    return between / inside if inside > 0 else 0.0


def motion(video: Tensor) -> float:
    """Mean change of a pixel from frame to frame, levels of 255, after the noise of single pixels is averaged away."""
    frames = F.avg_pool2d(video.permute(0, 3, 1, 2).float(), 4)
    return float(frames.diff(dim=0).abs().mean())


def recognised(own: Sequence[float], others: Sequence[Sequence[float]]) -> float:
    """Share of videos that are nearer to their own reference than to any other."""
    return sum(mine < min(rest) for mine, rest in zip(own, others, strict=True)) / len(own)


# --- does it step ----------------------------------------------------------------------------------------------------


def change_by_place(change: Tensor, length: int) -> Tensor:
    """Of changes into each frame but the first, the sums of those into the first, second .. frame of latents of so many
    frames, from the second latent on. [length T - 1] -> [length]"""
    return change[length - 1 :].unflatten(0, (-1, length)).sum(0)


def stepping(video: Tensor, length: int) -> float:
    """Which part of all change falls between latents: 1 / length where all frames are alike, 1 where the picture stands
    in each latent. u8 [length T, H, W, 3]"""
    places = change_by_place(video.float().mean(-1).diff(dim=0).abs().sum((1, 2)), length)
    return float(places[0] / places.sum().clamp(min=1e-6))
