"""The plot of a performance: every part drawn, curves where their values are, nothing lost in a long one."""

from fractions import Fraction

import pytest
import torch

from neo_core.data_types import InputError, MotionLatents
from neo_core.evaluation.motion_plot import COLOURS, PARTS, lanes_of, line_points, plot_motion, value_axis
from neo_core.motion_space import INDEX


def of_colour(picture, colour):
    """Rows and columns of the pixels of a colour. [n, 2]"""
    return torch.nonzero((picture.int() - torch.tensor(colour)).abs().amax(-1) < 12).float()


def moving(channel, values):
    motion = torch.zeros(len(values), 63)
    motion[:, INDEX[channel]] = torch.as_tensor(values, dtype=torch.float32)
    return MotionLatents(motion, Fraction(25))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("width", "height"), [(1024, 768), (192, 192), (300, 1000)])
def test_every_part_is_drawn(part, width, height):
    generator = torch.Generator().manual_seed(1)
    picture = plot_motion(MotionLatents(torch.rand(30, 63, generator=generator), Fraction(25)), part, width, height)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == torch.uint8
    assert len(of_colour(picture, COLOURS[0])) > width / 20


def test_a_curve_rises_where_its_channel_does():
    picture = plot_motion(moving("jawOpen", [0.0] * 50 + [0.9] * 50), "mouth", 600, 300)
    spots = of_colour(picture, COLOURS[0])
    spots = spots[spots[:, 0] > 20]  # below the legend
    before, after = (spots[side] for side in (spots[:, 1] < 280, spots[:, 1] > 360))
    assert after[:, 0].mean() < before[:, 0].mean() - 120


def test_left_and_right_are_told_apart():
    left, right = (plot_motion(moving(f"eyeBlink_{side}", [0.0, 1.0] * 20), "eyes") for side in "LR")
    assert not torch.equal(left, right)


def test_a_blink_shows_in_ten_hours():
    values = torch.zeros(900_000)
    values[123_456:123_460] = 1.0
    points = line_points(values)
    assert len(points) < 10_000
    assert max(value for _, value in points) == 1.0
    at = max(points, key=lambda point: point[1])[0]
    assert at == pytest.approx(123_458 / 900_000, abs=1e-3)


def test_the_value_axis_holds_every_value():
    lane = lanes_of(moving("yaw", [-17.0, 3.0, 24.0]).motion, "pose")[0]
    axis = value_axis(lane, 6)
    assert axis.low < -17
    assert axis.high > 24
    assert 0 in axis.ticks()
    assert 2 <= len(axis.ticks()) <= 7


@pytest.mark.parametrize("frames", [1, 2])
def test_short_motion_is_drawn(frames):
    still, moved = (plot_motion(MotionLatents(k * torch.rand(frames, 63), Fraction(25))) for k in (0, 1))
    assert not torch.equal(still, moved)


@pytest.mark.parametrize(
    ("part", "width", "height", "frames"),
    [("ears", 640, 480, 9), ("mouth", 20, 480, 9), ("mouth", 640, 9000, 9), ("mouth", 640, 480, 0)],
)
def test_what_cannot_be_drawn_is_refused(part, width, height, frames):
    with pytest.raises(InputError, match="expected"):
        plot_motion(MotionLatents(torch.zeros(frames, 63), Fraction(25)), part, width, height)
