"""What the networks of portrait analysis minimise.

Letters: B samples, N landmarks, h w cells of a map.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ..pictar.landmark_net import GAZE_UNIT, POSE_UNIT, Reading
from .face_batches import ScanTargets

CLEAREST = 20.0  # likelihood loss of a point that is far off counts no more than this


def point_loss(points: Tensor, log_sigma: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Distance, plus the likelihood of a round Gaussian of the predicted width. [B, N, 2], [B, N], [B, N, 2], [N]"""
    square = ((points - truth) ** 2).sum(-1)
    distance = (weight * (square + 1e-6).sqrt()).mean()
    likelihood = weight * (square.detach() / (2 * (2 * log_sigma).exp()) + 2 * log_sigma)
    return 8 * distance + 0.1 * likelihood.clamp(max=CLEAREST).mean()


def landmark_loss(reading: Reading, truth: Reading, weight: Tensor) -> Tensor:
    """All heads; negatives, which follow the faces in the batch, count only for "is it a face"."""
    faces = slice(0, len(truth.landmarks))
    seen = Reading(*(values[faces] for values in reading))
    return (
        point_loss(seen.landmarks, seen.log_sigma, truth.landmarks, weight)
        + 0.4 * functional.binary_cross_entropy_with_logits(reading.face, truth.face)
        + 0.5 * (seen.pose - truth.pose).abs().mean() / POSE_UNIT
        + 1.0 * (seen.expression - truth.expression).abs().mean()
        + 0.2 * (seen.gaze - truth.gaze).abs().mean() / GAZE_UNIT
    )


def scan_loss(said: Tensor, targets: ScanTargets) -> Tensor:
    """Penalty-reduced focal loss for centres (arXiv 1808.01244, eq. 1), L1 for size and offset. `said` [B, 4, h, w]"""
    score = torch.sigmoid(said[:, 0]).clamp(1e-5, 1 - 1e-5)
    centre = (targets.heat > 0.9).float()
    found = centre * (1 - score) ** 2 * score.log()
    silent = (1 - centre) * (1 - targets.heat) ** 4 * score**2 * (1 - score).log() * ~targets.ignored
    focal = -(found + silent).sum() / centre.sum().clamp(min=8)
    near = (targets.heat > 0.3).float()[:, None]
    distance = ((said[:, 1:] - targets.regression).abs() * near).sum() / near.sum().clamp(min=1) / 3
    return focal + distance


def mask_loss(said: Tensor, alpha: Tensor) -> Tensor:
    """Cross entropy against the soft alpha, and overlap (dice). Logits and alpha [B, h, w]"""
    entropy = functional.binary_cross_entropy_with_logits(said, alpha)
    cover = torch.sigmoid(said)
    shared = (cover * alpha).sum((1, 2))
    overlap = (2 * shared + 1) / (cover.sum((1, 2)) + alpha.sum((1, 2)) + 1)
    return entropy + 0.3 * (1 - overlap).mean()
