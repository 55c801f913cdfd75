"""A small window of the picture drawn with care: lips and mouth, or one eye with its lids.

Inside a window the mesh is rasterised above pixel resolution and every layer (skin, and what shows through its
opening) gets its own coverage and its own average flow per pixel, so edges are smooth and the photo is still sampled
once.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.head_model import HeadModel
from ...geometry.rasteriser import interpolate, rasterise

DENSITY = 2.0  # samples per pixel and side ...
BLANK, SKIN, INNER = -1, 0, 1
MAX_SAMPLES = 320  # ... but no more than this along the longer side


@dataclass(frozen=True)
class Window:
    """Whole pixels of the picture."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class Layers:
    """Averages per pixel of a window; `inner` is what shows through the opening (eyeball, mouth)."""

    skin: Tensor  # [h, w] coverage
    inner: Tensor  # [h, w] coverage
    skin_values: Tensor  # [C, h, w] mean over the covered part
    inner_values: Tensor  # [C, h, w]


def window_around(points: Tensor, margin: float, bounds: Window) -> Window:
    """The pixels around some points [N, 2], with a margin in pixels, inside `bounds`."""
    low = (points.amin(0) - margin).floor().int().tolist()
    high = (points.amax(0) + margin).ceil().int().tolist()
    left = min(max(low[0], bounds.left), bounds.left + bounds.width - 2)
    top = min(max(low[1], bounds.top), bounds.top + bounds.height - 2)
    right = min(max(high[0], left + 2), bounds.left + bounds.width)
    bottom = min(max(high[1], top + 2), bounds.top + bounds.height)
    return Window(top, left, bottom - top, right - left)


def feather(at: Window, border: int = 4) -> Tensor:
    """1 inside a window, falling to 0 over its border. [h, w]"""

    def side(length: int) -> Tensor:
        near = torch.minimum(torch.arange(length), length - 1 - torch.arange(length)).float()
        return (near / max(1, border)).clamp(max=1)

    return side(at.height)[:, None] * side(at.width)[None]


def facing(screen: Tensor, triangles: Tensor) -> Tensor:
    """Which triangles show their outside. [V, 3], [F, 3] -> bool [F]"""
    a, b, c = (screen[triangles[:, k], :2] for k in range(3))
    first, second = b - a, c - a
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0  # rows grow downwards


@dataclass(frozen=True)
class Cut:
    """The part of the mesh drawn in a window."""

    triangles: Tensor  # [M] numbers of the model's triangles
    layer: Tensor  # [M] SKIN, INNER or BLANK (hides what is behind it, carries nothing)
    push: Tensor  # [V] depth added, so that eyeballs and teeth stay behind lids and lips where meshes touch


def draw_layers(screen: Tensor, model: HeadModel, cut: Cut, window: Window, values: Tensor) -> Layers:
    """Rasterise a cut of the mesh in a window and average vertex values [V, C] per layer and pixel."""
    density = min(DENSITY, MAX_SAMPLES / max(window.height, window.width))
    rows, columns = max(1, round(window.height * density)), max(1, round(window.width * density))
    scale = screen.new_tensor([columns / window.width, rows / window.height])
    near = torch.cat(
        [(screen[:, :2] - screen.new_tensor([window.left, window.top])) * scale, screen[:, 2:] + cut.push[:, None]], 1
    )
    triangles = model.triangles[cut.triangles]
    front = facing(near, triangles)
    fragments = rasterise(near, triangles[front], rows, columns)
    layer = cut.layer[front]
    shown = torch.where(fragments.triangle >= 0, layer[fragments.triangle.clamp(min=0)], BLANK)
    drawn = interpolate(fragments, triangles[front], values).permute(2, 0, 1)
    masks = torch.stack([shown == SKIN, shown == INNER]).float()  # [2, r, c]
    parts = torch.cat([masks, (masks[:, None] * drawn).flatten(0, 1)])
    mean = _average(parts, (window.height, window.width))
    cover, total = mean[:2], mean[2:].unflatten(0, (2, -1))
    return Layers(*cover, *(total / cover[:, None].clamp(min=1e-4)))


def _average(image: Tensor, size: tuple[int, int]) -> Tensor:
    if image.shape[1] == 2 * size[0] and image.shape[2] == 2 * size[1]:
        return F.avg_pool2d(image[None], 2)[0]
    return F.interpolate(image[None], size, mode="bilinear", align_corners=False)[0]
