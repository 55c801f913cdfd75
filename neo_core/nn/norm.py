"""RMSNorm and the adaptive shift-scale-gate modulation of diffusion transformers (adaLN-Zero, arXiv 2212.09748)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last axis, computed in the input's dtype except for the mean square."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class ChannelRMSNorm(nn.Module):
    """RMSNorm over the channels of [B, C, ...]. Without gradients, what comes out lies in memory as what came in."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x.dtype)
        if x.is_cuda or torch.is_grad_enabled():
            return F.rms_norm(x.movedim(1, -1), weight.shape, weight, self.eps).movedim(-1, 1)
        return _in_few_passes(x, weight.view(-1, *[1] * (x.ndim - 2)), self.eps)


def _in_few_passes(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`F.rms_norm` over axis 1. PyTorch has no single kernel for it on a CPU; `weight` [C, 1, ...].

    A norm across channels is quick where those of a place lie side by side (channels-last), and very slow elsewhere,
    where a sum over planes is quick.
    """
    if x.stride(1) == 1:
        power = torch.linalg.vector_norm(x, dim=1, keepdim=True).square_()
        return (x * power.mul_(1 / x.shape[1]).add_(eps).rsqrt_()).mul_(weight)
    normed = x * x
    scale = normed.sum(1, keepdim=True).mul_(1 / x.shape[1]).add_(eps).rsqrt_()
    return torch.mul(x, scale, out=normed).mul_(weight)


def eager_channel_norm(x: Tensor, weight: Tensor) -> Tensor:
    """The twin of `ChannelRMSNorm` in plain steps, as public video autoencoders write it: the measure of it."""
    return F.normalize(x, dim=1) * weight.numel() ** 0.5 * weight.view(-1, *[1] * (x.ndim - 2))


class Modulation(nn.Module):
    """`parts` vectors from one conditioning vector, zero at the start, so that every gated block begins as nothing."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(width, parts * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        """[B, D] -> `parts` x [B, 1, D], to be broadcast over tokens."""
        return self.linear(F.silu(condition))[:, None].chunk(self.parts, dim=-1)


Modulated = dict[Modulation, tuple[Tensor, ...]]  # what each modulation of a network says for one conditioning vector


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """(1 + scale) * LayerNorm(x) + shift; the norm carries no weights of its own. x [B, T, D]."""
    return torch.addcmul(shift, F.layer_norm(x, (x.shape[-1],), eps=1e-6), 1 + scale)
