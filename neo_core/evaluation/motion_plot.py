"""A performance as curves over seconds, drawn like ComfyUI: light lines on dark ground.

The overview has a lane for each part of the face; the picture of a part has the channels that move most, by name. Left
and right share a colour, the subject's right is dimmer.

Letters: T frames, S sides of a channel (1 or 2), N points of a line.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .. import motion_space
from ..data_types import InputError, MotionLatents
from ..motion_space import INDEX, NAMES, REGIONS

PARTS = ("overview", *REGIONS)
SMALLEST, LARGEST = 192, 4096  # pixels of a side
FINE = 2  # drawn larger and averaged: smooth lines
GROUND, PANEL, GRID, ZERO = (24, 24, 27), (34, 34, 38), (50, 50, 56), (92, 92, 102)
TEXT, FAINT = (226, 226, 230), (154, 154, 164)
COLOURS = ((86, 180, 233), (240, 178, 60), (64, 200, 150), (235, 110, 90), (170, 140, 255), (240, 228, 96),
           (222, 140, 190), (200, 200, 206))  # fmt: skip
FLAT = 0.005  # a curve that never gets further from zero is not drawn
DIM = 0.55  # of the right side's colour
OVERVIEW = {  # lane -> label of a curve -> first letters of the channels whose mean it is
    "mouth": {"jaw open": "jawOpen", "smile": "mouthSmile", "pucker": "mouthPucker", "pressed": "mouthPress"},
    "brows": {"inner up": "browInnerUp", "outer up": "browOuterUp", "down": "browDown"},
    "eyes": {"blink": "eyeBlink", "squint": "eyeSquint", "wide": "eyeWide"},
    "head": {"pitch": "pitch", "yaw": "yaw", "roll": "roll"},
    "gaze": {"yaw": "gaze_yaw", "pitch": "gaze_pitch"},
}
LEAST = {
    "weight": 0.2,
    "degree": 4.0,
    "head unit": 0.4,
    "spread": 0.5,
    "of its range": 1.0,
}  # span of an axis: noise is not blown up to a signal
SIGNED = ("degree", "head unit")


@dataclass(frozen=True)
class Curve:
    label: str
    values: Tensor  # [S, T]


@dataclass(frozen=True)
class Lane:
    title: str
    unit: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Axis:
    """A range, and where its labels stand."""

    low: float
    high: float
    step: float

    def ticks(self) -> list[float]:
        first, last = math.ceil(self.low / self.step - 1e-6), math.floor(self.high / self.step + 1e-6)
        return [k * self.step for k in range(first, last + 1)]


@dataclass(frozen=True)
class Box:
    """Pixels of the fine picture."""

    left: float
    top: float
    right: float
    bottom: float


def plot_motion(motion: MotionLatents, part: str = "overview", width: int = 1024, height: int = 768) -> Tensor:
    """The picture of a performance, whole or a part of the face. u8 [height, width, 3]"""
    if part not in PARTS:
        raise InputError(f"part is {part!r}; expected one of {', '.join(PARTS)}")
    if not len(motion.motion):
        raise InputError("the motion has no frames; expected at least one")
    lanes = overview(motion.motion) if part == "overview" else lanes_of(motion.motion, part)
    return plot_lanes(lanes, len(motion.motion) / float(motion.fps), width, height)


def plot_lanes(lanes: list[Lane], seconds: float, width: int = 1024, height: int = 768) -> Tensor:
    """Lanes of curves over the same seconds, one below the other. u8 [height, width, 3]"""
    if not all(SMALLEST <= side <= LARGEST for side in (width, height)):
        raise InputError(f"size of the plot is {width} x {height}; expected {SMALLEST} to {LARGEST} pixels a side")
    image = Image.new("RGB", (FINE * width, FINE * height), GROUND)
    _draw(ImageDraw.Draw(image), image.size, lanes, seconds)
    return torch.from_numpy(np.array(image.reduce(FINE)))


def overview(motion: Tensor) -> list[Lane]:
    """A lane per part of the face, its curves the means of left and right. motion [T, 63]"""
    return [
        Lane(
            title,
            "degree" if title in ("head", "gaze") else "weight",
            tuple(Curve(label, motion[:, _channels(stem)].mean(1)[None]) for label, stem in curves.items()),
        )
        for title, curves in OVERVIEW.items()
    ]


def lanes_of(motion: Tensor, part: str) -> list[Lane]:
    """A part's channels in a lane per unit: no more than there are colours, those that move most. motion [T, 63]"""
    lanes: dict[str, list[Curve]] = {}
    for stem in dict.fromkeys(_stem(NAMES[channel]) for channel in REGIONS[part]):
        channels = _channels(stem)
        lanes.setdefault(motion_space.UNITS[channels[0]], []).append(Curve(stem, motion[:, channels].T))
    return [Lane(part, unit, _busiest(curves)) for unit, curves in lanes.items()]


def _busiest(curves: list[Curve]) -> tuple[Curve, ...]:
    """As many as there are colours, without those that stay at zero; at least one."""
    shown = [curve for curve in curves if curve.values.abs().max() > FLAT] or curves[:1]
    order = sorted(shown, key=lambda curve: -float((curve.values.amax(1) - curve.values.amin(1)).max()))
    kept = order[: len(COLOURS)]
    return tuple(curve for curve in shown if any(curve is chosen for chosen in kept))


