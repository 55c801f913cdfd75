"""PyTorch's scaled_dot_product_attention: runs everywhere and picks its own kernel on CUDA."""

import torch.nn.functional as F
from torch import Tensor


def sdpa_attention(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, scale: float | None) -> Tensor:
    """softmax(q k^T * scale) v: [B, H, Q, E], [B, H, K, E], [B, H, K, V] -> [B, H, Q, V].

    The fused kernels want values as wide as queries; zeros added to q and k change no score.
    """
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    missing = v.shape[-1] - q.shape[-1]
    if missing > 0:
        q, k = F.pad(q, (0, missing)), F.pad(k, (0, missing))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
