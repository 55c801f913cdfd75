"""How long functions take beside one another."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch

Clock = Callable[[], float]


def medians(runs: Sequence[Callable[[], object]], rounds: int, clock: Clock = time.process_time) -> list[float]:
    """Median seconds of each, taken in turns: a busy minute meets all of them. What is set up in a first turn does not
    count."""
    seconds: list[list[float]] = [[] for _ in runs]
    for number in range(rounds + 1):
        for run, found in zip(runs, seconds, strict=True):
            begun = clock()
            run()
            if number:
                found.append(clock() - begun)
    return [statistics.median(found) for found in seconds]


def wall_clock(device: torch.device) -> Clock:
    """Seconds by the clock on the wall, when a device has done all that it was given."""

    def after_the_device() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return after_the_device if device.type == "cuda" else time.perf_counter
