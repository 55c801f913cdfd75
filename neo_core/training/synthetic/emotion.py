"""What the six states of the first NEO do to a performance, and how lively a voice sounds.

A state has four means, all scaled by its strength from 0 (as without it, bit for bit) to 1:

 - habits    the speaker nods, sways, blinks, looks about, raises the brows and opens the mouth more or less than usual
 - face      channels held between and under the movements of speech; a smile narrows while one speaks
 - silence   what the mouth aims at where nobody speaks: lips apart in surprise, teeth in laughter
 - pose      how head and shoulders are carried, with gestures of its own: bouts of laughter, tilts of a teacher

Lips still articulate: contact is solved on the face after all this. What the mouth does depends on the sound and the
speaker alone, as without a state; the seed decides when the head and the brows move.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ...data_types import EMOTIONS, Emotion
from ...motion_space import EXPRESSION_NAMES, INDEX, POSE_NAMES
from .curves import bump, frame_times, settle, smooth, wander
from .phones import VOWELS
from .prosody import Score
from .speakers import STYLE_NAMES, Speaker
from .visemes import ARTICULATORS, REST, Gesture

MOODS = ("mouthSmile", "mouthFrown", "mouthDimple", "mouthUpperUp", "mouthLowerDown", "mouthPress", "mouthStretch",
         "browDown", "browInnerUp", "browOuterUp", "cheekSquint", "eyeSquint", "eyeWide", "noseSneer")  # fmt: skip
MOST_HABIT = 3.2  # a state exaggerates nobody beyond this
WHILE_SPEAKING = 0.72  # of the face a mouth keeps while it articulates


@dataclass(frozen=True)
class Manner:
    """How one acts: a state at some strength. Nothing in it means: as usual."""

    habits: Mapping[str, float] = field(default_factory=dict)  # added to the speaker's
    face: Mapping[str, float] = field(default_factory=dict)  # channels of both sides, 0..1
    silence: Mapping[str, float] = field(default_factory=dict)  # articulator -> aim
    pose: Mapping[str, float] = field(default_factory=dict)  # degrees and head units
    composed: float = 0.0  # share of the portrait's own mood that gives way
    laughing: float = 0.0
    teaching: float = 0.0
    startled: float = 0.0

    def at(self, strength: float) -> "Manner":
        """The same at a strength of 0..1."""
        maps = {
            name: {key: strength * value for key, value in getattr(self, name).items()}
            for name in ("habits", "face", "pose")
        }
        rest = dict(zip(ARTICULATORS, REST.target, strict=True))
        aims = {key: rest[key] + strength * (value - rest[key]) for key, value in self.silence.items()}
        shares = {name: strength * getattr(self, name) for name in ("composed", "laughing", "teaching", "startled")}
        return replace(self, **maps, silence=aims, **shares)


STATES = {
    "neutral": Manner(
        habits={"sway_range": -1.3, "nod_gain": -1.2, "brow_gain": -1.4, "emphasis_gain": -0.6, "smile_rest": -1.2},
        composed=0.85,
    ),
    "happy": Manner(
        habits={"sway_range": 0.6, "nod_gain": 0.5, "brow_gain": 0.5, "upper_lip": 0.5, "lip_spread": 0.6},
        face={
            "mouthSmile": 0.78,
            "mouthUpperUp": 0.24,
            "mouthDimple": 0.12,
            "cheekSquint": 0.62,
            "eyeSquint": 0.30,
            "browOuterUp": 0.10,
            "browInnerUp": 0.05,
        },
        silence={"close": 0.25, "upper": 0.14, "lower": 0.06},
        pose={"pitch": -1.5, "roll": 2.0},
        composed=0.3,
    ),
    "serious": Manner(
        habits={
            "sway_range": -1.8,
            "nod_gain": -0.4,
            "brow_gain": -1.8,
            "gaze_wander": -2.0,
            "blink_rate": -0.9,
            "smile_rest": -2.0,
            "jaw_range": -0.6,
            "lip_spread": -0.8,
            "upper_lip": -0.8,
        },
        face={
            "browDown": 0.75,
            "eyeSquint": 0.16,
            "mouthFrown": 0.22,
            "mouthPress": 0.20,
            "mouthShrugLower": 0.10,
            "mouthRollUpper": 0.06,
        },
        pose={"pitch": 4.0, "z": 0.4},
        composed=1.0,
    ),
    "surprised": Manner(
        habits={
            "sway_range": -0.5,
            "gaze_wander": -1.8,
            "blink_rate": -1.2,
            "brow_gain": 0.4,
            "jaw_range": 0.7,
            "smile_rest": -1.5,
        },
        face={"browInnerUp": 0.75, "browOuterUp": 0.80, "eyeWide": 0.75, "mouthFunnel": 0.05},
        silence={"close": 0.0, "jaw": 0.27, "lower": 0.06, "round": 0.22},
        pose={"pitch": -2.5, "z": -0.8, "y": 0.2},
        composed=1.0,
        startled=1.0,
    ),
    "explaining": Manner(
        habits={
            "sway_range": 0.9,
            "nod_gain": 1.6,
            "brow_gain": 1.2,
            "emphasis_gain": 0.9,
            "gaze_wander": -1.0,
            "jaw_range": 0.5,
        },
        face={"browInnerUp": 0.26, "browOuterUp": 0.30, "eyeWide": 0.10, "mouthSmile": 0.08},
        silence={"close": 0.1, "lower": 0.16, "jaw": 0.08},
        pose={"pitch": 1.0, "z": 1.3},
        composed=0.5,
        teaching=1.0,
    ),
    "laughing": Manner(
        habits={"sway_range": 0.8, "nod_gain": 0.3, "blink_rate": 0.4, "upper_lip": 1.0, "lip_spread": 0.8},
        face={
            "mouthSmile": 0.88,
            "mouthUpperUp": 0.38,
            "mouthLowerDown": 0.10,
            "mouthDimple": 0.15,
            "cheekSquint": 0.85,
            "eyeSquint": 0.70,
            "noseSneer": 0.12,
            "browOuterUp": 0.12,
        },
        silence={"close": 0.0, "jaw": 0.16, "upper": 0.20, "lower": 0.15},
        pose={"pitch": -6.0},
        composed=0.3,
        laughing=1.0,
    ),
}
assert tuple(STATES) == EMOTIONS


def manner_of(emotion: Emotion | None) -> Manner:
    """How a state makes one act; None is as usual."""
    return STATES[emotion.state].at(emotion.strength) if emotion else Manner()


def acting(speaker: Speaker, manner: Manner) -> Speaker:
    """The speaker with the habits of the moment; the head stays theirs."""
    shift = [manner.habits.get(name, 0.0) for name in STYLE_NAMES]
    return replace(speaker, style=_shifted(speaker, shift))


def roused(speaker: Speaker, arousal: float) -> Speaker:
    """The speaker livelier (arousal 1) or calmer (-1), as their voice sounds."""
    shift = [arousal * LIVELY.get(name, 0.0) for name in STYLE_NAMES]
    return replace(speaker, style=_shifted(speaker, shift))


LIVELY = {"sway_range": 0.7, "nod_gain": 0.7, "brow_gain": 0.7, "emphasis_gain": 0.4, "jaw_range": 0.3}


def _shifted(speaker: Speaker, shift: list[float]) -> torch.Tensor:
    return (speaker.style + torch.tensor(shift)).clamp(-MOST_HABIT, MOST_HABIT)


def heard_arousal(score: Score) -> float:
    """How lively a voice is over a whole clip, about N(0, 0.8), from what a listener has whatever the recording level:
    the spread of the pitch in semitones and the vowels per second of speech. 0 where nobody speaks."""
    voiced = (score.speaking > 0) & (score.pitch != 0)
    if voiced.sum() < 25:
        return 0.0
    rate = sum(phone.symbol in VOWELS for phone in score.phones) / sum(end - start for start, end in score.phrases)
    melody = np.log(max(float(score.pitch[voiced].std()), 0.2) / 1.05) / 0.45
    return float(np.clip(0.6 * melody + 0.5 * (rate - 4.5) / 0.7, -1.6, 1.6))


def composed(portrait: np.ndarray, manner: Manner) -> np.ndarray:
    """The portrait's motion vector [63] with its own mood giving way to the state."""
    calm = portrait.copy()
    for name in MOODS:
        for side in ("L", "R"):
            calm[INDEX[f"{name}_{side}"]] *= 1 - manner.composed
    return calm


