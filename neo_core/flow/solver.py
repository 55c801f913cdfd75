"""Solvers as plain functions of (velocity field, start, times). Times fall from 1 to 0 (`flow/path.py`)."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]  # (x [B, T, C], t [B]) -> velocity [B, T, C]


def euler(field: Field, x: Tensor, times: Tensor) -> Tensor:
    """x_s = x_t + (s - t) v(x_t, t): one evaluation per step."""
    for t, s in pairwise(times):
        x = x + (s - t) * field(x, t.expand(len(x)))
    return x


def heun(field: Field, x: Tensor, times: Tensor) -> Tensor:
    """The mean of the slopes at both ends of a step: two evaluations, the last step (into t = 0) is Euler's."""
    for t, s in pairwise(times):
        slope = field(x, t.expand(len(x)))
        guess = x + (s - t) * slope
        x = guess if s == 0 else x + (s - t) * (slope + field(guess, s.expand(len(x)))) / 2
    return x
