"""M: a picture becomes keypoints, pose and expression. A ConvNeXt V2 (arXiv 2301.00808) with seven linear heads.

Public layout: `reference/pictar.md` 2.2.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .keypoints import BINS, FaceMotion, degrees

EPS = 1e-6


@dataclass(frozen=True)
class MotionConfig:
    side: int  # pixels of the square picture
    keypoints: int
    depths: tuple[int, ...]  # blocks per stage
    widths: tuple[int, ...]


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map [B, C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation: channels compete by their energy over the whole map. [B, H, W, C]"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        energy = x.norm(dim=(1, 2), keepdim=True)
        share = energy / (energy.mean(-1, keepdim=True) + EPS)
        return torch.addcmul(self.beta + x, self.gamma, x * share)


class Block(nn.Module):
    """Depthwise 7x7, norm, and two linear layers on the channels of each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.grn = ResponseNorm(4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W]
        inner = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        inner = self.pwconv2(self.grn(F.gelu(self.pwconv1(inner))))
        return x + inner.permute(0, 3, 1, 2)


class MotionExtractor(nn.Module):
    """Pictures [B, 3, S, S] in 0..1 -> FaceMotion"""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0], eps=EPS))
        halvings = [nn.Sequential(ChannelNorm(a, eps=EPS), nn.Conv2d(a, b, 2, 2)) for a, b in pairwise(widths)]
        self.downsample_layers = nn.ModuleList([stem, *halvings])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for width, depth in zip(widths, config.depths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=EPS)
        points = 3 * config.keypoints
        self.fc_kp, self.fc_exp = nn.Linear(widths[-1], points), nn.Linear(widths[-1], points)
        self.fc_pitch, self.fc_yaw, self.fc_roll = (nn.Linear(widths[-1], BINS) for _ in range(3))
        self.fc_t, self.fc_scale = nn.Linear(widths[-1], 3), nn.Linear(widths[-1], 1)

    def forward(self, picture: Tensor) -> FaceMotion:
        x = picture
        for layer, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(layer(x))
        x = self.norm(x.mean((2, 3)))
        turns = (degrees(head(x)) for head in (self.fc_pitch, self.fc_yaw, self.fc_roll))
        keypoints, expression = (head(x).unflatten(1, (-1, 3)) for head in (self.fc_kp, self.fc_exp))
        return FaceMotion(keypoints, *turns, self.fc_t(x), expression, self.fc_scale(x)[:, 0])
