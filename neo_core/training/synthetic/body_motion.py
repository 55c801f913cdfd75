"""How arms, hands and trunk move with what is said: rests, beats on accents, posture, breath.

Hands are planned like the mouth (`gestures.least_effort`): what must be reached is painted with care on a fine grid,
the least effort decides the rest, so that preparation, retraction and the smaller strokes of fast speech follow by
themselves. How large and how frequent strokes are follows the voice: a model that hears it can learn it. The seed
decides which of the strokes that would fit are made. The head's pose is not made here: it comes with the performance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...timebase import MOTION_RATE
from . import arms
from .arms import Arm, Reach
from .body import Body
from .curves import FRAME, bump, frame_times, settle, smooth, wander
from .gestures import OVERSAMPLING, STEP, least_effort
from .hand_shapes import FINGERS, MANNERS, ONE_HANDED, REST_SHARES, RESTS, SHAPES, Manner, Shape, finger_rotations
from .phones import VOWELS
from .prosody import Score

ARM = 4.54  # length for which the tables are written (dm)
SIDES = ("L", "R")
PLACE, PALM, FLEX, CURL = slice(0, 3), slice(3, 6), 6, slice(7, 11)  # channels of a hand's plan
CHANNELS = 11
REST_CARE, HOME_CARE, READY_CARE, STROKE_CARE = 0.004, 0.010, 0.5, 1.0
PAUSE = 0.7  # in a silence of this length hands go back to rest (s)
REST_PALM, REST_FLEX = (-0.8, 0.15, -0.6), 0.30
SPINE = {"spine04": 0.15, "spine03": 0.2, "spine02": 0.35, "spine01": 0.3}  # shares of the trunk's bend
UPRIGHT = 0.8  # of the trunk's bend that the neck takes back, so that the eyes stay level
ELBOW = np.array([0.62, -0.78, -0.32])
MIDLINE = 0.06  # finger tips stay this far on their side (dm)
THICK = 0.5  # from the skin of the trunk to the middle of a wrist (dm)
LEAST_STRESS, ACCENTED = -0.4, 0.5  # vowels between them are worth a small beat
PULSE = 0.9  # how far raised hands follow the loudness of syllables, as a part of a stroke
LOWEST = -2.2  # strokes end above this (dm from the shoulder), in the picture of a half body
WIDEST = 2.75  # wrists stay in the picture of a half body


@dataclass(frozen=True)
class Stroke:
    """One stroke of a gesture."""

    time: float  # when it ends, on the accent
    amount: float  # dm
    shape: str
    hands: tuple[bool, bool]
    shift: float  # outward, for what is counted (dm)


@dataclass(frozen=True)
class Figure:
    """What gestures need to know of a body."""

    bones: tuple[str, ...]
    arms: tuple[Arm, Arm]
    bends: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]  # axes of the finger bones, as left ones
    front: float  # foremost of the belly and the chest

    @property
    def scale(self) -> float:
        return self.arms[0].length / ARM


def gestures(score: Score, body: Body, manner: str, seed: int) -> np.ndarray:
    """Rotations of every bone for a whole recording at 25 fps. [T, bones, 3, 3] float32

    The same seed rests in the same way whatever the manner.
    """
    figure, habit = read_figure(body), MANNERS[manner]
    streams = [np.random.default_rng([seed, 0x6E5, k]) for k in range(5)]
    rests = rest_places(np.random.default_rng([seed, 0x4E57]))
    strokes = plan_strokes(score, habit, streams[0])
    plan = _plan_hands(score, habit, strokes, rests, streams[1])
    trunk, shrug = _move_trunk(score, habit, strokes, streams[2])
    return _assemble(figure, plan, trunk, shrug, _elbows(seed, score.frames, streams[3]))


def at_rest(body: Body, seed: int) -> np.ndarray:
    """The pose in which `gestures` of this seed rests, at another moment: posture and hands a little otherwise.
    [bones, 3, 3] float32"""
    rng = np.random.default_rng([seed, 0xA7, 0])
    rests = rest_places(np.random.default_rng([seed, 0x4E57]))
    plan = np.stack([_resting(rest) for rest in rests])[None]
    plan[..., PLACE] += 0.05 * rng.normal(size=(1, 2, 3))
    trunk = np.radians([0.5, 1.0, 0.5]) * rng.normal(size=(1, 3))
    return _assemble(read_figure(body), plan, trunk, np.zeros(1), _elbows(seed, 1, rng))[0]


def prosody_energy(score: Score) -> np.ndarray:
    """How much a voice does: loudness while it speaks, and its accents. [T]"""
    beats = np.zeros(score.frames)
    for time, strength in score.accents:
        beats[min(int(time * MOTION_RATE), score.frames - 1)] += strength
    return score.level * np.minimum(score.speaking, 1) + 3 * smooth(beats, 0.3)


def rest_places(rng: np.random.Generator) -> np.ndarray:
    """Where the left and the right hand rest: outward, above the shoulder, to the front. [2, 3]"""
    kind = str(rng.choice(list(REST_SHARES), p=list(REST_SHARES.values())))
    places = np.array(RESTS[kind])
    if rng.uniform() < 0.5:
        places = places[::-1]
    common = rng.normal(size=3) * (0.08, 0.12, 0.06)
    return places + common + 0.06 * rng.normal(size=(2, 3)) * (1, 1, 0.5)


def plan_strokes(score: Score, manner: Manner, rng: np.random.Generator) -> list[Stroke]:
    """Strokes on the accents, the strongest first, none too near another; louder and livelier ones are larger."""
    chosen: list[tuple[float, float]] = []
    for time, strength in sorted([*score.accents, *_syllables(score)], key=lambda beat: -beat[1]):
        keen = rng.uniform() < manner.share * (0.75 + 0.5 * strength)
        if keen and all(abs(time - other) >= manner.spacing for other, _ in chosen):
            chosen.append((time, strength))
    lively = _liveliness(score)
    strokes: list[Stroke] = []
    names, odds = list(manner.shapes), list(manner.shapes.values())
    leading, shape, both, counted = int(rng.uniform() < 0.3), "beat", False, 0
    for time, strength in sorted(chosen):
        anew = not strokes or time - strokes[-1].time > manner.linger or rng.uniform() < 0.45
        if anew:
            shape, both = str(rng.choice(names, p=odds)), bool(rng.uniform() < manner.both)
            both = both and shape not in ONE_HANDED
            leading = leading if rng.uniform() < 0.75 else 1 - leading
            counted = 0
        hands = (both or leading == 0, both or leading == 1)
        frame = min(int(time * MOTION_RATE), score.frames - 1)
        amount = manner.size * (0.35 + 0.65 * strength) * lively[frame] * rng.uniform(0.85, 1.15)
        strokes.append(Stroke(time - 0.02, float(amount), shape, hands, SHAPES[shape].step * min(counted, 3)))
        counted += 1
    return strokes


def _syllables(score: Score) -> list[tuple[float, float]]:
    """Vowels that bear no accent but a little beat: (time, strength)."""
    found = []
    for phone, stress in zip(score.phones, score.stress, strict=True):
        if phone.symbol in VOWELS and LEAST_STRESS < stress <= ACCENTED:
            found.append(((phone.start + phone.end) / 2, 0.25 * (stress - LEAST_STRESS) / (ACCENTED - LEAST_STRESS)))
    return found


def _liveliness(score: Score) -> np.ndarray:
    """How much of a stroke's size the voice asks for: loudness against the recording's own, and arousal. [T]"""
    loud = smooth(score.level, 0.4)
    middle = loud[score.speaking > 0].mean() if (score.speaking > 0).any() else 1.0
    return np.clip(loud / max(middle, 1e-3), 0.4, 1.4) ** 1.5 * (0.75 + 0.8 * score.arousal)


def _plan_hands(
    score: Score, manner: Manner, strokes: Sequence[Stroke], rests: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Channels of both hands at the centres of the frames, lengths for an arm of ARM. [T, 2, CHANNELS]"""
    steps = score.frames * OVERSAMPLING
    target = np.tile(np.stack([_resting(rest) for rest in rests]), (steps, 1, 1))
    care = np.full((steps, 2, CHANNELS), REST_CARE)
    for side in range(2):
        own = [stroke for stroke in strokes if stroke.hands[side]]
        for unit in units(own, score, manner):
            home = _home(manner, rests[side]) + 0.1 * rng.normal(size=3)
            _paint_unit(target[:, side], care[:, side], unit, manner, home)
    effort = np.full(2 * CHANNELS, manner.reach**4)
    tracks = least_effort(target.reshape(steps, -1), care.reshape(steps, -1), effort)
    plan = tracks.reshape(score.frames, OVERSAMPLING, 2, CHANNELS)[:, 1:3].mean(1)
    plan[..., 1] -= _pulse(score, manner)[:, None] * _raised(plan, rests)
    plan[..., PLACE] += 0.035 * wander(rng, score.frames, 1.2, 6).reshape(-1, 2, 3)
    return plan


