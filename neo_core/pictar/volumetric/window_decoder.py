"""Decode a window of a picture, with what full decodes of frames before and after it know of the rest.

Two things tie every pixel of the generator to the whole picture: its norms, and convolutions one upon the other. A
*keyframe* is decoded as a whole and keeps what both had: the statistics of every norm and what they are statistics of,
and what the convolutions of the middle blocks read. A window is decoded with those, or with something between those of
two keyframes.

- Norms: outside the window things are as in the keyframe, inside they are known; so the keyframe's statistics are
  corrected by what the window's own numbers change in them.
- Middle blocks take what lies around them from the keyframe and compute nothing there.
- Blocks after them start from as many cells around the window as their convolutions eat up: there is little to compute,
  and nothing is assumed.

With a frame's own surroundings the window is what the whole decode has there. Corners of windows are tensors and sizes
are numbers, so a window of one size is one CUDA graph wherever it lies.

Letters: g cells of the features across and down, p pixels per cell, C channels, h w cells of a window, n convolutions
(and as many norms) of the middle blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .phase_split import variety
from .spade_generator import EPS, Hidden, SpadeGenerator, WholePicture, standardised

Size = tuple[int, int]  # cells down and across


@dataclass(frozen=True)
class Surroundings:
    """What a whole decode keeps for windows of frames near it."""

    statistics: Tensor  # [2, N] mean and variance of every channel of every norm, in the order they come in
    read: Tensor  # [n, C, g + 2, g + 2] what the middle blocks' convolutions read, with a border of zeros
    middle: Tensor  # [n, C, g, g] what their norms are of
    rising: tuple[Tensor, ...]  # [1, C, p g, p g] what the norms of the blocks after them are of

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of it; `Surroundings.of` puts them together again."""
        return self.statistics, self.read, self.middle, *self.rising

    @classmethod
    def of(cls, *tensors: Tensor) -> "Surroundings":
        return cls(*tensors[:3], tensors[3:])

    def around(self, corner: Tensor, size: Size, halo: int) -> "Surroundings":
        """Only what a window needs."""
        grid = self.middle.shape[-1]
        at, larger = grown(corner, size, halo, grid)
        return Surroundings(
            self.statistics,
            cut(self.read, at, (larger[0] + 2, larger[1] + 2)),
            cut(self.middle, at, larger),
            tuple(cut(x, corner, size, x.shape[-1] // grid) for x in self.rising),
        )

    def towards(self, other: "Surroundings", share: Tensor) -> "Surroundings":
        """Between two: share [] 0 is this one, 1 the other."""
        pairs = zip(self.tensors, other.tensors, strict=True)
        return Surroundings.of(*(torch.lerp(one, another, share.to(one.dtype)) for one, another in pairs))


class _Watching(WholePicture):
    """Decodes as usual and keeps what windows will want."""

    def __init__(self, middle: int) -> None:
        self._middle = middle  # convolutions, and norms
        self._statistics: list[tuple[Tensor, Tensor]] = []
        self._normed: list[Tensor] = []
        self._read: list[Tensor] = []

    def normed(self, x: Tensor) -> Tensor:
        answer, mean, variance = standardised(x)
        self._statistics.append((mean, variance))
        self._normed.append(x)
        return answer

    def convolved(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if len(self._read) < self._middle:
            self._read.append(F.pad(x, (1, 1, 1, 1)))
        return conv(x)

    def kept(self) -> Surroundings:
        statistics = torch.stack([torch.cat(kind, 1).flatten() for kind in zip(*self._statistics, strict=True)])
        middle, rising = self._normed[: self._middle], self._normed[self._middle :]
        return Surroundings(statistics, torch.cat(self._read), torch.cat([x.float() for x in middle]), tuple(rising))


class _Window(WholePicture):
    """Norms with statistics that the window corrects; the middle blocks' convolutions with given surroundings."""

    def __init__(self, given: Surroundings, grid: int, corner: Tensor, size: Size) -> None:
        self._statistics, self._norms = given.statistics, 0
        self._grid, self._corner, self._size = grid, corner, size
        self._read: Iterator[Tensor] = iter(given.read.split(1))
        middle = ((x, 1) for x in given.middle.split(1))
        rising = ((x, x.shape[-1] // size[1]) for x in given.rising)
        self._known: Iterator[tuple[Tensor, int]] = chain(middle, rising)  # and the pixels of a cell
        self.at = corner  # of what is being decoded

    def normed(self, x: Tensor) -> Tensor:
        begun, self._norms = self._norms, self._norms + x.shape[1]
        mean, variance = self._statistics[:, begun : self._norms].view(2, 1, -1, 1, 1)
        known, pixels = next(self._known)
        x, known = x.float(), known.float()
        inside = x
        if known.shape != x.shape:  # the rim of what rising blocks decode is spoiled
            inside = cut(x, self._corner - self.at, self._size, pixels)
        count = (pixels * self._grid) ** 2
        change = (inside - known).sum((2, 3), keepdim=True) / count
        spread = ((inside - mean).square() - (known - mean).square()).sum((2, 3), keepdim=True) / count
        variance = (variance + spread - change.square()).clamp(min=0)
        return (x - (mean + change)) * torch.rsqrt(variance + EPS)

    def convolved(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        around = next(self._read, None)
        if around is None:
            return conv(x)
        around = around.clone(memory_format=torch.channels_last)
        around[..., 1:-1, 1:-1] = x
        return F.conv2d(around, conv.weight, conv.bias)


def decode_whole(generator: SpadeGenerator, features: Tensor) -> tuple[Tensor, Surroundings]:
    """A keyframe: features [1, F, g, g] -> its picture [3, S, S], exactly as `generator` draws it, and what is kept."""
    seen = _Watching(2 * generator.config.blocks)
    picture = generator(features, seen)[0]
    return picture, seen.kept()


def decode_window(
    generator: SpadeGenerator, features: Tensor, given: Surroundings, corner: Tensor, size: Size, halo: int
) -> Tensor:
    """The pixels of a window: features [1, F, g, g] of its frame, corner [2] (down, across) in cells.
    [3, p h, p w], p pixels per cell

    The middle blocks compute `halo` cells more on every side; `given` is what there is `around` the window.
    """
    grid, wide = features.shape[-1], F.pad(features, (2, 2, 2, 2))
    at, wanted = grown(corner, size, halo, grid)
    seen = _Window(given, grid, corner, size)
    fc = generator.fc
    x = cut(wide, at + 1, (wanted[0] + 2, wanted[1] + 2)).to(fc.weight.dtype)
    x = F.conv2d(x, fc.weight, fc.bias).float()
    x = generator.through_middle(x, _patterns(generator.middle_hidden, wide, at, wanted), seen)
    pixels = 1
    for margin, hidden, block in zip(margins(generator), generator.rising_hidden, generator.rising, strict=True):
        begun = at
        at, wanted = grown(corner, size, margin, grid)
        seen.at = at
        x = block(cut(x, at - begun, wanted, pixels), _patterns(hidden, wide, at, wanted), seen)
        pixels *= 2
    picture = generator.shown(x)
    return cut(picture, corner - at, size, pixels * generator.config.enlarge)[0]


def margins(generator: SpadeGenerator) -> list[int]:
    """Cells around a window that each rising block needs, so that what the zeros beyond them spoil is not shown.

    Two convolutions of a block spoil two samples at its rim, the last layer one more.
    """
    levels = len(generator.config.rising)
    last = -(-3 // 2**levels)
    return [last + levels - 1 - level for level in range(levels)]


def least_halo(generator: SpadeGenerator) -> int:
    """The middle blocks must reach as far as the first block after them needs."""
    return margins(generator)[0]


def grown(corner: Tensor, size: Size, cells: int, grid: int) -> tuple[Tensor, Size]:
    """A window with more cells on every side, moved to where it does not reach beyond the picture."""
    sizes = min(size[0] + 2 * cells, grid), min(size[1] + 2 * cells, grid)
    down, across = ((corner[k : k + 1] - cells).clamp(0, grid - sizes[k]) for k in range(2))
    return torch.cat([down, across]), sizes


def cut(x: Tensor, corner: Tensor, size: Size, pixels: int = 1) -> Tensor:
    """A window of [..., H, W], of which a cell has so many pixels."""
    rows, columns = places(corner, size, pixels)
    part = x[..., rows[:, None], columns]
    return part.contiguous(memory_format=torch.channels_last) if part.ndim == 4 else part


def places(corner: Tensor, size: Size, pixels: int = 1) -> list[Tensor]:
    """The rows and the columns of a window."""
    return [corner[k] * pixels + torch.arange(size[k] * pixels, device=corner.device) for k in range(2)]


def _patterns(hidden: Hidden, wide: Tensor, corner: Tensor, size: Size) -> list[Tensor]:
    """The patterns of a window, bordered by what the whole patterns have around it. wide: features with two zeros
    around them"""
    step, grid = variety(hidden.factor), wide.shape[-1] - 4
    patterns = hidden.within(cut(wide, corner, (size[0] + 4, size[1] + 4)))
    down, across = (_inside(corner[k : k + 1], size[k], step, grid, patterns[0]) for k in range(2))
    return [pattern[..., step:-step, step:-step] * (down[:, None] * across) for pattern in patterns]


def _inside(first: Tensor, cells: int, step: int, grid: int, like: Tensor) -> Tensor:
    """1 along an axis of a bordered pattern, 0 at an end that lies beyond the picture. [step cells + 2]"""
    ends = first > 0, first + cells < grid
    middle = torch.ones(step * cells, dtype=torch.bool, device=first.device)
    return torch.cat([ends[0], middle, ends[1]]).to(like.dtype)
