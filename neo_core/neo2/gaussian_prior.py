"""What can be said of clean latents before any network looks: how far each cell of each channel strays from the anchor,
whose latents are zeros, and for how long.

Seen as Gaussian, the latents r of a window have a best linear estimate out of noise, known in closed
form (Wiener's filter; near the noise a trained network hardly differs from it: arXiv 2412.09726). The DiT starts from
that estimate and answers in its deviations, which is the preconditioning of arXiv 2206.00364, table 1, with the
variance of every cell and frequency in place of one number. A wall that never moves is then left alone at any noise.

Over time the cosines of a window are nearly the principal axes of any stationary motion: there every axis is its own.

Letters: B batch, T latents of a window, G lags, C h w a latent.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 1e-4  # variance


def cosines(length: int, device: torch.device | str = "cpu") -> Tensor:
    """The orthonormal discrete cosine transform: [T frequencies, T]."""
    moment = torch.arange(length, device=device)
    basis = torch.cos(math.pi * (moment + 0.5) * moment[:, None] / length) * math.sqrt(2 / length)
    basis[0] /= math.sqrt(2)
    return basis


def spectrum(autocovariance: Tensor, length: int) -> Tensor:
    """Variances along the cosines of a window, of a motion whose moments k apart go together by autocovariance[k]
    [G, ...] (beyond the last lag: as at the last): [T, ...]."""
    basis = cosines(length, autocovariance.device)
    lag = (torch.arange(length)[:, None] - torch.arange(length)).abs().clamp(max=len(autocovariance) - 1)
    pairs = torch.einsum("ki,kj->kij", basis, basis).flatten(1)
    shares = pairs.new_zeros(length, len(autocovariance)).index_add(1, lag.flatten().to(pairs.device), pairs)
    return torch.einsum("kg,g...->k...", shares, autocovariance).clamp(min=SMALLEST)


def along(basis: Tensor, x: Tensor) -> Tensor:
    """[T, T], [B, T, C, h, w] -> the same along other axes of time."""
    return torch.einsum("kt,btchw->bkchw", basis, x)


def estimate(seen: Tensor, variance: Tensor, t: Tensor) -> Tensor:
    """The mean of r given (1 - t) r + t noise, elementwise."""
    return (1 - t) * variance / ((1 - t).square() * variance + t.square()) * seen


def deviation(variance: Tensor, t: Tensor) -> Tensor:
    """How far r lies about that mean, elementwise."""
    return t * (variance / ((1 - t).square() * variance + t.square())).sqrt()


def resized(autocovariance: Tensor, size: tuple[int, int]) -> Tensor:
    """For latents of another size: [..., C, h, w]."""
    if autocovariance.shape[-2:] == size:
        return autocovariance
    flat = autocovariance.flatten(0, -4)
    return F.interpolate(flat, size, mode="bilinear", align_corners=False).view(*autocovariance.shape[:-2], *size)
