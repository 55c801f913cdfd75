"""Neural Continuum Sync: a video of any length from chunks that are denoised in parallel and made to agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from torch import Tensor

from ..data_types import silent
from .window_layout import Sync, join_frames

if TYPE_CHECKING:
    from .chunk_executor import Executor
    from .dit import Conditions
    from .sampler import Sampling

Predict = Callable[[Tensor, Tensor, "Conditions"], Tensor]  # (x [B, T, C, h, w], t [B], conditions) -> clean latents
Sound = Callable[[int, int], Tensor]  # (first, last) latent -> hidden states [L, 8 (last - first), D], zeros beyond
__all__ = ["Predict", "Sound", "Sync", "continuum", "join_frames"]


def continuum(
    dit_predict: Predict,
    anchor: Tensor,  # [C, h, w]
    sound: Sound,
    words: Tensor,  # [W, G] tokenised prompt, W may be 0
    total: int,
    sync: Sync,
    sampling: Sampling,
    executor: Executor | None = None,  # in this process, batched, where none is given
    progress: Callable = silent,
) -> Iterator[Tensor]:
    """Finished latents in order, in pieces [t, C, h, w] that add up to `total`.

    `sound` is asked once for every group of chunks, with `first` that never falls. `progress(done, of)` counts steps of
    groups and may raise to cancel.
    """
    raise NotImplementedError
