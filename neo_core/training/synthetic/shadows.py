"""Shadows: what each lamp sees of skin, cloth and hair, and how soft its edges are on the picture."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.rasteriser import rasterise
from .surface import light_depth, smoothstep

EXTENT = 23.0  # half side of the lit square around the head, cm
BIAS = 0.35
THICK = 0.55  # cm of hair that stops two thirds of the light


@dataclass(frozen=True)
class ShadowMap:
    """The nearest opaque and hairy thing in every direction parallel to a lamp's."""

    toward: Tensor  # [3]
    depth: Tensor  # [S, S] opaque
    hair: Tensor  # [S, S] nearest hair, large where there is none
    density: Tensor  # [S, S] optical depth of all hair


def cast(toward: Tensor, points: Tensor, triangles: Tensor, hair: Tensor, weight: Tensor, size: int) -> ShadowMap:
    """Draw a scene from a lamp. points [V, 3], hair points [N, 3] that cover weight [N] square cm each"""
    screen = light_depth(points, toward, EXTENT, size)
    solid = rasterise(screen, triangles, size, size).depth.clamp(max=1e3)
    return _with_hair(toward, solid, hair, weight)


def cast_soft(toward: Tensor, points: Tensor, hair: Tensor, weight: Tensor, size: int) -> ShadowMap:
    """The same for a fill light from the vertices alone: coarse, without rasterising. points [V, 3]"""
    screen = light_depth(points, toward, EXTENT, size)
    depth = torch.full((size * size,), 1e3, device=points.device)
    depth.scatter_reduce_(0, _cells(screen, size), screen[:, 2], "amin")
    depth = -F.max_pool2d(-depth.view(1, 1, size, size), 3, stride=1, padding=1)[0, 0]
    return _with_hair(toward, depth, hair, weight)


def _with_hair(toward: Tensor, solid: Tensor, hair: Tensor, weight: Tensor) -> ShadowMap:
    """Complete a map with hair points [N, 3] that cover weight [N] square cm each."""
    size = solid.shape[0]
    seen = light_depth(hair, toward, EXTENT, size)
    cell = _cells(seen, size)
    nearest = torch.full((size * size,), 1e3, device=hair.device).scatter_reduce_(0, cell, seen[:, 2], "amin")
    density = torch.zeros(size * size, device=hair.device).scatter_add_(0, cell, weight / (2 * EXTENT / size) ** 2)
    smooth = F.avg_pool2d(density.view(1, 1, size, size), 3, stride=1, padding=1)[0, 0]
    return ShadowMap(toward, solid, nearest.view(size, size), smooth)


def _cells(screen: Tensor, size: int) -> Tensor:
    column, row = screen[:, 0].long().clamp(0, size - 1), screen[:, 1].long().clamp(0, size - 1)
    return row * size + column


def lit_surface(shadow: ShadowMap, points: Tensor) -> Tensor:
    """Share of the lamp that reaches surface points [P, 3], hard-edged. [P]"""
    size = shadow.depth.shape[0]
    seen = light_depth(points, shadow.toward, EXTENT, size)
    cell = _cells(seen, size)
    free = smoothstep(seen[:, 2] - shadow.depth.view(-1)[cell], BIAS + 0.25, BIAS)
    beyond = (seen[:, :2] < 1).any(-1) | (seen[:, :2] > size - 1).any(-1)
    free = torch.where(beyond, 1.0, free)
    behind = smoothstep(seen[:, 2] - shadow.hair.view(-1)[cell], 0.25, 1.0)
    return free * torch.exp(-shadow.density.view(-1)[cell] * behind)


def lit_hair(shadow: ShadowMap, points: Tensor) -> Tensor:
    """Share of the lamp that reaches hair [P, 3]: it fades with depth into the hair. [P]"""
    size = shadow.depth.shape[0]
    seen = light_depth(points, shadow.toward, EXTENT, size)
    cell = _cells(seen, size)
    free = smoothstep(seen[:, 2] - shadow.depth.view(-1)[cell], 1.3, 0.5)
    inside = (seen[:, 2] - shadow.hair.view(-1)[cell]).clamp(min=0)
    return free * torch.exp(-inside / THICK).clamp(min=0.04)


def soften(lit: Tensor, known: Tensor, radius: int, coarse: int = 1) -> Tensor:
    """Blur a shadow term on the picture without mixing in the background; work on a picture `coarse` times smaller.

    lit, known [H, W] -> [H * W]; the radius is in small pixels.
    """
    height, width = lit.shape
    stacked = torch.stack([lit * known, known])[None]
    if coarse > 1:
        stacked = F.avg_pool2d(stacked, coarse)
    size = 2 * radius + 1
    for _ in range(2 if radius else 0):
        stacked = F.avg_pool2d(stacked, (size, 1), stride=1, padding=(radius, 0))
        stacked = F.avg_pool2d(stacked, (1, size), stride=1, padding=(0, radius))
    soft = stacked[:, :1] / stacked[:, 1:].clamp(min=1e-4)
    return F.interpolate(soft, (height, width), mode="bilinear").view(-1) if coarse > 1 else soft.view(-1)
