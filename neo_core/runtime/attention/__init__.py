"""One attention call for the whole code; which kernel answers it is decided in `dispatch`."""

from .dispatch import attention, differential_attention

__all__ = ["attention", "differential_attention"]
