"""Rectified flow (arXiv 2209.03003) and the one time convention of the code.

    t = 1 is noise, t = 0 is data:   x_t = (1 - t) x_0 + t e,   e ~ N(0, 1)
    velocity                         v   = dx_t / dt = e - x_0
    sampling                         walks t from 1 down to 0, x_s = x_t + (s - t) v

A network may predict the data x_0 instead of v (arXiv 2511.13720): the two are the same statement about x_t.
"""

from torch import Tensor

SMALLEST_T = 0.05  # v = (x_t - x_0) / t is not asked closer to the data than this


def interpolate(data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t on the straight path; t [B] against [B, ...]."""
    t = _each(t, data)
    return (1 - t) * data + t * noise


def velocity_from_data(x: Tensor, data: Tensor, t: Tensor) -> Tensor:
    """The velocity at x_t that a prediction of x_0 stands for; t [B]."""
    return (x - data) / _each(t.clamp(min=SMALLEST_T), x)


def _each(t: Tensor, x: Tensor) -> Tensor:
    """[B] -> [B, 1, ...], to be broadcast over x [B, ...]"""
    return t.view(-1, *(1,) * (x.ndim - 1))
