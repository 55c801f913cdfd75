"""The clockwork of the volumetric renderer's speed rows, on a tiny renderer."""

from dataclasses import replace

import pytest

from neo_core.evaluation import pictar_speed
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.pictar_speed import _times, medians, multiplications
from neo_core.pictar.volumetric.family import FAMILY


@pytest.fixture
def small():
    """The mini renderer in 64 x 64 pixels."""
    mini = FAMILY["mini"]
    return replace(mini, appearance=replace(mini.appearance, side=64), motion=replace(mini.motion, side=64))


def test_the_middle_of_several_turns_counts_and_the_first_does_not():
    now, costs = [0.0], {"first": [90.0, 5.0, 1.0, 4.0], "second": [90.0, 2.0, 3.0, 2.5]}

    def run(name):
        def spend():
            now[0] += costs[name].pop(0)

        return spend

    assert medians([run("first"), run("second")], 3, lambda: now[0]) == [4.0, 2.5]


def test_all_three_draw_the_same_frame(small):
    found = _times(small, rounds=1)
    assert found["volumetric, difference"] < 2e-4
    assert 0 < found["volumetric, error in bfloat16"] < 0.5
    assert found["volumetric, speed in float32"] > 0
    assert found["volumetric, seconds a frame"] > 0


def test_smaller_pictures_cost_less(small):
    ours, plain = multiplications(small)
    assert plain > ours
    assert multiplications(FAMILY["mini"])[0] == pytest.approx(16 * ours, rel=0.05)


def test_without_a_checkout_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(pictar_speed, "ORACLE", tmp_path / "oracle.py")
    with pytest.raises(CouldNotRun, match="comes with a checkout"):
        pictar_speed.load_oracle()
