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
from .unified_mmdit import UnifiedConfig, UnifiedMMDiT

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
    motion = torch.cat(list(generate_idle(vocal, silence, identity, frames, seed=seed, steps=steps, progress=progress)))
    begin = _closing_window(frames, vocal.config)  # what comes before it stays as it is
    window = _silent_window(silence, begin, vocal.config)
    prefix = motion[begin - vocal.config.prefix : begin] if begin else None
    conditions = window_conditions(vocal, window, identity, prefix)
    noise = frame_noise(seed, begin, vocal.config.window)[None]
    held = _held(motion, begin, vocal.config)
    end = sample(vocal, conditions, noise, timesteps(steps, SHIFT), NEUTRAL, held=held)[0]
    return torch.cat((motion[:begin], end[: frames - begin]))


def _closing_window(frames: int, config: UnifiedConfig) -> int:
    """First frame of the window that covers the loop's end and, after it, as many frames of its start as a prefix."""
    begin = frames + config.prefix - config.window
    return begin if begin >= config.prefix else 0  # without a whole prefix it starts with the loop


def _silent_window(silence: Tensor, begin: int, config: UnifiedConfig) -> AudioWindow:
    hidden = torch.cat(list(_repeated(silence, PAIR * config.audio_tokens)), 1)
    heard = torch.arange(begin - config.prefix, begin - config.prefix + config.audio_tokens) >= 0
    return AudioWindow(hidden, heard, begin, config.window)


def _held(motion: Tensor, begin: int, config: UnifiedConfig) -> Held:
    """The loop's start after its end, and the first frames of the closing window as they are."""
    frames = len(motion)
    place = torch.arange(begin, begin + config.window)
    after = (place >= frames) & (place < frames + config.prefix)
    start = place < begin + min(config.prefix, frames // 2)
    return Held(after | start, motion[torch.where(after, place - frames, place).clamp(0, frames - 1)])


def _repeated(piece: Tensor, count: int) -> Iterator[Tensor]:
    """A piece [L, t, F] again and again until there are `count` frames."""
    while count > 0:
        yield piece[:, :count]
        count -= piece.shape[1]
