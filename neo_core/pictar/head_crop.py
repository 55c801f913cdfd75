"""The upright square around a head, cut from a photo: what a volumetric renderer is shown."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .squares import Squares, axes, cut, frame_head, to_crop, to_picture


@dataclass(frozen=True)
class HeadCrop:
    """Frame pixels are those of the crop."""

    photo: Tensor  # u8 [H, W, 3] as it was read
    square: Squares  # one, in the photo
    size: tuple[int, int]  # of the frame: equal sides

    @cached_property
    def image(self) -> Tensor:
        """The crop; of a large photo only what it covers is looked at. u8 [n, n, 3]"""
        pixels = cut(self.photo, self.square, self.size[0])[0]
        return (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()

    @property
    def to_square(self) -> Tensor:
        """From photo pixels to -1..1 across and down the square. [2, 3]"""
        inverse = torch.linalg.inv(axes(self.square)[0])
        return torch.cat([inverse, -(inverse @ self.square.center[0])[:, None]], 1)

    def to_frame(self, points: Tensor) -> Tensor:
        """Photo pixels to frame pixels. [N, 2]"""
        return (to_crop(self.square, points[None])[0] + 1) * (self.size[0] / 2)

    def to_photo(self, points: Tensor) -> Tensor:
        """Frame pixels to photo pixels. [N, 2]"""
        return to_picture(self.square, points[None] * (2 / self.size[0]) - 1)[0]


def crop_head(photo: Tensor, landmarks68: Tensor, size: int) -> HeadCrop:
    """The crop of a photo u8 [H, W, 3] that public renderers expect, around a face [68, 2]."""
    return HeadCrop(photo, frame_head(landmarks68[None]), (size, size))
