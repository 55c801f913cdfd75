"""How many CPU threads a tensor operation may use, and how independent pieces of work share the cores.

The talking head works on tensors of a few thousand numbers. Splitting those over threads gains nothing, and the threads
wait for one another by spinning: on a busy machine of two cores a frame took ten times the CPU time. Whole frames are
what is worth a core each.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item, Result = TypeVar("Item"), TypeVar("Result")
WORKERS = min(4, os.cpu_count() or 1)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread per operation, inside a `with` block or a decorated function; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int = WORKERS) -> Iterator[Result]:
    """`map(work, items)` on threads: results in order, no more than `workers` + 1 of them begun or waiting.

    Items are taken in the caller's thread. An exception in `work` reaches the caller in its turn; when the caller stops
    early, what has not begun never does.
    """
    waiting: deque[Future[Result]] = deque()
    # A new thread would start with torch's default number of threads per operation, not with the caller's.
    with ThreadPoolExecutor(workers, "work", torch.set_num_threads, (torch.get_num_threads(),)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
