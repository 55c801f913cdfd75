"""The picture of a seam report: what was measured over the video, with the joins marked."""

import torch
from torch import Tensor

from .continuity import SeamReport
from .line_plot import Line, Panel, plot_lines

WIDTH, HEIGHT = 1000, 230  # pixels of a panel
CURVES = {
    "velocity": "velocity: a jump stands out",
    "acceleration": "acceleration: so does a jerk",
    "detail": "detail: a cross-fade has less",
    "interpolation": "distance to the interpolated neighbours: a double edge has more",
}


def plot_seams(report: SeamReport) -> Tensor:
    """Panels one below the other, joins as upright lines. u8 [H, W, 3]"""
    marks = tuple(join / report.rate for join in report.joins)
    panels = []
    for name, title in CURVES.items():
        values = getattr(report.curves, name)
        there = (~values.isnan()).nonzero().flatten()
        line = Line(name, tuple(values[there].tolist()))
        panels.append(Panel(title, "second", tuple((there / report.rate).tolist()), (line,), marks))
    return torch.cat([plot_lines([panel], WIDTH, HEIGHT) for panel in panels])
