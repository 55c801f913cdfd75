"""Flow fusion against a cross-fade on a disagreement whose truth is known.

A textured body moves over a static background, in latents. Two chunks show the same moments, the second one displaced
by d cells. What belongs between them is the body on the straight way from one place to the other. Bars of `bench neo2`:
the error of flow fusion to that truth, relative to the cross-fade's, and the high-frequency energy it keeps of the
truth's.

Letters: T latents of the overlap, C channels, h, w cells.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..neo2.latent_flow import blend, detail_energy, smoothstep, warp
from ..neo2.latent_space import CHANNELS

DISAGREEMENTS = (2.0, 3.0, 4.0)  # cells
OVERLAP = 4  # latents
HEIGHT_SHARE = 0.5  # the displacement down, of the one across
RADIUS, SIDE = 7.0, 32  # of the body and of all, cells


@dataclass(frozen=True)
class FusionFigures:
    """Worst over disagreements and seeds."""

    error_ratio: float  # flow fusion's error to the true motion / the cross-fade's
    detail: float  # high-frequency energy of flow fusion / of the truth, least of any latent
    faded_detail: float  # the same of the cross-fade


def fusion_figures(
    disagreements: tuple[float, ...] = DISAGREEMENTS, seeds: int = 3, noise: float = 0.0, overlap: int = OVERLAP
) -> FusionFigures:
    """Flow fusion and cross-fade on the same pairs; `noise` is the deviation of what is added to both chunks."""
    rows = [_measure(d, seed, noise, overlap) for d in disagreements for seed in range(seeds)]
    ratios, details, faded = zip(*rows, strict=True)
    return FusionFigures(max(ratios), min(details), min(faded))


def _measure(distance: float, seed: int, noise: float, overlap: int) -> tuple[float, float, float]:
    generator = torch.Generator().manual_seed(seed)
    texture, ground = _texture(generator), _texture(generator) * 0.5
    weight = smoothstep((torch.arange(overlap) + 0.5) / overlap)
    before, after, truth = (
        torch.cat([_moment(texture, ground, k, distance * float(share)) for k, share in enumerate(shares)])
        for shares in (torch.zeros(overlap), torch.ones(overlap), weight)
    )
    before, after, grainy = (x + noise * torch.randn(x.shape, generator=generator) for x in (before, after, truth))
    flowed = blend(before, after, weight)
    faded = torch.lerp(before, after, weight[:, None, None, None])
    ratio = float((flowed - truth).norm() / (faded - truth).norm())
    kept, left = (float((detail_energy(x) / detail_energy(grainy)).min()) for x in (flowed, faded))
    return ratio, kept, left


def _texture(generator: torch.Generator) -> Tensor:
    """Smooth noise of unit deviation. [1, C, h, w]"""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    noise = torch.randn(CHANNELS, 1, SIDE + 4, SIDE + 4, generator=generator)
    smooth = F.conv2d(noise, (kernel[:, None] * kernel)[None, None]).transpose(0, 1)
    return smooth / smooth.std()


def _moment(texture: Tensor, ground: Tensor, k: int, displaced: float) -> Tensor:
    """The body at latent k of its way, displaced. [1, C, h, w]"""
    side = texture.shape[-1]
    across = 2.5 * math.sin(2 * math.pi * k / 24) + displaced
    down = math.sin(2 * math.pi * k / 12) + HEIGHT_SHARE * displaced
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    place = side / 2 + across, side / 2 + down
    distance = ((columns - place[0]) ** 2 / 0.6 + (rows - place[1]) ** 2 / 1.8).sqrt()
    inside = torch.sigmoid(RADIUS - distance)
    motion = torch.tensor([-across, -down])[None, :, None, None].expand(1, 2, side, side)
    return torch.lerp(ground, warp(texture, motion), inside)
