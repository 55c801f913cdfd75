"""How stages hear a sound, whether it lies in a file or in memory: checked, as one channel, in pieces.

Letters: L layers of the audio encoder, T feature frames (50 Hz), D their width.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, encode, encode_stream, mono_blocks, watched
from ..audio.features import FRAME, RATE
from ..data_types import Waveform
from ..media.audio import Sound, check_waveform, read_mono
from ..timebase import FEATURE_RATE

HEARD_AT_ONCE = 5 * FEATURE_RATE  # feature frames: little, so that short and long sounds take the same memory


def usable(sound: Sound | Waveform | None) -> Sound | Waveform | None:
    """The same; a sound in memory is checked here, one in a file has been."""
    return check_waveform(sound) if isinstance(sound, Waveform) else sound


def sample_count(sound: Sound | Waveform) -> int:
    return sound.samples if isinstance(sound, Sound) else sound.samples.shape[1]


def heard(encoder: AudioEncoder, sound: Sound | Waveform, on_block: Callable[[], None]) -> Iterator[Tensor]:
    """What the encoder hears, in pieces [L, t, D]. Sound is read twice: speech is heard relative to the whole of it.

    `on_block` is called before each block that is read and may raise to stop the reading.
    """
    survey = encoder.survey(watched(_mono(sound), on_block))
    return encode_stream(encoder, watched(_mono(sound), on_block), survey, HEARD_AT_ONCE)


def silence(encoder: AudioEncoder) -> Tensor:
    """What the encoder hears where nobody speaks, far from any sound. [L, D]

    Not zeros: where those stand, a network has learned that a sound is not known, and that somebody may speak.
    """
    around = encoder.reach
    quiet = Waveform(torch.zeros(1, (2 * around + 2) * FRAME), RATE)
    return encode(encoder, quiet).hidden_states[:, around]


class HeardSpan:
    """Any span of a sound that is heard piece by piece, as long as spans never begin before an earlier one did.

    What lies before the newest span is forgotten, so memory does not grow with the sound. Beyond both ends of the sound
    there is silence.
    """

    def __init__(self, pieces: Iterator[Tensor], beyond: Tensor) -> None:
        """`pieces`: hidden states [L, t, D] from the beginning of the sound on; `beyond`: of silence, [L, D]."""
        self._pieces, self._beyond = pieces, beyond
        self._held = beyond.new_empty(len(beyond), 0, beyond.shape[1])
        self._first = 0  # the feature frame that `_held` begins with

    def __call__(self, first: int, last: int) -> Tensor:
        """Feature frames first..last, either of which may lie outside the sound. [L, last - first, D]"""
        assert max(first, 0) >= self._first, f"span from {first} found, expected none before {self._first}"
        self._forget(max(first, 0))
        self._listen(last)
        span = self._beyond[:, None].repeat(1, last - first, 1)
        inside = self._held[:, : max(0, last - self._first)]
        start = self._first - first
        span[:, start : start + inside.shape[1]] = inside
        return span

    def _listen(self, last: int) -> None:
        pieces = [self._held]
        end = self._first + self._held.shape[1]
        while end < last and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            end += piece.shape[1]
        self._held = torch.cat(pieces, 1)

    def _forget(self, first: int) -> None:
        """Drop what lies before frame `first`, also of what has not been heard yet."""
        while first > self._first + self._held.shape[1] and (piece := next(self._pieces, None)) is not None:
            self._first += self._held.shape[1]
            self._held = piece
        dropped = min(first - self._first, self._held.shape[1])
        self._held = self._held[:, dropped:].clone()  # a view would keep all of it
        self._first += dropped


def _mono(sound: Sound | Waveform) -> Iterator[Tensor]:
    """A sound as the audio encoder hears it, in blocks. [n] at 16 kHz"""
    return read_mono(sound, RATE) if isinstance(sound, Sound) else mono_blocks(sound)
