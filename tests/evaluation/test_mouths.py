"""What a slider does to a mouth is measured on its lips: how wide, and whether in time."""

from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import GEOMETRY_SIZE
from neo_core.evaluation import motion
from neo_core.geometry.head_model import load_head_model
from neo_core.motion_space import INDEX, rest

FRAMES = 100


@pytest.fixture
def performer(monkeypatch):
    """Opens the jaw with the slider of the audio; at 0 it moves as much, at other times."""

    def perform(_, guidance):
        moving = rest().repeat(FRAMES, 1)
        course = torch.sin(torch.arange(FRAMES) / 5).clamp(min=0)
        course = course.flip(0).roll(23) if guidance.audio == 0 else guidance.audio * course
        moving[:, INDEX["jawOpen"]] = 0.3 * course
        return moving

    monkeypatch.setattr(motion, "encode", lambda *_: None)
    identity = SimpleNamespace(geometry=torch.zeros(GEOMETRY_SIZE))
    return SimpleNamespace(encoder=None, perform=perform, head=load_head_model(), identity=identity)


def test_a_mouth_is_as_much_wider_as_it_opens(performer):
    found = motion.mouths(performer, None, (0.5, 1.5, 2.0))
    assert [mouth.wider for mouth in found.values()] == pytest.approx([-0.5, 0.5, 1.0], abs=0.06)
    assert all(mouth.agreement > 0.99 for mouth in found.values())


def test_a_mouth_that_moves_at_other_times_is_not_in_time(performer):
    (deaf,) = motion.mouths(performer, None, (0.0,)).values()
    assert abs(deaf.wider) < 0.05
    assert deaf.agreement < 0.7


def test_the_table_names_every_slider(performer):
    found = motion.mouths(performer, None, (0.0, 2.0))
    assert [line.split("|")[1].strip() for line in motion.mouth_table(found).splitlines()[2:]] == ["0", "2"]
