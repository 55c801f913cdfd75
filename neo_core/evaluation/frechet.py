"""How far generated latents are from those of films: the Fréchet distance of two Gaussians in a space small enough for
the number of clips at hand.

    d = |m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)          (arXiv 1706.08500, eq. 6)

A latent has thousands of numbers and a bench a few dozen clips, so what is compared are few features of a latent: where
it lies along the main directions of the films (who is how far from their anchor), where its change since the
one before lies along theirs (how fast), and how much fine detail there is in both, by channels: blur, noise and flicker
lie along no main direction. Every feature is counted in spreads of the films. Covariances are drawn towards their
diagonals; few samples make any distance too large, alike for all that have as many.

Letters: N samples, D features, P main directions, T latents of a clip, C channels, h w cells, F numbers of a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

COMPONENTS = 8  # main directions of places, and of changes
DETAILS = 6  # main directions of detail over the channels
SHRINKAGE = 0.1  # share of the diagonal in a covariance
LEAST_SPREAD = 0.02  # of a direction, against the first: rounding is no direction
FLAT = 1e-4  # added to a power before its logarithm


class Gaussian(NamedTuple):
    mean: Tensor  # [D]
    covariance: Tensor  # [D, D]


class Directions(NamedTuple):
    """The main directions of some samples, and the spreads along them."""

    mean: Tensor  # [F]
    basis: Tensor  # [F, P]
    spread: Tensor  # [P]

    def of(self, samples: Tensor) -> Tensor:
        """Where samples lie, in spreads. [N, F] -> [N, P]"""
        return (samples - self.mean) @ self.basis / self.spread


@dataclass(frozen=True)
class LatentSpace:
    """The features of latents, as the films span them."""

    places: Directions
    changes: Directions
    details: Directions

    def features(self, clips: Sequence[Tensor]) -> Tensor:
        """Of clips [T, C, h, w], offsets from anchors: one row for every latent but the first of each. [N, D]"""
        places, changes, details = _raw(clips)
        return torch.cat((self.places.of(places), self.changes.of(changes), self.details.of(details)), 1)

    def distance(self, clips: Sequence[Tensor], others: Sequence[Tensor]) -> float:
        """The Fréchet distance between two sets of clips."""
        return frechet(gaussian(self.features(clips)), gaussian(self.features(others)))


def latent_space(films: Sequence[Tensor]) -> LatentSpace:
    """The space that films span; of few films it has as many directions as they allow."""
    places, changes, details = _raw(films)
    return LatentSpace(directions(places, COMPONENTS), directions(changes, COMPONENTS), directions(details, DETAILS))


def directions(samples: Tensor, count: int) -> Directions:
    """Principal components, by the Gram matrix of the samples: there are fewer of them than features. [N, F]"""
    mean = samples.mean(0)
    apart = samples - mean
    values, vectors = torch.linalg.eigh(apart @ apart.T)  # rising
    spread = (values.flip(0).clamp(min=0) / max(len(samples) - 1, 1)).sqrt()[:count]
    kept = int((spread > LEAST_SPREAD * spread[0]).sum())
    basis = apart.T @ vectors.flip(1)[:, :kept]
    return Directions(mean, basis / basis.norm(dim=0), spread[:kept])


def gaussian(samples: Tensor, shrinkage: float = SHRINKAGE) -> Gaussian:
    """Mean and covariance of [N, D], the covariance drawn towards its diagonal."""
    samples = samples.double()
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} samples found, expected at least 2 for a covariance")
    covariance = torch.cov(samples.T).reshape(samples.shape[1], -1)
    own = torch.diag(torch.diagonal(covariance))
    return Gaussian(samples.mean(0), (1 - shrinkage) * covariance + shrinkage * own)


def frechet(a: Gaussian, b: Gaussian) -> float:
    """The squared distance of two Gaussians, 0 where they are equal."""
    root = _root(a.covariance)
    shared = _root(root @ b.covariance @ root)
    trace = torch.trace(a.covariance + b.covariance - 2 * shared)
    return float(((a.mean - b.mean).square().sum() + trace).clamp(min=0))


def _root(matrix: Tensor) -> Tensor:
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def _raw(clips: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Latents [N, F], their changes [N, F], the fine detail in both by channels [N, 2 C]."""
    latents = torch.cat([clip[1:] for clip in clips])
    changes = torch.cat([clip.diff(dim=0) for clip in clips])
    return latents.flatten(1), changes.flatten(1), torch.cat((_detail(latents), _detail(changes)), 1)


def _detail(latents: Tensor) -> Tensor:
    """The logarithm of each channel's power above a mean over 3 x 3 cells. [N, C, h, w] -> [N, C]"""
    fine = latents - F.avg_pool2d(latents, 3, stride=1, padding=1, count_include_pad=False)
    return (fine.square().mean((-2, -1)) + FLAT).log()
