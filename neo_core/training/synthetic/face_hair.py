"""Brows, lashes, beards: short hair that rides on the moving skin."""

import numpy as np
import torch
from torch import Tensor

from ...geometry.head_model import HeadModel
from .skin import beard_area
from .strands import Strands, at, drop, scatter
from .surface import FACE, Surface, curve, normalise
from .traits import Traits

BROWS = (slice(17, 22), slice(22, 27))  # Multi-PIE, outer to inner and inner to outer
LIDS = ((36, 37, 38, 39), (45, 44, 43, 42))  # outer to inner corner
LOWER_LIDS = ((36, 41, 40, 39), (45, 46, 47, 42))


def brow_shift(points: Tensor, traits: Traits) -> Tensor:
    """Where points of the bone's brow [..., 3] lie on this person's brow: higher or lower, steeper or flatter."""
    up = traits.brow_lift + traits.brow_slope * (points[..., 0].abs() - 3.3)
    return points + torch.stack([torch.zeros_like(up), up, torch.zeros_like(up)], -1)


def brow_curve(surface: Surface, traits: Traits, side: int, count: int = 40) -> Tensor:
    """Middle line of a brow in the template, inner to outer end. [count, 3]"""
    points = surface.landmarks[BROWS[side]]
    points = points.flip(0) if side == 0 else points
    inner = points[:1] + 0.15 * (points[:1] - points[1:2])
    outer = points[-1:] + 0.08 * (points[-1:] - points[-2:-1])
    return curve(brow_shift(torch.cat([inner, points[1:-1], outer]), traits), count)


def brow_thickness(along: Tensor, traits: Traits) -> Tensor:
    """Half height of a brow in cm from inner (0) to outer end (1)."""
    body = (0.62 + 0.38 * (along / 0.3).clamp(max=1)) * (1 - 0.78 * ((along - 0.4).clamp(min=0) / 0.6) ** 1.3)
    return 0.47 * traits.brow_thickness * body.clamp(min=0.08)


def grow_brows(
    rng: np.random.Generator, surface: Surface, rest: Tensor, normals: Tensor, traits: Traits, count: int
) -> Strands:
    """Both brows: hairs stand up at the inner end and lie along the arch at the outer one."""
    head = surface.head
    fine = (700 / count) ** 0.6
    count = max(8, int(count * traits.brow_density))
    random = torch.from_numpy(rng.random((count, 7))).float().to(rest)
    side = (torch.arange(count, device=rest.device) % 2).bool()
    along = random[:, 0]
    lines = [brow_curve(surface, traits, k) for k in (0, 1)]
    index = (along * (len(lines[0]) - 1)).long()
    middle = torch.where(side[:, None], lines[1][index], lines[0][index])
    across = (1.5 * random[:, 1] + 0.5 * random[:, 2] - 1) * brow_thickness(along, traits)
    seat = middle + torch.stack([torch.zeros_like(across), across - 0.08, torch.zeros_like(across)], -1)
    triangle, weight = drop(head, seat)
    root, normal = at(rest, head, triangle, weight), normalise(at(normals, head, triangle, weight))
    outward = torch.where(side, 1.0, -1.0)
    up = 0.62 * (1 - along) ** 1.3 - 0.22 * along - 0.9 * across / 0.4 * along.clamp(0.2, 1)
    lay = torch.stack([outward * (0.28 + 0.75 * along), up, torch.zeros_like(up)], -1)
    lay = normalise(lay + 0.22 * (random[:, 3:6] - 0.5))
    lay = normalise(lay - normal * (lay * normal).sum(-1, keepdim=True))
    length = (0.38 + 0.28 * random[:, 6]) * (0.75 + 0.25 * traits.brow_thickness)
    steps = torch.linspace(0, 1, 5, device=rest.device)[None, :, None]
    bow = 0.07 * torch.sin(torch.pi * steps * 0.8)
    points = root[:, None] + steps * (lay * length[:, None])[:, None] + (bow + 0.012) * normal[:, None]
    points = points - steps**2 * 0.10 * points.new_tensor([0.0, 1.0, 0.0]) * along[:, None, None]
    color = rest.new_tensor(traits.brow_color) * (0.7 + 0.5 * random[:, 5:6])
    width = rest.new_full((count,), 0.040 * fine) * (0.6 + 0.7 * random[:, 4]) * (1 - 0.45 * along)
    return Strands("brow", points, normal, width, color.clamp(0.01, 0.6), triangle, weight)


def grow_lashes(rng: np.random.Generator, surface: Surface, rest: Tensor, traits: Traits, count: int) -> Strands:
    """Upper lashes curve up and out; lower ones are few and short."""
    head, pieces = surface.head, []
    for lids, upper in ((LIDS, True), (LOWER_LIDS, False)):
        for corners in lids:
            number = count if upper else count // 2
            pieces.append(_lash_row(rng, head, surface.landmarks[list(corners)], rest, traits, number, upper))
    points, triangle, weight, width = (torch.cat(column) for column in zip(*pieces, strict=True))
    color = rest.new_tensor([0.012, 0.010, 0.009]).expand(len(points), 3)
    if traits.liner < 0.1 and max(traits.hair_color) > 0.25:
        color = color + 0.25 * rest.new_tensor(traits.hair_color)
    forward = rest.new_tensor([0.0, 0.0, 1.0]).expand(len(points), 3)
    return Strands("lash", points, forward, width, color, triangle, weight)


