"""Hair as polylines: what a bundle of strands is, where it may grow, and how it moves with the face.

Letters: N strands, S points of a strand, V vertices.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...geometry.head_model import HeadModel
from .surface import FACE, HEAD

KINDS = ("scalp", "brow", "lash", "beard")


@dataclass(frozen=True)
class Strands:
    """One growth of hair in the person's neutral space."""

    kind: str
    points: Tensor  # [N, S, 3] root first
    normal: Tensor  # [N, 3] of the skin at the root
    width: Tensor  # [N] cm at the root
    color: Tensor  # [N, 3] linear albedo
    triangle: Tensor  # [N] the root's triangle of the head model
    weight: Tensor  # [N, 3] barycentric


def join(a: Strands, b: Strands) -> Strands:
    """Two growths of the same kind and number of points as one."""
    fields = ("points", "normal", "width", "color", "triangle", "weight")
    return replace(a, **{name: torch.cat([getattr(a, name), getattr(b, name)]) for name in fields})


def at(vertices: Tensor, head: HeadModel, triangle: Tensor, weight: Tensor) -> Tensor:
    """Points of the surface. [..., V, C] -> [..., N, C]"""
    return (vertices[head.triangles[triangle]] * weight[..., None]).sum(-2)


def follow(strands: Strands, head: HeadModel, rest: Tensor, now: Tensor, blink: tuple[float, float]) -> Tensor:
    """Strand points when the neutral vertices `rest` have moved to `now`. [N, S, 3]

    Roots ride on the skin; lashes also turn down with the closing lid.
    """
    if strands.kind == "scalp":
        return strands.points
    points = strands.points
    if strands.kind == "lash":
        left = points[:, :1, :1] > 0
        closed = torch.where(left, *(points.new_tensor(b) for b in blink))
        offset = points - points[:, :1]
        sink = torch.stack([torch.zeros_like(closed), -1.1 * closed, torch.zeros_like(closed)], -1)[..., 0, :]
        points = points[:, :1] + offset + sink * offset.norm(dim=-1, keepdim=True)
    shift = at(now - rest, head, strands.triangle, strands.weight)
    return points + shift[:, None]


def scatter(head: HeadModel, density: Tensor, uniform: np.ndarray) -> tuple[Tensor, Tensor]:
    """Random points of the skin, as many as rows of `uniform` [N, 3], where density [V] is high.

    Returns triangle [N] and barycentric weight [N, 3]. Equal rows of `uniform` give equal points.
    """
    allowed = torch.isin(head.triangle_part, torch.tensor((FACE, HEAD), device=density.device))
    candidates = torch.nonzero(allowed)[:, 0]
    corners = head.template[head.triangles[candidates]]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1)
    mass = (area * density[head.triangles[candidates]].mean(-1)).double().cumsum(0)
    u = torch.from_numpy(uniform).to(density.device)
    chosen = torch.searchsorted(mass, u[:, 0] * mass[-1]).clamp(max=len(mass) - 1)
    root, split = u[:, 1].sqrt().float(), u[:, 2].float()
    weight = torch.stack([1 - root, root * (1 - split), root * split], -1)
    return candidates[chosen], weight


def drop(head: HeadModel, points: Tensor) -> tuple[Tensor, Tensor]:
    """The point of the template's face in front of each point [N, 3] (seen along z): triangle [N], weight [N, 3]."""
    low, high = points.amin(0) - 1.5, points.amax(0) + 1.5
    corners = head.template[head.triangles]  # [F, 3, 3]
    middle = corners.mean(1)
    near = (head.triangle_part == FACE) & (middle[:, :2] > low[:2]).all(1) & (middle[:, :2] < high[:2]).all(1)
    candidates = torch.nonzero(near & (middle[:, 2] > 3))[:, 0]
    a, b, c = (corners[candidates, k, :2] for k in range(3))
    v, w = b - a, c - a
    area = v[:, 0] * w[:, 1] - v[:, 1] * w[:, 0]
    offset = points[:, None, :2] - a  # [N, F, 2]
    second = (offset[..., 0] * w[:, 1] - offset[..., 1] * w[:, 0]) / area
    third = (v[:, 0] * offset[..., 1] - v[:, 1] * offset[..., 0]) / area
    weight = torch.stack([1 - second - third, second, third], -1)
    outside = (-weight).clamp(min=0).sum(-1)
    best = (100 * outside - 0.1 * middle[candidates, 2]).nan_to_num(1e9).argmin(-1)
    rows = torch.arange(len(points), device=points.device)
    return candidates[best], weight[rows, best].clamp(0, 1)
