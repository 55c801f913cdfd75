"""What trainings hear of a recording, through any audio encoder: the sound as it is, and as another voice would have
said it. Encoders know some voices better than others, and neither VOCAL nor NEO 2 shall rely on whose they are.

The embedded encoder is given mel bands with warped formants. Public ones read the waveform: for them the sound runs
faster or slower, which moves pitch and formants as in another throat, through another microphone; what they hear is
brought back to the recording's own time.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..audio.embedded import EmbeddedEncoder
from ..audio.encoder import AudioEncoder, encode, retimed
from ..audio.features import FRAME, PITCH_MARGIN, feature_count
from ..data_types import Waveform
from .sound_batches import AugmentConfig, other_voice_inputs
from .synthetic.utterance import RATE, Utterance
from .vocal_features import Listener

SPEED = 0.12  # up to so much faster or slower
TILT = 0.6  # of the microphone: how far its treble or bass may fall behind, as the weight of a first difference


def listener(encoder: AudioEncoder) -> Listener:
    """Recording -> hidden states [L, 2 T, F] of the sound as it is, and as another voice would have said it."""
    return partial(_versions, encoder, other_voice(encoder))


def other_voice(encoder: AudioEncoder) -> Callable[[Tensor], Tensor]:
    """Samples [N] -> hidden states [L, 2 T, F] of what another voice would have said; each time another one."""
    return partial(_warped if isinstance(encoder, EmbeddedEncoder) else _another_throat, encoder)


@torch.no_grad()
def _versions(encoder: AudioEncoder, other: Callable[[Tensor], Tensor], utterance: Utterance) -> list[Tensor]:
    plain = encode(encoder, Waveform(utterance.samples[None], RATE)).hidden_states
    return [plain, other(utterance.samples)]


def _warped(encoder: EmbeddedEncoder, samples: Tensor) -> Tensor:
    """Through mel bands of another throat and microphone. [N] -> [L, 2 T, F]"""
    missing = feature_count(len(samples), RATE) * FRAME - len(samples)
    sound = F.pad(samples[None], (PITCH_MARGIN, PITCH_MARGIN + missing))
    return encoder(*other_voice_inputs(sound, AugmentConfig()))[:, 0]


def _another_throat(encoder: AudioEncoder, samples: Tensor) -> Tensor:
    """At another speed, and back in time. [N] -> [L, 2 T, F]"""
    speed = 1 + SPEED * (2 * float(torch.rand(())) - 1)
    heard = encode(encoder, Waveform(_coloured(at_speed(samples, speed))[None], RATE)).hidden_states
    frames = torch.arange(feature_count(len(samples), RATE))
    return retimed(heard, (frames + 0.5) / speed - 0.5)  # in the middle of their 20 ms


def at_speed(samples: Tensor, speed: float) -> Tensor:
    """The sound read `speed` times as fast, linearly between samples. [N] -> [N / speed]"""
    position = torch.arange(round(len(samples) / speed)) * speed
    return retimed(samples[None, :, None], position)[0, :, 0]


def _coloured(samples: Tensor) -> Tensor:
    """Through a microphone that hears more of the treble or of the bass. [N]"""
    tilt = TILT * (2 * torch.rand(()) - 1)
    return samples - tilt * F.pad(samples, (1, 0))[:-1]
