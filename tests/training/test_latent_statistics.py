"""What is counted of films: how their latents go together over time, and how well that tells them out of noise."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.neo2.gaussian_prior import along, cosines, estimate, spectrum
from neo_core.training.latent_statistics import autocovariances, linear_errors, smoothed, table

N, C, SIDE, LAGS = 9, 3, 4, 3


def clip(latents: Tensor) -> SimpleNamespace:
    return SimpleNamespace(latents=latents.half())


def test_each_lag_is_the_mean_product_of_moments_so_far_apart():
    moving = (torch.randint(-4, 5, (N, 1, 1, 1), generator=torch.Generator().manual_seed(0)) / 2).expand(
        N, C, SIDE, SIDE
    )
    still = torch.zeros(N, C, SIDE, SIDE)
    table = autocovariances([clip(2 + moving), clip(2 + still)], LAGS)
    assert table.shape == (LAGS, C, SIDE, SIDE)
    films = [2 + moving[:, 0, 0, 0], 2 + still[:, 0, 0, 0]]
    for lag in range(LAGS):
        wanted = sum((film[lag:] * film[: N - lag]).mean() for film in films) / 2
        torch.testing.assert_close(table[lag], wanted.expand(C, SIDE, SIDE))


def test_short_films_are_refused():
    with pytest.raises(ValueError, match="longer than 3"):
        autocovariances([clip(torch.zeros(2, C, SIDE, SIDE))], LAGS)


def test_smoothing_keeps_what_is_even_and_the_sum_inside():
    table = torch.zeros(2, 1, 7, 7)
    table[..., 3, 3] = 1.0
    assert smoothed(table).sum((-2, -1)) == pytest.approx(torch.ones(2, 1))
    assert torch.equal(smoothed(torch.ones(2, 7, 7)), torch.ones(2, 7, 7))


def test_linear_errors_are_those_of_estimates_out_of_noise():
    """Against noise that is drawn; films beyond their last whole window do not count."""
    dice = torch.Generator().manual_seed(0)
    autocovariance = torch.rand(LAGS, C, SIDE, SIDE, generator=dice) + torch.tensor([2.0, 1, 0.5])[:, None, None, None]
    films = [clip(torch.randn(n, C, SIDE, SIDE, generator=dice)) for n in (5, N)]
    found = linear_errors(autocovariance, films, times=(0.8, 0.3), length=4)
    away = torch.stack([film.latents[k : k + 4].float() for film, k in ((films[0], 0), (films[1], 0), (films[1], 4))])
    cells = autocovariance[0]
    priors = {"one variance": cells.mean(), "per cell and channel": cells}
    priors["per frequency too"] = spectrum(autocovariance, 4)
    for name, variance in priors.items():
        for column, t in enumerate((0.8, 0.3)):
            noise = torch.randn(400, *away.shape, generator=dice)
            seen = along(cosines(4), ((1 - t) * away + t * noise).flatten(0, 1)).unflatten(0, noise.shape[:2])
            guess = estimate(seen, variance, torch.tensor(t))
            wanted = (guess - along(cosines(4), away)).square().mean()
            assert found[name][column] == pytest.approx(float(wanted), rel=0.01), (name, t)


def test_what_is_known_of_films_helps():
    """Where half of a picture moves, slowly, and the other rests."""
    moving = torch.zeros(2 * N, C, SIDE, SIDE)
    moving[..., :2] = torch.where(torch.arange(2 * N) < N, -4.0, 4.0)[:, None, None, None]
    films = [clip(moving), clip(-moving)]
    found = linear_errors(autocovariances(films, LAGS), films, times=(0.6,), length=N)
    plain, cells, frequencies = (
        found[name][0] for name in ("one variance", "per cell and channel", "per frequency too")
    )
    assert frequencies < 0.7 * cells
    assert cells < 0.8 * plain
    assert [len(line.split()) for line in table(found, times=(0.6,)).splitlines()] == [3, 3, 5, 4]
