"""Tilted squares in a picture, and cutting them out as crops.

Crop coordinates run from -1 to 1, x right, y down; picture coordinates are pixels with the centre of the first pixel
at 0.5. A positive tilt is clockwise as displayed: a crop with the tilt of a face shows that face upright.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 1.35  # side of a face crop over the extent of its landmarks
ROOM = 2  # pixels around a square that interpolation may look at
MOST_SAMPLES = 8  # enough to shrink a face of 1200 pixels without aliasing
EYES = (slice(36, 42), slice(42, 48))  # Multi-PIE: the subject's right eye (left in the picture), then the left one
EYE_CORNERS, MOUTH_CORNERS = [36, 39, 42, 45], [48, 54]
HEAD, HEAD_RISE = 2.3, 0.125  # side of a crop of the head over the extent of its landmarks; how far up it is moved


@dataclass(frozen=True)
class Squares:
    """B square crops of one picture (or one each of B pictures)."""

    center: Tensor  # [B, 2] pixels
    side: Tensor  # [B] pixels
    tilt: Tensor  # [B] degrees

    def __getitem__(self, chosen: Tensor | slice) -> "Squares":
        return Squares(self.center[chosen], self.side[chosen], self.tilt[chosen])

    def __len__(self) -> int:
        return self.side.shape[0]


def axes(squares: Squares) -> Tensor:
    """Columns: one crop unit right and one crop unit down, in pixels. [B, 2, 2]"""
    angle = torch.deg2rad(squares.tilt)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return turn * (squares.side / 2)[:, None, None]


def to_picture(squares: Squares, points: Tensor) -> Tensor:
    """Crop coordinates [B, N, 2] to pixels [B, N, 2]."""
    return points @ axes(squares).transpose(1, 2) + squares.center[:, None]


def to_crop(squares: Squares, points: Tensor) -> Tensor:
    """Pixels [B, N, 2] to crop coordinates [B, N, 2]."""
    return (points - squares.center[:, None]) @ torch.linalg.inv(axes(squares)).transpose(1, 2)


def frame_face(landmarks: Tensor, margin: float = MARGIN) -> Squares:
    """The upright crop around a face: eye line level, centred on the landmarks' extent. [B, K, 2] pixels."""
    right, left = (landmarks[:, eye].mean(1) for eye in EYES)
    line = left - right
    return _around(landmarks, torch.rad2deg(torch.atan2(line[:, 1], line[:, 0])), margin)


def frame_head(landmarks: Tensor, margin: float = HEAD, rise: float = HEAD_RISE) -> Squares:
    """The upright crop with the whole head: the line from the middle of the eyes to the middle of the mouth is its
    vertical, as in the crops of LivePortrait. [B, K, 2] pixels, the Multi-PIE 68 first

    Unlike the line of the eyes, that vertical barely moves when a face turns to the side.
    """
    down = landmarks[:, MOUTH_CORNERS].mean(1) - landmarks[:, EYE_CORNERS].mean(1)
    down = down / down.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    tilt = torch.rad2deg(torch.atan2(-down[:, 0], down[:, 1]))
    square = _around(landmarks, tilt, margin)
    return Squares(square.center - down * square.side[:, None] * rise, square.side, tilt)


def _around(landmarks: Tensor, tilt: Tensor, margin: float) -> Squares:
    """Centred on the extent that landmarks [B, K, 2] have along the axes of a tilt [B]."""
    upright = Squares(torch.zeros_like(landmarks[:, 0]), torch.full_like(tilt, 2.0), tilt)
    flat = to_crop(upright, landmarks)  # pixels, turned level
    low, high = flat.amin(1), flat.amax(1)
    center = to_picture(upright, ((low + high) / 2)[:, None])[:, 0]
    return Squares(center, (high - low).amax(-1) * margin, tilt)


def covered(square: Squares, size: tuple[int, int], margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns that one tilted square may touch of a picture of a size (H, W), and so many more around."""
    reach = axes(square)[0].abs().sum(1) + margin  # [2] pixels from the centre, across and down
    low, high = (square.center[0] - reach).tolist(), (square.center[0] + reach).tolist()
    rows = slice(max(0, math.floor(low[1])), min(size[0], math.ceil(high[1])))
    columns = slice(max(0, math.floor(low[0])), min(size[1], math.ceil(high[0])))
    return tuple(slice(side.start, max(side.start, side.stop)) for side in (rows, columns))


def cut(picture: Tensor, squares: Squares, size: int) -> Tensor:
    """Crops [B, C, size, size] of one picture: edges repeated outside, averaged where the crop shrinks it.

    The picture is [C, H, W], or u8 [H, W, 3] of any size: of that only what a square covers becomes numbers in 0..1.
    """
    crops = [_cut_one(*_covered_part(picture, squares[k : k + 1]), size) for k in range(len(squares))]
    channels = 3 if _is_bytes(picture) else len(picture)
    return torch.cat(crops) if crops else torch.zeros(0, channels, size, size, device=picture.device)


def _is_bytes(picture: Tensor) -> bool:
    return picture.dtype == torch.uint8


def _covered_part(picture: Tensor, square: Squares) -> tuple[Tensor, Squares]:
    """What one square covers of a picture of bytes, as [3, h, w] in 0..1, and the square in it."""
    if not _is_bytes(picture):
        return picture, square
    rows, columns = covered(square, tuple(picture.shape[:2]), ROOM)
    part = picture[rows, columns]
    if part.numel():
        square = replace(square, center=square.center - square.center.new_tensor([columns.start, rows.start]))
    else:
        part = picture  # the square lies beside it
    return part.permute(2, 0, 1).float() / 255, square


def _cut_one(picture: Tensor, squares: Squares, size: int) -> Tensor:
    samples = min(max(math.ceil(float(squares.side[0]) / (1.2 * size)), 1), MOST_SAMPLES)  # per crop pixel and axis
    pixels = to_picture(squares, crop_grid(size * samples, picture.device))  # [1, N, 2]
    extent = pixels.new_tensor([picture.shape[2], picture.shape[1]])
    grid = (pixels / extent * 2 - 1).view(1, size * samples, size * samples, 2)
    crop = functional.grid_sample(picture[None], grid, padding_mode="border", align_corners=False)
    return functional.avg_pool2d(crop, samples)


def crop_grid(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Crop coordinates of the pixel centres, row by row. [1, size * size, 2]"""
    line = (torch.arange(size, device=device) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).view(1, -1, 2)
