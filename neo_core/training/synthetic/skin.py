"""Painted skin: pigment and blood, spots, lips, folds, stubble, make-up, and the fine relief that catches light.

Color follows a two-layer absorption model: light passes melanin, is scattered back by the dermis and loses green and
blue to haemoglobin; both densities vary over the face (Claridge 2003; Jimenez et al. 2010 for where and how much).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .surface import Surface, blob, curve, distance, fractal, noise, smoothstep
from .traits import Traits

DERMIS = (0.84, 0.72, 0.60)
MELANIN = (0.45, 0.75, 1.05)  # absorption per unit, r g b
BLOOD = (0.06, 0.46, 0.36)
RELIEF = 0.012  # cm, height of the coarse relief


@dataclass(frozen=True)
class SkinMaps:
    """Chart images of one person: albedo 3, relief slope along u and v 2, gloss 1, hair shade 1."""

    image: Tensor  # [7, h, w]


def paint_skin(rng: np.random.Generator, surface: Surface, traits: Traits, cover: Tensor) -> SkinMaps:
    """All maps of one person. cover [h, w]: how densely scalp hair grows, it shades the scalp."""
    regions = _regions(surface)
    fine = noise(rng, surface.position, 9.0, 2)
    melanin, blood = _densities(rng, surface.position, traits, regions)
    albedo = _color(melanin, blood)
    albedo = _paint_face(albedo, fine, surface, traits, regions)
    folds = _folds(rng, surface, traits)
    albedo = albedo * (1 - 0.16 * folds)
    hair = albedo.new_tensor(traits.hair_color)[:, None, None]
    shade = (0.9 * cover**1.4).clamp(0, 0.9)
    albedo = albedo * (1 - shade) + shade * (0.6 * hair + 0.1 * albedo)
    pores = (
        0.35 * fine[0]
        + 0.5 * noise(rng, surface.position, 21.0)[0]
        + 0.12 * fractal(rng, surface.position, 2.5, (1, 0.8))
    )
    height = RELIEF * (0.16 + 0.30 * traits.wrinkles) * pores - 0.075 * folds
    height = height * (1 - 0.75 * surface.lips) + 0.012 * surface.lips * _lip_lines(rng, surface.position)
    gloss = (0.30 + 0.5 * traits.oil * regions["shine"] + 0.12 * fine[1]) * (1 - 0.7 * cover)
    gloss = gloss * (1 - surface.lips) + surface.lips * (0.55 + 0.9 * traits.lip_gloss)
    image = torch.cat([albedo.clamp(0.004, 0.95), _slopes(height, surface), gloss[None].clamp(0, 1.6), cover[None]])
    return SkinMaps(image)


def _regions(surface: Surface) -> dict[str, Tensor]:
    """Soft masks of places that differ in color or shine. Each [h, w]"""
    p, mark = surface.position, surface.landmarks
    tip, eyes = mark[30], [mark[36:42].mean(0), mark[42:48].mean(0)]
    down = p.new_tensor([0.0, 1.0, 0.0])

    def both(center: Tensor, size: tuple[float, float, float]) -> Tensor:
        other = center * center.new_tensor([-1.0, 1.0, 1.0])
        return blob(p, center, size) + blob(p, other, size)

    cheek = (mark[46] + mark[54]) / 2 + p.new_tensor([1.6, 0.6, -1.0])
    return {
        "cheek": both(cheek, (2.2, 1.9, 3.0)),
        "nose": blob(p, tip - 0.3 * down, (1.5, 1.3, 2.0)),
        "under": sum(blob(p, eye - 1.0 * down, (1.7, 0.55, 2.0)) for eye in eyes),
        "lid": sum(blob(p, eye + 0.75 * down, (1.8, 0.65, 2.0)) for eye in eyes),
        "ear": both(p.new_tensor([8.8, 1.5, -0.5]), (1.1, 3.5, 2.2)),
        "shine": blob(p, tip, (1.3, 1.6, 2.5))
        + blob(p, mark[27] + 3.2 * down, (4.5, 1.8, 3.0))
        + 0.6 * both(cheek, (1.4, 1.2, 2.0)),
        "beard": beard_area(p, mark, "full"),
        "shadow": sum(blob(p, eye + 0.8 * down, (2.2, 0.8, 2.0)) for eye in eyes),
    }


def beard_area(position: Tensor, mark: Tensor, shape: str) -> Tensor:
    """Where a beard grows, 0..1, at template positions [..., 3]."""
    x, y, z = position.unbind(-1)
    corner, low, lip = mark[54], mark[8], mark[57]
    side = x.abs()
    cheek_line = corner[1] + 0.3 + 0.75 * (side - corner[0]).clamp(min=0)
    jaw = (
        smoothstep(cheek_line - y, -0.4, 1.2)
        * smoothstep(y, float(low[1]) - 3.5, float(low[1]) - 1.2)
        * smoothstep(z, 1.0, 3.5)
    )
    mouth = 1 - torch.exp(-((x / (corner[0] + 0.5)) ** 4) - ((y - mark[48:60, 1].mean()) / 1.15) ** 4)
    soul = 1 - 0.7 * torch.exp(-(((side - 1.3) / 0.7) ** 2) - ((y - lip[1] + 0.7) / 0.6) ** 2)
    above = torch.exp(-(((y - (mark[33, 1] + mark[51, 1]) / 2 + 0.10 * (side - 1).clamp(min=0)) / 0.55) ** 2))
    above = above * (side < corner[0] + 0.5) * (z > 7) * (1 - 0.6 * torch.exp(-((side / 0.25) ** 2)))
    if shape == "moustache":
        return above
    if shape == "goatee":
        jaw = (
            jaw
            * smoothstep(side, float(corner[0]) + 1.2, float(corner[0]) + 0.1)
            * smoothstep(y, float(low[1]) - 1.5, float(low[1]))
        )
    return (jaw * mouth * soul + above).clamp(0, 1)


def _densities(
    rng: np.random.Generator, position: Tensor, traits: Traits, regions: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Melanin and blood at every texel. [h, w] each"""
    uneven = fractal(rng, position, 0.12, (0.05, 0.05, 0.06, 0.06, 0.06)) * traits.blotch
    flush = fractal(rng, position, 0.15, (0.05, 0.07, 0.09, 0.08, 0.06)) * traits.blotch
    sun = 0.10 * regions["nose"] + 0.06 * regions["cheek"] - 0.05 * regions["beard"]
    melanin = traits.melanin * (1 + uneven + sun + 0.22 * regions["lid"] + 0.25 * traits.bags * regions["under"])
    melanin = melanin + 0.10 * traits.bags * regions["under"]
    if traits.freckles:
        spots = noise(rng, position, 3.4)[0] + 0.5 * noise(rng, position, 1.3)[0] - 0.75
        where = (regions["cheek"] + regions["nose"] + 0.15).clamp(max=1)
        melanin = melanin + traits.freckles * spots.clamp(0, 0.45) * where
    if traits.moles:
        spots = noise(rng, position, 2.2)[0] + 0.4 * noise(rng, position, 0.5)[0] - 1.75
        melanin = melanin + 6 * traits.moles * spots.clamp(0, 0.22)
    pale = float(np.exp(-0.8 * traits.melanin))
    warm = (
        0.55 * regions["cheek"] * (0.4 + traits.blush)
        + 0.55 * regions["nose"]
        + 0.5 * regions["ear"]
        + 0.30 * regions["under"]
    )
    blood = traits.blood * (1 + flush + (0.35 + 0.65 * pale) * (warm + 0.2 * regions["lid"]))
    return melanin.clamp(min=0.03), blood.clamp(min=0.1)


