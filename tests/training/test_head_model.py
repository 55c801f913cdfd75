"""The recipe's statistics: principal components of mirrored samples."""

import numpy as np

from neo_core.training.head_model import principal_components


def samples(count=40, vertices=10):
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(3, vertices, 3)) * np.array([5, 2, 1])[:, None, None]
    return (rng.normal(size=(count, 3)) @ basis.reshape(3, -1)).reshape(count, vertices, 3).astype(np.float32)


MIRROR = np.array([5, 6, 7, 8, 9, 0, 1, 2, 3, 4])


def test_modes_have_unit_variance_and_rebuild_the_samples():
    heads = samples()
    mean, modes = principal_components(heads, MIRROR, 6)
    flat = modes.reshape(6, -1)
    coefficients = (heads - mean).reshape(len(heads), -1) @ flat.T / np.square(flat).sum(1)
    assert np.allclose(coefficients @ flat, (heads - mean).reshape(len(heads), -1), atol=1e-2)
    flipped = heads[:, MIRROR] * np.array([-1, 1, 1])
    both = np.concatenate([heads, flipped])
    spread = ((both - mean).reshape(len(both), -1) @ flat.T / np.square(flat).sum(1)).std(0)
    assert np.allclose(spread, 1, atol=1e-2)


def test_the_mean_head_is_symmetric():
    mean, _ = principal_components(samples(), MIRROR, 3)
    assert np.allclose(mean[MIRROR] * [-1, 1, 1], mean, atol=1e-4)
