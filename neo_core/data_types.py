"""Values that cross stage borders, each with its shape.

Letters: C channels, N samples, L layers, T frames (or latents) in time, D width of a feature.

Hosts write values as text into logs and error reports: as text they tell sizes, and nothing of the person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch loads for a second and a half; the command line shows its help without it
    from torch import Tensor

GEOMETRY_SIZE = 60  # identity coefficients of the head model
STYLE_SIZE = 16  # a speaker's habits: `vocal.habits.STYLE_NAMES`, as `training/synthetic/speakers.py` acts them
EMOTIONS = ("neutral", "happy", "serious", "surprised", "explaining", "laughing")  # NEO post, "Expression Range"

Progress = Callable[[int, int, "Tensor | None"], None]
"""Told how the work goes on: done, total, and the newest frame (u8 [H, W, 3]) if there is one. It is called often, at
least between any two frames and any two passes of a network, and may raise to stop the work."""


class InputError(ValueError):
    """What the user gave cannot be used. The message is one sentence: what was found, what was expected."""


@dataclass(frozen=True)
class Waveform:
    """A sound as it was recorded."""

    samples: Tensor  # [C, N] float32 in -1..1
    sample_rate: int

    def __repr__(self) -> str:
        return f"Waveform({self.samples.shape[0]} x {self.samples.shape[1]} samples at {self.sample_rate} Hz)"

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate


@dataclass(frozen=True)
class AudioFeatures:
    """What the audio encoder hears: all its layers, on the feature clock (`timebase.FEATURE_RATE`)."""

    hidden_states: Tensor  # [L, T, D], T = 2 x motion frames
    samples: int  # length of the sound they were made from
    sample_rate: int
    encoder: str = "embedded"  # who heard it: `audio.encoder.AudioEncoder.name`

    def __repr__(self) -> str:
        return f"AudioFeatures({' x '.join(map(str, self.hidden_states.shape))})"


@dataclass(frozen=True)
class Identity:
    """Who speaks, for VOCAL: structure (geometry, not texture), habits, and the portrait's own pose and expression."""

    geometry: Tensor  # [60] identity coefficients of the head model, about N(0, 1)
    style: Tensor  # [16] speaker habits, about N(0, 1); zeros is the average speaker
    reference: Tensor  # [63] motion vector of the portrait

    def __repr__(self) -> str:
        return "Identity()"


@dataclass(frozen=True)
class MotionLatents:
    """A performance: one motion vector per video frame (`motion_space`)."""

    motion: Tensor  # [T, 63]
    fps: Fraction
    reference: Tensor = None  # [63] the portrait's own pose and expression; rest when it is not given
    use: str = "talking-head"  # what the consent of whoever is moved by it must cover: `governance.SCOPES`

    def __post_init__(self) -> None:
        if self.reference is None:
            object.__setattr__(self, "reference", self.motion.new_zeros(self.motion.shape[1]))

    def __repr__(self) -> str:
        return f"MotionLatents({len(self.motion)} frames at {float(self.fps):g} fps)"


@dataclass(frozen=True)
class VideoLatents:
    """A video as NEO 2 made it, before it is decoded: one latent per four frames (`neo2.latent_space`)."""

    latents: Tensor  # [T, C, h, w]
    anchor: Tensor  # [C, h, w] the reference picture, which the decoder reads too
    frames: int  # of the video: at most 4 T
    fps: Fraction
    joins: tuple[int, ...] = ()  # frames where two chunks meet, for the seam report

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.latents.shape))
        return f"VideoLatents({size}, {self.frames} frames at {float(self.fps):g} fps)"


@dataclass(frozen=True)
class Emotion:
    """The state that a performance is asked for. Without one it is as the voice sounds; so it is at strength 0."""

    state: str  # one of `EMOTIONS`
    strength: float = 1.0  # 0..1

    def __post_init__(self) -> None:
        if self.state not in EMOTIONS:
            raise InputError(f"emotion {self.state!r:.40} is unknown, expected one of {', '.join(EMOTIONS)}")
        if not 0 <= self.strength <= 1:
            raise InputError(f"emotion strength is {self.strength:g}, expected a number from 0 to 1")

    @property
    def weights(self) -> tuple[float, ...]:
        """The strength at the place of the state, 0 elsewhere: what a network reads. [E]"""
        return tuple(self.strength if name == self.state else 0.0 for name in EMOTIONS)


def silent(done: int, total: int, frame: Tensor | None = None) -> None:
    """The progress that nobody watches."""
