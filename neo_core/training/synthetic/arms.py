"""Arms and hands of a body: from where a wrist should be and how its palm should face to rotations of bones.

Two-bone inverse kinematics with the elbow on the side of a hint, the forearm's roll after the palm within what a
forearm can turn, the rest at the wrist. Everything is solved for a left arm, in the axes of the chest at rest (x to the
subject's left, y up, z front, decimetres); a right arm is its mirror image.

Rotations follow the rig's convention: relative to the parent bone, in the body's axes, identity at rest.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

STRETCH = 0.985  # of the arm's length: elbows never lock
FOLD = 0.42  # of the arm's length: the nearest a wrist comes to its shoulder
PRONATION, SUPINATION = np.radians(72.0), np.radians(80.0)  # from the thumb-up middle
FLEXION, DEVIATION = np.radians(55.0), np.radians(22.0)  # of the wrist, either way
SHRUG = 0.16  # of the upper arm's elevation that the shoulder girdle takes over
ROUNDS = 4  # of correcting what the twist of the upper arm displaces
TWISTED = 0.45  # share of the roll that the half of the forearm at the elbow takes
CHAIN = ("clavicle", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Arm:
    """One arm at rest, as a left one. All [3], decimetres or unit vectors."""

    side: str  # "L" or "R"
    collar: np.ndarray  # inner end of the collar bone
    shoulder: np.ndarray
    middle: np.ndarray  # of the upper arm, where its twist goes on
    elbow: np.ndarray
    halfway: np.ndarray  # of the forearm, where its twist goes on
    wrist: np.ndarray
    along: np.ndarray  # the hand, from the wrist to the knuckles
    palm: np.ndarray  # where the palm faces
    hand: float  # from the wrist to the finger tips

    @property
    def upper(self) -> float:
        return float(np.linalg.norm(self.elbow - self.shoulder))

    @property
    def fore(self) -> float:
        return float(np.linalg.norm(self.wrist - self.elbow))

    @property
    def length(self) -> float:
        return self.upper + self.fore


def read_arm(bones: tuple[str, ...], head: np.ndarray, tail: np.ndarray, side: str) -> Arm:
    """The arm of one side ("L", "R") of a rig; head, tail [bones, 3]."""
    mirror = MIRROR if side == "R" else 1.0

    def at(name: str, ends: np.ndarray = head) -> np.ndarray:
        return ends[bones.index(f"{name}.{side}")].astype(np.float64) * mirror

    along = at("finger3-1") - at("wrist")
    across = at("metacarpal1", tail) - at("metacarpal4", tail)  # to the thumb's side
    return Arm(
        side=side,
        collar=at("clavicle"),
        shoulder=at("upperarm01"),
        middle=at("upperarm02"),
        elbow=at("lowerarm01"),
        halfway=at("lowerarm02"),
        wrist=at("wrist"),
        along=unit(along),
        palm=unit(np.cross(along, across)),
        hand=float(np.linalg.norm(at("finger3-3", tail) - at("wrist"))),
    )


@dataclass(frozen=True)
class Reach:
    """What an arm should do, as a left one, in the chest's axes."""

    wrist: np.ndarray  # [T, 3] where
    elbow: np.ndarray  # [T, 3] the side on which the elbow lies
    palm: np.ndarray  # [T, 3] where the palm should face
    flexion: np.ndarray  # [T] of the wrist towards the palm (radians)
    deviation: np.ndarray  # [T] of the wrist towards the thumb
    shrug: np.ndarray  # [T] of the shoulder besides what the arm asks for


@dataclass(frozen=True)
class Solved:
    """An arm in motion, as a left one."""

    rotations: np.ndarray  # [T, 6, 3, 3] of CHAIN, relative to the parents
    shoulder: np.ndarray  # [T, 3]
    elbow: np.ndarray  # [T, 3]
    wrist: np.ndarray  # [T, 3]
    hand: np.ndarray  # [T, 3, 3] of the hand against its rest, in the chest's axes
    tip: np.ndarray  # [T, 3] of the stretched middle finger


def solve(arm: Arm, reach: Reach, smooth) -> Solved:
    """Rotations that bring the wrist where it should be, or as near as the arm's length allows.

    smooth([T]) -> [T] evens the forearm's roll, which jumps where a palm is asked to face along the forearm.
    """
    target, aim = reach.wrist.astype(np.float64), reach.wrist.astype(np.float64)
    for _ in range(ROUNDS):
        collar, shoulder = _girdle(arm, aim, reach.shrug)
        elbow, wrist, hinge = _bend(arm, shoulder, aim, reach.elbow)
        upper, fore = _upper(arm, collar, shoulder, elbow, hinge), _fore(arm, elbow, wrist, hinge, reach.palm, smooth)
        elbow, wrist = _place(arm, shoulder, upper, fore)
        aim = aim + _within_reach(arm, shoulder, target) - wrist
    bent = np.clip(reach.flexion, -FLEXION, FLEXION), np.clip(reach.deviation, -DEVIATION, DEVIATION)
    hand = fore[1] @ about(unit(np.cross(arm.along, arm.palm)), bent[0]) @ about(arm.palm, bent[1])
    world = [np.broadcast_to(np.eye(3), hand.shape), collar, *upper, *fore, hand]
    relative = [np.swapaxes(a, -1, -2) @ b for a, b in pairwise(world)]
    return Solved(np.stack(relative, 1), shoulder, elbow, wrist, hand, wrist + arm.hand * (hand @ arm.along))


