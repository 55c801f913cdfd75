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


def eager_difference(q: Tensor, k: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """(softmax(q1 k1) - weight softmax(q2 k2)) v: [B, 2 H, Q, E], [B, 2 H, K, E], [B, H, K, V] -> [B, H, Q, V].

    The maps are subtracted before they meet the values: no more work than standard attention over 2 H heads.
    """
    with torch.autocast(q.device.type, enabled=False):
        maps = ((q.to(v.dtype) * q.shape[-1] ** -0.5) @ k.to(v.dtype).transpose(-1, -2)).softmax(dim=-1)
        first, second = maps.chunk(2, dim=1)
        return torch.addcmul(first, second, -weight.to(v.dtype)) @ v


def reference_attention(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, scale: float | None) -> Tensor:
    """The same computed in float32, returned in the dtype of v."""
    return eager_attention(q.float(), k.float(), v.float(), mask=mask, scale=scale).to(v.dtype)
