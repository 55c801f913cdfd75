"""How many CPU threads a tensor operation may use.

The talking head works on tensors of a few thousand numbers. Splitting those over threads gains nothing, and the threads
wait for one another by spinning: on a busy machine of two cores a frame took ten times the CPU time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread per operation, inside a `with` block or a decorated function; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
