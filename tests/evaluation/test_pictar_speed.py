"""The clockwork of the volumetric renderer's speed rows, on a tiny renderer."""

from dataclasses import replace

import pytest
import torch

from neo_core.evaluation import pictar_speed
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.pictar_speed import medians, multiplications, on_cpu
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


def test_narrow_numbers_are_timed_and_their_error_told(small):
    notes = {}
    found = on_cpu(small, notes, rounds=1)
    assert 0 < found["error of bfloat16, CPU"] < 0.5
    assert 0 < found["speed in float32, CPU"] <= found["speed in the best precision, CPU"]
    assert set(notes) == {"seconds of a frame in float32", "seconds of a frame in bfloat16"}


def test_a_precision_that_shows_does_not_count(small, monkeypatch):
    monkeypatch.setattr(pictar_speed, "VISIBLE", 0.0)
    monkeypatch.setattr(pictar_speed, "medians", lambda _runs, _rounds: [run() for run in _runs] and [6.0, 3.0, 1.0])
    assert on_cpu(small, {}, rounds=1)["speed in the best precision, CPU"] == 2.0


def test_without_a_cuda_device_it_says_so(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CouldNotRun, match="no CUDA device"):
        pictar_speed.on_cuda(small, {})


def test_smaller_pictures_cost_less(small):
    ours, plain = multiplications(small)
    assert pictar_speed.fewer_multiplications(small) == {"multiplications, plain over ours": plain / ours}
    assert plain > ours
    assert multiplications(FAMILY["mini"])[0] == pytest.approx(16 * ours, rel=0.05)


def test_without_a_checkout_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(pictar_speed, "PLAIN", tmp_path)
    with pytest.raises(CouldNotRun, match="comes with a checkout"):
        pictar_speed.load_oracle()
