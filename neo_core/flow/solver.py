"""The solver, a plain function of (velocity field, start, times). Times fall from 1 to 0 (`flow/path.py`)."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]  # (x [B, T, C], t [B]) -> velocity [B, T, C]


def euler(field: Field, x: Tensor, times: Tensor) -> Tensor:
    """x_s = x_t + (s - t) v(x_t, t): one evaluation per step."""
    for t, s in pairwise(times):
        x = x + (s - t) * field(x, t.expand(len(x)))
    return x
