"""Scalp hair: where it grows, how long, and which way it is combed.

A strand is walked step by step from its root: it keeps its direction (stiffness), turns to the comb direction of its
style, sinks with gravity, is kept off the face and outside the head (radius over the chart) by its own layer height,
and is drawn to the tip of its lock. Fields, not guides: one pass over all strands at once.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .strands import Strands, at, join, scatter
from .surface import CENTER, HEAD, Surface, lookup, normalise, smoothstep, unwrap
from .traits import Traits

CROWN = (0.8, 13.6, -4.2)
BUN = (0.0, 8.5, -10.0)
# Hairline: azimuth in degrees (0 in front, 180 at the nape) and height of the edge, cm in the template.
AZIMUTH = (0, 18, 36, 50, 60, 68, 74, 79, 84, 98, 108, 122, 150, 180)
EDGE = (10.5, 10.6, 10.3, 8.8, 6.9, 4.9, 2.6, 1.2, 3.9, 4.6, 2.2, -0.8, -4.2, -5.4)
STEPS = 20


@dataclass(frozen=True)
class Style:
    """How a haircut is made; lengths in cm, directions are weights."""

    top: float  # length on top
    side: float  # length at the edge
    whorl: float = 0.0  # comb away from the crown
    part: float = 0.0  # comb away from the parting
    back: float = 0.0  # comb backwards
    gather: float = 0.0  # comb to the bun
    gravity: float = 0.0
    stiff: float = 0.7
    lift: float = 0.5  # share of the normal in the first direction
    layer: float = 0.6  # height of the top layer over the scalp
    curl: float = 0.0  # cm
    turns: float = 0.0  # of a curl, per cm
    lock: float = 0.5  # how strongly strands join their lock
    count: float = 1.0  # factor on the number of strands
    face: bool = False  # strands may cross the forehead


STYLES = {
    "buzz": Style(0.5, 0.35, whorl=0.6, lift=1.0, layer=0.1, lock=0.0, count=1.6),
    "short": Style(3.4, 0.9, whorl=0.8, gravity=0.03, stiff=0.72, lift=0.8, layer=0.9, lock=0.55, count=1.3, face=True),
    "swept": Style(6.5, 2.2, back=1.0, gravity=0.05, stiff=0.66, lift=0.95, layer=1.6, lock=0.55),
    "side": Style(7.5, 2.4, part=1.0, back=0.3, gravity=0.10, stiff=0.66, lift=0.8, layer=1.5, lock=0.55),
    "bob": Style(17.0, 14.0, part=0.9, back=0.25, gravity=0.24, stiff=0.72, lift=0.35, layer=1.7, lock=0.45),
    "long": Style(32.0, 27.0, part=0.9, back=0.30, gravity=0.25, stiff=0.74, lift=0.35, layer=1.7, lock=0.5),
    "curly": Style(10.0, 7.0, whorl=0.3, part=0.2, gravity=0.08, stiff=0.76, lift=0.9,
        layer=3.0, curl=0.42, turns=0.55, lock=0.75, face=True),
    "afro": Style(5.5, 4.0, whorl=0.1, stiff=0.85, lift=1.0,
        layer=5.0, curl=0.28, turns=1.2, lock=0.35, count=1.5, face=True),
    "bun": Style(13.0, 11.0, gather=1.0, stiff=0.35, lift=0.15, layer=0.55, lock=0.3),
    "fringe": Style(10.0, 7.0, whorl=0.9, gravity=0.20, stiff=0.70, lift=0.5, layer=1.5, lock=0.45, face=True),
    "receding": Style(2.6, 1.0, whorl=0.8, gravity=0.03, stiff=0.72, lift=0.7, layer=0.5, lock=0.4),
}  # fmt: skip


def scalp_cover(position: Tensor, traits: Traits) -> Tensor:
    """How densely hair grows at template positions [..., 3] -> [...] in 0..1; the edge is soft and uneven."""
    if traits.hair == "bald":
        return torch.zeros_like(position[..., 0])
    x, y, z = position.unbind(-1)
    azimuth = torch.rad2deg(torch.atan2(x, z)).abs()
    edge = _piecewise(azimuth, AZIMUTH, EDGE)
    front = smoothstep(azimuth, 75, 30)
    edge = edge + front * traits.hairline
    if traits.hair == "receding":
        edge = edge + 4.2 * smoothstep(azimuth, 70, 20)
    ragged = (
        0.22 * torch.sin(3.1 * x + 1.3 * z) + 0.15 * torch.sin(7.7 * x - 5.1 * z) + 0.12 * torch.sin(13 * z + 9 * x)
    )
    cover = smoothstep(y - edge + ragged, -0.45, 0.9)
    if traits.hair == "receding":
        cover = cover * (1 - 0.85 * smoothstep(y, 10.8, 12.4) * smoothstep(z, -6.5, -3.5))
    ear = torch.exp(-(((x.abs() - 9.2) / 1.5) ** 2) - ((y - 1.2) / 3.4) ** 2 - ((z + 0.8) / 2.2) ** 2)
    return cover * (1 - (2.2 * ear).clamp(max=1))


def grow_hair(rng: np.random.Generator, surface: Surface, rest: Tensor, traits: Traits, count: int) -> Strands | None:
    """Scalp hair of a person whose neutral vertices are `rest`; about `count` strands."""
    if traits.hair == "bald":
        return None
    style, head = STYLES[traits.hair], surface.head
    count = int(count * style.count)
    cover = scalp_cover(head.template, traits) * (head.vertex_part <= HEAD)
    random = rng.random((count, 10))
    triangle, weight = scatter(head, cover, random[:, :3])
    random = torch.from_numpy(random[:, 3:]).float().to(rest)
    root = at(rest, head, triangle, weight)
    seat = at(head.template, head, triangle, weight)
    radius = (unwrap(rest, head.triangles[head.triangle_part <= HEAD], 96) - rest.new_tensor(CENTER)).norm(dim=-1)
    length = _length(style, traits, seat, scalp_cover(seat, traits)) * (0.72 + 0.4 * random[:, 0])
    layer = style.layer * traits.hair_volume * (0.12 + 0.88 * random[:, 1])
    points = _walk(style, traits, root, length, layer, random, radius)
    points = _gather(points, style, random)
    if style.curl + traits.wave > 0.15:
        points = _curl(points, style, traits, length, random)
    width = rest.new_full((count,), 0.30 * (2600 / max(count, 1)) ** 0.75) * (0.7 + 0.6 * random[:, 5])
    base = 1.7 if style.layer < 2.5 and style.top > 6 else 1.2  # under layers close the gaps of the upper ones
    width = width * torch.where(random[:, 1] < 0.5, base, 1.0) * (0.6 if traits.hair == "buzz" else 1.0)
    center = rest.new_tensor(CENTER)
    strands = Strands(
        "scalp", points, normalise(root - center), width, _colors(traits, random, points), triangle, weight
    )
    return join(strands, _bun(rng, strands, traits)) if traits.hair == "bun" else strands


def _piecewise(x: Tensor, knots: tuple, values: tuple) -> Tensor:
    """Linear interpolation through (knots, values)."""
    knots, values = x.new_tensor(knots), x.new_tensor(values)
    k = torch.searchsorted(knots, x.contiguous()).clamp(1, len(knots) - 1)
    share = (x - knots[k - 1]) / (knots[k] - knots[k - 1])
    return values[k - 1] + share.clamp(0, 1) * (values[k] - values[k - 1])


def _length(style: Style, traits: Traits, seat: Tensor, cover: Tensor) -> Tensor:
    """Strand length by place: long on top, shorter at sides and nape, shortest along the hairline. [N]"""
    height = smoothstep(seat[:, 1], 4.5, 10.5)
    length = style.side + (style.top - style.side) * height
    front = smoothstep(seat[:, 2], 4.0, 8.0) * smoothstep(seat[:, 1], 7.0, 9.5)
    if traits.hair == "fringe":
        length = length * (1 - front) + front * 6.2
    return length * traits.hair_length * (0.35 + 0.65 * smoothstep(cover, 0.05, 0.8))


def _walk(
    style: Style, traits: Traits, root: Tensor, length: Tensor, layer: Tensor, random: Tensor, radius: Tensor
) -> Tensor:
    """Polylines from the roots. [N, S, 3]"""
    center = root.new_tensor(CENTER)
    jitter = (random[:, 2:5] - 0.5) * 0.5
    normal = normalise(root - center)
    direction = normalise(style.lift * normal + _comb(style, traits, root, root, normal) + jitter)
    step = (length / (STEPS - 1))[:, None]
    down = root.new_tensor([0.0, -1.0, 0.0])
    point, points = root, [root]
    for k in range(1, STEPS):
        comb = _comb(style, traits, root, point, normalise(point - center))
        pull = style.gravity * (1 + 0.30 * k) * down
        direction = normalise(style.stiff * direction + (1 - style.stiff) * 0.7 * comb + pull + 0.06 * jitter)
        point = point + direction * step
        point = _outside(point, radius, torch.minimum(0.06 * k * length.clamp(max=6.0), layer))
        if not style.face:
            point = _off_face(point, random[:, 6], root)
        points.append(point)
    return torch.stack(points, 1)


def _comb(style: Style, traits: Traits, root: Tensor, point: Tensor, normal: Tensor) -> Tensor:
    """Comb direction along the head at each strand's present point. [N, 3]"""
    field = style.whorl * normalise(point - point.new_tensor(CROWN))
    if style.part:
        side = torch.where(root[:, 0] > traits.parting, 1.0, -1.0)
        front = smoothstep(root[:, 2], -2, 7)
        out = torch.stack([side, 0.25 * front, -0.25 - 0.65 * front], -1)
        field = field + style.part * out
    if style.back:
        field = field + style.back * point.new_tensor([0.0, 0.15, -1.0])
    if style.gather:
        field = field + style.gather * normalise(point.new_tensor(BUN) - point)
    return field - normal * (field * normal).sum(-1, keepdim=True)


