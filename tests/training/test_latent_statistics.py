"""What is counted of films: how their latents go together over time."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.training.latent_statistics import autocovariances, smoothed

N, C, SIDE, LAGS = 9, 3, 4, 3
ANCHOR = 2.0


def clip(latents: Tensor) -> SimpleNamespace:
    return SimpleNamespace(latents=latents.half(), anchor=torch.full((C, SIDE, SIDE), ANCHOR).half())


def test_each_lag_is_the_mean_product_of_moments_so_far_apart():
    moving = (torch.randint(-4, 5, (N, 1, 1, 1), generator=torch.Generator().manual_seed(0)) / 2).expand(N, C, SIDE, SIDE)
    still = torch.zeros(N, C, SIDE, SIDE)
    table = autocovariances([clip(ANCHOR + moving), clip(ANCHOR + still)], LAGS)
    assert table.shape == (2, LAGS, C, SIDE, SIDE)
    for row, mean in enumerate((ANCHOR, 0.0)):
        films = [mean + moving[:, 0, 0, 0], mean + still[:, 0, 0, 0]]
        for lag in range(LAGS):
            wanted = sum((film[lag:] * film[: N - lag]).mean() for film in films) / 2
            torch.testing.assert_close(table[row, lag], wanted.expand(C, SIDE, SIDE))


def test_short_films_are_refused():
    with pytest.raises(ValueError, match="longer than 3"):
        autocovariances([clip(torch.zeros(2, C, SIDE, SIDE))], LAGS)


def test_smoothing_keeps_what_is_even_and_the_sum_inside():
    table = torch.zeros(2, 1, 7, 7)
    table[..., 3, 3] = 1.0
    assert smoothed(table).sum((-2, -1)) == pytest.approx(torch.ones(2, 1))
    assert torch.equal(smoothed(torch.ones(2, 7, 7)), torch.ones(2, 7, 7))
