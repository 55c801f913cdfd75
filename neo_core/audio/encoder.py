"""Every audio encoder behind one interface: a sound comes in, all layers come out on the feature clock.

`embedded.py` is the encoder that ships with NEO, `public.py` holds wav2vec2, HuBERT, WavLM and Whisper, and `replay.py`
what another program has encoded already; `loading.py` finds the right one. VOCAL is told apart only by the name of the
encoder that it was trained on.

Letters: N samples, T feature frames (50 Hz), D width, L exposed layers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data_types import AudioFeatures, Progress, Waveform, silent
from . import features

PIECE = 1000  # feature frames handed out at once: 20 s
FAR_OUT = 12.7  # deviations
HOP, MIDDLE = 20.0, 10.0  # ms between feature frames, and where the first one is centred


class AudioEncoder(nn.Module, ABC):
    """Sound at 16 kHz mono -> hidden states [L, T, D] of all layers, two per motion frame: frame k is centred on
    20 k + 10 ms, and every frame of every layer is of unit size."""

    name: str  # the family, and after a slash its weights: "wav2vec2/1f0a3c…"; VOCAL hears the one it was trained on

    @property
    @abstractmethod
    def layers(self) -> int:
        """L"""

    @property
    @abstractmethod
    def width(self) -> int:
        """D"""

    @property
    @abstractmethod
    def reach(self) -> int:
        """Feature frames to either side that a state listens to with any weight worth counting."""

    @abstractmethod
    def survey(self, blocks: Iterable[Tensor]) -> Any:
        """What the whole of a sound, in blocks [n], says that each of its parts is heard against: a first pass."""

    @abstractmethod
    def stream(self, blocks: Iterable[Tensor], survey: Any, piece: int = PIECE) -> Iterator[Tensor]:
        """Hidden states of a sound in blocks [n] with its `survey`, in pieces of at most `piece` frames: [L, t, D]."""


def encode(encoder: AudioEncoder, waveform: Waveform, progress: Progress = silent) -> AudioFeatures:
    """All layers of the encoder for a whole sound of any rate from 8 to 192 kHz, on the CPU."""
    total = features.feature_count(waveform.samples.shape[1], waveform.sample_rate)
    pieces: list[Tensor] = []

    def tell() -> None:
        progress(sum(piece.shape[1] for piece in pieces), total, None)

    survey = encoder.survey(watched(mono_blocks(waveform), tell))
    for piece in encode_stream(encoder, watched(mono_blocks(waveform), tell), survey):
        pieces.append(piece)
        tell()
    return AudioFeatures(torch.cat(pieces, 1), waveform.samples.shape[1], waveform.sample_rate, encoder.name)


@torch.no_grad()
def encode_stream(encoder: AudioEncoder, blocks: Iterable[Tensor], survey: Any, piece: int = PIECE) -> Iterator[Tensor]:
    """`encoder.stream`, without gradients. Memory does not grow with the length of the sound."""
    yield from encoder.stream(blocks, survey, piece)


def on_the_clock(hidden: Tensor, first: float, frames: int) -> Tensor:
    """Hidden states at 50 Hz, the first of them centred on `first` ms, read where feature frames lie.
    [L, T, D] -> [L, frames, D]"""
    return retimed(hidden, torch.arange(frames) + (MIDDLE - first) / HOP)


def of_unit_size(hidden: Tensor) -> Tensor:
    """Every frame of every layer with mean 0 and deviation 1. Large models have a few channels that are far out; they
    are cut where the memory of the training cuts them (`vocal_features`). [L, T, D]"""
    return F.layer_norm(hidden, hidden.shape[-1:]).clamp(-FAR_OUT, FAR_OUT)


def retimed(hidden: Tensor, position: Tensor) -> Tensor:
    """Hidden states between frames: `position` [n] counts in frames and is held at both ends. [L, T, D] -> [L, n, D]"""
    position = position.clamp(0, hidden.shape[1] - 1)
    left = position.floor().long().clamp(max=max(0, hidden.shape[1] - 2))
    right = (left + 1).clamp(max=hidden.shape[1] - 1)
    return torch.lerp(hidden[:, left], hidden[:, right], (position - left)[:, None].to(hidden))


def watched(blocks: Iterable[Tensor], on_block: Callable[[], None]) -> Iterator[Tensor]:
    """The same blocks; `on_block` is called before each and may raise to stop the reading."""
    for block in blocks:
        on_block()
        yield block


def mono_blocks(waveform: Waveform, seconds: int = 10) -> Iterator[Tensor]:
    """A sound as one channel at 16 kHz, in blocks. [n]"""
    sound, rate = features.mono(waveform), waveform.sample_rate
    total = -(-sound.shape[0] * features.RATE // rate)
    for start in range(0, total, seconds * features.RATE):
        yield features.resample(sound, rate, start, min(start + seconds * features.RATE, total))
