"""Put a rendered crop back where it was cut: through a soft mask, in linear light, at the picture's own size.

Every frame is pasted into the picture it came from by the very square it was cut by (`squares.cut`), so nothing adds
up: after thousands of frames the head is as large as before, and where it was. What the mask leaves out is not
computed, so those bytes stay what they are.

Letters: n side of the crop, [H, W] the picture, [h, w] the part of it that a square covers.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from .geometric.light import to_display, to_light
from .squares import Squares, axes, covered

RIM = 1 / 16  # share of the crop's side over which a mask fades at its rim
FAINT = 1 / 512  # of a mask, that no byte of a picture shows


def rim_mask(size: int, rim: float = RIM) -> Tensor:
    """1 inside a crop, falling smoothly to 0 at its rim. [n, n]"""
    line = (torch.arange(size) + 0.5) / size
    inside = (torch.minimum(line, 1 - line) / rim).clamp(0, 1)
    ease = inside * inside * (3 - 2 * inside)
    return ease[:, None] * ease


@torch.no_grad()
def paste_back(frame: Tensor, crop: Tensor, square: Squares, mask: Tensor, allowed: Tensor | None = None) -> Tensor:
    """A new picture with the crop in it. frame u8 [H, W, 3], crop [3, n, n] in 0..1 cut by the one `square`, mask
    [n, n] in 0..1, 0 at its rim -> u8 [H, W, 3]. `allowed` [H, W] in 0..1 is how far each pixel may change."""
    return find_seat(frame.shape[:2], square, mask, allowed).filled(frame, crop)


@dataclass(frozen=True)
class Seat:
    """The P pixels of a picture that a crop covers, and what each takes of it: all that does not depend on colours."""

    row: Tensor  # [P] of the picture
    column: Tensor  # [P]
    share: Tensor  # [P, 1] of the crop in the pixel
    at: Tensor  # [1, P, 1, 2] of the pixel in the crop
    side: float  # of the square, pixels

    def to(self, device: torch.device | str) -> "Seat":
        return replace(self, **{name: getattr(self, name).to(device) for name in ("row", "column", "share", "at")})

    @torch.no_grad()
    def filled(self, frame: Tensor, crop: Tensor) -> Tensor:
        """frame u8 [H, W, 3] with the crop [3, n, n] in 0..1, both where the seat is; a CUDA graph can record it."""
        mode = "bicubic" if self.side > crop.shape[-1] else "bilinear"  # a large picture shows straight edges
        layers = _no_finer(to_light(crop)[None], self.side)
        light = functional.grid_sample(layers, self.at, mode=mode, padding_mode="border", align_corners=False)
        own = frame[self.row, self.column]
        mixed = torch.lerp(to_light(own.float() / 255), light[0, :, :, 0].T, self.share)
        pasted = frame.clone()
        pasted[self.row, self.column] = (to_display(mixed) * 255).round().clamp(0, 255).to(torch.uint8)
        return pasted


@torch.no_grad()
def find_seat(size: tuple[int, int], square: Squares, mask: Tensor, allowed: Tensor | None = None) -> Seat:
    """Where a crop with a mask [n, n] lies in pictures of a size (H, W), of which `allowed` [H, W] may change."""
    rows, columns = covered(square, size)
    at = _crop_coordinates(square, rows, columns)  # [1, h, w, 2]
    soft = _no_finer(mask[None, None], float(square.side[0]))
    share = functional.grid_sample(soft, at, padding_mode="zeros", align_corners=False)[0, 0]
    share = share * (at[0].abs().amax(-1) < 1)  # interpolation reaches half a pixel beyond the crop
    share = share if allowed is None else share * allowed[rows, columns]
    row, column = torch.nonzero(share > FAINT, as_tuple=True)
    place = at[0, row, column][None, :, None]
    return Seat(row + rows.start, column + columns.start, share[row, column][:, None], place, float(square.side[0]))


def _crop_coordinates(square: Squares, rows: slice, columns: slice) -> Tensor:
    """Where the pixels of a part of the picture lie in the crop. [1, h, w, 2]

    In double: at pixel 4000 a float32 is off by a four-thousandth of a pixel, always to the same side.
    """
    y, x = (torch.arange(side.start, side.stop, dtype=torch.float64) + 0.5 for side in (rows, columns))
    inverse = torch.linalg.inv(axes(square)[0].double())
    from_x = (x - square.center[0, 0])[None, :, None] * inverse[:, 0]
    from_y = (y - square.center[0, 1])[:, None, None] * inverse[:, 1]
    return (from_x + from_y).float()[None]


def _no_finer(layers: Tensor, side: float) -> Tensor:
    """A crop [1, C, n, n] that has more pixels than the picture, averaged down to as many as that has."""
    size = max(1, round(side))
    if size >= layers.shape[-1]:
        return layers
    return functional.interpolate(layers, (size, size), mode="bilinear", antialias=True)