def silence(manner: Manner) -> Gesture:
    """What the mouth aims at where nobody speaks."""
    target = REST.target.copy()
    for name, aim in manner.silence.items():
        target[ARTICULATORS.index(name)] = aim
    return Gesture(target, REST.care)


def held_mouth(rest: np.ndarray, manner: Manner, score: Score) -> np.ndarray:
    """The resting mouth [53] with the state's face, wider where nobody speaks. [T, 53]"""
    level = 1 - (1 - WHILE_SPEAKING) * smooth(score.speaking, 0.25)
    return _over(np.tile(rest, (score.frames, 1)), manner, level, mouth=True)


def held_eyes(resting: np.ndarray, manner: Manner, score: Score, rng: np.random.Generator) -> np.ndarray:
    """Brows, lids and cheeks [53] with the state's face, never quite still. [T, 53]"""
    level = np.clip(0.92 + 0.09 * wander(rng, score.frames, 1.5, 1)[:, 0], 0.7, 1.1)
    level = level + 0.2 * _start(score, rng) * manner.startled + 0.15 * _bouts(score)[0] * manner.laughing
    return _over(np.tile(resting, (score.frames, 1)), manner, level, mouth=False)


def _over(channels: np.ndarray, manner: Manner, level: np.ndarray, *, mouth: bool) -> np.ndarray:
    """Channels [T, 53] drawn towards 1 by the state's face."""
    for name, amount in manner.face.items():
        if name.startswith(("mouth", "nose")) != mouth:
            continue
        for side in [name] if name in EXPRESSION_NAMES else [f"{name}_L", f"{name}_R"]:
            k = INDEX[side]
            channels[:, k] += (1 - channels[:, k]) * np.minimum(amount * level, 1.0)
    return channels


