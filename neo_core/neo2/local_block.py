"""Convolutions among the cells of a window: what attention over tokens of many cells learns late if at all.

Most of what noise hides is told by the cells around and by the moments before and after. A network of such blocks is
below the best linear estimate after a hundred steps of training; tokens of 4 x 4 cells alone were not after nine
hundred. So the DiT has some before its tokens are cut and some after they are put together, and leaves what is far
apart, and the other signals, to its joint attention.

Letters: B batch, T latents of a window, h w cells, N width here, D width of what is told.
"""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..nn.norm import modulate
from .latent_space import COARSE

MOMENTS = 5  # latents that one convolution over time sees


class LocalBlock(nn.Module):
    """x + convolutions over time and over place, told about each latent what the tokens are told (adaLN)."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(told, 2 * width)
        self.time = nn.Conv3d(width, width, (MOMENTS, 1, 1), padding=(MOMENTS // 2, 0, 0))
        self.place = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1))
        self.out = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1))
        for layer in (self.modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """[B, N, T, h, w], [B, T, D] -> [B, N, T, h, w]"""
        shift, scale = rearrange(self.modulation(F.silu(told)), "b t n -> b t 1 1 n").chunk(2, dim=-1)
        y = rearrange(modulate(rearrange(x, "b n t h w -> b t h w n"), shift, scale), "b t h w n -> b n t h w")
        return x + self.out(F.silu(self.place(F.silu(self.time(y)))))


class AnchorMap(nn.Module):
    """What the anchor shows at and around every cell, said once for all moments: [B, C, 4h, 4w] -> [B, N, h, w]."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(COARSE),
            nn.Conv2d(COARSE**2 * channels, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, anchor: Tensor) -> Tensor:
        return self.layers(anchor)
