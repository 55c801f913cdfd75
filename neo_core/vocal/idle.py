"""Nobody speaks and the portrait lives on: VOCAL performs silence, for any time, or as a loop without a seam.

A loop is a performance that ends where it began. Its first frames are performed as always; the window that reaches the
end is then denoised with those very frames held after it, as its prefix is held before it, so the network itself finds
the way back. Played in a circle, the last frame is followed by the first.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..data_types import Identity, Progress, silent
from ..flow.guidance import NEUTRAL
from ..flow.schedule import timesteps
from ..timebase import MOTION_RATE
from .sampler import PAIR, SHIFT, STEPS, AudioWindow, Held, frame_noise, generate_windows, sample, window_conditions
from .unified_mmdit import UnifiedMMDiT

SHORTEST_LOOP = MOTION_RATE  # frames; a shorter one would twitch


def generate_idle(
    vocal: UnifiedMMDiT,
    silence: Tensor,  # [L, T, F] hidden states of the encoder in the middle of a silence
    identity: Identity,
    frames: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    progress: Progress = silent,
) -> Iterator[Tensor]:
    """Motion [n, 63] of `frames` silent frames at 25 a second, in pieces, in flat memory."""
    hidden = _repeated(silence, PAIR * frames)
    return generate_windows(vocal, hidden, identity, seed=seed, steps=steps, total=frames, progress=progress)


def generate_loop(
    vocal: UnifiedMMDiT,
    silence: Tensor,  # [L, T, F] hidden states of the encoder in the middle of a silence
    identity: Identity,
    frames: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    progress: Progress = silent,
) -> Tensor:
    """Motion [frames, 63] of silence whose last frame leads to its first."""
    if frames < SHORTEST_LOOP:
        raise ValueError(f"a loop of {frames} frames found, expected at least {SHORTEST_LOOP}")
    config, overlap = vocal.config, vocal.config.prefix
    once = list(generate_idle(vocal, silence, identity, frames, seed=seed, steps=steps, progress=progress))
    motion = torch.cat(once)  # all but its end stays
    begin = max(0, frames + overlap - config.window)  # of the window that is denoised again
    if begin < overlap:
        begin = 0
    place = torch.arange(begin, begin + config.window)
    held = (place >= frames) & (place < frames + overlap)
    if begin == 0:
        held |= place < min(overlap, frames // 2)
    target = motion[torch.where(place < frames, place, place - frames).clamp(0, frames - 1)]
    heard = torch.arange(begin - overlap, begin - overlap + config.audio_tokens) >= 0
    hidden = torch.cat(list(_repeated(silence, PAIR * config.audio_tokens)), 1)
    window = AudioWindow(hidden, heard, begin, config.window)
    prefix = motion[begin - overlap : begin] if begin else None
    conditions = window_conditions(vocal, window, identity, prefix)
    noise = frame_noise(seed, begin, config.window)[None]
    end = sample(vocal, conditions, noise, timesteps(steps, SHIFT), NEUTRAL, held=Held(held, target))[0]
    return torch.cat((motion[:begin], end[: frames - begin]))


def _repeated(piece: Tensor, count: int) -> Iterator[Tensor]:
    """A piece [L, t, F] again and again until there are `count` frames."""
    while count > 0:
        yield piece[:, :count]
        count -= piece.shape[1]
