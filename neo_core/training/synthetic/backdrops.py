"""Painted backgrounds: walls, gradients, lights out of focus, rooms, foliage, cloth, sky."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

GROUND = 256  # side of the picture drawn before blur and enlargement


def paint_backdrop(kind: str, seed: int, size: int) -> Tensor:
    """A background in display values. [size, size, 3] in 0..1"""
    rng = np.random.default_rng(seed)
    picture = PAINTERS[kind](rng)
    picture = F.interpolate(picture[None], (size, size), mode="bicubic", align_corners=False, antialias=size < GROUND)[
        0
    ]
    vignette = 1 - rng.uniform(0, 0.35) * _radius(size) ** 2
    grit = torch.from_numpy(rng.standard_normal((size, size)).astype("f4")) * rng.uniform(0, 0.015)
    return (picture * vignette + grit).clamp(0, 1).permute(1, 2, 0).contiguous()


def _radius(size: int) -> Tensor:
    axis = torch.linspace(-1, 1, size)
    return torch.hypot(axis[:, None], axis[None]) / 1.414


def _color(rng: np.random.Generator) -> np.ndarray:
    """Mostly muted display colors."""
    gray = rng.beta(1.3, 1.5)
    return np.clip(gray + rng.normal(size=3) * rng.choice([0.02, 0.07, 0.18], p=[0.4, 0.4, 0.2]), 0.02, 0.98)


def _field(rng: np.random.Generator, cells: int, channels: int = 1) -> Tensor:
    """Smooth noise over the picture. [channels, GROUND, GROUND], about N(0, 1)"""
    coarse = torch.from_numpy(rng.standard_normal((1, channels, cells, cells)).astype("f4"))
    return F.interpolate(coarse, (GROUND, GROUND), mode="bicubic", align_corners=False)[0]


def _ramp(rng: np.random.Generator) -> Tensor:
    """Two colors along a random direction. [3, GROUND, GROUND]"""
    axis = torch.linspace(-1, 1, GROUND)
    angle = rng.uniform(0, 2 * np.pi)
    t = (np.cos(angle) * axis[:, None] + np.sin(angle) * axis[None]) * 0.5 + 0.5
    if rng.uniform() < 0.4:
        center = rng.uniform(-0.5, 0.5, 2)
        t = torch.hypot(axis[:, None] - center[0], axis[None] - center[1]) / 1.6
    t = t.clamp(0, 1)
    a, b = (torch.from_numpy(_color(rng).astype("f4"))[:, None, None] for _ in range(2))
    b = a + (b - a) * float(rng.uniform(0.2, 1))
    return a + (b - a) * t


def _plain(rng: np.random.Generator) -> Tensor:
    base = torch.from_numpy(_color(rng).astype("f4"))[:, None, None]
    return base * (1 + 0.05 * _field(rng, 4) + 0.02 * _field(rng, 40)) + 0.10 * (_ramp(rng) - 0.5)


def _gradient(rng: np.random.Generator) -> Tensor:
    mottle = 0.06 * _field(rng, 5) + 0.035 * _field(rng, 11) + 0.015 * _field(rng, 40)
    return _ramp(rng) * (1 + float(rng.uniform(0.2, 1.5)) * mottle)


def _bokeh(rng: np.random.Generator) -> Tensor:
    """Lamps out of focus in an evening of one mood."""
    night = rng.uniform(0.15, 0.7)
    warm = np.array([1.0, 0.78, 0.5]) if rng.uniform() < 0.6 else np.array([0.75, 0.9, 1.0])
    base = night * (0.5 * _ramp(rng) + 0.5 * _ramp(rng).mean(0)) * (1 + 0.25 * _field(rng, 4))
    picture = base.permute(1, 2, 0).numpy()
    size = rng.uniform(5, 16)
    for _ in range(3):  # lamps of one pass hide each other, passes add up
        image = Image.new("RGB", (2 * GROUND, 2 * GROUND))
        draw = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(4, 14))):
            x, y = rng.uniform(0, 2 * GROUND, 2) * [1, 0.8]
            r = 2 * size * rng.uniform(0.6, 1.3)
            color = (warm + rng.normal(size=3) * 0.15) * rng.uniform(0.15, 0.9)
            fill = tuple(int(255 * c) for c in np.clip(color, 0, 1))
            draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        soft = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.5, 5))))
        soft = soft.resize((GROUND, GROUND), Image.Resampling.BOX)
        picture = picture + np.asarray(soft, "f4") / 255 * float(rng.uniform(0.25, 0.6))
    return torch.from_numpy(picture.astype("f4")).permute(2, 0, 1)


def _studio(rng: np.random.Generator) -> Tensor:
    """A painted canvas, brighter behind the sitter."""
    axis = torch.linspace(-1, 1, GROUND)
    center = rng.uniform(-0.3, 0.3, 2)
    glow = torch.exp(-((axis[:, None] - center[0]) ** 2 + (axis[None] - center[1]) ** 2) / 0.9)
    tone = torch.from_numpy((np.clip(0.42 + rng.normal(size=3) * 0.06, 0.2, 0.7)).astype("f4"))[:, None, None]
    mottle = 0.05 * _field(rng, 5) + 0.03 * _field(rng, 12)
    return tone * (0.45 + 0.75 * glow) * (1 + mottle)


def _boxes(rng: np.random.Generator, draw: ImageDraw.ImageDraw, count: int, low: float) -> None:
    """Furniture-like blocks standing below a line."""
    for _ in range(count):
        x, width = rng.uniform(-0.2, 1), rng.uniform(0.06, 0.4)
        y, height = rng.uniform(low - 0.35, low + 0.25), rng.uniform(0.1, 0.5)
        color = tuple(int(255 * c) for c in _color(rng))
        corner = (x * GROUND, y * GROUND, (x + width) * GROUND, (y + height) * GROUND)
        draw.rectangle(corner, fill=color)
        for k in range(int(rng.integers(0, 5))):
            line = y + height * (k + 1) / 6
            draw.line(
                (corner[0], line * GROUND, corner[2], line * GROUND), fill=tuple(c * 2 // 3 for c in color), width=2
            )


def _room(rng: np.random.Generator) -> Tensor:
    wall, floor = (tuple(int(255 * c) for c in _color(rng)) for _ in range(2))
    image = Image.new("RGB", (GROUND, GROUND), wall)
    draw = ImageDraw.Draw(image)
    low = rng.uniform(0.55, 0.95)
    draw.rectangle((0, low * GROUND, GROUND, GROUND), fill=floor)
    if rng.uniform() < 0.6:  # window or picture
        x, y, w, h = rng.uniform(-0.1, 0.8), rng.uniform(0, 0.3), rng.uniform(0.15, 0.4), rng.uniform(0.25, 0.5)
        bright = tuple(int(v) for v in rng.uniform(150, 255, 3))
        draw.rectangle(
            [GROUND * v for v in (x, y, x + w, y + h)], fill=bright, outline=tuple(c // 2 for c in wall), width=4
        )
        draw.line((GROUND * (x + w / 2), GROUND * y, GROUND * (x + w / 2), GROUND * (y + h)), fill=wall, width=4)
    if rng.uniform() < 0.4:  # shelves of books
        y = rng.uniform(0.05, 0.4)
        x0 = rng.uniform(-0.2, 0.6)
        for row in range(int(rng.integers(1, 4))):
            top, x = y + 0.17 * row, x0
            while x < x0 + 0.5:
                w, h = rng.uniform(0.012, 0.035), rng.uniform(0.09, 0.15)
                color = tuple(int(255 * c) for c in _color(rng))
                draw.rectangle([GROUND * v for v in (x, top + 0.16 - h, x + w, top + 0.16)], fill=color)
                x += w + 0.003
            draw.rectangle([GROUND * v for v in (x0, top + 0.16, x, top + 0.17)], fill=floor)
    _boxes(rng, draw, int(rng.integers(1, 7)), low)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.choice([1.5, 4, 8]))))
    picture = torch.from_numpy(np.asarray(image, "f4") / 255).permute(2, 0, 1)
    return picture * (0.75 + 0.5 * _ramp(rng).mean(0)) + 0.02 * _field(rng, 5)


def _leaves(rng: np.random.Generator) -> Tensor:
    image = Image.new("RGB", (GROUND, GROUND), tuple(int(v) for v in rng.uniform(20, 90, 3) * [0.7, 1, 0.5]))
    draw = ImageDraw.Draw(image)
    light = rng.uniform(0.6, 1.5)
    for _ in range(int(rng.integers(150, 500))):
        x, y = rng.uniform(-10, GROUND + 10, 2)
        r, flat = rng.uniform(3, 16), rng.uniform(0.3, 1)
        green = rng.uniform(40, 170) * light
        color = (
            int(min(255, green * rng.uniform(0.4, 0.95))),
            int(min(255, green)),
            int(min(255, green * rng.uniform(0.2, 0.6))),
        )
        draw.ellipse((x - r, y - r * flat, x + r, y + r * flat), fill=color)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(2, 8))))
    picture = torch.from_numpy(np.asarray(image, "f4") / 255).permute(2, 0, 1)
    return picture * (1 + 0.25 * _field(rng, 3)) + 0.1 * (_ramp(rng) - 0.4)


def _texture(rng: np.random.Generator) -> Tensor:
    base = _ramp(rng)
    cells = int(rng.integers(3, 60))
    strength = float(rng.uniform(0.05, 0.35))
    noisy = _field(rng, cells, int(rng.choice([1, 3]))) * strength
    if rng.uniform() < 0.35:  # tiles, bricks, panels
        axis = torch.arange(GROUND) / GROUND
        count = int(rng.integers(3, 14))
        rows = (axis * count).long()
        shifted = axis[None] * count * float(rng.choice([0.5, 1.0])) + 0.5 * (rows % 2)[:, None]
        joint = ((axis * count).frac() < 0.07)[:, None] | (shifted.frac() < 0.05)
        noisy = 0.3 * noisy - 0.25 * joint
    return base * (1 + noisy)


def _sky(rng: np.random.Generator) -> Tensor:
    axis = torch.linspace(0, 1, GROUND)[None, :, None]
    top = torch.tensor([0.25, 0.48, 0.85])[:, None, None] * float(rng.uniform(0.5, 1.1))
    low = torch.tensor([0.85, 0.85, 0.88])[:, None, None] * float(rng.uniform(0.6, 1.1))
    if rng.uniform() < 0.3:
        low = low * torch.tensor([1.1, 0.75, 0.5])[:, None, None]
    cloud = (0.6 * _field(rng, 4) + 0.4 * _field(rng, 9) + 0.2 * _field(rng, 24)).clamp(min=0)
    picture = top + (low - top) * axis + 0.25 * cloud
    ridge = float(rng.uniform(0.5, 1.1)) + 0.05 * _field(rng, 7)[:, :1] + 0.02 * _field(rng, 30)[:, :1]
    land = torch.from_numpy((_color(rng) * 0.6).astype("f4"))[:, None, None] * (1 + 0.15 * _field(rng, 20))
    return torch.where(axis > ridge, land, picture)


PAINTERS = {
    "plain": _plain, "gradient": _gradient, "bokeh": _bokeh, "room": _room, "leaves": _leaves, "texture": _texture,
    "sky": _sky, "studio": _studio,
}  # fmt: skip
