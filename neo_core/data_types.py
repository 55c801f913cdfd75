"""Values that cross stage borders, each with its shape.

Letters: C channels, N samples, L layers, T frames in time, D width of a feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch loads for a second and a half; the command line shows its help without it
    from torch import Tensor

GEOMETRY_SIZE = 60  # identity coefficients of the head model
STYLE_SIZE = 16  # a speaker's habits: see `training/synthetic/speakers.py`


class InputError(ValueError):
    """What the user gave cannot be used. The message is one sentence: what was found, what was expected."""


@dataclass(frozen=True)
class Waveform:
    """A sound as it was recorded."""

    samples: Tensor  # [C, N] float32 in -1..1
    sample_rate: int

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate


@dataclass(frozen=True)
class AudioFeatures:
    """What the audio encoder hears: all its layers, on the feature clock (`timebase.FEATURE_RATE`)."""

    hidden_states: Tensor  # [L, T, D], T = 2 x motion frames
    samples: int  # length of the sound they were made from
    sample_rate: int


@dataclass(frozen=True)
class Identity:
    """Who speaks, for VOCAL: structure (geometry, not texture), habits, and the portrait's own pose and expression."""

    geometry: Tensor  # [60] identity coefficients of the head model, about N(0, 1)
    style: Tensor  # [16] speaker habits, about N(0, 1); zeros is the average speaker
    reference: Tensor  # [63] motion vector of the portrait


@dataclass(frozen=True)
class MotionLatents:
    """A performance: one motion vector per video frame (`motion_space`)."""

    motion: Tensor  # [T, 63]
    fps: Fraction
