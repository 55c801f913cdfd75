"""How latents of films stray from their anchor, cell by cell: what `gaussian_prior` is told, and how far that carries.

Letters: n latents of a film, G lags, C h w a latent, T latents of a window.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..neo2.gaussian_prior import along, cosines, estimate, resized, spectrum
from .neo2_clips import Clip

TIMES = (6 / 7, 0.6, 0.3)  # flow times to judge at
WINDOW = 10  # latents


@torch.no_grad()
def autocovariances(clips: Sequence[Clip], lags: int) -> Tensor:
    """Of latents: [G, C, h, w]. A pose that a film keeps counts too: it was not known before."""
    sums, counts = torch.zeros(()), torch.zeros(lags)
    for clip in clips:
        latents = clip.latents.float()
        sums = sums + torch.stack([_products(latents, lag) for lag in range(lags)])
        counts += torch.tensor([max(len(latents) - lag, 0) for lag in range(lags)])
    if not counts.all():
        raise ValueError(f"no film is longer than {lags} latents")
    return smoothed(sums / counts[:, None, None, None])


def _products(x: Tensor, lag: int) -> Tensor:
    """Sums over time of products of latents so far apart: [n, C, h, w] -> [C, h, w]."""
    return (x[lag:] * x[: len(x) - lag]).sum(0)


def smoothed(table: Tensor) -> Tensor:
    """Films are few: a cell is like its neighbours. [..., h, w]"""
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    flat = table.flatten(0, -3)[:, None]
    return F.conv2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), kernel).view_as(table)


@torch.no_grad()
def linear_errors(
    autocovariance: Tensor, clips: Sequence[Clip], times: Sequence[float] = TIMES, length: int = WINDOW
) -> dict[str, list[float]]:
    """Mean square error, per number of a latent, of clean latents estimated from noisy ones without any network: with
    one variance for all, with one of every cell and channel, and with one of every frequency as well. A mean over
    whole windows of the clips and, in closed form, over all noise. autocovariance [G, C, h, w]"""
    beside = resized(autocovariance.float(), clips[0].latents.shape[-2:])
    priors = {
        "one variance": beside[0].mean().expand(length, *beside.shape[1:]),
        "per cell and channel": beside[0].expand(length, -1, -1, -1),
        "per frequency too": spectrum(beside, length),
    }
    errors = {name: torch.zeros(len(times)) for name in priors}
    count = 0
    for clip in clips:
        away = clip.latents.float().unfold(0, length, length).movedim(-1, 1)  # [N, T, C, h, w]
        turned = along(cosines(length), away)
        for name, variance in priors.items():
            errors[name] += torch.stack([_left(turned, variance, torch.tensor(t)) for t in times])
        count += away.numel()
    return {name: (sums / count).tolist() for name, sums in errors.items()}


def _left(true: Tensor, variance: Tensor, t: Tensor) -> Tensor:
    """What an estimate of `true` out of noise leaves, squared and summed: its own share, and the noise it lets in."""
    gain = estimate(torch.ones(()), variance, t)
    return (((1 - t) * gain - 1) * true).square().sum() + len(true) * (gain * t).square().sum()


def table(errors: Mapping[str, Sequence[float]], times: Sequence[float] = TIMES) -> str:
    """Rows of what `linear_errors` found, for a log."""
    rows = {"flow time": times, **errors}
    return "\n".join(f"{name:>24}" + "".join(f"{value:8.3f}" for value in values) for name, values in rows.items())
