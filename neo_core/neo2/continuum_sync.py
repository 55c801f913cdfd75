"""Neural Continuum Sync: "multiple chunks [...] denoised in parallel", "harmonizes the latent representations across
video segments".

The latents of a video are denoised in overlapping windows (`window_layout`). At every step

 - all windows of a group are predicted, in parallel (`chunk_executor`)
 - where they overlap their clean predictions are made one (`window_fusion`): nothing is decoded
 - one Euler step moves the latents of the whole group

so that neighbours agree more with every step. With shared noise they look at the same x_t from the start; otherwise
every chunk walks from noise of its own towards the same clean prediction.

**Latent Context**: a window is told the `CONTEXT` latents before it. Chunks in parallel have no finished neighbour, so
it is the clean prediction of the step before (lagged context); at the first step they know the anchor alone. The first
window of a later group has finished latents before it, from the first step on.

**Groups** follow one another. The last `overlap` latents of a finished group are held back: in the next group they are
known, enter every step as they are with the noise of its time, and are fused with what the next window makes of them.
So memory does not grow with the length of the video, and latents leave in order.

Letters: T latents of the group, J noise fields, K latents of context, C channels, h, w cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..data_types import Progress, silent
from .chunk_executor import DitPredict, Executor, InProcess, Window
from .dit import Conditions
from .latent_space import HEARD, latent_shape
from .sampler import Sampling, advance, begin, noise_field, times
from .window_fusion import Prediction, fuse
from .window_layout import CONTEXT, Group, Sync, groups, windows

Sound = Callable[[int, int], Tensor]  # (first, last) latent -> hidden states [L, 8 (last - first), D], of any latents
ROUGH = 0.7  # flow time above which clean predictions are too rough for flow at full size
CHUNK_SEED = 1_000_003  # between the seeds of chunks with noise of their own


@torch.no_grad()
def continuum(
    dit_predict: DitPredict,
    anchor: Tensor,
    sound: Sound,
    words: Tensor,
    total: int,
    sync: Sync,
    sampling: Sampling,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Iterator[Tensor]:
    """Finished latents in order, in pieces [t, C, h, w] that add up to `total`.

    anchor [C, 4h, 4w]; words [W, G], a tokenised prompt, W may be 0. `dit_predict` is the network itself, guidance is
    `sampling`'s. `sound` is asked once per group, `first` never falls. Of a video shorter than any window of the
    training more is denoised than is handed out, so `sound` is asked beyond its end. Without an executor windows are
    denoised in this process. `progress(done, of, None)` counts the steps of all groups and may raise to cancel.
    """
    layout = groups(max(total, sync.shortest), sync)
    executor = executor or InProcess()
    past = anchor.new_zeros(0, *latent_shape(anchor.shape))
    for number, group in enumerate(layout):
        scene = _Scene(group, past, anchor, sound(group.first, group.last), words, sync)
        noise = _noise(number, group, anchor, sync, sampling)
        begun = (number * sampling.steps, len(layout) * sampling.steps)
        clean = _denoised(scene, noise, dit_predict, sampling, executor, progress, begun)
        held = layout[number + 1].known if number + 1 < len(layout) else 0
        past = torch.cat([past[: len(past) - group.known], clean])[-(CONTEXT + held) :].clone()
        yield sampling.amplitude * clean[: min(len(clean) - held, total - group.first)]


@dataclass(frozen=True)
class _Scene:
    """What the windows of a group know besides their latents. Places count from the group's first latent."""

    group: Group
    past: Tensor  # [K + known, C, h, w] finished latents up to the end of the known ones
    anchor: Tensor  # [C, 4h, 4w]
    sound: Tensor  # [L, 8 T, D] of the whole group
    words: Tensor  # [W, G]
    sync: Sync

    @property
    def count(self) -> int:
        return self.group.last - self.group.first

    @property
    def known(self) -> Tensor:
        """Finished latents inside the group. [known, C, h, w]"""
        return self.past[len(self.past) - self.group.known :]

    def conditions(self, first: int, last: int, clean: Tensor | None) -> Conditions:
        """Of the window first..last - 1, after a step whose clean prediction of the group was [T, C, h, w]."""
        context = self._context(first, clean)
        yes = torch.ones(1, dtype=torch.bool, device=self.anchor.device)
        return Conditions(
            anchor=self.anchor[None],
            audio=self.sound[None, :, HEARD * first : HEARD * last],
            words=self.words[None],
            context=context[None],
            context_time=torch.arange(-len(context), 0, device=self.anchor.device).to(self.anchor)[None],
            heard=yes,
            prompted=yes & bool(len(self.words)),
            contextual=yes & bool(len(context)),
            anchored=yes,
        )

    def _context(self, first: int, clean: Tensor | None) -> Tensor:
        """The latents before place `first`, as far as anything is known about all of them: [CONTEXT or 0, C, h, w]"""
        told = self.known if clean is None else clean
        before = len(self.past) - self.group.known
        ready = self.sync.context and first <= len(told) and before + first >= CONTEXT
        return torch.cat([self.past[:before], told[:first]])[-CONTEXT:] if ready else self.past[:0]


def _denoised(
    scene: _Scene,
    noise: Tensor,
    dit_predict: DitPredict,
    sampling: Sampling,
    executor: Executor,
    progress: Progress,
    begun: tuple[int, int],
) -> Tensor:
    """The finished latents of the whole group [T, C, h, w] from its noise [J, T, C, h, w]. `begun`: steps that were
    done before, and of how many."""
    sync, known, stops = scene.sync, scene.known, times(sampling).tolist()
    x = begin(noise, sampling)
    clean, (done, of) = None, begun
    progress(done, of, None)
    for step, (t, s) in enumerate(pairwise(stops)):
        x[:, : len(known)] = (1 - t) * known + t * noise[:, : len(known)]
        layout = windows(scene.count, sync, sync.shift(step, sampling.steps))
        asked = [
            Window(x[min(chunk, len(x) - 1), None, first:last], t, scene.conditions(first, last, clean))
            for chunk, (first, last) in enumerate(layout)
        ]
        answers = executor.predict(dit_predict, asked, sampling)
        predictions = [Prediction(0, known)] if len(known) else []
        predictions += [Prediction(first, answer) for (first, _), answer in zip(layout, answers, strict=True)]
        clean = fuse(predictions, sync.fusion, coarse=t > ROUGH)
        x = advance(x, clean, t, s)
        progress(done + step + 1, of, None)
    return clean


def _noise(number: int, group: Group, anchor: Tensor, sync: Sync, sampling: Sampling) -> Tensor:
    """One field for all windows of the group, or one for each: [J, T, C, h, w]"""
    count = group.last - group.first
    if sync.shared_noise:
        seeds = [sampling.seed]
    else:
        shifts = [sync.shift(step, sampling.steps) for step in range(sampling.steps)]
        most = max(len(windows(count, sync, shift)) for shift in shifts)
        seeds = [sampling.seed + CHUNK_SEED * (1 + number * (sync.group + 2) + chunk) for chunk in range(most)]
    shape = latent_shape(anchor.shape)
    return torch.stack([noise_field(seed, group.first, count, shape) for seed in seeds]).to(anchor)
