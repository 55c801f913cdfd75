"""What hands do while somebody speaks: strokes, finger shapes and the four manners of delivery.

Terms follow the study of co-speech gesture (Kendon 2004; McNeill 1992): a gesture unit leaves rest, has one or more
phrases of preparation, stroke, hold, and ends in retraction to rest; beats fall on accents. Offsets are in the chest's
axes of a left hand (x outward, y up, z to the front) and scale with the stroke; angles in radians.
"""

from dataclasses import dataclass

import numpy as np

FINGERS = {  # curl of the index finger, of the other three, of the thumb, and spread
    "relaxed": (0.26, 0.40, 0.12, 0.02),
    "resting": (0.34, 0.50, 0.18, 0.0),
    "open": (0.02, 0.06, -0.10, 0.12),
    "flat": (-0.02, 0.0, 0.02, -0.02),
    "point": (-0.06, 1.20, 0.45, 0.0),
    "cupped": (0.30, 0.34, 0.0, 0.06),
}
JOINTS = (0.9, 1.1, 0.7)  # shares of a curl that knuckle, middle and last joint take
SPREAD = {2: 1.0, 3: 0.15, 4: -0.6, 5: -1.3}  # towards the thumb, by finger


@dataclass(frozen=True)
class Shape:
    """A kind of stroke."""

    ready: tuple[float, float, float]  # where the preparation ends, against the hand's home
    stroke: tuple[float, float, float]  # where the stroke ends
    palm: tuple[float, float, float]  # where the palm faces
    fingers: str
    flick: tuple[float, float] = (-0.25, 0.12)  # flexion of the wrist when ready and at the stroke's end
    step: float = 0.0  # how far the next of its kind is shifted outward


ONE_HANDED = ("point", "count")
SHAPES = {
    "beat": Shape((0.0, 0.60, -0.10), (0.08, -0.42, 0.22), (-0.85, -0.25, 0.0), "relaxed"),
    "chop": Shape((0.05, 0.70, -0.10), (0.0, -0.52, 0.30), (-1.0, 0.0, 0.0), "flat", (-0.15, 0.05)),
    "press": Shape((-0.05, 0.48, 0.0), (0.22, -0.42, 0.25), (-0.25, -0.95, 0.15), "open", (-0.05, -0.40)),
    "open": Shape((-0.38, -0.05, -0.15), (0.72, 0.22, 0.22), (-0.35, 0.85, 0.35), "open", (0.15, -0.20)),
    "offer": Shape((-0.12, 0.05, -0.40), (0.22, 0.28, 0.62), (-0.30, 0.95, 0.0), "cupped", (0.25, -0.15)),
    "frame": Shape((-0.40, 0.05, -0.05), (0.55, 0.30, 0.20), (-1.0, 0.15, 0.1), "open", (0.05, -0.05)),
    "point": Shape((0.05, 0.35, -0.35), (-0.02, 0.30, 0.62), (-0.75, -0.65, 0.0), "point", (-0.2, 0.1)),
    "count": Shape((-0.05, 0.55, -0.1), (0.05, -0.12, 0.30), (-0.95, -0.25, 0.0), "point", (-0.3, 0.2), step=0.42),
}


@dataclass(frozen=True)
class Manner:
    """How somebody delivers what they say."""

    size: float  # of a stroke at full strength (dm for an arm of 45 cm)
    share: float  # of the accents that get a stroke
    spacing: float  # least time between strokes (s)
    both: float  # how often both hands move
    home: tuple[float, float, float]  # of the left hand between strokes: outward, above the shoulder, to the front
    raised: float  # how far from rest to home a resting hand goes, 0..1
    linger: float  # how long a hand stays up after a stroke (s)
    lead: float  # from readiness to the stroke's end (s)
    reach: float  # how far movements are smoothed (hundredths of a second)
    trunk: float  # how far the trunk takes part
    shapes: dict[str, float]  # how often which


MANNERS = {
    "calm": Manner(
        0.55, 0.95, 0.80, 0.10, (1.15, -1.70, 2.30), 0.22, 1.8, 0.36, 10.0, 0.5,
        {"beat": 0.5, "offer": 0.3, "press": 0.2},
    ),
    "neutral": Manner(
        0.95, 0.95, 0.66, 0.45, (1.35, -1.60, 2.40), 0.5, 1.5, 0.30, 8.0, 0.85,
        {"beat": 0.4, "offer": 0.2, "open": 0.2, "press": 0.1, "chop": 0.1},
    ),
    "explaining": Manner(
        1.2, 1.0, 0.58, 0.65, (1.65, -1.45, 2.40), 1.0, 2.2, 0.28, 7.5, 0.9,
        {"open": 0.26, "offer": 0.2, "frame": 0.2, "count": 0.17, "point": 0.1, "beat": 0.07},
    ),
    "emphatic": Manner(
        1.75, 1.0, 0.46, 0.88, (1.45, -1.35, 2.35), 0.9, 1.1, 0.21, 5.5, 1.5,
        {"beat": 0.3, "chop": 0.25, "open": 0.2, "press": 0.13, "point": 0.12},
    ),
}  # fmt: skip

AT_SIDE = (2.35, -4.22, 0.45)
RESTS = {  # where the left and the right hand rest: outward, above the shoulder, to the front
    "together": ((1.15, -2.08, 2.15), (1.15, -2.08, 2.15)),
    "apart": ((1.70, -2.15, 2.05), (1.70, -2.15, 2.05)),
    "one": ((1.10, -2.05, 2.15), AT_SIDE),
    "sides": (AT_SIDE, AT_SIDE),
}
REST_SHARES = {"together": 0.64, "apart": 0.28, "one": 0.06, "sides": 0.02}


def finger_rotations(axes: dict[str, np.ndarray], palm: np.ndarray, curls: np.ndarray, about) -> dict[str, np.ndarray]:
    """Rotations [T, 3, 3] of the finger bones of a left hand, by names without a side.

    axes: the axis about which each bone bends to the palm; curls [T, 4] as in FINGERS; about(axis, angle).
    """
    turned = {}
    for name, axis in axes.items():
        finger, joint = int(name[6]), int(name[8])
        curl = curls[:, 2] if finger == 1 else curls[:, min(finger - 2, 1)] * (1 + 0.06 * (finger - 3))
        share = (0.5, 0.8, 0.8)[joint - 1] if finger == 1 else JOINTS[joint - 1]
        turned[name] = about(axis, share * curl)
        if joint == 1 and finger > 1:
            turned[name] = about(palm, SPREAD[finger] * curls[:, 3]) @ turned[name]
    return turned