def carry(score: Score, manner: Manner, rng: np.random.Generator) -> np.ndarray:
    """What the state adds to the head: pitch, yaw, roll in degrees, x, y, z in head units. [T, 6]"""
    times = frame_times(score.frames)
    pose = np.zeros((score.frames, len(POSE_NAMES)))
    arrival = 1 - np.exp(-((times / 0.5) ** 2))  # a performance starts at the portrait's pose
    for name, amount in manner.pose.items():
        pose[:, POSE_NAMES.index(name)] += amount * arrival * (0.9 + 0.12 * wander(rng, score.frames, 2.0, 1)[:, 0])
    if manner.laughing:
        pose += manner.laughing * arrival[:, None] * _shaken(score, rng)
    if manner.teaching:
        pose += manner.teaching * arrival[:, None] * _teaching(score, times, rng)
    if manner.startled:
        start = manner.startled * arrival * _start(score, rng)
        pose[:, 0] -= 2.5 * start
        pose[:, 5] -= 0.5 * start
    return pose


# --- laughter --------------------------------------------------------------------------------------------------------

RATE = 4.7  # pulses of laughter per second
BOUT = 1.9  # seconds of it on one breath
INHALE = 0.8  # seconds between two bouts
AFTER_WORDS = 0.12  # seconds from the end of a phrase to the first pulse
ROOM = 0.45  # seconds of silence that it needs


def laugh_tracks(tracks: np.ndarray, manner: Manner, score: Score) -> np.ndarray:
    """Articulator tracks [T, A] with the jaw dropping at every "ha", where nobody speaks."""
    if not manner.laughing:
        return tracks
    bout, pulse = _bouts(score)
    shaken = tracks.copy()
    for name, depth in {"jaw": 0.36, "lower": 0.16, "upper": 0.10}.items():
        shaken[:, ARTICULATORS.index(name)] += manner.laughing * depth * bout * (pulse - 0.25)
    return shaken


