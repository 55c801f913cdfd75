"""The only attention calls in the code. Models say what to attend to; here it is decided which kernel does it."""

import torch
from torch import Tensor

from .reference import eager_attention, eager_difference, reference_attention
from .sdpa import sdpa_attention

BACKENDS = {"sdpa": sdpa_attention, "eager": eager_attention, "reference": reference_attention}
SHORT = 512  # keys up to which the written-out map beats the fused kernel on a CPU
SHORT_BFLOAT16 = 1200  # the same in bfloat16, where the fused kernel is slower


def attention(
    q: Tensor,  # [B, H, Q, E]
    k: Tensor,  # [B, H, K, E]
    v: Tensor,  # [B, H, K, V]
    *,
    mask: Tensor | None = None,
    scale: float | None = None,
    backend: str = "auto",
) -> Tensor:
    """softmax(q k^T * scale) v -> [B, H, Q, V].

    `mask` is boolean, broadcastable to [B, H, Q, K], True where a key may be seen; `scale` defaults to E ** -0.5.
    `backend` is "auto" or a name in `BACKENDS`; a name that is not there raises, it never falls back.
    """
    name = _fitting(k) if backend == "auto" else backend
    if name not in BACKENDS:
        raise ValueError(f"attention backend {backend!r} is unknown; expected auto, {', '.join(BACKENDS)}")
    return BACKENDS[name](q, k, v, mask=mask, scale=scale)


def differential_attention(q: Tensor, k: Tensor, v: Tensor, weight: Tensor, *, backend: str = "auto") -> Tensor:
    """(softmax(q1 k1) - weight softmax(q2 k2)) v: [B, 2 H, Q, E], [B, 2 H, K, E], [B, H, K, V] -> [B, H, Q, V].

    The first H heads of q and k make the first maps, the others the second (arXiv 2410.05258). A backend that holds its
    maps subtracts them; any other gathers the values through both, which is the same and twice that part of the work.
    """
    name = _fitting(k) if backend == "auto" else backend
    if name == "eager":
        return eager_difference(q, k, v, weight)
    first, second = attention(q, k, torch.cat((v, v), dim=1), backend=name).chunk(2, dim=1)
    return first - weight.to(first.dtype) * second


def _fitting(k: Tensor) -> str:
    short = SHORT_BFLOAT16 if k.dtype == torch.bfloat16 else SHORT
    return "eager" if k.device.type == "cpu" and k.shape[-2] <= short else "sdpa"
