"""torch.compile where it pays: a compiled function takes the place of another only if it is measured to be faster, and
answers the same.
"""

import logging
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

ROUNDS = 10
GAIN = 0.95  # of the time: what is hardly faster is not worth the minute that compiling took
log = logging.getLogger(__name__)

Function = Callable[..., Tensor]
Clock = Callable[[], float]


def compiled(function: Function) -> Function:
    """By torch's own compiler, for sizes that do not change. Nothing happens before the first call."""
    return torch.compile(function, mode="max-autotune-no-cudagraphs", dynamic=False)


@torch.no_grad()
def faster(
    name: str,
    function: Function,
    inputs: Sequence[Tensor],
    tolerance: float,
    compiler: Callable[[Function], Function] = compiled,
    clock: Clock | None = None,
) -> Function:
    """The function or, where that is faster on these inputs and differs by at most `tolerance` of the largest value,
    what a compiler makes of it; which of them is logged under a name.

    A compiler that this machine lacks (torch's wants Triton or a C++ compiler) is told as a warning.
    """
    clock, other = clock or _clock_of(inputs[0].device), compiler(function)
    try:
        found = other(*inputs)
    except (RuntimeError, ImportError, OSError) as error:  # torch's own errors of compiling are RuntimeErrors
        log.warning("%s stays as it is: it cannot be compiled here (%s)", name, str(error).splitlines()[0])
        return function
    expected = function(*inputs).float()
    apart = float((found.float() - expected).abs().max() / expected.abs().max())
    before, after = _medians((function, other), inputs, clock)
    if apart <= tolerance and after < GAIN * before:
        log.info("%s compiled: %.2f times as fast", name, before / after)
        return other
    log.info("%s stays as it is: compiled it takes %.2f of the time, and differs by %.2g", name, after / before, apart)
    return function


def _medians(functions: Sequence[Function], inputs: Sequence[Tensor], clock: Clock) -> list[float]:
    """Seconds of each, taken in turns."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, taken in zip(functions, seconds, strict=True):
            begun = clock()
            function(*inputs)
            taken.append(clock() - begun)
    return [statistics.median(taken) for taken in seconds]


def _clock_of(device: torch.device) -> Clock:
    def after_the_device() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return after_the_device if device.type == "cuda" else time.perf_counter
