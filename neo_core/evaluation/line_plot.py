"""Figures of the benchmarks: panels of lines over one number, in the style of the motion plot.

Letters: P points of a line.
"""

from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .motion_plot import COLOURS, FAINT, FINE, GRID, GROUND, PANEL, TEXT, Axis, Box, round_step, tick_label

LETTER = 14.0 * FINE  # pixels of the fine picture
LABELS = 6  # of an axis, at most


@dataclass(frozen=True)
class Line:
    label: str
    values: tuple[float, ...]  # [P]


@dataclass(frozen=True)
class Panel:
    """Lines over the same places."""

    title: str
    across: str  # what the places are
    places: tuple[float, ...]  # [P], rising
    lines: tuple[Line, ...]
    marks: tuple[float, ...] = ()  # places with an upright line


def plot_lines(panels: list[Panel], width: int = 480, height: int = 380) -> Tensor:
    """Panels side by side, each of `width` x `height` pixels. u8 [height, panels x width, 3]"""
    image = Image.new("RGB", (FINE * width * len(panels), FINE * height), GROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(LETTER)
    for number, panel in enumerate(panels):
        left = FINE * width * number
        rows = 1.5 * (2 + len(panel.lines))  # title, a row for each line's name
        box = Box(left + 4 * LETTER, rows * LETTER, left + FINE * width - LETTER, FINE * height - 3.4 * LETTER)
        _names(draw, font, panel, left + LETTER)
        _lines(draw, font, panel, box)
    return torch.from_numpy(np.array(image.reduce(FINE)))


def value_range(panel: Panel) -> Axis:
    """All values of a panel with a margin, and a round step between its labels."""
    values = [value for line in panel.lines for value in line.values]
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.5
    return Axis(low - margin, high + margin, round_step(high - low + 2 * margin, LABELS))


def _names(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, panel: Panel, left: float) -> None:
    draw.text((left, 1.3 * LETTER), panel.title, TEXT, font, anchor="lm")
    for row, (line, colour) in enumerate(zip(panel.lines, cycle(COLOURS), strict=False)):
        at = (2.8 + 1.4 * row) * LETTER
        draw.line([(left, at), (left + 1.5 * LETTER, at)], colour, round(0.2 * LETTER))
        draw.text((left + 2 * LETTER, at), line.label, FAINT, font, anchor="lm")


def _lines(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, panel: Panel, box: Box) -> None:
    """Ground, grid, labels of both axes, lines with their points."""
    up, first, last = value_range(panel), panel.places[0], panel.places[-1]
    draw.rectangle((box.left, box.top, box.right, box.bottom), PANEL)

    def at(place: float, value: float) -> tuple[float, float]:
        across, share = (place - first) / (last - first), (value - up.low) / (up.high - up.low)
        return box.left + across * (box.right - box.left), box.bottom - share * (box.bottom - box.top)

    for value in up.ticks():
        draw.line([at(first, value), at(last, value)], GRID, FINE)
        draw.text((box.left - 0.4 * LETTER, at(first, value)[1]), tick_label(value, up.step), FAINT, font, anchor="rm")
    over = Axis(first, last, round_step(last - first, LABELS))
    for place in over.ticks():
        draw.line([at(place, up.low), at(place, up.high)], GRID, FINE)
        label = tick_label(place, over.step)
        draw.text((at(place, up.low)[0], box.bottom + 0.4 * LETTER), label, FAINT, font, anchor="mt")
    for place in panel.marks:
        draw.line([at(place, up.low), at(place, up.high)], FAINT, FINE)
    middle = ((box.left + box.right) / 2, box.bottom + 2.2 * LETTER)
    draw.text(middle, panel.across, TEXT, font, anchor="mt")
    for line, colour in zip(panel.lines, cycle(COLOURS), strict=False):
        points = [at(*point) for point in zip(panel.places, line.values, strict=True)]
        draw.line(points, colour, 2 * FINE, joint="curve")
        if len(points) <= 2 * LABELS:
            for x, y in points:
                draw.ellipse((x - 5 * FINE, y - 5 * FINE, x + 5 * FINE, y + 5 * FINE), colour)
