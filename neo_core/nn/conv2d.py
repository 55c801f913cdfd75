"""The two convolution blocks that the small image networks share."""

import torch
from torch import Tensor, nn


def conv_norm(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, SiLU: [B, inputs, H, W] -> [B, outputs, ceil(H / stride), ceil(W / stride)]."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())


class Residual(nn.Module):
    """Two convolutions around a skip; the second norm starts at zero, so a fresh block is the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.second[1].weight)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W] -> the same
        return nn.functional.silu(x + self.second(self.first(x)))


def encoder(widths: tuple[int, ...], depths: tuple[int, ...], inputs: int = 3) -> nn.Sequential:
    """Stages that halve the picture: one strided convolution and `depth` residual blocks each."""
    layers, channels = [], inputs
    for width, depth in zip(widths, depths, strict=True):
        layers += [conv_norm(channels, width, stride=2), *(Residual(width) for _ in range(depth))]
        channels = width
    return nn.Sequential(*layers)


def centred(picture: Tensor) -> Tensor:
    """Pixels 0..1 to about -2..2, in the memory layout in which CPU convolutions are fastest. [B, 3, H, W]"""
    return ((picture - 0.5) * 4).contiguous(memory_format=torch.channels_last)
