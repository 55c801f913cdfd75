"""One stream of a joint-attention transformer (MMDiT, arXiv 2403.03206): weights of its own, one softmax for all."""

import torch
from torch import Tensor, nn

from .feed_forward import FeedForward
from .norm import Modulated, Modulation, modulate


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, T, H E] -> [B, H, T, E]"""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """The inverse: [B, H, T, E] -> [B, T, H E]"""
    return x.transpose(1, 2).flatten(2)


def split_normed(x: Tensor, heads: int, norm: nn.Module) -> Tensor:
    """`split_heads`, every head normed: faster before the transposition, where its numbers lie side by side."""
    return norm(x.unflatten(-1, (heads, -1))).transpose(1, 2)


class StreamLayer(nn.Module):
    """One stream's own weights in one block. A stream that is not read out gives keys and values and ends there."""

    def __init__(self, width: int, mlp_ratio: float, *, read_out: bool) -> None:
        super().__init__()
        self.width = width
        self.joint_modulation = Modulation(width, 3 if read_out else 2)
        self.project = nn.Linear(width, (3 if read_out else 2) * width)  # keys, values, queries
        if read_out:
            self.out = nn.Linear(width, width)
            self.refine_modulation = Modulation(width, 3)
            self.feed_forward = FeedForward(width, mlp_ratio)

    @torch.no_grad()
    def look_around(self, heads: int, rotary: int) -> None:
        """Start with the first half of the heads around their own moment: equal turning parts meet where times are
        equal. Motion then finds its sound from the first step on; training is free to unlearn it."""
        bias = torch.zeros(heads, self.width // heads)
        bias[: heads // 2, : rotary // 2] = 1.0
        for part in self.project.bias.split(self.width)[::2]:  # keys and queries
            part += bias.flatten()

    def enter(self, x: Tensor, modulated: Modulated) -> tuple[list[Tensor], Tensor | None]:
        """Keys, values and (if read out) queries of the joint pass, each [B, T, D], and the gate of its result."""
        shift, scale, *gate = modulated[self.joint_modulation]
        projected = self.project(modulate(x, shift, scale))
        return list(projected.split(self.width, dim=-1)), gate[0] if gate else None

    def refine(self, x: Tensor, modulated: Modulated) -> Tensor:
        """The stream's own update, token by token: [B, T, D]."""
        shift, scale, gate = modulated[self.refine_modulation]
        return gate * self.feed_forward(modulate(x, shift, scale))
