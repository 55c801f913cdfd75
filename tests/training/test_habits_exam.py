"""Guessing habits is examined on speakers whose habits are known."""

import torch

from neo_core.motion_space import INDEX
from neo_core.training.habits_exam import examine, measured, spoken_windows
from neo_core.training.synthetic.performances import Take
from neo_core.vocal.habits import MEASURES, STYLE_NAMES


def take(jaw: float, frames: int = 100) -> Take:
    motion = torch.zeros(frames, 63)
    motion[:, INDEX["jawOpen"]] = jaw * (0.5 + 0.5 * torch.sin(torch.arange(frames) / 3))
    style = torch.zeros(16)
    style[STYLE_NAMES.index("jaw_range")] = 4 * jaw - 1
    none = torch.zeros(63)
    return Take(0, torch.zeros(60), style, none, motion.half(), 0, False, torch.zeros(6))


def test_windows_are_of_those_who_speak_for_long_enough():
    dice = torch.Generator().manual_seed(0)
    windows = spoken_windows((take(0.4), take(0.0), take(0.4, 50)), 3.5, dice)
    assert len(windows) == 1
    assert windows[0][0].shape == (44, 63)


def test_a_measure_that_goes_with_its_habit_is_told_so():
    dice = torch.Generator().manual_seed(0)
    windows = spoken_windows(tuple(take(0.2 + 0.05 * k) for k in range(8)), 3.5, dice)
    rows = {row.name: row for row in examine(windows)}
    assert rows.keys() == MEASURES.keys()
    assert rows["jaw_range"].correlation > 0.9
    assert rows["jaw_range"].error < 1


def test_measuring_shakes_every_channel_a_little():
    noise = measured(torch.zeros(200, 63), torch.Generator().manual_seed(0)).std(0)
    assert (noise > 0).all()
    assert noise.amax() < 1
