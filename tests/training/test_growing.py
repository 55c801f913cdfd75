"""Growing up: shares of ages are whole and change steadily; clothes shrink with their wearer."""

import numpy as np
import pytest
import torch

from neo_core.training.growing import AGES, MODES, SHARES, YEARS, age_weights, fitted

EVEN = np.ones(3) / 3


@pytest.mark.parametrize("years", [3, 6.5, 10, 15, 18, 44, 80])
def test_everybody_is_of_one_age(years):
    weights = age_weights(years, 0.3, EVEN)
    assert weights.shape == (MODES,)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-5)


def test_the_table_of_ages_is_complete():
    assert set(SHARES) == set(AGES)
    assert np.allclose(np.sum(list(SHARES.values()), 0), 1)
    assert all(len(row) == len(YEARS) for row in SHARES.values())


def test_a_birthday_changes_little():
    steps = [(age_weights(y + 1, 0.5, EVEN) - age_weights(y, 0.5, EVEN)).abs().sum() for y in range(3, 80)]
    assert max(steps) < 0.4


def test_children_have_narrower_shoulders_nearer_to_the_eyes():
    shoulders = torch.tensor([[-18.0, -18.0, -2.0], [18.0, -18.0, -2.0]])
    widths, heights = [], []
    for years in (4, 8, 12, 18):
        points = fitted(shoulders, age_weights(years, 0.5, EVEN))
        widths.append(float(points[1, 0] - points[0, 0]))
        heights.append(float(points[0, 1]))
    assert widths == sorted(widths)
    assert heights == sorted(heights, reverse=True)
    assert widths[-1] == pytest.approx(36)
