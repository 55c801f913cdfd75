"""Proposes where faces may be: one tiny network slid over an image pyramid.

It alone is not to be trusted (every round thing with two dark spots is a face to it); the landmark network verifies.
A map cell covers `STRIDE` pixels of its pyramid level; it says whether a face is centred there, how large (log of the
face box's side over `FACE_SIDE`) and how far the centre lies from the cell, in cells.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..nn.conv2d import Residual, centred, conv_norm
from ..runtime.placement import ask
from .squares import MARGIN, Squares, cut, to_picture

STRIDE = 4
FACE_SIDE = 30.0  # pixels of a face box the network is made for; the pyramid covers the other sizes
LEVELS = (40, 56, 80, 112, 160, 224, 320, 448, 640)  # longest side of the picture at each pyramid level
PADDING = 8  # repeated edge pixels, so that faces at the border have a surrounding
MOST_PROPOSALS = 16
LEAST_SCORE = 0.2
OVERLAP = 0.3  # boxes that share more than this (intersection over union) are one face
WITHIN = 0.8  # share of a box inside a better one from which on it is a part of that face


@dataclass(frozen=True)
class ScanConfig:
    widths: tuple[int, int, int] = (16, 32, 48)


class ScanNet(nn.Module):
    """[B, 3, H, W] -> [B, 4, H / 4, W / 4]: centre logit, log size, offset x, offset y."""

    def __init__(self, config: ScanConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.widths
        self.layers = nn.Sequential(
            conv_norm(3, first, 2),
            conv_norm(first, second, 2),
            Residual(second),
            conv_norm(second, third),
            Residual(third),
            Residual(third),
            nn.Conv2d(third, 4, 1),
        )
        with torch.no_grad():
            self.layers[-1].bias.copy_(torch.tensor([-4.0, 0, 0, 0]))  # faces are rare: start from "no"

    def forward(self, pictures: Tensor) -> Tensor:
        return self.layers(centred(pictures))


@torch.no_grad()
def propose(net: ScanNet, picture: Tensor) -> Squares:
    """Upright crops that may hold a face, likeliest first, at most `MOST_PROPOSALS`. `picture` [3, H, W] in 0..1."""
    longest = max(picture.shape[1:])
    found = [_scan(net, picture, level / longest) for level in LEVELS if level <= 1.2 * longest]
    boxes = torch.cat(found)  # [N, 4] centre x, centre y, side, score
    boxes = boxes[boxes[:, 3].argsort(descending=True)][: 8 * MOST_PROPOSALS]
    boxes = boxes[suppress(upright_boxes(boxes[:, :2], boxes[:, 2]), OVERLAP)][:MOST_PROPOSALS]
    return Squares(boxes[:, :2], boxes[:, 2] * MARGIN, torch.zeros_like(boxes[:, 2]))


def propose_turned(net: ScanNet, picture: Tensor, tilt: float) -> Squares:
    """The same for faces tilted by about `tilt` degrees: the scan sees the picture turned back."""
    height, width = picture.shape[1:]
    side = float(max(height, width))
    whole = Squares(torch.tensor([[width / 2, height / 2]]), torch.tensor([side]), torch.tensor([tilt]))
    size = min(LEVELS[-1], round(side))
    found = propose(net, cut(picture, whole, size)[0])
    center = to_picture(whole, (found.center / size * 2 - 1)[None])[0]
    return Squares(center, found.side * side / size, found.tilt + tilt)


def _scan(net: ScanNet, picture: Tensor, scale: float) -> Tensor:
    """Peaks of one pyramid level as centre x, centre y, side (picture pixels) and score. [N, 4]"""
    height, width = (max(16, round(extent * scale)) for extent in picture.shape[1:])
    level = functional.interpolate(picture[None], (height, width), mode="bilinear", antialias=True)
    right, bottom = (PADDING + -extent % STRIDE for extent in (width, height))
    level = functional.pad(level, (PADDING, right, PADDING, bottom), mode="replicate")
    centre, size, dx, dy = ask(net, level)[0]
    score = torch.sigmoid(centre)
    peak = (score == functional.max_pool2d(score[None], 3, 1, 1)[0]) & (score > LEAST_SCORE)
    y, x = torch.nonzero(peak, as_tuple=True)
    side = FACE_SIDE * size[y, x].clamp(-1.5, 1.5).exp()
    column = (x + dx[y, x] + 0.5) * STRIDE - PADDING
    row = (y + dy[y, x] + 0.5) * STRIDE - PADDING
    horizontal, vertical = picture.shape[2] / width, picture.shape[1] / height
    return torch.stack([column * horizontal, row * vertical, side * max(horizontal, vertical), score[y, x]], -1)


def upright_boxes(center: Tensor, side: Tensor) -> Tensor:
    """Boxes x0 y0 x1 y1 of squares. [N, 2], [N] -> [N, 4]"""
    return torch.cat([center - side[:, None] / 2, center + side[:, None] / 2], -1)


def suppress(boxes: Tensor, overlap: float) -> Tensor:
    """Indices of the boxes to keep, given best first: each drops the later ones it overlaps. [N, 4] -> [M]"""
    shared = intersection_over_union(boxes, boxes)
    kept: list[int] = []
    for k in range(len(boxes)):
        if not kept or float(shared[k, kept].max()) <= overlap:
            kept.append(k)
    return torch.tensor(kept, dtype=torch.long)


def outermost(boxes: Tensor) -> Tensor:
    """Indices of the boxes to keep, given best first: none that lies within an earlier one, as a mouth that looks like
    a face lies within the face. [N, 4] -> [M]"""
    own = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    within = _shared(boxes, boxes) / own[:, None].clamp(min=1e-9)  # share of each that lies in each other
    earlier = torch.ones(len(boxes), len(boxes)).tril(-1)
    return torch.nonzero((within * earlier).amax(1) < WITHIN)[:, 0] if len(boxes) else own.long()


def _shared(first: Tensor, second: Tensor) -> Tensor:
    """Areas of intersections. [N, 4], [M, 4] -> [N, M]"""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    return (high - low).clamp(min=0).prod(-1)


def intersection_over_union(first: Tensor, second: Tensor) -> Tensor:
    """[N, 4], [M, 4] boxes x0 y0 x1 y1 -> [N, M]"""
    shared = _shared(first, second)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (first, second)]
    return shared / (areas[0][:, None] + areas[1][None] - shared).clamp(min=1e-9)
