"""Projected flow: where each pixel of a moved surface was before, and whether it could be seen there."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .rasteriser import Fragments, interpolate, rasterise

TOLERANCE = 0.15  # head units by which a point may lie behind the surface seen in the source


@dataclass(frozen=True)
class SurfaceFlow:
    """Backward flow of a target picture; values count where `visible` or at least `target.triangle >= 0`."""

    target: Fragments  # what the target's pixels see
    source: Tensor  # [H, W, 2] where that surface point lies in the source picture, pixels
    visible: Tensor  # [H, W] bool: the source picture shows this very point


def backward_flow(
    source: Tensor, target: Tensor, triangles: Tensor, source_size: tuple[int, int], target_size: tuple[int, int]
) -> SurfaceFlow:
    """Flow from one projected mesh to another of the same topology.

    source, target [V, 3]: pixels and depth as `camera.project` gives them; sizes are (height, width). A target pixel at
    (x, y) shows what the source shows at `flow.source[y, x]`; pixel centres lie at + 0.5.
    """
    seen = rasterise(target, triangles, *target_size)
    before = interpolate(seen, triangles, source)  # [H, W, 3]
    depth = rasterise(source, triangles, *source_size).depth
    inside = (before[..., :2] >= 0).all(-1) & (before[..., :2] < before.new_tensor(source_size[::-1])).all(-1)
    nearest = _nearest_depth(depth, before[..., :2])
    visible = (seen.triangle >= 0) & inside & (before[..., 2] <= nearest + TOLERANCE)
    return SurfaceFlow(seen, before[..., :2], visible)


def _nearest_depth(depth: Tensor, at: Tensor) -> Tensor:
    """The farthest depth among the 3 x 3 pixels around each position, so that edges do not hide themselves. [H, W]"""
    height, width = depth.shape
    far = functional.max_pool2d(torch.where(torch.isinf(depth), -1, depth)[None, None], 3, 1, 1)[0, 0]
    x = at[..., 0].floor().clamp(0, width - 1).long()
    y = at[..., 1].floor().clamp(0, height - 1).long()
    return far[y, x]
