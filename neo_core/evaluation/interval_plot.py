"""Figures of the benchmarks: values with their intervals, one below the other, in the style of the motion plot."""

from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .line_plot import LETTER
from .motion_plot import COLOURS, FAINT, FINE, GRID, GROUND, PANEL, TEXT, Axis, Box, round_step, tick_label

ROW = 1.7 * LETTER
NAMES = 15.0 * LETTER  # width of the names on the left
TICKS = 4


@dataclass(frozen=True)
class Interval:
    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """One figure of several performers."""

    title: str
    rows: tuple[Interval, ...]


def plot_intervals(panels: list[Intervals], across: int = 2, width: int = 560) -> Tensor:
    """Panels of `width` pixels, `across` of them side by side. u8 [H, W, 3]"""
    tall = max((len(panel.rows) + 4) * ROW for panel in panels)
    down = -(-len(panels) // across)
    image = Image.new("RGB", (FINE * width * across, round(tall * down)), GROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(LETTER)
    for number, panel in enumerate(panels):
        left, top = FINE * width * (number % across), tall * (number // across)
        draw.text((left + LETTER, top + ROW), panel.title, TEXT, font, anchor="lm")
        box = Box(left + NAMES, top + 1.8 * ROW, left + FINE * width - 1.5 * LETTER, top + (2 + len(panel.rows)) * ROW)
        _rows(draw, font, panel, box)
    return torch.from_numpy(np.array(image.reduce(FINE)))


def _rows(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, panel: Intervals, box: Box) -> None:
    """Ground, grid with its labels, then each row: name, interval, value."""
    low, high = min(row.low for row in panel.rows), max(row.high for row in panel.rows)
    margin = 0.08 * (high - low) or 0.5
    axis = Axis(low - margin, high + margin, round_step(high - low + 2 * margin, TICKS))
    draw.rectangle((box.left, box.top, box.right, box.bottom), PANEL)

    def at(value: float) -> float:
        return box.left + (value - axis.low) / (axis.high - axis.low) * (box.right - box.left)

    for value in axis.ticks():
        draw.line([(at(value), box.top), (at(value), box.bottom)], GRID, FINE)
        draw.text((at(value), box.bottom + 0.4 * LETTER), tick_label(value, axis.step), FAINT, font, anchor="mt")
    for number, (row, colour) in enumerate(zip(panel.rows, cycle(COLOURS), strict=False)):
        middle = box.top + (number + 0.6) * ROW
        draw.text((box.left - 0.6 * LETTER, middle), row.name, FAINT, font, anchor="rm")
        draw.line([(at(row.low), middle), (at(row.high), middle)], colour, 2 * FINE)
        for end in (row.low, row.high):
            draw.line([(at(end), middle - 0.3 * LETTER), (at(end), middle + 0.3 * LETTER)], colour, 2 * FINE)
        dot = 0.35 * LETTER
        draw.ellipse((at(row.value) - dot, middle - dot, at(row.value) + dot, middle + dot), colour)