def mirrored(rotations: np.ndarray) -> np.ndarray:
    """The same rotations [..., 3, 3] seen in a mirror: x and -x swapped."""
    return rotations * np.outer(MIRROR, MIRROR)


def _girdle(arm: Arm, aim: np.ndarray, shrug: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation of the collar bone [T, 3, 3] and the shoulder it carries [T, 3]: it rises as the wrist does."""
    height = np.clip((aim[:, 1] - arm.shoulder[1]) / arm.length, -1, 1)
    collar = about(np.array([0.0, 0.0, 1.0]), SHRUG * np.maximum(height + 0.25, 0) + shrug)
    return collar, arm.collar + collar @ (arm.shoulder - arm.collar)


def _within_reach(arm: Arm, shoulder: np.ndarray, wrist: np.ndarray) -> np.ndarray:
    way = wrist - shoulder
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    return shoulder + way / far * np.clip(far, FOLD * arm.length, STRETCH * arm.length)


def _bend(
    arm: Arm, shoulder: np.ndarray, aim: np.ndarray, hint: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elbow and wrist by the law of cosines and the axis of the elbow's hinge. Each [T, 3]"""
    wrist = _within_reach(arm, shoulder, aim)
    way = wrist - shoulder
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    axis = way / far
    side = unit(hint - (hint * axis).sum(-1, keepdims=True) * axis)
    foot = (arm.upper**2 - arm.fore**2 + far**2) / (2 * far)
    elbow = shoulder + foot * axis + np.sqrt(np.maximum(arm.upper**2 - foot**2, 0)) * side
    return elbow, wrist, np.cross(side, axis)


def _upper(
    arm: Arm, collar: np.ndarray, shoulder: np.ndarray, elbow: np.ndarray, hinge: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations against rest of both halves of the upper arm. Each [T, 3, 3]

    The half at the shoulder turns only half of the twist, so that skin is wrung over the whole upper arm.
    """
    along, at_rest = _upper_at_rest(arm)
    now = unit(elbow - shoulder)
    second = _frame(now, hinge) @ _frame(along, at_rest).T
    swing = collar @ _swing(along, np.einsum("tji,tj->ti", collar, now))
    turned = np.swapaxes(swing, -1, -2) @ second @ at_rest
    angle = np.arctan2(turned @ np.cross(along, at_rest), turned @ at_rest)
    return swing @ about(along, angle / 2), second


def _upper_at_rest(arm: Arm) -> tuple[np.ndarray, np.ndarray]:
    """Direction of the upper arm and axis of the elbow's hinge. Each [3]"""
    along = unit(arm.elbow - arm.shoulder)
    return along, unit(np.cross(along, arm.wrist - arm.elbow))


def _fore(
    arm: Arm, elbow: np.ndarray, wrist: np.ndarray, hinge: np.ndarray, palm: np.ndarray, smooth
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations against rest of both halves of the forearm, the one at the wrist with all of the roll. [T, 3, 3]"""
    along, now = unit(arm.wrist - arm.elbow), unit(wrist - elbow)
    straight = _frame(now, hinge) @ _frame(along, _upper_at_rest(arm)[1]).T
    roll = smooth(_roll(now, hinge, palm))
    return straight @ about(along, -TWISTED * roll), straight @ about(along, -roll)


def _place(
    arm: Arm, shoulder: np.ndarray, upper: tuple[np.ndarray, np.ndarray], fore: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Where the bones so turned bring elbow and wrist. Each [T, 3]"""
    elbow = shoulder + upper[0] @ (arm.middle - arm.shoulder) + upper[1] @ (arm.elbow - arm.middle)
    return elbow, elbow + fore[0] @ (arm.halfway - arm.elbow) + fore[1] @ (arm.wrist - arm.halfway)


def _roll(fore: np.ndarray, hinge: np.ndarray, palm: np.ndarray) -> np.ndarray:
    """How far the forearm turns from the thumb-up middle, positive palm up (supination), within its limits. [T]"""
    up = np.cross(hinge, fore)  # where the palm of a supinated forearm faces
    angle = np.arctan2((palm * up).sum(-1), (palm * hinge).sum(-1))
    return np.clip(angle, -PRONATION, SUPINATION)


def _frame(along: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """Columns: a bone, the hinge across it, and what completes them. [..., 3, 3]"""
    return np.stack([along, hinge, np.cross(along, hinge)], -1)


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations that turn the unit vector `start` [3] to `end` [T, 3] (never opposite). [T, 3, 3]"""
    axis = np.cross(start, end)
    cross = _cross_matrix(axis)
    return np.eye(3) + cross + cross @ cross / (1 + end @ start)[:, None, None]


def about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotations by angles [...] (radians) about one unit axis [3] or one each. [..., 3, 3]"""
    angle = np.asarray(angle, dtype=np.float64)
    cross = _cross_matrix(np.broadcast_to(axis, (*angle.shape, 3)))
    return np.eye(3) + np.sin(angle)[..., None, None] * cross + (1 - np.cos(angle))[..., None, None] * (cross @ cross)


def _cross_matrix(v: np.ndarray) -> np.ndarray:
    zero = np.zeros(v.shape[:-1])
    rows = [zero, -v[..., 2], v[..., 1], v[..., 2], zero, -v[..., 0], -v[..., 1], v[..., 0], zero]
    return np.stack(rows, -1).reshape(*v.shape[:-1], 3, 3)


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors of length 1. [..., 3]"""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
