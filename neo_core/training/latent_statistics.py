"""How latents of films stray from their anchor, cell by cell: what `gaussian_prior` is told.

Letters: n latents of a film, G lags, C h w a latent.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .neo2_clips import Clip


@torch.no_grad()
def autocovariances(clips: Sequence[Clip], lags: int) -> Tensor:
    """Of latents about nothing and about their anchor: [2, G, C, h, w]. A pose that a film keeps counts too: it was
    not known before."""
    sums, counts = torch.zeros(()), torch.zeros(lags)
    for clip in clips:
        latents = clip.latents.float()
        both = torch.stack((latents, latents - clip.anchor.float()))
        sums = sums + torch.stack([_products(both, lag) for lag in range(lags)], dim=1)
        counts += torch.tensor([max(len(latents) - lag, 0) for lag in range(lags)])
    if not counts.all():
        raise ValueError(f"no film is longer than {lags} latents")
    return smoothed(sums / counts[:, None, None, None])


def _products(x: Tensor, lag: int) -> Tensor:
    """Sums over time of products of latents so far apart: [2, n, C, h, w] -> [2, C, h, w]."""
    return (x[:, lag:] * x[:, : x.shape[1] - lag]).sum(1)


def smoothed(table: Tensor) -> Tensor:
    """Films are few: a cell is like its neighbours. [..., h, w]"""
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    flat = table.flatten(0, -3)[:, None]
    return F.conv2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), kernel).view_as(table)