def _bouts(score: Score) -> tuple[np.ndarray, np.ndarray]:
    """How hard one laughs, fading with each breath, and the pulses of it, both 0..1, in every silence. 2 x [T]"""
    times = frame_times(score.frames)
    bout, pulse = np.zeros(score.frames), np.zeros(score.frames)
    ends = [-AFTER_WORDS, *(end for _, end in score.phrases)]
    starts = [*(start for start, _ in score.phrases), times[-1] + ROOM + 1.0]
    for end, start in zip(ends, starts, strict=True):
        if start - end < ROOM:
            continue
        clock = times - end - AFTER_WORDS
        inside = (clock >= 0) & (times < start)
        phase = np.mod(clock, BOUT + INHALE)
        breath = np.exp(-phase / 1.6) * np.clip(phase / 0.08, 0, 1) * np.clip((BOUT - phase) / 0.3, 0, 1)
        before_words = np.clip((start - times - 0.05) / 0.2, 0, 1)
        bout = np.where(inside, breath * before_words, bout)
        pulse = np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * RATE * phase), pulse)
    return bout, pulse


def _shaken(score: Score, rng: np.random.Generator) -> np.ndarray:
    """The head thrown back with every bout and shaken with the chest, sinking again with the breath. [T, 6]"""
    bout, pulse = _bouts(score)
    pose = np.zeros((score.frames, 6))
    thrown = settle(bout[:, None], 0.3)[:, 0]
    pose[:, 0] = -9.0 * thrown - 1.6 * bout * (pulse - 0.5)
    pose[:, 2] = 2.0 * rng.choice((-1.0, 1.0)) * thrown
    pose[:, 4] = 0.22 * bout * (pulse - 0.5)
    pose[:, 5] = -0.4 * thrown
    return pose


# --- explaining and surprise -----------------------------------------------------------------------------------------


def _teaching(score: Score, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The head tilts from one side to the other, point by point, and beats on accents and in silence. [T, 6]"""
    moments = [start for start, _ in score.phrases]
    clock = rng.uniform(0.2, 0.8)
    while clock < times[-1]:
        moments.append(clock)
        clock += rng.uniform(1.0, 1.9)
    side = rng.choice((-1.0, 1.0))
    targets = np.zeros((len(times), 3))
    for moment in sorted(moments):
        side = -side
        targets[times >= moment] = (
            rng.normal(0, 0.8),
            3.0 * side * rng.uniform(0.3, 1.2),
            side * rng.uniform(2.5, 5.5),
        )
    pose = np.concatenate([settle(targets, 0.4), np.zeros((len(times), 3))], axis=1)
    for moment, size in _points(score, times, rng):
        beat = size * bump(times, moment, 0.18, 0.34)
        pose[:, 0] += 3.2 * beat
        pose[:, 5] += 0.35 * beat
    return pose


def _points(score: Score, times: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float]]:
    """(time, size) of a teacher's beats: the strong accents, and in silence about one a second."""
    points = [(time, strength) for time, strength in score.accents if strength > 0.4]
    speaking = smooth(score.speaking, 0.2)
    clock = rng.uniform(0.3, 0.9)
    while clock < times[-1]:
        if speaking[int(clock * 25)] < 0.2:
            points.append((clock, rng.uniform(0.5, 1.1)))
        clock += rng.uniform(0.6, 1.2)
    return points


def _start(score: Score, rng: np.random.Generator) -> np.ndarray:
    """Something new to be surprised at, every few seconds: quick to come, slow to fade. [T]"""
    times = frame_times(score.frames)
    start, clock = np.zeros(score.frames), rng.uniform(0.3, 1.2)
    while clock < times[-1]:
        start = np.maximum(start, bump(times, clock, 0.16, 1.0) * rng.uniform(0.7, 1.0))
        clock += rng.uniform(1.8, 4.0)
    return start
