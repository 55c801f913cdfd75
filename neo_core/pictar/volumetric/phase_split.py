"""3x3 convolutions after nearest upsampling, computed at the resolution before it.

Among the pixels that one pixel was repeated into, a 3x3 window sees the same pixel two or three times: the taps that
meet it can be added up beforehand. Letters: f upsampling factor, r the number of different rows that a row becomes
after such a convolution (1, 2, and from f = 3 on 3: first, inner, last), p phase, n merged taps.

    f = 2   first convolution   phases of 2 x 2 taps, 16 of 36 multiplications
    f = 4   first convolution   5 x 5 taps for 12 x 12; a second one, on its result, 10 x 10 for 12 x 12

The result of a first convolution is kept as a *pattern*: every different row and column once, r times as large as the
input, with a border of zeros, which is what the second convolution meets outside. Reference: `reference/pictar.md` 8.2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Taps:
    """What one phase reads along an axis: n neighbours from `first` on, relative to the phase's own place."""

    first: int
    merge: tuple[tuple[float, ...], ...]  # [n, 3] merged taps = merge @ taps

    @property
    def count(self) -> int:
        return len(self.merge)


def _merged(places: Sequence[int]) -> Taps:
    """Taps that meet the same place become one. places: 3, not falling, without gaps"""
    rows = range(places[0], places[-1] + 1)
    return Taps(places[0], tuple(tuple(float(place == row) for place in places) for row in rows))


def variety(factor: int) -> int:
    """How many different rows a repeated row becomes after a convolution."""
    return min(factor, 3)


def first_taps(factor: int) -> list[Taps]:
    """What each different row of a first convolution reads of the rows before upsampling."""
    shown = [*(0, 1)[: variety(factor) - 1], factor - 1]  # one row of each kind
    return [_merged([(row + tap) // factor for tap in (-1, 0, 1)]) for row in shown]


def second_taps(factor: int) -> list[Taps]:
    """What each of the f rows of a second convolution reads of the rows of the pattern."""
    kinds = variety(factor)

    def place(row: int) -> int:
        repeat, within = divmod(row, factor)
        return repeat * kinds + min(within, 1 if within < factor - 1 else kinds - 1)

    return [_merged([place(row + tap) for tap in (-1, 0, 1)]) for row in range(factor)]


def merge_taps(weight: Tensor, rows: Taps, columns: Taps) -> Tensor:
    """[O, I, ..., 3, 3] -> [O, I, ..., n rows, n columns]"""
    down, across = (torch.tensor(taps.merge, dtype=weight.dtype, device=weight.device) for taps in (rows, columns))
    return torch.einsum("...yx,ny,mx->...nm", weight, down, across)


def split_kernels(weight: Tensor, taps: list[Taps]) -> list[Tensor]:
    """The merged kernels of all phases, row by row."""
    layout = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
    pairs = [(rows, columns) for rows in taps for columns in taps]
    return [merge_taps(weight, *pair).contiguous(memory_format=layout) for pair in pairs]


def bordered(x: Tensor) -> Tensor:
    """With a border of one zero around the last two axes."""
    return F.pad(x, (1, 1, 1, 1))


def first_phases(padded: Tensor, kernels: list[Tensor], bias: Tensor, factor: int) -> Iterator[tuple[int, int, Tensor]]:
    """The phases of a convolution of what lies within the border of [B, I, (D,) H + 2, W + 2], enlarged f times: row,
    column, [B, O, (D,) H, W]."""
    taps = first_taps(factor)
    height, width = (side - 2 for side in padded.shape[-2:])
    for number, kernel in enumerate(kernels):
        row, column = divmod(number, len(taps))
        top, left = 1 + taps[row].first, 1 + taps[column].first
        part = padded[..., top : top + height + taps[row].count - 1, left : left + width + taps[column].count - 1]
        yield row, column, _convolve(part, kernel, bias)


def second_phases(
    pattern: Tensor, kernels: list[Tensor], bias: Tensor, factor: int
) -> Iterator[tuple[slice, slice, Tensor]]:
    """The phases of a convolution over a bordered pattern [B, I, r H + 2, r W + 2]: the rows and the columns of the
    f times enlarged result that they are, and [B, O, H, W]."""
    taps, step = second_taps(factor), variety(factor)
    height, width = ((side - 2) // step for side in pattern.shape[-2:])
    shifted = {}  # whole columns are cut away once for all rows: a convolution would copy what is cut each time
    for number, kernel in enumerate(kernels):
        row, column = divmod(number, factor)
        top, left = 1 + taps[row].first, 1 + taps[column].first
        if left not in shifted:
            shifted[left] = pattern[..., left:].contiguous(memory_format=torch.channels_last)
        part = shifted[left][..., top : top + step * (height - 1) + taps[row].count, :]
        answer = _convolve(part, kernel, bias, step)[..., :width]
        yield slice(row, None, factor), slice(column, None, factor), answer


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor, step: int = 1) -> Tensor:
    if x.ndim == 5:
        return F.conv3d(x, kernel, bias, padding=(kernel.shape[2] // 2, 0, 0))
    return F.conv2d(x, kernel, bias, stride=step)
