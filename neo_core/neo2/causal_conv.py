"""Convolutions over time and picture that look only back in time, and may be computed piece by piece.

Letters: B batch, C channels, T frames or latents in time, H height, W width.

Before the first moment lies a copy of it, so that a still picture looks the same at every moment. Around the picture
lies zero. A `Piecewise` way of computing (`neo2/lazy_cache.py`) brings what lies around a piece instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int, int]  # time, height, width


class Piecewise(Protocol):
    """How layers that look around themselves are computed when they see a piece of their input at a time."""

    def convolve(self, layer: "CausalConv3d", x: Tensor) -> Tensor: ...

    def add(self, layer: "Sum", x: Tensor, residue: Tensor) -> Tensor: ...


_way: ContextVar[Piecewise | None] = ContextVar("way", default=None)  # of this thread and task, not of the network


@contextmanager
def piecewise(way: Piecewise) -> Iterator[None]:
    """Compute the layers below that `way` inside the block."""
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


class CausalConv3d(nn.Conv3d):
    """[B, C, T, H, W] -> [B, outputs, T, H, W]: a result depends on its own moment and `kernel[0] - 1` before it."""

    def __init__(self, inputs: int, outputs: int, kernel: Size) -> None:
        super().__init__(inputs, outputs, kernel, padding=(0, kernel[1] // 2, kernel[2] // 2))

    @property
    def past(self) -> int:
        """How many moments before its own a result depends on."""
        return self.kernel_size[0] - 1

    def forward(self, x: Tensor) -> Tensor:
        way = _way.get()
        return self.around(with_past(x, self.past)) if way is None else way.convolve(self, x)

    def around(self, x: Tensor) -> Tensor:
        """The convolution of what already has its past, zero around the picture. [B, C, past + T, H, W]"""
        return F.conv3d(x, self.weight, self.bias, padding=self.padding)

    def inside(self, x: Tensor) -> Tensor:
        """The convolution of what already has its past and its surroundings too."""
        return F.conv3d(x, self.weight, self.bias)


class Sum(nn.Module):
    """A skip connection, x + residue: a layer of its own, because in tiles the residue comes later than x."""

    def forward(self, x: Tensor, residue: Tensor) -> Tensor:  # both [B, C, T, H, W]
        way = _way.get()
        return x + residue if way is None else way.add(self, x, residue)


def with_past(x: Tensor, moments: int) -> Tensor:
    """Copies of the first moment before it: [B, C, T, H, W] -> [B, C, moments + T, H, W]."""
    return torch.cat([x[:, :, :1]] * moments + [x], dim=2) if moments else x