def _home(manner: Manner, rest: np.ndarray) -> np.ndarray:
    """Where a hand is between strokes: a restrained one hardly leaves its rest, but a hanging one is lifted. [3]"""
    hanging = np.clip(-rest[1] - 3.0, 0, 1)
    return rest + np.maximum(manner.raised, 0.85 * hanging) * (np.array(manner.home) - rest)


def _pulse(score: Score, manner: Manner) -> np.ndarray:
    """Syllables in a raised hand: down where it is loud (dm). [T]"""
    return PULSE * manner.size * (smooth(score.level, 0.06) - smooth(score.level, 0.3)) * np.minimum(score.speaking, 1)


def _raised(plan: np.ndarray, rests: np.ndarray) -> np.ndarray:
    """How far each hand has left its rest, 0..1. [T, 2]"""
    return np.clip(np.linalg.norm(plan[..., PLACE] - rests, axis=-1) / 0.3, 0, 1)


def units(strokes: Sequence[Stroke], score: Score, manner: Manner) -> list[list[Stroke]]:
    """Strokes of one hand in gesture units: it goes to rest after `linger`, and whenever speech pauses."""
    pauses = [end for (_, end), (start, _) in pairwise(score.phrases) if start - end > PAUSE]
    grouped: list[list[Stroke]] = []
    for stroke in strokes:
        last = grouped[-1][-1] if grouped else None
        parted = last and any(last.time - 0.1 <= pause < stroke.time for pause in pauses)
        if last is None or parted or stroke.time - last.time > manner.linger + 0.6:
            grouped.append([])
        grouped[-1].append(stroke)
    return grouped


