"""What a person wears: which outfit suits whom, its colors, and cloth painted into textures.

Clothes of the pack come without textures. Cloth is painted by where a texel lies on the standing person, so stripes run
around trunk and sleeves alike. Colors are display values 0..1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ...geometry.rasteriser import interpolate, rasterise
from .body_pack import Pack
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


@dataclass(frozen=True)
class Cloth:
    """One part of an outfit."""

    color: Color
    second: Color
    pattern: str
    period: float  # of the pattern, decimetres
    seed: int


def choose_outfit(pack: Pack, rng: np.random.Generator, female: bool) -> str:
    """An outfit for the sex; what has no sex suits both."""
    sex = "Female" if female else "Male"
    suits = [
        p.name
        for p in pack.named("clothes")
        if "Hats" not in p.tags and (sex in p.tags or not {"Female", "Male"} & set(p.tags))
    ]
    return str(rng.choice(suits))


def dye(rng: np.random.Generator, outfit: str, part: int) -> Cloth:
    """Colors and pattern of a connected part of an outfit; part 0 or the part that reaches highest is the top."""
    formal = "elegant" in outfit
    if part == 0:
        color, second = _near(rng, SUITS if formal else TOPS), _near(rng, TOPS)
        share = [0.7, 0.1, 0.0, 0.2, 0.0, 0.0] if formal else [0.46, 0.14, 0.12, 0.06, 0.09, 0.13]
        return Cloth(color, second, str(rng.choice(PATTERNS, p=share)), _period(rng), int(rng.integers(1 << 31)))
    palette = (BOTTOMS, SHIRTS, SHIRTS)[min(part, 3) - 1]
    color = _near(rng, palette)
    pattern = str(rng.choice(["plain", "melange"]))
    return Cloth(color, color, pattern, _period(rng), int(rng.integers(1 << 31)))


def _near(rng: np.random.Generator, palette: tuple[Color, ...]) -> Color:
    color = np.array(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.85, 1.1) + rng.normal(size=3) * 0.02
    return tuple(float(c) for c in np.clip(color, 0.04, 0.95))


def _period(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(0.3), np.log(1.0))))


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
    wobble = 0.15 * noise(rng, place, 0.7)[0]
    bars = smoothstep(torch.sin(wave * (down + 0.2 * wobble)), -0.15, 0.15)
    posts = smoothstep(torch.sin(wave * (around + 0.2 * wobble)), -0.15, 0.15)
    grain = noise(rng, place, 9.0)[0]
    if cloth.pattern == "stripes":
        color = first + (second - first) * bars[..., None]
    elif cloth.pattern == "pinstripes":
        thin = smoothstep(torch.sin(2.5 * wave * around), 0.82, 0.97)
        color = first + 0.5 * (second - first) * thin[..., None]
    elif cloth.pattern == "checks":
        color = first + (second - first) * (0.5 * bars + 0.5 * posts)[..., None] * 0.8
    elif cloth.pattern == "knit":
        rib = torch.sin(26 * around) * (0.6 + 0.4 * torch.sin(21 * down))
        color = first * (0.93 + 0.07 * rib)[..., None]
    else:
        color = first.expand_as(place)
    strength = 0.10 if cloth.pattern in ("melange", "knit") else 0.03
    worn = 1 + strength * grain + 0.05 * noise(rng, place, 1.3)[0]
    return (color * worn[..., None]).clamp(0.02, 0.98)
