"""How a whole person is filmed: framing, camera, lamps and the room behind, still for the length of a clip."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...data_types import InputError
from ...geometry.camera import Camera, rotation_matrix
from .human import Human

FRAMINGS = ("head and shoulders", "half body", "full body")
ROOMS = ("plain", "gradient", "studio", "room", "bokeh")
ABOVE = 0.06  # of the picture's height between its top edge and the crown


@dataclass(frozen=True)
class Lamp:
    """A lamp far away, in the axes of the camera."""

    direction: tuple[float, float, float]  # towards the lamp, unit length
    color: tuple[float, float, float]  # linear


@dataclass(frozen=True, eq=False)
class Shot:
    """Everything about a picture but the person and the pose; independent of resolution."""

    framing: str
    turn: tuple[float, float]  # pitch and yaw of the person before the camera, degrees
    middle: tuple[float, float, float]  # point of the body at the middle of the picture, decimetres
    span: float  # height of the picture at that point, decimetres
    distance: float  # of the camera from it, decimetres
    key: Lamp
    fill: Lamp
    sky: tuple[float, float, float]  # light from above, linear
    ground: tuple[float, float, float]  # light from below
    room: str
    wall_shadow: float  # 0 a distant wall .. 1 a near one
    seed: int

    def camera(self, size: int) -> Camera:
        """The camera that sees body coordinates in a square picture of this many pixels."""
        rotation = rotation_matrix(self.turn[0], self.turn[1], 0.0)
        away = torch.tensor([0.0, 0.0, -self.distance])
        focal = torch.tensor(size * self.distance / self.span)
        return Camera(focal, torch.tensor([size / 2, size / 2]), rotation, away - rotation @ torch.tensor(self.middle))

    def facing(self) -> Tensor:
        """The turn of a head on this body that looks into the lens. [3, 3]"""
        return rotation_matrix(self.turn[0], self.turn[1], 0.0).mT


def sample_shot(human: Human, seed: int, framing: str) -> Shot:
    """A random shot of a person in a framing; the same seed gives the same one."""
    if framing not in FRAMINGS:
        raise InputError(f"the framing is {framing!r}; expected one of {', '.join(FRAMINGS)}")
    rng = np.random.default_rng([seed, 81])
    top, feet = _heights(human)
    head = human.head_height
    span, distance = {
        "head and shoulders": (head * rng.uniform(1.75, 2.1), rng.uniform(11, 20)),
        "half body": (head * rng.uniform(3.05, 3.6), rng.uniform(16, 30)),
        "full body": ((top - feet) * rng.uniform(1.1, 1.16), rng.uniform(35, 60)),
    }[framing]
    middle = (rng.normal() * 0.015 * span, top + ABOVE * span - span / 2, 0.4)
    side = float(rng.choice([-1.0, 1.0]))
    warm = rng.normal() * 0.06
    power = rng.uniform(0.62, 0.95)
    shade = rng.uniform(0.25, 0.45)
    key = Lamp(_unit(side * rng.uniform(0.3, 0.9), rng.uniform(0.35, 0.8), 0.8), _white(power, warm))
    weak = _white(rng.uniform(0.08, 0.28), -warm)
    fill = Lamp(_unit(-side * rng.uniform(0.5, 1.0), rng.uniform(0.0, 0.3), 0.7), weak)
    return Shot(
        framing=framing,
        turn=(float(np.clip(rng.normal() * 2, -5, 5)), float(np.clip(rng.normal() * 8, -18, 18))),
        middle=tuple(float(m) for m in middle),
        span=float(span),
        distance=float(distance),
        key=key,
        fill=fill,
        sky=_white(1.25 * shade, -0.5 * warm),
        ground=_white(0.6 * shade, warm + 0.03),
        room=str(rng.choice(ROOMS, p=[0.22, 0.2, 0.18, 0.25, 0.15])),
        wall_shadow=float(rng.uniform(0, 1) * (rng.uniform() < 0.5)),
        seed=int(rng.integers(1 << 31)),
    )


def _heights(human: Human) -> tuple[float, float]:
    """Top of the person with part of the hair, and the soles."""
    rest = human.body.rest[:, 1]
    crown = float(rest[human.skull].max())
    return crown + 0.5 * max(float(rest.max()) - crown, 0.0), float(rest.min())


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = float(np.sqrt(x * x + y * y + z * z))
    return float(x) / length, float(y) / length, float(z) / length


def _white(power: float, warm: float) -> tuple[float, float, float]:
    return float(power * (1 + warm)), float(power), float(power * (1 - 1.4 * warm))
