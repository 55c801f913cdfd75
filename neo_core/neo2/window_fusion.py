"""Clean predictions of overlapping windows -> one clean prediction of all latents.

 - cut: the left window up to the middle of the overlap, the right one from there
 - linear: from the left one to the right one in equal steps
 - pyramid: every window weighs 1 at its ends and most in its middle, weights add up to 1 (as ComfyUI's context windows)
 - flow: the two are moved towards each other by their optical flow, then blended (`latent_flow`)

Letters: T latents, C channels, h, w cells.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .latent_flow import blend, smoothstep


@dataclass(frozen=True)
class Prediction:
    """What one window says about latents first .. first + T - 1."""

    first: int
    latents: Tensor  # [T, C, h, w]

    @property
    def last(self) -> int:
        return self.first + len(self.latents)


def fuse(predictions: list[Prediction], fusion: str, coarse: bool = False) -> Tensor:
    """Predictions without gaps, in rising order -> [T, C, h, w] from the first one's start to the last one's end.

    `coarse` tells the flow to look at pictures of half the size.
    """
    start, fused = predictions[0].first, predictions[0].latents
    mass = pyramid(len(fused))
    for right in predictions[1:]:
        overlap = start + len(fused) - right.first
        if not 0 <= overlap <= len(right.latents):
            raise ValueError(f"predictions overlap by {overlap} latents, expected 0 to {len(right.latents)}")
        kept = len(fused) - overlap
        weights = pyramid(len(right.latents))
        share = shares(fusion, mass[kept:], weights[:overlap])
        seam = _joined(fused[kept:], right.latents[:overlap], share, fusion, coarse)
        fused = torch.cat([fused[:kept], seam, right.latents[overlap:]])
        mass = torch.cat([mass[:kept], mass[kept:] + weights[:overlap], weights[overlap:]])
    return fused


def shares(fusion: str, left: Tensor, right: Tensor) -> Tensor:
    """Share of the right window in every latent of an overlap, from the weights that both have in a pyramid. [O]"""
    if fusion == "pyramid":
        return right / (left + right)
    places = (torch.arange(len(left)) + 0.5) / max(1, len(left))
    if fusion == "cut":
        return (torch.arange(len(left)) >= len(left) // 2).float()
    return places if fusion == "linear" else smoothstep(places)


def pyramid(count: int) -> Tensor:
    """1, 2, ... up to the middle and down again. [count]"""
    place = torch.arange(count)
    return (torch.minimum(place, count - 1 - place) + 1).float()


def _joined(left: Tensor, right: Tensor, share: Tensor, fusion: str, coarse: bool) -> Tensor:
    if fusion == "flow" and len(left):
        return blend(left, right, share, coarse)
    return torch.lerp(left, right, share.to(left)[:, None, None, None])
