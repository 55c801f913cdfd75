"""How a person is photographed: camera, body direction, lamps, exposure, and a painted background."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...geometry.camera import Camera, rotation_matrix

AIM = (0.0, 2.5, 1.0)  # the point of the head that framing is about, template units
HEAD_HEIGHT = 22.0


@dataclass(frozen=True)
class Light:
    """A lamp far away, in the axes of the camera."""

    direction: tuple[float, float, float]  # towards the lamp, unit length
    color: tuple[float, float, float]
    size: float  # 0 a point .. 1 a large soft box


@dataclass(frozen=True)
class View:
    """Everything about a picture that is not the person or the motion; independent of resolution."""

    field_of_view: float  # degrees
    head_share: float  # head height as a share of the picture's side
    offset: tuple[float, float]  # of the head from the picture's middle, share of the side
    body: tuple[float, float, float]  # pitch, yaw, roll of the body in degrees
    lights: tuple[Light, ...]
    sky: tuple[tuple[float, float, float], ...]  # ambient from above, below, left, right, front, behind
    exposure: float
    contrast: float
    saturation: float
    warmth: float  # -1 cold .. 1 warm
    grain: float
    backdrop: str
    seed: int


BACKDROPS = ("plain", "gradient", "bokeh", "room", "leaves", "texture", "sky")


def sample_view(rng: np.random.Generator) -> View:
    """A random picture: from passport photos to harsh light and steep angles."""
    far = rng.uniform() < 0.25
    yaw = float(np.clip(rng.normal() * (32 if far else 11), -48, 48))
    return View(
        field_of_view=float(rng.uniform(15, 50)),
        head_share=float(rng.uniform(0.45, 0.75)),
        offset=(float(rng.normal() * 0.04), float(rng.normal() * 0.035)),
        body=(float(rng.normal() * 5), yaw, float(rng.normal() * 5)),
        lights=_lights(rng),
        sky=_sky(rng),
        exposure=float(np.exp(rng.normal() * 0.22)),
        contrast=float(rng.uniform(0.85, 1.25)),
        saturation=float(rng.uniform(0.65, 1.2)) if rng.uniform() < 0.92 else 0.0,
        warmth=float(rng.normal() * 0.35),
        grain=float(0.022 * rng.uniform() ** 2),
        backdrop=str(rng.choice(BACKDROPS, p=[0.12, 0.18, 0.16, 0.18, 0.12, 0.14, 0.10])),
        seed=int(rng.integers(1 << 31)),
    )


def portrait_view(rng: np.random.Generator) -> View:
    """A kind portrait: frontal, head and shoulders, a large soft key from the side, fill and a rim light."""
    side = float(rng.choice([-1.0, 1.0]))
    key = Light(_unit(side * 0.62, 0.50, 0.72), (1.15, 1.08, 1.0), 1.0)
    rim = Light(_unit(-side * 0.75, 0.45, -0.75), (0.75, 0.80, 0.9), 0.5)
    warm = rng.uniform(0.9, 1.1)
    return replace(
        sample_view(rng),
        field_of_view=18.0,
        head_share=0.44,
        offset=(0.0, -0.045),
        body=(0.0, float(rng.uniform(-9, 9)), 0.0),
        lights=(key, rim),
        sky=tuple((0.36 * warm * s, 0.36 * s, 0.36 / warm * s) for s in (1.15, 0.6, 0.75, 0.75, 1.0, 0.5)),
        exposure=1.0,
        contrast=1.0,
        saturation=1.0,
        warmth=float(rng.uniform(0, 0.25)),
        grain=0.002,
        backdrop=str(rng.choice(["studio", "studio", "bokeh"])),
    )


def camera_of(view: View, size: int) -> Camera:
    """The camera that sees body coordinates in a square picture of this many pixels."""
    focal = 0.5 * size / np.tan(np.deg2rad(view.field_of_view) / 2)
    distance = focal * HEAD_HEIGHT / (view.head_share * size)
    rotation = rotation_matrix(*(torch.tensor(angle) for angle in view.body))
    shift = torch.tensor([view.offset[0], -view.offset[1], 0.0]) * size * distance / focal
    translation = shift - rotation @ torch.tensor(AIM) + torch.tensor([0.0, 0.0, -float(distance)])
    return Camera(torch.tensor(float(focal)), torch.tensor([size / 2, size / 2]), rotation, translation)


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = (x * x + y * y + z * z) ** 0.5
    return x / length, y / length, z / length


def _tint(rng: np.random.Generator, spread: float) -> np.ndarray:
    """A lamp color from tungsten to sky, now and then a stage color."""
    heat = rng.normal() * spread
    color = np.array([1 + 0.28 * heat, 1.0, 1 - 0.38 * heat])
    if rng.uniform() < 0.08:
        color = color * rng.uniform(0.2, 1.2, 3)
    return np.clip(color, 0.1, 1.8)


def _lights(rng: np.random.Generator) -> tuple[Light, ...]:
    lights = []
    for k in range(int(rng.choice([1, 2, 3], p=[0.3, 0.4, 0.3]))):
        if k == 0:
            direction = _unit(rng.normal() * 0.7, 0.15 + abs(rng.normal()) * 0.5, 0.25 + abs(rng.normal()) * 0.7)
            power = rng.uniform(0.4, 2.0)
        else:
            direction = _unit(rng.choice([-1, 1]) * rng.uniform(0.4, 1), rng.uniform(-0.2, 0.8), rng.uniform(-1, 0.6))
            power = rng.uniform(0.1, 1.0)
        color = power * _tint(rng, 0.5 if k == 0 else 0.8)
        lights.append(Light(direction, tuple(float(c) for c in color), float(rng.uniform(0, 1))))
    return tuple(lights)


def _sky(rng: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    level = rng.uniform(0.15, 0.9)
    sides = level * rng.uniform(0.3, 1.4, (6, 1)) * np.stack([_tint(rng, 0.45) for _ in range(6)])
    sides[0] *= 1.3
    sides[1] *= 0.6
    return tuple(tuple(float(c) for c in side) for side in sides)


def irradiance(view: View, normal: Tensor) -> Tensor:
    """Ambient light on surfaces with the given normals in camera axes. [N, 3] -> [N, 3]"""
    up, down, left, right, front, behind = (normal.new_tensor(c) for c in view.sky)
    x, y, z = (normal[:, k, None] for k in range(3))
    squares = normal**2
    across = torch.where(x > 0, right, left) * squares[:, 0, None]
    high = torch.where(y > 0, up, down) * squares[:, 1, None]
    deep = torch.where(z > 0, front, behind) * squares[:, 2, None]
    mean = (up + down + left + right + front + behind) / 6
    return 0.55 * (across + high + deep) + 0.45 * mean
