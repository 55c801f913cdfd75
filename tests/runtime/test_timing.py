"""Times of functions that are compared."""

import torch

from neo_core.runtime.timing import medians, wall_clock


def test_the_middle_of_several_turns_counts_and_the_first_does_not():
    now, costs = [0.0], {"first": [90.0, 5.0, 1.0, 4.0], "second": [90.0, 2.0, 3.0, 2.5]}

    def run(name):
        def spend():
            now[0] += costs[name].pop(0)

        return spend

    assert medians([run("first"), run("second")], 3, lambda: now[0]) == [4.0, 2.5]


def test_a_clock_waits_for_its_device(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    before = wall_clock(torch.device("cpu"))()
    assert waited == []
    assert wall_clock(torch.device("cuda"))() >= before
    assert waited == [torch.device("cuda")]
