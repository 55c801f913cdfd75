"""Timestep embedding."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FREQUENCIES = 128
LONGEST_PERIOD = 10_000.0
STEPS = 1000.0  # t in 0..1 counts as 0..1000, the scale the periods were made for


class TimestepEmbedding(nn.Module):
    """Flow time t in 0..1 -> a conditioning vector: cosines and sines, then an MLP. [B] -> [B, D]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rise = nn.Linear(2 * FREQUENCIES, width)
        self.out = nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        exponent = torch.arange(FREQUENCIES, device=t.device, dtype=torch.float32) / FREQUENCIES
        angle = STEPS * t.float()[:, None] * torch.exp(-math.log(LONGEST_PERIOD) * exponent)
        waves = torch.cat((angle.cos(), angle.sin()), dim=-1)
        return self.out(F.silu(self.rise(waves.to(self.rise.weight.dtype))))
