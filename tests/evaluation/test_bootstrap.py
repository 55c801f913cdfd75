"""Intervals are as wide as the groups are few."""

import pytest
import torch

from neo_core.evaluation.bootstrap import bootstrap


def mean_of(values):
    return lambda numbers: float(values[numbers].mean())


def test_the_range_of_a_mean_is_that_of_the_books():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0))
    found = bootstrap(range(400), mean_of(values), rounds=1000)
    half = 1.96 * float(values.std()) / 20
    assert found.low == pytest.approx(float(values.mean()) - half, abs=0.02)
    assert found.high == pytest.approx(float(values.mean()) + half, abs=0.02)


def test_samples_of_one_person_are_no_more_than_one_person():
    people = torch.randn(20, generator=torch.Generator().manual_seed(0))
    once, often = people, people.repeat_interleave(10)
    alone = bootstrap(range(20), mean_of(once))
    together = bootstrap([k // 10 for k in range(200)], mean_of(often))
    blind = bootstrap(range(200), mean_of(often))
    assert together == pytest.approx(alone)
    assert blind.high - blind.low < 0.5 * (alone.high - alone.low), "what counting films as people would claim"


def test_a_single_group_has_nothing_to_be_drawn_from():
    found = bootstrap([0, 0, 0], lambda numbers: float(sum(numbers)))
    assert found.low == found.high == 3
