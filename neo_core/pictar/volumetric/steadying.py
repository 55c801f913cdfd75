"""Steadied readings: a motion extractor's tremor taken out of a video, as `pictar.smoothing` takes out that of ours.

How much an extractor trembles differs from one checkpoint to another and from film to film, so it is read off the
readings: how far each number lies from the middle of its two neighbours, in the quarter of frames in which that is
least. Whoever never rests would pass for trembling, so what is taken for tremor is at most as large as ours is: some
hundredths of what lips and lids can do, part of a degree. By this measure frames count as far as they are alike (a
bilateral filter), turn, place, lips, eyes and the rest of the face each for itself: lips that meet for one frame are
like none beside them and stay. The window is symmetric, so nothing comes late, and a steady rise stays one.

Letters: T frames of a video, n of a window, N numbers of a reading (`imitation`), K keypoints.
"""

from collections.abc import Iterator
from fractions import Fraction

import torch
from torch import Tensor

from ..smoothing import NEAR, windows
from .driving import EYES, KEYPOINTS, LIPS

QUIET, QUIET_OF_BELL = 0.25, 0.3186  # share of frames that tell the tremor; what of a bell's values is within that
MIDDLE = 1.5**0.5  # spread of the distance to the middle of two neighbours, over that of one value
ALIKE = 2.0  # tremors by which frames may differ and still count (one deviation)
FEWEST = 12  # readings that tell a tremor
LEAST = 1e-7  # of what never changes

TURN, PLACE = tuple(range(9)), tuple(range(9 + 3 * KEYPOINTS, 13 + 3 * KEYPOINTS))
EYES_RATIO, LIPS_RATIO = 13 + 3 * KEYPOINTS, 14 + 3 * KEYPOINTS


def _columns(keypoints: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(9 + 3 * k + axis for k in keypoints for axis in range(3))


REST = tuple(k for k in range(KEYPOINTS) if k not in (*LIPS, *EYES))
PARTS = {  # numbers that are steadied together; the largest tremor of each
    "turn": (TURN, 0.007),  # of rotation matrices: 0.4 degrees
    "place": (PLACE, 0.005),
    "lips": (_columns(LIPS), 0.0025),  # 0.12 is the mouth wide open, by the published sliders
    "eyes": (_columns(EYES), 0.0008),  # 0.02 is a blink
    "rest": (_columns(REST), 0.001),
}
TELLING = {"lips": (LIPS_RATIO, 0.01), "eyes": (EYES_RATIO, 0.01)}  # ratios that set frames apart, steadied with them


def steadied(readings: list[Tensor | None], fps: Fraction) -> Iterator[Tensor | None]:
    """The same readings [N], as many as there are; None stays None, and nothing is mixed across it."""
    seen = [one for one in readings if one is not None]
    if len(seen) < FEWEST:
        yield from readings
        return
    tremor = tremor_of(torch.stack(seen))
    for window in windows(readings, fps):
        yield window and _steady(torch.stack(window[0]), window[1], tremor, fps)


def tremor_of(readings: Tensor) -> Tensor:
    """The spread of what is not motion, of each number. [T, N] -> [N]"""
    off = (readings[1:-1] - (readings[:-2] + readings[2:]) / 2).abs()
    found = off.quantile(QUIET, dim=0) / (QUIET_OF_BELL * MIDDLE)
    for columns, most in (*PARTS.values(), *(((column,), most) for column, most in TELLING.values())):
        found[list(columns)] = found[list(columns)].clamp(LEAST, most)
    return found


def level(turn: Tensor) -> Tensor:
    """The rotation nearest to nine numbers. [9]"""
    u, _, v = torch.linalg.svd(turn.view(3, 3))
    return (u @ v).flatten()


def _steady(near: Tensor, middle: int, tremor: Tensor, fps: Fraction) -> Tensor:
    """One of the readings [n, N] as all of them say."""
    bell = ((torch.arange(len(near)) - middle) / float(fps) / NEAR).square()
    unlike = ((near - near[middle]) / (ALIKE * tremor)).square()  # [n, N]
    out = near[middle].clone()
    for part, (columns, _) in PARTS.items():
        ratio = [TELLING[part][0]] if part in TELLING else []
        apart = unlike[:, columns].mean(1) + unlike[:, ratio].sum(1)
        together = [*columns, *ratio]
        out[together] = torch.softmax(-0.5 * (bell + apart), 0) @ near[:, together]
    out[list(TURN)] = level(out[list(TURN)])
    return out