def _color(melanin: Tensor, blood: Tensor) -> Tensor:
    """Linear albedo of densities. [h, w] -> [3, h, w]"""
    column = (3, 1, 1)
    dermis, brown, red = (melanin.new_tensor(c).view(column) for c in (DERMIS, MELANIN, BLOOD))
    return dermis * torch.exp(-melanin * brown - blood * red)


def _paint_face(albedo: Tensor, fine: Tensor, surface: Surface, traits: Traits, regions: dict[str, Tensor]) -> Tensor:
    """Lips, lid color, lash line and beard shadow over bare skin. [3, h, w]"""
    mark, p = surface.landmarks, surface.position
    tint = albedo.new_tensor(traits.lip_color)[:, None, None]
    lips = surface.lips[None]
    albedo = albedo * (1 - lips) + lips * (albedo * tint + 0.012 * fine[:1])
    *color, strength = traits.eye_shadow
    mix = strength * regions["shadow"].clamp(0, 1) * (1 - lips[0])
    albedo = albedo * (1 - mix) + mix * albedo.new_tensor(color)[:, None, None]
    for corner in (slice(36, 40), slice(42, 46)):
        line, _ = distance(p, curve(mark[corner], 40), 0.4)
        albedo = albedo * (1 - (0.35 + 0.5 * traits.liner) * torch.exp(-((line / (0.07 + 0.05 * traits.liner)) ** 2)))
    for corner in ((39, 40, 41, 36), (45, 46, 47, 42)):
        line, _ = distance(p, curve(mark[list(corner)], 40), 0.4)
        rim = torch.exp(-((line / 0.09) ** 2))
        albedo = albedo * (1 - 0.2 * rim * albedo.new_tensor([0.4, 1.0, 1.0])[:, None, None] - 0.3 * traits.liner * rim)
    dots = (0.75 + 0.5 * fine[0] + 0.3 * fine[1]).clamp(0.2, 1.2)
    shadow = (traits.stubble * regions["beard"] * dots)[None].clamp(0, 1) * 0.62
    hair = albedo.new_tensor(traits.brow_color)[:, None, None]
    return albedo * (1 - shadow) + shadow * (0.55 * hair + 0.12 * albedo)