def _outside(point: Tensor, radius: Tensor, above: Tensor) -> Tensor:
    """Push points out of the head to at least `above` [N] over it."""
    center = point.new_tensor(CENTER)
    offset = point - center
    apart = offset.norm(dim=-1, keepdim=True)
    least = lookup(radius[None], point) + above[:, None]
    return center + offset / apart * torch.maximum(apart, least)


def _off_face(point: Tensor, random: Tensor, root: Tensor) -> Tensor:
    """Turn points that hang before the face about the vertical axis to the side they grew on."""
    x, y, z = point.unbind(-1)
    angle = torch.atan2(x, z)
    least = _piecewise(y, (-30, -16, -8, -2, 4, 7.5, 9.5, 11.5), (0.60, 0.95, 1.20, 1.22, 1.10, 0.88, 0.55, 0.0)) * (
        0.93 + 0.14 * random
    )
    side = torch.where(angle.abs() > 0.25, angle.sign(), torch.where(root[:, 0] > 0, 1.0, -1.0))
    turned = side * torch.maximum(angle.abs(), least)
    reach = torch.hypot(x, z)
    return torch.stack([reach * torch.sin(turned), y, reach * torch.cos(turned)], -1)


def _gather(points: Tensor, style: Style, random: Tensor) -> Tensor:
    """Draw strands to the path of their lock, more towards the tips. [N, S, 3]"""
    locks = max(24, min(len(points) // 12, 400))
    if not style.lock or len(points) < 4 * locks:
        return points
    nearest = torch.cdist(points[:, 0], points[:locks, 0]).argmin(-1)
    along = torch.linspace(0, 1, points.shape[1], device=points.device)[None, :, None]
    strength = style.lock * along**0.8 * (0.55 + 0.6 * random[:, 6, None, None])
    return points + strength.clamp(0, 0.93) * (points[nearest] - points)


def _curl(points: Tensor, style: Style, traits: Traits, length: Tensor, random: Tensor) -> Tensor:
    """Wind strands about their path; neighbours wind alike. [N, S, 3]"""
    along = torch.linspace(0, 1, points.shape[1], device=points.device)[None]
    ahead = normalise(torch.cat([points[:, 1:] - points[:, :-1], points[:, -1:] - points[:, -2:-1]], 1))
    across = normalise(torch.linalg.cross(ahead, ahead.new_tensor([0.31, 0.2, 0.93]).expand_as(ahead)))
    over = torch.linalg.cross(ahead, across)
    root = points[:, 0]
    phase = (
        2.0 * torch.sin(1.1 * root[:, 0]) + 1.7 * torch.sin(1.3 * root[:, 2]) + 1.5 * root[:, 1] + 1.3 * random[:, 4]
    )
    turns = style.turns if style.turns else 0.14 + 0.1 * traits.wave
    angle = phase[:, None] + 2 * torch.pi * turns * along * length[:, None]
    size = (
        style.curl * (0.7 + 0.6 * traits.wave)
        if style.curl
        else 0.55 * traits.wave * (length / 20).clamp(max=1)[:, None]
    )
    size = size * (3 * along).clamp(max=1)
    return points + size[..., None] * (angle.cos()[..., None] * across + angle.sin()[..., None] * over)


def _colors(traits: Traits, random: Tensor, points: Tensor) -> Tensor:
    """Albedo of every strand: locks and single hairs differ, gray comes in single hairs. [N, 3]"""
    base = random.new_tensor(traits.hair_color)
    root = points[:, 0]
    lock = torch.sin(2.3 * root[:, 0] + 1.1) * torch.sin(1.9 * root[:, 2] + 0.4 * root[:, 1])
    color = base * torch.exp(0.5 * (random[:, 4:5] - 0.5) + 0.16 * lock[:, None])
    white = (random[:, 3:4] < 0.5 * traits.gray * (1 - traits.gray) + 0.04 * (traits.gray > 0)).float()
    return (color * (1 - white) + 0.6 * white).clamp(0.008, 0.9)


def _bun(rng: np.random.Generator, strands: Strands, traits: Traits) -> Strands:
    """A knot of hair at the back of the head: great circles on a ball."""
    count = len(strands.points) // 5
    random = torch.from_numpy(rng.random((count, 4))).float().to(strands.points)
    size = 2.6 * traits.hair_volume
    height = 2 * random[:, 0] - 1
    start = 2 * torch.pi * random[:, 1]
    around = start[:, None] + torch.linspace(0, 2.2, STEPS, device=random.device)
    ring = (1 - height**2).clamp(min=0.02).sqrt()[:, None] * (0.85 + 0.2 * random[:, 2:3])
    ball = torch.stack(
        [ring * around.cos(), ring * around.sin(), height[:, None].expand_as(ring.expand_as(around))], -1
    )
    center = ball.new_tensor(BUN) + ball.new_tensor([0.0, 0.8, 0.6])
    points = center + size * ball
    return Strands(
        "scalp", points, normalise(points[:, 0] - center), strands.width[:count], strands.color[:count],
        strands.triangle[:count], strands.weight[:count],
    )  # fmt: skip
