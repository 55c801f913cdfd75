"""Frame a photo for the renderer.

The renderer works on a *framing*: the whole photo at its own size, or a square around head and shoulders. Both are a
scale and a shift, so points go both ways; sides are even because video needs it.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

SQUARE_MARGIN = 2.2  # side of the square over the longer side of the face box: head and shoulders
SQUARE_DROP = 0.1  # centre of the square below the centre of the face box, in face boxes
MAX_SIDE = 4096


@dataclass(frozen=True)
class Framing:
    """A picture cut from a photo and scaled: frame point = (photo point - origin) x scale."""

    photo: Tensor  # u8 [H, W, 3] as it was read
    box: tuple[int, int, int, int]  # left, top, right, bottom of the part that is shown, photo pixels
    size: tuple[int, int]  # height, width of the frame

    @cached_property
    def image(self) -> Tensor:
        """The frame. u8 [h, w, 3]"""
        left, top, right, bottom = self.box
        part = self.photo[top:bottom, left:right]
        if part.shape[:2] != self.size:
            pixels = scaled(part.permute(2, 0, 1)[None].float(), self.size)[0].permute(1, 2, 0)
            part = pixels.round().clamp(0, 255).to(torch.uint8)
        return part.contiguous()

    def framed(self, mask: Tensor) -> Tensor:
        """What belongs to the frame of a mask of the photo, in 0..1. [H, W] -> [h, w]"""
        left, top, right, bottom = self.box
        part = mask[top:bottom, left:right]
        return part if part.shape == self.size else scaled(part[None, None], self.size)[0, 0].clamp(0, 1)

    @property
    def scale(self) -> tuple[float, float]:
        """Frame pixels per photo pixel, across and down."""
        left, top, right, bottom = self.box
        return self.size[1] / (right - left), self.size[0] / (bottom - top)

    @property
    def origin(self) -> tuple[float, float]:
        """The frame's upper left corner in the photo."""
        return float(self.box[0]), float(self.box[1])

    def to_frame(self, points: Tensor) -> Tensor:
        """Photo pixels to frame pixels. [..., 2]"""
        return (points - points.new_tensor(self.origin)) * points.new_tensor(self.scale)

    def to_photo(self, points: Tensor) -> Tensor:
        """Frame pixels to photo pixels. [..., 2]"""
        return points / points.new_tensor(self.scale) + points.new_tensor(self.origin)


def whole(photo: Tensor) -> Framing:
    """The whole photo at its own size (an odd last row or column is left out), at most `MAX_SIDE` long. u8 [H, W, 3]"""
    height, width = (side - side % 2 for side in photo.shape[:2])
    ratio = min(1.0, MAX_SIDE / max(height, width))
    return Framing(photo, (0, 0, width, height), (_even(height * ratio), _even(width * ratio)))


def square_around(photo: Tensor, box: Tensor, size: int) -> Framing:
    """A `size` square with head and shoulders around the face `box` [4] (x0, y0, x1, y1), inside the photo."""
    height, width = photo.shape[:2]
    x0, y0, x1, y1 = (float(v) for v in box)
    face = max(x1 - x0, y1 - y0)
    side = min(round(face * SQUARE_MARGIN), height, width)
    left = round(min(max((x0 + x1 - side) / 2, 0), width - side))
    top = round(min(max((y0 + y1 - side) / 2 + SQUARE_DROP * face, 0), height - side))
    return Framing(photo, (left, top, left + side, top + side), (_even(size), _even(size)))


def scaled(image: Tensor, size: tuple[int, int]) -> Tensor:
    """[1, C, H, W] to another size, without aliasing."""
    return F.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))
