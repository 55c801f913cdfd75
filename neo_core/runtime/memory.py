"""Memory that was freed goes back to the system.

Frames need tensors of a slightly different size each time. The C library of Linux keeps what was freed for the next
request, in holes that the next tensor may not fit, so a long video would slowly take more than a short one.
"""

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system where the C library has a way to; elsewhere nothing."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
