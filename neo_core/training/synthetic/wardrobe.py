"""What a person wears: which outfit suits whom, its colors, and cloth painted into textures.

Clothes of the pack come without textures. Cloth is painted by where a texel lies on the standing person, so stripes run
around trunk and sleeves alike. Colors are display values 0..1.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ...geometry.rasteriser import interpolate, rasterise
from .surface import fill_holes, noise, smoothstep

Color = tuple[float, float, float]
PATTERNS = ("plain", "melange", "stripes", "pinstripes", "checks", "knit")
TOPS = (
    (0.93, 0.93, 0.92), (0.80, 0.84, 0.89), (0.55, 0.68, 0.83), (0.22, 0.33, 0.52), (0.12, 0.17, 0.30),
    (0.10, 0.10, 0.11), (0.30, 0.31, 0.33), (0.55, 0.55, 0.56), (0.55, 0.13, 0.15), (0.75, 0.30, 0.25),
    (0.85, 0.60, 0.55), (0.88, 0.72, 0.40), (0.20, 0.36, 0.26), (0.42, 0.52, 0.40), (0.18, 0.45, 0.47),
    (0.40, 0.26, 0.42), (0.62, 0.52, 0.70), (0.45, 0.34, 0.26), (0.78, 0.70, 0.58), (0.90, 0.86, 0.78),
)  # fmt: skip
BOTTOMS = (
    (0.17, 0.21, 0.31), (0.25, 0.32, 0.44), (0.11, 0.11, 0.12), (0.24, 0.24, 0.25), (0.42, 0.36, 0.28),
    (0.62, 0.55, 0.43), (0.33, 0.27, 0.22), (0.45, 0.45, 0.46),
)  # fmt: skip
SUITS = ((0.13, 0.15, 0.20), (0.20, 0.20, 0.22), (0.12, 0.12, 0.13), (0.30, 0.28, 0.26), (0.22, 0.26, 0.36))
SHIRTS = ((0.94, 0.94, 0.94), (0.80, 0.87, 0.94), (0.93, 0.88, 0.90))
METALS = ((0.45, 0.43, 0.40), (0.30, 0.28, 0.26))
WORN_PATTERNS = {  # how often, in the order of PATTERNS
    "top": (0.47, 0.15, 0.12, 0.05, 0.08, 0.13), "bottom": (0.8, 0.2, 0.0, 0.0, 0.0, 0.0),
    "suit": (0.75, 0.13, 0.0, 0.12, 0.0, 0.0), "shirt": (0.8, 0.1, 0.0, 0.1, 0.0, 0.0),
    "coat": (0.72, 0.28, 0.0, 0.0, 0.0, 0.0), "metal": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}  # fmt: skip
PALETTES = {"top": TOPS, "coat": TOPS, "bottom": BOTTOMS, "suit": SUITS, "shirt": SHIRTS, "metal": METALS}


@dataclass(frozen=True)
class Outfit:
    """A proxy of the pack as something to wear."""

    share: tuple[float, float]  # among women and among men
    roles: tuple[str, ...]  # of its connected parts, the one with the most vertices first


OUTFITS = {  # every piece of the pack that covers chest and belly
    "female_casualsuit01": Outfit((0.22, 0.0), ("top", "bottom")),
    "female_casualsuit02": Outfit((0.16, 0.0), ("bottom", "top", "metal")),
    "female_elegantsuit01": Outfit((0.22, 0.0), ("top", "bottom")),
    "male_casualsuit02": Outfit((0.14, 0.17), ("top", "bottom")),
    "male_casualsuit03": Outfit((0.12, 0.17), ("top", "bottom")),
    "male_casualsuit04": Outfit((0.0, 0.15), ("bottom", "top")),
    "male_casualsuit05": Outfit((0.06, 0.14), ("coat", "bottom", "shirt", "lapel")),
    "male_casualsuit06": Outfit((0.04, 0.14), ("top", "bottom")),
    "male_elegantsuit01": Outfit((0.0, 0.18), ("suit", "bottom")),
    "male_worksuit01": Outfit((0.04, 0.05), ("bottom", "top")),
}


@dataclass(frozen=True)
class Cloth:
    """One part of an outfit."""

    color: Color
    second: Color
    pattern: str
    period: float  # of the pattern, decimetres
    seed: int
    tie: Color | None = None  # jackets that are of one piece with shirt and tie


def choose_outfit(rng: np.random.Generator, female: bool) -> str:
    """An outfit by how often women or men wear it."""
    share = np.array([outfit.share[0 if female else 1] for outfit in OUTFITS.values()])
    return str(rng.choice(list(OUTFITS), p=share / share.sum()))


def dress(rng: np.random.Generator, outfit: str, parts: int) -> tuple[Cloth, ...]:
    """Colors and patterns of the connected parts of an outfit; lapels are of the coat's cloth."""
    roles = OUTFITS[outfit].roles if outfit in OUTFITS else ("top",)
    out: list[Cloth] = []
    for role in (*roles, *["metal"] * parts)[:parts]:
        if role == "lapel":
            coat = out[roles.index("coat")]
            out.append(replace(coat, color=tuple(0.82 * c for c in coat.color), pattern="plain"))
            continue
        pattern = str(rng.choice(PATTERNS, p=WORN_PATTERNS[role]))
        period = float(np.exp(rng.uniform(np.log(0.3), np.log(1.0))))
        tie = _near(rng, TOPS) if role == "suit" else None
        first, second = _near(rng, PALETTES[role]), _near(rng, PALETTES[role])
        out.append(Cloth(first, second, pattern, period, int(rng.integers(1 << 31)), tie))
    return tuple(out)


