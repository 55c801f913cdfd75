"""What footage tells of a speaker's habits, as VOCAL's identity stream takes them.

VOCAL has learnt sixteen habits of speakers (`training/synthetic/speakers.py`), each about N(0, 1) with 0 the average
speaker. Eight of them show in a few seconds of motion as one plain measure: how often the lids close, how far the head
travels, how wide the jaw opens. Each is the best linear guess of the habit from that measure alone, drawn towards the
average speaker the more, the less the footage tells. How a face rests is not read here, the portrait's own expression
tells it; nor how far eyes stray, which irises of a few pixels do not tell. `train habits-exam` prints the numbers of
the table, and how well they guess.

Letters: T moments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from ..data_types import STYLE_SIZE
from ..motion_space import INDEX, NAMES, POSE, REGIONS

STYLE_NAMES = (
    "jaw_range", "lip_spread", "lip_rounding", "closure_firmness", "mouth_asymmetry", "smile_rest", "blink_rate",
    "gaze_wander", "nod_gain", "sway_range", "tilt_bias", "brow_gain", "tempo_lag", "emphasis_gain", "squint_rest",
    "upper_lip",
)  # fmt: skip
RATE = Fraction(25, 2)  # looks per second that the measures are made for
SPEAKING = 0.04  # deviation of the jaw from which somebody speaks; a silent mouth tells nothing of how it speaks
CLOSED = 0.4  # of the way from open lids to shut ones
LIMIT = 1.5  # habits beyond this are drawn back: what footage tells is a guess
HALF = 5.4  # seconds in which a measure tells half of what it ever will
TURN = slice(POSE.start, POSE.start + 3)
LEFT, RIGHT = ([k for k in REGIONS["mouth"] if NAMES[k].endswith(side)] for side in ("_L", "_R"))


@dataclass(frozen=True)
class Habits:
    """The style of a speaker, and the habits of it that were read; the others are the average speaker's."""

    style: Tensor  # [16]
    read: dict[str, float]

    def __repr__(self) -> str:
        return f"Habits({len(self.read)} of {len(self.style)})"


@dataclass(frozen=True)
class Measure:
    """One habit's measure among speakers: its mean, its deviation, and how closely the habit goes with it."""

    of: Callable[[Tensor], float]  # of motion [T, 63] at `RATE`
    mean: float
    spread: float
    follows: float  # correlation with the habit, in endless footage
    spoken: bool = False  # of a mouth that speaks only


def read_habits(motion: Tensor) -> Habits:
    """The habits of whoever moved so, [T, 63] at `RATE`; the pose may be told before any lens."""
    read, seconds = {}, len(motion) / float(RATE)
    speaks = bool(motion[:, INDEX["jawOpen"]].std() > SPEAKING)
    for name, measure in MEASURES.items():
        if speaks or not measure.spoken:
            follows = measure.follows * (seconds / (seconds + HALF)) ** 0.5
            read[name] = min(max(follows * (measure.of(motion) - measure.mean) / measure.spread, -LIMIT), LIMIT)
    style = torch.zeros(STYLE_SIZE)
    for name, value in read.items():
        style[STYLE_NAMES.index(name)] = value
    return Habits(style, read)


def _both(motion: Tensor, name: str) -> Tensor:
    """The mean of both sides of a channel. [T]"""
    return motion[:, [INDEX[f"{name}_L"], INDEX[f"{name}_R"]]].mean(1)


def _log(value: Tensor, floor: float) -> float:
    return float((value + floor).log())


def _jaw(motion: Tensor) -> float:
    return _log(motion[:, INDEX["jawOpen"]].quantile(0.95), 0.02)


def _spread(motion: Tensor) -> float:
    corners = _both(motion, "mouthStretch") + _both(motion, "mouthSmile") + _both(motion, "mouthDimple")
    return _log(corners.quantile(0.9) - corners.quantile(0.2), 0.02)


def _asymmetry(motion: Tensor) -> float:
    left, right = (motion[:, side].sum(1).std() for side in (LEFT, RIGHT))
    return _log(left, 0.05) - _log(right, 0.05)


def _blinks(motion: Tensor) -> float:
    """Logarithm of blinks a second, half a blink more than were seen in a second and a half more."""
    lids = _both(motion, "eyeBlink")
    rest = lids.quantile(0.4)
    shut = lids - rest > CLOSED * (1 - rest)
    count = (shut[1:] & ~shut[:-1]).sum()
    return _log(count / (len(motion) / float(RATE) + 1.5), 0.5 / (len(motion) / float(RATE) + 1.5))


def _nods(motion: Tensor) -> float:
    pitch = motion[:, TURN.start]
    return _log(float(RATE) * (pitch[1:] - pitch[:-1]).abs().mean(), 0.1)


def _sway(motion: Tensor) -> float:
    return _log(motion[:, TURN].std(0).norm(), 0.1)


def _brows(motion: Tensor) -> float:
    return _log((_both(motion, "browInnerUp") + _both(motion, "browOuterUp")).std(), 0.02)


def _upper_lip(motion: Tensor) -> float:
    return _log(_both(motion, "mouthUpperUp").quantile(0.9), 0.02)


MEASURES = {
    "jaw_range": Measure(_jaw, -1.1, 0.32, 0.64, spoken=True),
    "lip_spread": Measure(_spread, -0.91, 0.32, 0.75, spoken=True),
    "mouth_asymmetry": Measure(_asymmetry, 0.0, 0.13, 0.8, spoken=True),
    "blink_rate": Measure(_blinks, -1.25, 0.58, 0.84),
    "nod_gain": Measure(_nods, 1.74, 0.33, 0.63),
    "sway_range": Measure(_sway, 1.31, 0.52, 0.87),
    "brow_gain": Measure(_brows, -1.73, 0.7, 0.77),
    "upper_lip": Measure(_upper_lip, -1.57, 0.32, 0.5, spoken=True),
}  # means as motion is read off landmarks, which draws mouth and brows a little towards rest
