"""How long NEO 2 takes: one chunk on two cores, and chunks in two processes against one.

No films are needed: what is computed does not depend on who is seen. Wall times, since processes and threads are what
is measured; the least or the middle of several runs, taken in turns where two are compared.
"""

import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ..neo2.chunk_executor import Processes
from ..neo2.latent_space import HEARD, SIZE, latent_count
from .bench import CouldNotRun
from .full_body_actor import SYNC, TUNED, Actor

FRAMES = 25  # of the chunk
CORES = 2
RUNS = 3
CHUNKS = 4  # side by side
log = logging.getLogger(__name__)


def chunk(actor: Actor) -> dict[str, float]:
    """Seconds from a picture, hidden states and a prompt to the frames of a chunk, on two cores."""
    _require_cores()
    picture, hidden, count = _picture(), _hidden(actor, latent_count(FRAMES)), latent_count(FRAMES)

    def perform() -> None:
        anchor = actor.anchor(picture)
        actor.show(actor.perform(anchor, hidden, "a woman speaks", count, TUNED, SYNC), anchor)

    with threads(CORES):
        seconds = [taken(perform) for _ in range(RUNS)]
    log.info("a chunk of %d latents in %s s", count, ", ".join(f"{s:.2f}" for s in seconds))
    return {"one chunk of 25 frames": statistics.median(seconds)}


def processes(actor: Actor) -> dict[str, float]:
    """Chunks side by side: wall time in two worker processes of a thread each over that in one, and do they agree."""
    _require_cores()
    total = SYNC.chunk + (CHUNKS - 1) * SYNC.stride
    anchor, hidden = actor.anchor(_picture()), _hidden(actor, total)
    with Processes(1) as one, Processes(2) as two, threads(1):
        results: dict[int, Tensor] = {}

        def performed(executor: Processes) -> Callable[[], None]:
            def perform() -> None:
                results[executor.count] = actor.perform(anchor, hidden, "a woman speaks", total, executor=executor)

            return perform

        runs = [performed(executor) for executor in (one, two)]
        for run in runs:  # workers start, and get the network, once
            run()
        alone, shared = (min(seconds) for seconds in zip(*([taken(r) for r in runs] for _ in range(RUNS)), strict=True))
    log.info("%d chunks: %.2f s in one process, %.2f s in two", CHUNKS, alone, shared)
    return {
        "2 processes over 1, time": shared / alone,
        "2 processes and 1, difference": float((results[1] - results[2]).abs().max()),
    }


def _require_cores() -> None:
    """Raise CouldNotRun where there are fewer than are counted on."""
    if (found := len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) < CORES:
        raise CouldNotRun(f"{found} processor cores found; expected {CORES}")


def taken(run: Callable[[], object]) -> float:
    """Wall seconds of a run."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads per operation inside a `with` block; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _picture() -> Tensor:
    return torch.randint(0, 256, (SIZE, SIZE, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def _hidden(actor: Actor, latents: int) -> Tensor:
    config = actor.models.dit.config
    dice = torch.Generator().manual_seed(0)
    return torch.randn(config.audio_layers, HEARD * latents, config.audio_width, generator=dice)
