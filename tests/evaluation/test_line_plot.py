"""Figures of lines: every panel drawn, rising lines rise, all values inside."""

import pytest
import torch

from neo_core.evaluation.line_plot import Line, Panel, plot_lines, value_range
from neo_core.evaluation.motion_plot import COLOURS

WEIGHTS = (0.5, 1.0, 2.0)


def panel(*lines):
    return Panel("title", "weight", WEIGHTS, tuple(Line(f"line {k}", values) for k, values in enumerate(lines)))


def of_colour(picture, colour):
    """Rows and columns of the pixels of a colour below the names. [n, 2]"""
    found = torch.nonzero((picture.int() - torch.tensor(colour)).abs().amax(-1) < 12).float()
    return found[found[:, 0] > 61]


def test_panels_stand_side_by_side():
    picture = plot_lines([panel((0, 1, 2)), panel((2, 1, 0))], width=300, height=240)
    assert picture.shape == (240, 600, 3)
    for half in picture.split(300, dim=1):
        assert len(of_colour(half, COLOURS[0])) > 50


@pytest.mark.parametrize(("values", "rising"), [((0, 1, 2), True), ((-3, -4, -9), False)])
def test_a_line_goes_where_its_values_go(values, rising):
    spots = of_colour(plot_lines([panel(values)]), COLOURS[0])
    left, right = (spots[side][:, 0].mean() for side in (spots[:, 1] < 150, spots[:, 1] > 380))
    assert bool(right < left) is rising


def test_every_line_has_its_colour():
    picture = plot_lines([panel((0, 1, 2), (2, 1, 0), (1, 1, 1))])
    assert all(len(of_colour(picture, colour)) > 50 for colour in COLOURS[:3])


@pytest.mark.parametrize("values", [(0.0, 0.0, 0.0), (1e-6, 2e-6, 0.0), (-70, 1200, 3)])
def test_the_range_holds_every_value_and_has_few_labels(values):
    axis = value_range(panel(values))
    assert axis.low < min(values)
    assert axis.high > max(values)
    assert 1 <= len(axis.ticks()) <= 7
