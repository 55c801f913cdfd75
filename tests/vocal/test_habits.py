"""Habits read off motion: each from what it is about, and drawn to the average when there is little to see."""

import pytest
import torch

from neo_core.motion_space import INDEX, POSE
from neo_core.vocal.habits import LIMIT, MEASURES, RATE, STYLE_NAMES, read_habits


def acted(seconds: float = 8.0, blinks: int = 3, sway: float = 4.0, jaw: float = 0.3, lean: float = 1.0):
    """Somebody who speaks, blinks so often, and sways so far. [T, 63]"""
    count = round(seconds * float(RATE))
    time = torch.arange(count) / float(RATE)
    motion = torch.zeros(count, 63)
    motion[:, INDEX["jawOpen"]] = jaw * (0.5 + 0.5 * torch.sin(9 * time))
    motion[:, POSE.start + 1] = sway * torch.sin(time)
    for side, share in (("L", lean), ("R", 1.0)):
        motion[:, INDEX[f"mouthUpperUp_{side}"]] = share * 0.2 * (0.5 + 0.5 * torch.sin(9 * time))
        for number in range(blinks):
            first = round((number + 0.5) * count / blinks)
            motion[first : first + 3, INDEX[f"eyeBlink_{side}"]] = 1.0
    return motion


@pytest.mark.parametrize(
    ("habit", "less", "more"),
    [
        ("blink_rate", {"blinks": 1}, {"blinks": 8}),
        ("sway_range", {"sway": 1.0}, {"sway": 12.0}),
        ("jaw_range", {"jaw": 0.2}, {"jaw": 0.7}),
        ("mouth_asymmetry", {"lean": 0.6}, {"lean": 1.5}),
    ],
)
def test_a_habit_grows_with_what_it_is_about(habit, less, more):
    low, high = (read_habits(acted(**change)) for change in (less, more))
    assert high.read[habit] > low.read[habit] + 0.3
    assert high.style[STYLE_NAMES.index(habit)] == pytest.approx(high.read[habit])


def test_little_footage_says_little():
    long, short = (read_habits(acted(seconds, blinks=round(seconds))) for seconds in (12.0, 3.0))
    assert 0 < short.read["blink_rate"] < long.read["blink_rate"] <= LIMIT


def test_a_silent_mouth_tells_nothing_of_how_it_speaks():
    read = read_habits(acted(jaw=0.0)).read
    assert {name for name, measure in MEASURES.items() if measure.spoken}.isdisjoint(read)
    assert "blink_rate" in read


def test_habits_that_are_not_read_are_the_average_speakers():
    style = read_habits(acted()).style
    assert all(style[k] == 0 for k, name in enumerate(STYLE_NAMES) if name not in MEASURES)
    assert style.abs().amax() <= LIMIT