def _paint_unit(target: np.ndarray, care: np.ndarray, unit: Sequence[Stroke], manner: Manner, home: np.ndarray) -> None:
    """Paint one unit of one hand into target, care [K, CHANNELS]: up to its home, every stroke, and down again."""
    first, last = unit[0], unit[-1]
    hold = min(0.25 * manner.linger, 0.35)
    begin, end = first.time - manner.lead - 0.25, last.time + hold
    starts = [begin, *(stroke.time - manner.lead - 0.1 for stroke in unit[1:]), end]
    for stroke, start, stop in zip(unit, starts[:-1], starts[1:], strict=True):
        shape = SHAPES[stroke.shape]
        rows = _rows(start, stop, len(target))
        target[rows] = _pose(home, stroke, shape, 0.0, 0.3 * sum(shape.flick))
        care[rows] = HOME_CARE
        ready = _rows(stroke.time - manner.lead - 0.04, stroke.time - manner.lead + 0.04, len(target))
        target[ready], care[ready] = _pose(home, stroke, shape, -1.0, shape.flick[0]), READY_CARE
        hit = _rows(stroke.time - 0.02, stroke.time + 0.06, len(target))
        target[hit], care[hit] = _pose(home, stroke, shape, 1.0, shape.flick[1]), STROKE_CARE


def _rows(start: float, end: float, steps: int) -> slice:
    first = min(max(round(start / STEP), 0), steps)
    return slice(first, max(round(end / STEP), first))


def _pose(home: np.ndarray, stroke: Stroke, shape: Shape, phase: float, flexion: float) -> np.ndarray:
    """A hand at home (phase 0), ready (-1) or at the stroke's end (1). [CHANNELS]"""
    offset = np.array(shape.stroke if phase > 0 else shape.ready) * stroke.amount * abs(phase)
    place = home + offset + (stroke.shift, 0.0, 0.0)
    place[1] = max(place[1], LOWEST)
    return np.concatenate([place, arms.unit(np.array(shape.palm)), [flexion], FINGERS[shape.fingers]])


