"""torch.compile where it pays: a compiled function takes the place of another only if it is measured to be faster, and
answers the same.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .timing import Clock, medians, wall_clock

ROUNDS = 10
GAIN = 0.95  # of the time: what is hardly faster is not worth the minute that compiling took
log = logging.getLogger(__name__)

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be off, as a share of its largest value."""

    most: float = math.inf  # anywhere
    mean: float = math.inf


def compiled(function: Function) -> Function:
    """By torch's own compiler, for sizes that do not change. Nothing happens before the first call."""
    return torch.compile(function, mode="max-autotune-no-cudagraphs", dynamic=False)


@torch.no_grad()
def faster(
    name: str,
    function: Function,
    inputs: Sequence[Tensor],
    tolerance: Tolerance,
    compiler: Callable[[Function], Function] = compiled,
    clock: Clock | None = None,
) -> Function:
    """The function or, where that is faster on these inputs and answers the same, what a compiler makes of it; which of
    them is logged under a name.

    A compiler that this machine lacks (torch's wants Triton or a C++ compiler) is told as a warning.
    """
    other = compiler(function)
    expected = function(*inputs).float()
    try:
        found = other(*inputs)
    except (RuntimeError, ImportError, OSError) as error:  # torch's own errors of compiling are RuntimeErrors
        log.warning("%s stays as it is: it cannot be compiled here (%s)", name, reason(error))
        return function
    apart = (found.float() - expected).abs() / expected.abs().max()
    most, mean = float(apart.max()), float(apart.mean())
    runs = [partial(each, *inputs) for each in (function, other)]
    before, after = medians(runs, ROUNDS, clock or wall_clock(inputs[0].device))
    if most <= tolerance.most and mean <= tolerance.mean and after < GAIN * before:
        log.info("%s compiled: %.2f times as fast", name, before / after)
        return other
    told = "%s stays as it is: compiled it takes %.2f of the time, and differs by at most %.2g, by %.2g in the mean"
    log.info(told, name, after / before, most, mean)
    return function


def reason(error: Exception) -> str:
    """The first line of what an error says; its kind, where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
