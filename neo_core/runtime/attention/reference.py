"""Plain softmax attention, written out: the float32 oracle of every backend, and the fastest one for short CPU runs.

Letters: B batch, H heads, Q queries, K keys, E width of a head, V width of a value.
"""

import torch
from torch import Tensor


def eager_attention(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, scale: float | None) -> Tensor:
    """softmax(q k^T * scale) v with the map held in memory, in the dtype of v: [B, H, Q, V]."""
    with torch.autocast(q.device.type, enabled=False):  # it would widen the map; the kernels sum in float32 anyway
        scores = (q.to(v.dtype) * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.to(v.dtype).transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(dim=-1) @ v


def reference_attention(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, scale: float | None) -> Tensor:
    """The same computed in float32, returned in the dtype of v."""
    return eager_attention(q.float(), k.float(), v.float(), mask=mask, scale=scale).to(v.dtype)