def _stem(name: str) -> str:
    return name.removesuffix("_L").removesuffix("_R")


def _channels(stem: str) -> list[int]:
    """The channels of a name without its side: one, or left and right."""
    return [INDEX[stem]] if stem in INDEX else [INDEX[f"{stem}_L"], INDEX[f"{stem}_R"]]


def _draw(draw: ImageDraw.ImageDraw, size: tuple[int, int], lanes: list[Lane], seconds: float) -> None:
    """Lanes below each other over one axis of time."""
    letter = min(max(size[1] / 44, FINE * 10), FINE * 20, size[0] / 30)
    font = ImageFont.load_default(letter)
    left, right, foot = 3.6 * letter, size[0] - 1.2 * letter, size[1] - 2.8 * letter
    share = (foot - 0.4 * letter) / len(lanes)
    time = Axis(0, seconds, round_step(seconds, max(1, round((right - left) / (5 * letter)))))
    for number, lane in enumerate(lanes):
        top = 0.4 * letter + number * share
        _legend(draw, font, lane, left, top, right)
        _panel(draw, font, lane, time, Box(left, top + 1.6 * letter, right, top + share - 0.5 * letter))
    for moment in time.ticks():
        at = left + (right - left) * moment / seconds
        draw.text((at, foot), tick_label(moment, time.step), FAINT, font, anchor="mt")
    draw.text(((left + right) / 2, size[1] - 0.5 * letter), "seconds", TEXT, font, anchor="mb")


def _legend(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, lane: Lane, left: float, top: float, right: float
) -> None:
    """The lane's name, then every curve's with its colour, as far as they fit."""
    letter, middle = font.size, top + 0.9 * font.size
    draw.text((left, middle), lane.title, TEXT, font, anchor="lm")
    at = left + font.getlength(lane.title) + 0.6 * letter
    draw.text((at, middle), lane.unit, FAINT, font, anchor="lm")
    at += font.getlength(lane.unit) + 1.6 * letter
    for curve, colour in zip(lane.curves, COLOURS, strict=False):
        end = at + 1.5 * letter + font.getlength(curve.label)
        if end > right:
            return
        draw.line([(at, middle), (at + letter, middle)], colour, round(0.25 * letter))
        draw.text((at + 1.5 * letter, middle), curve.label, TEXT, font, anchor="lm")
        at = end + 1.2 * letter


def _panel(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, lane: Lane, time: Axis, box: Box) -> None:
    """Ground, grid, labels of the value axis, curves."""
    axis = value_axis(lane, max(2, round((box.bottom - box.top) / (2.2 * font.size))))
    draw.rectangle((box.left, box.top, box.right, box.bottom), PANEL)

    def place(moment: float, value: float) -> tuple[float, float]:
        across, up = moment / time.high, (value - axis.low) / (axis.high - axis.low)
        return box.left + across * (box.right - box.left), box.bottom - up * (box.bottom - box.top)

    for moment in time.ticks():
        draw.line([place(moment, axis.low), place(moment, axis.high)], GRID, FINE)
    for value in axis.ticks():
        draw.line([place(0, value), place(time.high, value)], ZERO if abs(value) < 1e-9 else GRID, FINE)
        label = tick_label(value, axis.step)
        draw.text((box.left - 0.5 * font.size, place(0, value)[1]), label, FAINT, font, anchor="rm")
    for curve, colour in zip(lane.curves, COLOURS, strict=False):
        for side in reversed(range(len(curve.values))):  # the left one on top
            shade = colour if side == 0 else tuple(round(DIM * level) for level in colour)
            points = [place(time.high * share, value) for share, value in line_points(curve.values[side])]
            draw.line(points, shade, 2 * FINE, joint="curve")


def line_points(values: Tensor) -> list[tuple[float, float]]:
    """(share of the clip, value) along a curve [T]: the middles of its frames, or of a long one its extremes."""
    steps = min(len(values), LARGEST)
    points = []
    for start, end in pairwise(len(values) * k // steps for k in range(steps + 1)):
        at, piece = (start + end) / 2 / len(values), values[start:end]
        points += [(at, float(piece.amin())), (at, float(piece.amax()))]
    return points if len(points) > 2 else [(0.0, points[0][1]), (1.0, points[0][1])]


def value_axis(lane: Lane, labels: int) -> Axis:
    """The range of a lane's curves, zero in it, with at most about `labels` labels."""
    values = torch.cat([curve.values.flatten() for curve in lane.curves])
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    missing = max(0.0, LEAST[lane.unit] - (high - low))
    low, high = (low - missing / 2, high + missing / 2) if lane.unit in SIGNED else (low, high + missing)
    step = round_step(high - low, labels)
    margin = 0.04 * (high - low)
    return Axis(low - margin, high + margin, step)


def round_step(span: float, labels: int) -> float:
    """The least of 1, 2, 5, 10, ... (and their tenths, hundredths, ...) that needs no more labels than there may be."""
    size = 10.0 ** math.floor(math.log10(span / labels))
    return next(size * digit for digit in (1, 2, 5, 10, 20) if span / (size * digit) <= labels)


def tick_label(value: float, step: float) -> str:
    """A number with the decimals that its step has."""
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