def _lash_row(
    rng: np.random.Generator, head: HeadModel, corners: Tensor, rest: Tensor, traits: Traits, count: int, upper: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lashes along one lid margin from the outer to the inner corner."""
    random = torch.from_numpy(rng.random((count, 4))).float().to(rest)
    line = curve(corners, 60)
    along = (torch.arange(count, device=rest.device) + random[:, 0]) / count
    seat = line[(along * 59).long()]
    near = torch.nonzero(head.vertex_part == FACE)[:, 0]
    vertex = near[torch.cdist(seat, head.template[near]).argmin(-1)]
    triangle, weight = _corner_of(head, vertex)
    root = rest[vertex] + (seat - head.template[vertex])
    side = torch.sign(corners[:, 0].mean())
    out = side * (0.65 * (1 - along) - 0.25 * along)
    rise = 0.55 if upper else -0.75
    length = (0.62 if upper else 0.30) * (0.75 + 0.45 * (1 - along)) * (0.8 + 0.4 * random[:, 1]) * traits.lashes
    t = torch.linspace(0, 1, 5, device=rest.device)[None]
    x = out[:, None] * t + 0.12 * (random[:, 2:3] - 0.5) * t
    y = (rise * t**1.6 - (0.10 if upper else 0) * torch.sin(torch.pi * t)) * (0.8 + 0.4 * random[:, 3:4])
    z = (0.85 * t).expand_as(x)
    points = root[:, None] + torch.stack([x, y, z], -1) * length[:, None, None]
    width = rest.new_full((count,), 0.034 if upper else 0.018) * (0.7 + 0.6 * traits.lashes) * (60 / count) ** 0.5
    return points, triangle, weight, width


def _corner_of(head: HeadModel, vertex: Tensor) -> tuple[Tensor, Tensor]:
    """A triangle and one-hot weight for each vertex. [N] -> [N], [N, 3]"""
    flat = head.triangles.reshape(-1)
    first = torch.full((int(head.triangles.max()) + 1,), -1, dtype=torch.int64, device=vertex.device)
    first[flat] = torch.arange(len(flat), device=vertex.device)
    slot = first[vertex]
    return slot // 3, torch.nn.functional.one_hot(slot % 3, 3).to(head.template)


def grow_beard(
    rng: np.random.Generator, surface: Surface, rest: Tensor, normals: Tensor, traits: Traits, count: int
) -> Strands | None:
    """Beard and moustache; hairs leave the skin and fall."""
    if traits.beard <= 0:
        return None
    head = surface.head
    density = beard_area(head.template, surface.landmarks, traits.beard_shape) * (head.vertex_part <= 1)
    if float(density.sum()) <= 0:
        return None
    random = rng.random((count, 9))
    triangle, weight = scatter(head, density**1.5, random[:, :3])
    random = torch.from_numpy(random[:, 3:]).float().to(rest)
    seat = at(head.template, head, triangle, weight)
    kept = beard_area(seat, surface.landmarks, traits.beard_shape) > 0.15 + 0.6 * random[:, 5]
    triangle, weight, random, seat = triangle[kept], weight[kept], random[kept], seat[kept]
    root, normal = at(rest, head, triangle, weight), normalise(at(normals, head, triangle, weight))
    side = seat[:, 0] / 3.0
    moustache = (seat[:, 1] > surface.landmarks[51, 1] - 0.2) & (seat[:, 2] > 8)
    fall = torch.stack([0.35 * side, torch.full_like(side, -0.8), torch.full_like(side, 0.15)], -1)
    combed = torch.stack(
        [side.sign() * (0.35 + 0.4 * side.abs()), torch.full_like(side, -0.65), torch.full_like(side, 0.1)], -1
    )
    lay = torch.where(moustache[:, None], combed, fall) + 0.45 * (random[:, :3] - 0.5)
    lay = normalise(lay + 0.45 * normal)
    longest = torch.where(moustache, min(traits.beard, 0.8), traits.beard)
    length = longest * (0.55 + 0.45 * random[:, 3])
    t = torch.linspace(0, 1, 7, device=rest.device)[None, :, None]
    curl = 0.10 * traits.beard * torch.sin(6 * t + 6 * random[:, 4, None, None]) * t
    points = root[:, None] + t * (lay * length[:, None])[:, None] + curl * lay.flip(-1)[:, None]
    points = points - 0.18 * t**2 * length[:, None, None] * points.new_tensor([0.0, 1.0, 0.0])
    color = rest.new_tensor(traits.brow_color) * (0.8 + 1.1 * random[:, 4:5])
    width = rest.new_full((len(points),), 0.11) * (1500 / count) ** 0.6
    return Strands("beard", points, normal, width, color.clamp(0.008, 0.8), triangle, weight)


def shifted_brow_landmarks(surface: Surface, rows: Tensor, traits: Traits) -> tuple[Tensor, Tensor]:
    """Surface points of the landmarks `rows` [R] after the person's own brow shift: triangle [R], weight [R, 3]."""
    return drop(surface.head, brow_shift(surface.landmarks[rows], traits))


def brow_shade(surface: Surface, position: Tensor, traits: Traits) -> Tensor:
    """Soft shade under the brows, so that they close at a distance. [h, w]"""
    total = torch.zeros_like(position[..., 0])
    for side in (0, 1):
        line = brow_curve(surface, traits, side)
        flat = position.new_tensor([1.0, 1.0, 0.35])
        gap = torch.full_like(total, 9.0)
        near = (position[..., 2] > 4) & (
            (position[..., :2] - line[:, :2].mean(0)).abs() < position.new_tensor([4.0, 2.5])
        ).all(-1)
        apart, index = torch.cdist(position[near] * flat, line * flat).min(-1)
        fade = torch.zeros_like(total)
        fade[near] = index / (len(line) - 1)
        gap[near] = apart / brow_thickness(index / (len(line) - 1), traits).clamp(min=0.06)
        total = total + torch.exp(-((gap / 1.0) ** 2)) * (1 - 0.6 * fade)
    return total.clamp(max=1)
