"""Reads a face crop: dense landmarks with their uncertainty, is it a face at all, head pose, expression, gaze.

`LandmarkNet` regresses everything from one crop of the whole face; `DetailNet` looks again at one eye with its brow, or
at the mouth with the nose, and moves the landmarks there. Coordinates are crop coordinates (`squares`).

Letters: B crops, K landmarks, N landmarks of one detail.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..motion_space import EXPRESSION_NAMES
from ..nn.conv2d import centred, encoder

POSE_UNIT = 30.0  # degrees: the scale on which the heads regress angles
GAZE_UNIT = 15.0
LOWEST_LOG_SIGMA, HIGHEST_LOG_SIGMA = -6.0, 2.0


@dataclass(frozen=True)
class LandmarkConfig:
    landmarks: int
    size: int = 96
    widths: tuple[int, ...] = (16, 32, 64, 128, 160)
    depths: tuple[int, ...] = (0, 1, 2, 2, 1)
    hidden: int = 256


@dataclass(frozen=True)
class DetailConfig:
    indices: tuple[int, ...]  # the landmarks it reads: of the left eye and brow, or of the mouth
    extent: float  # side of its crop over the side of the face crop
    size: int = 64
    widths: tuple[int, ...] = (16, 32, 64, 64)
    depths: tuple[int, ...] = (0, 1, 2, 1)
    hidden: int = 128


class Reading(NamedTuple):
    landmarks: Tensor  # [B, K, 2] crop coordinates
    log_sigma: Tensor  # [B, K] of the expected error, crop coordinates
    face: Tensor  # [B] logit that this is a human face
    pose: Tensor  # [B, 3] pitch, yaw, roll in degrees against the crop
    expression: Tensor  # [B, 53]
    gaze: Tensor  # [B, 4] degrees


class LandmarkNet(nn.Module):
    """One crop in, one reading out."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config.widths, config.depths)
        cells = (config.size >> len(config.widths)) ** 2
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(cells * config.widths[-1], config.hidden), nn.SiLU())
        self.landmarks = nn.Linear(config.hidden, 2 * config.landmarks)
        self.log_sigma = nn.Linear(config.hidden, config.landmarks)
        self.face = nn.Linear(config.hidden, 1)
        self.pose = nn.Linear(config.hidden, 3)
        self.expression = nn.Linear(config.hidden, len(EXPRESSION_NAMES))
        self.gaze = nn.Linear(config.hidden, 4)

    def forward(self, crops: Tensor) -> Reading:  # [B, 3, size, size] in 0..1
        return self.read(self.encoder(centred(crops)))

    def read(self, features: Tensor) -> Reading:
        """The heads, apart from the encoder so that training can keep them in float32. [B, C, h, w]"""
        hidden = self.hidden(features)
        return Reading(
            self.landmarks(hidden).view(len(hidden), -1, 2),
            self.log_sigma(hidden).clamp(LOWEST_LOG_SIGMA, HIGHEST_LOG_SIGMA),
            self.face(hidden)[:, 0],
            self.pose(hidden) * POSE_UNIT,
            self.expression(hidden),
            self.gaze(hidden) * GAZE_UNIT,
        )


class DetailNet(nn.Module):
    """A crop of one facial part to the positions of its landmarks."""

    def __init__(self, config: DetailConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config.widths, config.depths)
        cells = (config.size >> len(config.widths)) ** 2
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(cells * config.widths[-1], config.hidden), nn.SiLU())
        self.landmarks = nn.Linear(config.hidden, 2 * len(config.indices))
        self.log_sigma = nn.Linear(config.hidden, len(config.indices))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:  # [B, 3, size, size] -> [B, N, 2], [B, N]
        return self.read(self.encoder(centred(crops)))

    def read(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Positions and log sigma, in crop coordinates. [B, C, h, w]"""
        hidden = self.hidden(features)
        log_sigma = self.log_sigma(hidden).clamp(LOWEST_LOG_SIGMA, HIGHEST_LOG_SIGMA)
        return self.landmarks(hidden).view(len(hidden), -1, 2), log_sigma


@torch.no_grad()
def start_from_shapes(net: LandmarkNet | DetailNet, shapes: Tensor, components: int = 120) -> None:
    """Begin at the mean shape, with the principal shapes as directions: training starts from faces. [M, K, 2]"""
    flat = shapes.flatten(1)
    mean = flat.mean(0)
    count = min(components, net.landmarks.in_features, len(flat) - 1, flat.shape[1])
    _, spread, directions = torch.pca_lowrank(flat - mean, q=count, center=False)
    net.landmarks.weight.mul_(0.1)
    net.landmarks.weight[:, :count] += directions * (spread / len(flat) ** 0.5)
    net.landmarks.bias.copy_(mean)
    net.log_sigma.weight.mul_(0.1)
    net.log_sigma.bias.fill_(-2.5)
