"""The prior of NEO 2: what its closed forms promise, against plain linear algebra."""

import pytest
import torch

from neo_core.neo2.gaussian_prior import SMALLEST, along, cosines, deviation, estimate, resized, spectrum

T, KEPT = 6, 0.8  # correlation of neighbouring moments


def drifting(lags: int) -> torch.Tensor:
    """Autocovariance of a motion that forgets itself slowly."""
    return 3.0 * KEPT ** torch.arange(lags)


def test_cosines_are_orthonormal():
    torch.testing.assert_close(cosines(T) @ cosines(T).T, torch.eye(T))


def test_a_spectrum_is_the_covariance_along_the_cosines():
    apart = (torch.arange(T)[:, None] - torch.arange(T)).abs()
    covariance = drifting(T)[apart]
    turned = cosines(T) @ covariance @ cosines(T).T
    found = spectrum(drifting(T), T)
    torch.testing.assert_close(found, turned.diagonal())
    assert found.sum() == pytest.approx(float(covariance.trace()), rel=1e-5)
    assert (turned - found.diag()).norm() < 0.1 * turned.norm()  # cosines are nearly its axes


def test_beyond_the_last_lag_nothing_is_forgotten():
    held = torch.cat((drifting(3), drifting(3)[-1:].expand(T - 3)))
    torch.testing.assert_close(spectrum(drifting(3), T), spectrum(held, T))


def test_what_never_moves_is_known():
    assert (spectrum(torch.zeros(3, 2), T) == SMALLEST).all()


@pytest.mark.parametrize("t", [1.0, 0.7, 0.2, 0.0])
def test_estimate_and_deviation_are_those_of_gaussians(t):
    """Conditioning of a joint Gaussian, done with matrices."""
    variance, t = spectrum(drifting(T), T), torch.tensor(t)
    seen = torch.randn(T, generator=torch.Generator().manual_seed(0))
    r, z = variance.diag(), ((1 - t) ** 2 * variance + t**2).diag()
    gain = (1 - t) * r @ torch.linalg.inv(z)
    torch.testing.assert_close(estimate(seen, variance, t), gain @ seen)
    left = (r - (1 - t) * gain @ r).diagonal()
    torch.testing.assert_close(deviation(variance, t), left.clamp(min=0).sqrt(), atol=2e-3, rtol=1e-3)


def test_the_estimate_beats_one_that_knows_no_time():
    """On motions as the prior says, at the noise of the last step."""
    dice, t = torch.Generator().manual_seed(0), torch.tensor(0.6)
    apart = (torch.arange(T)[:, None] - torch.arange(T)).abs()
    draw = torch.linalg.cholesky(drifting(T)[apart]) @ torch.randn(T, 4000, generator=dice)
    motion = draw.T[:, :, None, None, None]
    noisy = (1 - t) * motion + t * torch.randn(motion.shape, generator=dice)
    variance = spectrum(drifting(T), T)[:, None, None, None]
    best = along(cosines(T).T, estimate(along(cosines(T), noisy), variance, t))
    plain = estimate(noisy, drifting(1)[0], t)
    found, other = ((x - motion).square().mean() for x in (best, plain))
    assert found < 0.75 * other
    said = deviation(spectrum(drifting(T), T), t).square().mean()
    assert float(found) == pytest.approx(float(said), rel=0.1)


def test_other_sizes_keep_the_level():
    table = torch.rand(2, 3, 4, 8, 8)
    assert resized(table, (8, 8)) is table
    wide = resized(table, (16, 16))
    assert wide.shape == (2, 3, 4, 16, 16)
    torch.testing.assert_close(wide.mean((-2, -1)), table.mean((-2, -1)), atol=0.02, rtol=0.02)
