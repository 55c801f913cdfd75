"""F: a picture becomes a volume of features, once per source. Public layout: `reference/pictar.md` 2.1."""

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from .settling import ConvNorm, fold_norm


@dataclass(frozen=True)
class AppearanceConfig:
    side: int  # pixels of the square picture
    width: int  # channels at full size, doubled by every halving
    halvings: int
    channels: int  # of the volume
    depth: int  # of the volume, z inwards
    blocks: int

    @property
    def grid(self) -> int:
        """Samples of the volume across and down."""
        return self.side >> self.halvings


class ResidualBlock3d(nn.Module):
    """Norms and ReLUs come before the convolutions; nothing comes after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm3d(channels), nn.BatchNorm3d(channels)
        self.conv1, self.conv2 = (nn.Conv3d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:  # [B, C, D, H, W]
        inner = self.norm2(self.conv1(F.relu(self.norm1(x))))
        return x + self.conv2(F.relu(inner))

    def settle(self) -> None:
        if not isinstance(self.norm2, nn.Identity):  # a ReLU stands between the other norm and its convolution
            fold_norm(self.conv1, self.norm2)
            self.norm2 = nn.Identity()


class AppearanceExtractor(nn.Module):
    """Pictures [B, 3, S, S] in 0..1 -> volumes [B, C, D, S / 2^n, S / 2^n]"""

    def __init__(self, config: AppearanceConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width << n for n in range(config.halvings + 1)]
        self.first = ConvNorm(nn.Conv2d(3, widths[0], 3, padding=1), widths[0])
        self.down_blocks = nn.ModuleList(ConvNorm(nn.Conv2d(a, b, 3, padding=1), b) for a, b in pairwise(widths))
        self.second = nn.Conv2d(widths[-1], config.channels * config.depth, 1)
        self.blocks = nn.ModuleList(ResidualBlock3d(config.channels) for _ in range(config.blocks))

    def forward(self, picture: Tensor) -> Tensor:
        x = F.relu(self.first(picture))
        for block in self.down_blocks:
            x = F.avg_pool2d(F.relu(block(x)), 2)
        x = self.second(x).unflatten(1, (self.config.channels, self.config.depth))
        for block in self.blocks:
            x = block(x)
        return x
