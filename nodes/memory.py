"""What to say when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager

from comfy import model_management

from ..neo_core.data_types import InputError

CPU_ALLOCATOR = "DefaultCPUAllocator"  # how torch begins it on the CPU; the words after it differ between systems


class NotEnoughMemory(InputError):
    """There is too little memory for what was asked; the message says what to change."""


@contextmanager
def memory_advice() -> Iterator[None]:
    """Turn any of the ways in which memory runs out into one sentence, after giving back what can be given."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or model_management.is_oom(error) or CPU_ALLOCATOR in str(error)):
            raise
        model_management.unload_all_models()
        model_management.soft_empty_cache()
        raise NotEnoughMemory(
            "memory ran out; expected a smaller size, head and shoulders instead of the whole photo, or fewer frames "
            "at once in Pictar Deform"
        ) from error
