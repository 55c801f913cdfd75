"""A portrait that lives while nobody speaks: silence goes through the same stages as a sound."""

from fractions import Fraction

import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, encode
from ..audio.features import FRAME, RATE
from ..data_types import Identity, InputError, MotionLatents, Waveform
from ..pictar.expression import amplify
from ..runtime.threads import one_thread
from ..timebase import MOTION_RATE
from ..vocal.idle import SHORTEST_LOOP, generate_idle, generate_loop
from .frame_rate import resample_motion
from .talking_head import Models, Settings

SHORTEST, LONGEST = 0.04, 3600.0  # seconds
LONGEST_LOOP = 600.0


@one_thread()
def idle(models: Models, identity: Identity, seconds: float, settings: Settings) -> MotionLatents:
    """The performance of `seconds` of silence."""
    frames = _frames(seconds, SHORTEST, LONGEST)
    silence = _silence(models)
    pieces = generate_idle(
        models.vocal, silence, identity, frames, seed=settings.seed, steps=settings.steps, emotion=settings.emotion
    )
    motion = torch.cat(list(resample_motion(pieces, settings.fps, round(frames * settings.fps / MOTION_RATE))))
    return amplify(MotionLatents(motion, settings.fps, identity.reference.float().cpu()), settings.amplitudes)


@one_thread()
def idle_loop(models: Models, identity: Identity, seconds: float, settings: Settings) -> MotionLatents:
    """The same, ending where it began."""
    frames = _frames(seconds, SHORTEST_LOOP / MOTION_RATE, LONGEST_LOOP)
    silence = _silence(models)
    loop = generate_loop(
        models.vocal, silence, identity, frames, seed=settings.seed, steps=settings.steps, emotion=settings.emotion
    )
    whole = MotionLatents(_around(loop, settings.fps), settings.fps, identity.reference.float().cpu())
    return amplify(whole, settings.amplitudes)


def _frames(seconds: float, shortest: float, longest: float) -> int:
    if not shortest <= seconds <= longest:
        raise InputError(f"{seconds:g} seconds to idle found, expected {shortest:g} to {longest:g}")
    return round(seconds * MOTION_RATE)


def _silence(models: Models) -> Tensor:
    """What VOCAL hears of a silence, for as long as its windows. Raises InputError when it knows another encoder."""
    encoder = models.audio_encoder
    models.vocal.require_encoder(encoder.name, encoder.layers, encoder.width)
    return silent_states(encoder, models.vocal.config.audio_tokens)


def silent_states(encoder: AudioEncoder, frames: int) -> Tensor:
    """Hidden states of the encoder in the middle of a long silence, `frames` at 25 a second. [L, 2 frames, F]"""
    count, margin = 2 * frames, encoder.reach
    states = encode(encoder, Waveform(torch.zeros(1, (count + 2 * margin) * FRAME), RATE)).hidden_states
    return states[:, margin : margin + count]


def _around(loop: Tensor, fps: Fraction) -> Tensor:
    """A loop at another frame rate: read with itself before and after it. [T, 63] -> [n, 63]"""
    frames = round(len(loop) * fps / MOTION_RATE)
    return torch.cat(list(resample_motion([loop, loop, loop], fps, 3 * frames)))[frames : 2 * frames]
