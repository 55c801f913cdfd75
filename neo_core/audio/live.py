"""Speech as it is being spoken: sound comes in pieces of any length, and what is heard so far comes out.

Three things that a whole recording gives must do without their future here:

 - the clip's voice (loudness, middle of the pitch): `VoiceSoFar` counts what was heard, from what is usual towards it
 - the encoder, which hears 0.7 s to either side: the last frames heard are read as if the sound ended after them, and
   again with every hop, until nothing of them can change any more
 - the sample rate: the filter waits for the samples it needs, about a millisecond

Everything depends on where in the sound it is and never on the pieces it came in.

Letters: N samples, T feature frames (50 Hz), L layers, D width, M mel bands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime.placement import ask
from ..timebase import FEATURE_RATE, PAIR
from . import features
from .embedded import EmbeddedEncoder
from .features import FRAME, MARGIN, MEL_BANDS, PITCH_MARGIN, RATE, USUAL_PITCH, Voice

LATE = PITCH_MARGIN / RATE  # seconds of sound after a frame that it needs for itself
USUAL_LOUDNESS = 1.3e-3  # median of LibriSpeech
MEMORY = 60 * FEATURE_RATE  # feature frames of the past that say what the voice is
ENOUGH = 2 * FEATURE_RATE  # voiced frames after which nothing is taken as usual any more


@dataclass(frozen=True)
class Tracks:
    """What is measured of sound before anything is known of its voice."""

    mel: Tensor  # [2T, M]
    f0: Tensor  # [T]
    voiced: Tensor  # [T]

    @property
    def power(self) -> Tensor:
        return self.mel.mean(-1)

    def last(self, count: int) -> "Tracks":
        return Tracks(self.mel[-2 * count :], self.f0[-count:], self.voiced[-count:])

    def followed_by(self, other: "Tracks") -> "Tracks":
        pairs = ((self.mel, other.mel), (self.f0, other.f0), (self.voiced, other.voiced))
        return Tracks(*(torch.cat(pair) for pair in pairs))


def measure(sound: Tensor) -> Tracks:
    """Tracks of sound with `PITCH_MARGIN` on either side. [N]"""
    extra = PITCH_MARGIN - MARGIN
    return Tracks(features.mel_energy(sound[extra : len(sound) - extra]), *features.pitch(sound))


class VoiceSoFar:
    """The voice of whoever speaks, from the last minute; `usual` fades as voiced sound is heard."""

    def __init__(self, usual: Voice | None = None) -> None:
        self._usual = usual or Voice(torch.tensor(USUAL_LOUDNESS), torch.tensor(USUAL_PITCH))
        self._heard = (torch.zeros(0), torch.zeros(0), torch.zeros(0))  # f0, voiced [T], power [2T]
        self._voiced = 0

    def after(self, new: Tracks) -> Voice:
        """The voice once these frames are heard too."""
        sizes = (MEMORY, MEMORY, 2 * MEMORY)
        parts = zip(self._heard, (new.f0, new.voiced, new.power), sizes, strict=True)
        self._heard = tuple(torch.cat((old, late))[-size:] for old, late, size in parts)
        self._voiced += int((new.voiced > 0.5).sum())
        share = min(1.0, self._voiced / ENOUGH)
        found = features.voice_of(*self._heard)
        pairs = ((self._usual.loudness, found.loudness), (self._usual.pitch, found.pitch))
        return Voice(*(torch.lerp(usual.log(), own.log(), share).exp() for usual, own in pairs))


class LiveResampler:
    """Sound in pieces at any rate -> the same at 16 kHz, sample for sample what `features.resample` gives."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        shared = gcd(rate, RATE)
        self._up, self._down = RATE // shared, rate // shared
        self._half = features.resampling_reach(rate)
        self._kept, self._start, self._given = torch.zeros(0), 0, 0  # input held, where it starts, samples given out

    def take(self, block: Tensor) -> Tensor:
        """What is certain after these samples [n] too. [m]"""
        self._kept = torch.cat((self._kept, block))
        received = self._start + len(self._kept)
        return self._give(max(self._given, (received - self._half) * self._up // self._down))

    def rest(self) -> Tensor:
        """What is left when the sound is over. [m]"""
        return self._give(-(-(self._start + len(self._kept)) * self._up // self._down))

    def _give(self, stop: int) -> Tensor:
        if stop == self._given:
            return torch.zeros(0)
        offset = self._start * self._up // self._down  # whole: the start is a multiple of `down`
        out = features.resample(self._kept, self._rate, self._given - offset, stop - offset)
        self._given = stop
        needed = max(0, stop * self._down // self._up - self._half - 1)
        drop = needed // self._down * self._down - self._start
        if drop > 0:
            self._kept, self._start = self._kept[drop:], self._start + drop
        return out


class LiveEar:
    """The embedded encoder on sound that goes on: after every `hop` frames of motion it says what is heard.

    `ahead`: motion frames more before the first hop, by which what is performed lags behind what is heard. `span`:
    motion frames that are said.
    """

    def __init__(self, encoder: EmbeddedEncoder, hop: int, ahead: int, span: int, voice: VoiceSoFar) -> None:
        self._encoder, self._hop, self._ahead, self._span, self._voice = encoder, hop, ahead, span, voice
        self._sound, self._start = torch.zeros(PITCH_MARGIN), -PITCH_MARGIN  # what is held, where it starts
        self._frames = 0  # motion frames heard
        self._settled = 0  # feature frames whose states can change no more
        self._tracks = Tracks(torch.zeros(0, MEL_BANDS), torch.zeros(0), torch.zeros(0))
        self._hidden = torch.zeros(encoder.layers, 0, encoder.width)  # of the last settled frames, then of the others

    def hear(self, block: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Samples [n] at 16 kHz -> for every hop they complete: motion frames heard, and the hidden states of the last
        of them, at most `span`. [L, 2 s, D]"""
        self._sound = torch.cat((self._sound, block))
        while True:
            wanted = self._frames + self._hop + (0 if self._frames else self._ahead)
            if self._start + len(self._sound) < _needed(wanted):
                return
            yield self._until(wanted)

    def rest(self) -> tuple[int, Tensor]:
        """The same for all the sound there was; silence follows it."""
        received = self._start + len(self._sound)
        total = features.feature_count(max(received, 0), RATE) // PAIR
        self._sound = F.pad(self._sound, (0, max(0, _needed(total) - received)))
        return self._until(total) if total > self._frames else (self._frames, self._hidden)

    def _until(self, frames: int) -> tuple[int, Tensor]:
        """Hear up to so many motion frames, more than before."""
        count = PAIR * frames
        heard = _needed(frames) - self._start
        new = measure(self._sound[:heard])
        kept = heard - 2 * PITCH_MARGIN
        self._sound, self._start = self._sound[kept:], self._start + kept
        low = max(0, self._settled - self._encoder.reach)  # the first frame that the unsettled ones listen to
        self._tracks = self._tracks.followed_by(new).last(count - low)
        fresh = self._encoded(self._voice.after(new))[:, self._settled - low :]
        unsettled = PAIR * self._frames - self._settled
        settled = self._hidden[:, : self._hidden.shape[1] - unsettled]
        self._hidden = torch.cat((settled, fresh), 1)[:, -PAIR * self._span :]
        self._frames, self._settled = frames, max(0, count - self._encoder.reach)
        return frames, self._hidden

    @torch.no_grad()
    def _encoded(self, voice: Voice) -> Tensor:
        """Hidden states of all tracks that are kept. [L, t, D]"""
        tracks = self._tracks
        mel = features.log_mel(tracks.mel, voice.loudness)
        prosody = features.prosody_inputs(tracks.f0, tracks.voiced, tracks.power, voice)
        return ask(self._encoder, mel[None], prosody[None])[:, 0]


def _needed(frames: int) -> int:
    """Samples of sound without which so many motion frames are not heard."""
    return PAIR * frames * FRAME + PITCH_MARGIN
