"""Nobody speaks and the portrait lives on: VOCAL performs silence, for any time, or as a loop without a seam.

A loop is a performance that ends where it began: in the midst of idling, so that nothing starts from a standstill. The
window that reaches the end is denoised once more with the loop's first frames held after it, as its prefix is held
before it, so the network itself finds the way back. Played in a circle, the last frame is followed by the first.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..data_types import Emotion, Identity
from ..flow.guidance import NEUTRAL
from ..flow.schedule import timesteps
from ..timebase import MOTION_RATE, PAIR
from .motion_generator import MotionGenerator, WindowConfig
from .sampler import SHIFT, STEPS, AudioWindow, Held, frame_noise, generate_windows, sample, window_conditions

SHORTEST_LOOP = MOTION_RATE  # frames; a shorter one would twitch


def generate_idle(
    vocal: MotionGenerator,
    silence: Tensor,  # [L, T, F] hidden states of the encoder in the middle of a silence
    identity: Identity,
    frames: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    emotion: Emotion | None = None,
) -> Iterator[Tensor]:
    """Motion [n, 63] of `frames` silent frames at 25 a second, in pieces, in flat memory."""
    hidden = _repeated(silence, PAIR * frames)
    return generate_windows(vocal, hidden, identity, seed=seed, steps=steps, emotion=emotion)


def generate_loop(
    vocal: MotionGenerator,
    silence: Tensor,  # [L, T, F] hidden states of the encoder in the middle of a silence
    identity: Identity,
    frames: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    emotion: Emotion | None = None,
) -> Tensor:
    """Motion [frames, 63] of silence whose last frame leads to its first."""
    if frames < SHORTEST_LOOP:
        raise ValueError(f"a loop of {frames} frames found, expected at least {SHORTEST_LOOP}")
    config, lead = vocal.config, vocal.config.window // 2
    idling = generate_idle(vocal, silence, identity, lead + frames, seed=seed, steps=steps, emotion=emotion)
    whole = torch.cat(list(idling))
    motion = whole[lead:]
    begin = max(0, frames + config.prefix - config.window)  # of the closing window; what comes before it stays
    prefix = whole[lead + begin - config.prefix : lead + begin]
    conditions = window_conditions(vocal, _silent_window(silence, lead + begin, config), identity, prefix, emotion)
    noise = frame_noise(seed, lead + begin, config.window)[None]
    held = _held(motion, begin, config)
    end = sample(vocal, conditions, noise, timesteps(steps, SHIFT), NEUTRAL, held=held)[0]
    return torch.cat((motion[:begin], end[: frames - begin]))


def _silent_window(silence: Tensor, begin: int, config: WindowConfig) -> AudioWindow:
    hidden = torch.cat(list(_repeated(silence, PAIR * config.audio_tokens)), 1)
    return AudioWindow(hidden, torch.ones(config.audio_tokens, dtype=torch.bool), begin, config.window)


def _held(motion: Tensor, begin: int, config: WindowConfig) -> Held:
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