def _near(rng: np.random.Generator, palette: tuple[Color, ...]) -> Color:
    color = np.array(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.85, 1.1) + rng.normal(size=3) * 0.02
    return tuple(float(c) for c in np.clip(color, 0.04, 0.95))


def unwrapped(corner_uv: Tensor, corner_points: Tensor, side: int) -> Tensor:
    """Where every texel of a piece lies in space; holes take what is near. [F, 3, 2], [F, 3, 3] -> [side, side, 3]"""
    uv = rearrange(corner_uv, "f k c -> (f k) c")
    screen = torch.stack([uv[:, 0] * side, (1 - uv[:, 1]) * side, torch.ones_like(uv[:, 0])], -1)
    triangles = torch.arange(len(uv)).view(-1, 3)
    fragments = rasterise(screen, triangles, side, side)
    place = interpolate(fragments, triangles, rearrange(corner_points, "f k c -> (f k) c"))
    return fill_holes(place, fragments.triangle >= 0)


def paint_cloth(cloth: Cloth, place: Tensor) -> Tensor:
    """Display color of cloth at places [h, w, 3] of the standing person in decimetres. [h, w, 3]"""
    rng = np.random.default_rng(cloth.seed)
    first, second = place.new_tensor(cloth.color), place.new_tensor(cloth.second)
    around = torch.atan2(place[..., 0], place[..., 2] + 0.6) * 1.8
    down = place[..., 1]
    wave = 2 * torch.pi / cloth.period
    bars = smoothstep(torch.sin(wave * down), -0.12, 0.12)
    posts = smoothstep(torch.sin(wave * around), -0.12, 0.12)
    if cloth.pattern == "stripes":
        color = first + (second - first) * bars[..., None]
    elif cloth.pattern == "pinstripes":
        thin = smoothstep(torch.sin(2.5 * wave * around), 0.82, 0.97)
        color = first + 0.5 * (second - first) * thin[..., None]
    elif cloth.pattern == "checks":
        color = first + (second - first) * (0.5 * bars + 0.5 * posts)[..., None] * 0.8
    elif cloth.pattern == "knit":
        rib = torch.sin(11 * around) * (0.6 + 0.4 * torch.sin(13 * down))
        color = first * (0.95 + 0.05 * rib)[..., None]
    else:
        color = first.expand_as(place)
    if cloth.tie is not None:
        color = _shirt_and_tie(place, color, place.new_tensor(cloth.tie))
    grain = noise(rng, place, 23.0)[0] * (0.045 if cloth.pattern in ("melange", "knit") else 0.015)
    return (color * (1 + grain + _creases(rng, place))[..., None]).clamp(0.02, 0.98)


def _creases(rng: np.random.Generator, place: Tensor) -> Tensor:
    """Light and shade of folds that hang down and fan out from the armpits. [h, w]"""
    hanging = place * place.new_tensor([1.9, 0.55, 1.9])
    slanted = torch.stack([place[..., 0].abs(), place[..., 1] + 0.8 * place[..., 0].abs(), place[..., 2]], -1)
    ridges = noise(rng, hanging, 1.0)[0] + 0.7 * noise(rng, slanted * place.new_tensor([0.6, 2.4, 0.8]), 1.0)[0]
    return 0.10 * torch.tanh(1.6 * ridges)


def _shirt_and_tie(place: Tensor, color: Tensor, tie: Tensor) -> Tensor:
    """A white shirt and a tie in the opening of a jacket. place [h, w, 3], color [h, w, 3]"""
    x, y, z = place.unbind(-1)
    opening = (0.62 * (y - 3.3) / 2.3).clamp(max=0.75)
    front = smoothstep(z, 0.45, 0.65)
    shirt = smoothstep(opening - x.abs(), -0.03, 0.03) * front
    shirt = torch.maximum(shirt, smoothstep(y, 5.55, 5.6) * smoothstep(x.abs(), 0.85, 0.8))
    knot = smoothstep(0.10 + 0.03 * (5.6 - y) - x.abs(), -0.02, 0.02) * front * smoothstep(y, 5.62, 5.55)
    white = color.new_tensor(SHIRTS[0])
    color = color + shirt[..., None] * (white - color)
    return color + (shirt * knot)[..., None] * (tie - color)