def _resting(place: np.ndarray) -> np.ndarray:
    """A hand at rest. [CHANNELS]"""
    down = np.clip((-place[1] - 3.0) / 1.0, 0, 1)  # hanging hands are straight and face the thigh
    palm = (1 - down) * np.array(REST_PALM) + down * np.array([-1.0, 0.0, -0.3])
    return np.concatenate([place, arms.unit(palm), [REST_FLEX * (1 - 0.7 * down)], FINGERS["resting"]])


def _move_trunk(
    score: Score, manner: Manner, strokes: Sequence[Stroke], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pitch (forward), yaw (to the left) and roll (to the right) of the chest [T, 3] and the shrug [T]; radians."""
    times = frame_times(score.frames)
    posture = np.zeros((score.frames, 3))
    stance = rng.normal(size=3) * (0.6, 1.2, 0.6)
    posture[:] = stance
    for start, _ in score.phrases:
        stance = 0.4 * stance + (0.5 + 0.7 * manner.trunk) * rng.normal(size=3) * (0.9, 2.2, 1.1)
        posture[times >= start - rng.uniform(0.1, 0.35)] = stance
    first = posture[:1].copy()
    angles = first + settle(posture - first, 0.9)
    angles += (0.25 + 0.35 * manner.trunk) * wander(rng, score.frames, 2.2, 3) * (0.5, 1.0, 0.6)
    angles[:, 0] += manner.trunk * 2.6 * smooth(score.arousal * np.minimum(score.speaking, 1), 0.5)
    for stroke in strokes:
        turn = 0.0 if all(stroke.hands) else (1.0 if stroke.hands[1] else -1.0)
        nod = bump(times, stroke.time + 0.03, 0.24, 0.5) * min(stroke.amount, 1.8) * manner.trunk
        angles += nod[:, None] * np.array([0.9, 0.8 * turn, 0.15 * turn])
    breath = _breath(score, times, rng)
    angles[:, 0] -= 0.45 * breath
    tension = 0.25 * smooth(score.arousal * np.minimum(score.speaking, 1), 0.4)
    return np.radians(angles), 0.028 * breath + 0.05 * manner.trunk * tension


def _breath(score: Score, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How full the chest is: quick before phrases, slow while nobody speaks. -1..1 [T]"""
    pace = 0.26 * np.exp(0.12 * wander(rng, score.frames, 3.0, 1)[:, 0])
    idle = np.sin(2 * np.pi * (rng.uniform() + np.cumsum(pace) * FRAME))
    speaking = smooth(np.minimum(score.speaking, 1), 0.4)
    full = np.zeros(len(times))
    for start, end in score.phrases:
        full += bump(times, start - 0.05, 0.45, max(end - start, 0.8)) * (times < end + 1)
    return (1 - 0.75 * speaking) * idle + 0.9 * speaking * np.minimum(full, 1)


def _elbows(seed: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """On which side the elbows lie; some people hold them wide. [T, 2, 3]"""
    own = np.random.default_rng([seed, 0xE1B])
    hint = ELBOW + own.normal(size=3) * (0.12, 0.0, 0.08)
    drift = 0.04 * wander(rng, frames, 1.5, 6).reshape(-1, 2, 3) if frames > 1 else 0.0
    return np.broadcast_to(hint, (frames, 2, 3)) + drift


def read_figure(body: Body) -> Figure:
    """Arms, fingers and the front of a body."""
    bones = tuple(str(name) for name in body.bones)
    head, tail = np.asarray(body.head, dtype=np.float64), np.asarray(body.tail, dtype=np.float64)
    both = tuple(arms.read_arm(bones, head, tail, side) for side in SIDES)
    bends = tuple(_finger_axes(bones, head, tail, arm) for arm in both)
    return Figure(bones, both, bends, _front(body, bones))


def _front(body: Body, bones: Sequence[str]) -> float:
    """Foremost of what hangs on the trunk, clothes included, above the hips (dm)."""
    trunk = [k for k, name in enumerate(bones) if name.startswith(("spine", "breast"))]
    weight, rest = np.asarray(body.weight), np.asarray(body.rest)
    return float(rest[weight[:, trunk].sum(1) > 0.7, 2].max())


def _finger_axes(bones: Sequence[str], head: np.ndarray, tail: np.ndarray, arm: Arm) -> dict[str, np.ndarray]:
    """The axis about which every finger bone bends towards the palm, as of a left hand."""
    mirror = arms.MIRROR if arm.side == "R" else 1.0
    across = np.cross(arm.palm, arm.along)  # to the thumb's side
    axes = {}
    for k, name in enumerate(bones):
        if name.startswith("finger") and name.endswith(arm.side):
            way = (tail[k] - head[k]) * mirror
            inward = arms.unit(arm.palm - across) if name[6] == "1" else arm.palm
            axes[name[:-2]] = arms.unit(np.cross(way, inward))
    return axes


def _assemble(figure: Figure, plan: np.ndarray, trunk: np.ndarray, shrug: np.ndarray, elbows: np.ndarray) -> np.ndarray:
    """Rotations of all bones from the plan of the hands and the trunk. [T, bones, 3, 3]"""
    turned = np.tile(np.eye(3), (len(plan), len(figure.bones), 1, 1))
    for side, arm in enumerate(figure.arms):
        solved = _solve_arm(figure, arm, plan[:, side], elbows[:, side], shrug)
        own = {f"{name}.{arm.side}": solved.rotations[:, k] for k, name in enumerate(arms.CHAIN)}
        fingers = finger_rotations(figure.bends[side], arm.palm, plan[:, side, CURL], arms.about)
        own |= {f"{name}.{arm.side}": rotation for name, rotation in fingers.items()}
        for name, rotation in own.items():
            turned[:, figure.bones.index(name)] = arms.mirrored(rotation) if arm.side == "R" else rotation
    for name, share in SPINE.items():
        turned[:, figure.bones.index(name)] = _tilt(share * trunk)
    turned[:, figure.bones.index("neck01")] = np.swapaxes(_tilt(UPRIGHT * trunk), -1, -2)
    return turned.astype(np.float32)


def _tilt(angles: np.ndarray) -> np.ndarray:
    """Pitch, yaw, roll [T, 3] in radians to rotations [T, 3, 3]."""
    x, y, z = (arms.about(axis, angle) for axis, angle in zip(np.eye(3), angles.T, strict=True))
    return z @ y @ x


def _solve_arm(figure: Figure, arm: Arm, plan: np.ndarray, elbow: np.ndarray, shrug: np.ndarray) -> arms.Solved:
    """The arm of one side, kept out of the trunk, in the picture, and on its own side of the midline."""
    place = plan[:, PLACE] * figure.scale + (0.0, arm.shoulder[1], 0.0)
    place[:, 2] = _outside(place, arm, figure.front)
    place[:, 0] = _at_most(place[:, 0], WIDEST * figure.scale)
    level = (lambda track: smooth(track, 0.06)) if len(plan) > 1 else (lambda track: track)
    reach = Reach(place, elbow, plan[:, PALM], plan[:, FLEX], np.zeros(len(plan)), shrug)
    solved = arms.solve(arm, reach, level)
    for _ in range(2):  # what crosses the midline moves out
        short = np.maximum(MIDLINE - solved.tip[:, 0], 0)
        if not short.any():
            break
        widest = np.max([np.pad(short, 3, mode="edge")[k : k + len(short)] for k in range(7)], axis=0)
        place = place + np.stack([1.1 * (smooth(widest, 0.08) if len(short) > 1 else short), 0 * short, 0 * short], 1)
        solved = arms.solve(arm, Reach(place, elbow, plan[:, PALM], plan[:, FLEX], reach.deviation, shrug), level)
    return solved


def _outside(place: np.ndarray, arm: Arm, front: float) -> np.ndarray:
    """z [T] of wrists [T, 3] that keep clear of the trunk, which is as wide as the shoulders."""
    beside = np.clip((place[:, 0] - arm.shoulder[0]) / 0.5, 0, 1)
    least = (1 - beside) * (front + THICK) + beside * -1.0
    return least + _softplus(place[:, 2] - least)


def _at_most(values: np.ndarray, limit: float) -> np.ndarray:
    return limit - _softplus(limit - values)


def _softplus(values: np.ndarray, softness: float = 0.08) -> np.ndarray:
    """max(values, 0) with a round corner."""
    return softness * np.logaddexp(0, values / softness)