def _folds(rng: np.random.Generator, surface: Surface, traits: Traits) -> Tensor:
    """Depth of lines that age draws, 0..1. [h, w]"""
    mark, p = surface.landmarks, surface.position
    total = torch.zeros_like(p[..., 0])
    for side, wing, mouth, eye in ((-1, 31, 48, 36), (1, 35, 54, 45)):
        out = p.new_tensor([side, 0.0, 0.0])
        start, corner = mark[wing] + 0.45 * out, mark[mouth]
        smile = [
            start + p.new_tensor([0, 0.5, -0.3]),
            (start + corner) / 2 + 0.85 * out,
            corner + 0.75 * out - p.new_tensor([0, 0.3, 0.4]),
        ]
        total = total + 1.0 * _line(p, torch.stack(smile), 0.17)
        bag = [mark[eye] * 0.45 + mark[39 if side < 0 else 42] * 0.55 - p.new_tensor([0, 1.1, 0.2])]
        bag = [
            mark[39 if side < 0 else 42] - p.new_tensor([-0.2 * side, 0.45, 0.1]),
            *bag,
            mark[eye] - p.new_tensor([0, 1.0, 0.4]),
        ]
        total = total + 0.55 * _line(p, torch.stack(bag), 0.14)
        for angle in (-0.5, -0.05, 0.4):
            foot = mark[eye] + 0.5 * out
            tip = foot + 1.5 * (out + p.new_tensor([0.0, angle + 0.1 * rng.normal(), -0.9]))
            total = total + 0.45 * traits.wrinkles * _line(p, torch.stack([foot, (foot + tip) / 2, tip]), 0.07)
    top = mark[27] + p.new_tensor([0, 1.6, 0])
    for row in range(4):
        height = top + p.new_tensor([0.0, 1.0 + 0.95 * row + 0.1 * rng.normal(), 0.0])
        x = torch.linspace(-4.2, 4.2, 7, device=p.device)
        bend = 0.12 * torch.from_numpy(rng.standard_normal(7).astype("f4")).to(p)
        points = torch.stack([x, height[1] + bend - 0.012 * x**2, p.new_full((7,), float(top[2])) - 0.055 * x**2], -1)
        total = total + 0.5 * traits.wrinkles**1.5 * _line(p, _onto(p, points), 0.09)
    return (total * (0.10 + 0.9 * traits.wrinkles)).clamp(0, 1.2)


def _onto(position: Tensor, points: Tensor) -> Tensor:
    """Move points [P, 3] to the nearest surface in front of them (same x and y). [P, 3]"""
    front = position[position[..., 2] > 2][::7]
    nearest = torch.cdist(points[:, :2], front[:, :2]).argmin(-1)
    return torch.cat([points[:, :2], front[nearest, 2:]], -1)


def _line(position: Tensor, points: Tensor, width: float) -> Tensor:
    """A groove along a curve that fades at both ends. [h, w]"""
    apart, along = distance(position, curve(points, 40), 3 * width)
    return torch.exp(-((apart / width) ** 2)) * (4 * along * (1 - along)).clamp(0, 1) ** 0.5


def _lip_lines(rng: np.random.Generator, position: Tensor) -> Tensor:
    """Fine vertical lines of the lips: noise stretched along y. [h, w]"""
    squeezed = position * position.new_tensor([1.0, 0.22, 0.3])
    return noise(rng, squeezed, 7.0)[0]


def _slopes(height: Tensor, surface: Surface) -> Tensor:
    """Relief slope per cm along u and v of the chart. [h, w] -> [2, h, w]"""
    position = surface.position
    along_u = torch.roll(position, -1, 1) - torch.roll(position, 1, 1)
    along_v = torch.roll(position, -1, 0) - torch.roll(position, 1, 0)
    du = (torch.roll(height, -1, 1) - torch.roll(height, 1, 1)) / along_u.norm(dim=-1).clamp(min=0.05)
    dv = (torch.roll(height, -1, 0) - torch.roll(height, 1, 0)) / along_v.norm(dim=-1).clamp(min=0.05)
    return torch.stack([du, dv]).clamp(-0.7, 0.7)
