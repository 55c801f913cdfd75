"""Person mask: a small U-Net on a square view of the picture, brought to the picture's own edges by a guided filter."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..nn.conv2d import Residual, centred, conv_norm
from .squares import Squares, to_crop

FADE = 0.5  # crop units


@dataclass(frozen=True)
class MaskConfig:
    size: int = 160
    widths: tuple[int, ...] = (12, 24, 40, 64, 80)


class MaskNet(nn.Module):
    """[B, 3, size, size] in 0..1 -> logits [B, size / 2, size / 2] of being the person, hair and clothes included."""

    def __init__(self, config: MaskConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        stages = zip((3, *widths[:-1]), widths, strict=True)
        self.down = nn.ModuleList(nn.Sequential(conv_norm(i, o, 2), Residual(o)) for i, o in stages)
        self.scene = nn.Linear(widths[-1], widths[-1])  # the whole view's average, told to every cell
        rising = list(zip(widths[::-1][:-1], widths[::-1][1:], strict=True))
        self.up = nn.ModuleList(nn.Sequential(conv_norm(deep + flat, flat), Residual(flat)) for deep, flat in rising)
        self.out = nn.Conv2d(widths[0], 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        x, levels = centred(pictures), []
        for stage in self.down:
            x = stage(x)
            levels.append(x)
        x = x + self.scene(x.mean((2, 3)))[:, :, None, None]
        for stage, level in zip(self.up, levels[-2::-1], strict=True):
            x = stage(torch.cat([functional.interpolate(x, level.shape[2:], mode="nearest"), level], 1))
        return self.out(x)[:, 0]


def spread(view_mask: Tensor, view: Squares, extent: tuple[int, int], most: int) -> Tensor:
    """The mask of a view [1, 1, s, s] laid over a picture of `extent` (height, width), `most` cells along the view.

    Below the view its lower border goes on, as a body does; above and beside it the mask fades within `FADE`.
    """
    scale = most / float(view.side[0])
    height, width = (max(8, round(pixels * scale)) for pixels in extent)
    x = (torch.arange(width) + 0.5) / width * extent[1]
    y = (torch.arange(height) + 0.5) / height * extent[0]
    pixels = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(1, -1, 2)
    grid = to_crop(view, pixels).view(1, height, width, 2)
    laid = functional.grid_sample(view_mask, grid, padding_mode="border", align_corners=False)[0, 0]
    beside, above = grid[0, ..., 0].abs() - 1, -grid[0, ..., 1] - 1
    return laid * (1 - torch.maximum(beside, above) / FADE).clamp(0, 1)


def refine_edges(mask: Tensor, picture: Tensor, radius: int = 4, epsilon: float = 1e-3) -> Tensor:
    """Joint upsampling: the coarse mask follows the picture's edges (fast guided filter, arXiv 1505.00996).

    Within each window the mask is a linear function of grey; the coefficients are found at the mask's resolution and
    applied to the full picture. `mask` [h, w], `picture` [3, H, W] -> [H, W] in 0..1.
    """
    grey = picture.mean(0)[None, None]
    small = functional.interpolate(grey, mask.shape, mode="bilinear", antialias=True)
    coarse = mask[None, None]
    mean_grey, mean_mask = _window_mean(small, radius), _window_mean(coarse, radius)
    variance = _window_mean(small * small, radius) - mean_grey**2
    slope = (_window_mean(small * coarse, radius) - mean_grey * mean_mask) / (variance + epsilon)
    offset = mean_mask - slope * mean_grey
    lines = torch.cat([_window_mean(slope, radius), _window_mean(offset, radius)], 1)
    lines = functional.interpolate(lines, grey.shape[2:], mode="bilinear", align_corners=False)
    return (lines[:, :1] * grey + lines[:, 1:])[0, 0].clamp(0, 1)


def _window_mean(x: Tensor, radius: int) -> Tensor:
    return functional.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)
