"""Partial rotary embedding in time: part of every head turns with the moment, the rest sees content only.

Tokens without a place in time (identity) get zeros in the turning part, so a score between them and a timed token
cannot depend on when that token is: shifting all times changes nothing, and it stays one softmax.
"""

import torch
from torch import Tensor


def rotary_table(positions: Tensor, width: int, base: float) -> Tensor:
    """Cosine and sine of position x frequency, `base ** (-2 k / width)`: [T] -> [2, T, width / 2], float32."""
    frequency = base ** (-torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width)
    angle = positions.float()[:, None] * frequency  # [T, width / 2]
    return torch.stack((angle.cos(), angle.sin()))


def no_place(tokens: int, table: Tensor) -> Tensor:
    """The table of tokens that have no place in time: it zeroes the turning part. [2, tokens, R / 2]"""
    return table.new_zeros(2, tokens, table.shape[-1])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn the first dims of each head by the table, keep the others: [B, H, T, E] with [2, T, R / 2]."""
    half = table.shape[-1]
    cosine, sine = table.to(x.dtype)
    first, second, rest = x.split((half, half, x.shape[-1] - 2 * half), dim=-1)
    turned = (first * cosine).addcmul(second, sine, value=-1), (first * sine).addcmul(second, cosine)
    return torch.cat((*turned, rest), dim=-1)
