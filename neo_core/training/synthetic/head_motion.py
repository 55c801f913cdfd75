"""How the head moves: a posture per phrase, drift around it, nods on accents and while listening, a lift with every
breath, a shake with laughter.

Degrees and head units as in `motion_space`, relative to the portrait, from which every performance starts.
"""

import numpy as np

from .brows import laughter
from .curves import bump, frame_times, settle, smooth, wander
from .prosody import Score
from .speakers import Speaker

POSTURE = np.array([2.1, 4.2, 1.9])  # deviation of a phrase's pitch, yaw and roll (degrees)
DRIFT = np.array([0.85, 1.15, 0.65])
TREMOR = np.array([0.1, 0.12, 0.08])
BREATH = 0.3  # a pause of this length is long enough to breathe in (s)
NECK = np.array([0.0, 3.0, 1.0])  # from the base of the neck to the pivot of the head (head units)
LISTENING = 1.6  # from this length on a pause belongs to somebody else: one listens and nods (s)
LEAVING = 0.6  # seconds in which a performance leaves the portrait's pose


def move_head(score: Score, speaker: Speaker, rng: np.random.Generator) -> np.ndarray:
    """Pitch, yaw, roll in degrees, x, y, z in head units. [T, 6]"""
    times = frame_times(score.frames)
    range_ = np.exp(0.4 * speaker.habit("sway_range"))
    lean = np.array([0.0, 0.0, 1.0 * speaker.habit("tilt_bias")])
    angles = settle(range_ * _postures(score, times, rng) + lean, 0.55)
    energy = smooth(0.55 + 0.45 * score.speaking, 0.3)[:, None]
    angles += range_ * energy * DRIFT * wander(rng, score.frames, 0.9, 3)
    angles += TREMOR * wander(rng, score.frames, 0.18, 3)
    angles += _beats(score, speaker, times, rng) + _laughter(score, times, rng)
    angles[:, 0] += _listening(score, speaker, times, rng)
    angles[:, 0] += 0.9 * (smooth(score.level, 0.12) - score.level.mean()) - 0.2 * np.exp(
        0.45 * speaker.habit("nod_gain")
    ) * smooth(score.pitch, 0.15)
    breath = _breaths(score, times, rng)
    angles[:, 0] -= 0.9 * breath
    shift = 0.1 * wander(rng, score.frames, 1.6, 3) + 0.22 * wander(rng, score.frames, 4.0, 3) * (0.4, 0.0, 1.0)
    shift[:, 1] += 0.1 * breath
    pose = np.concatenate([angles, shift + _swing(angles)], axis=1)
    return pose - pose[:1] * np.exp(-(((times - times[0]) / LEAVING) ** 2))[:, None]


def _postures(score: Score, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The orientation intended at every moment: a new one at each phrase and now and then within it. [T, 3]"""
    starts = [start - rng.uniform(0.05, 0.25) for start, _ in score.phrases]
    clock = rng.gamma(3.0, 0.7)
    while clock < times[-1]:
        starts.append(clock)
        clock += rng.gamma(3.0, 0.9)
    targets = np.zeros((len(times), 3))
    posture = np.zeros(3)
    for start in sorted(starts):
        posture = 0.35 * posture + POSTURE * np.clip(rng.normal(size=3), -2.2, 2.2)
        posture[2] -= 0.12 * posture[1]  # heads roll a little as they turn
        targets[times >= start] = posture
    return targets


def _beats(score: Score, speaker: Speaker, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nods, and now and then a turn or a tilt, on the accents. [T, 3]"""
    beats = np.zeros((len(times), 3))
    gain = np.exp(0.45 * speaker.habit("nod_gain"))
    for time, strength in score.accents:
        if rng.uniform() > 0.5 + 0.45 * strength:
            continue
        size = gain * (0.9 + 2.4 * strength) * rng.uniform(0.6, 1.3)
        moment = time + rng.normal(0.02, 0.03)
        rise, fall = rng.uniform(0.14, 0.22), rng.uniform(0.22, 0.42)
        kind = rng.choice(3, p=(0.74, 0.15, 0.11))  # pitch: a nod; yaw; roll
        side = 1.0 if kind == 0 else rng.choice((-0.8, 0.8))
        stroke = bump(times, moment, rise, fall) - 0.28 * bump(times, moment - rise - 0.05, 0.16, rise)
        beats[:, kind] += side * size * stroke
    for _, end in score.phrases:  # a phrase often ends with the head sinking
        if rng.uniform() < 0.5:
            beats[:, 0] += rng.uniform(0.5, 1.6) * bump(times, end + 0.05, 0.35, 0.6)
    return beats


def _listening(score: Score, speaker: Speaker, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slow nods, alone or in twos and threes, in the long pauses. Pitch [T]"""
    nods = np.zeros(len(times))
    ends = [0.0, *(end for _, end in score.phrases)]
    starts = [*(start for start, _ in score.phrases), times[-1]]
    gain = np.exp(0.4 * speaker.habit("nod_gain"))
    for end, start in zip(ends, starts, strict=True):
        clock = end + rng.uniform(0.7, 2.5)
        while clock < start - 0.8 and start - end > LISTENING:
            size, pace = gain * rng.uniform(0.8, 2.6), rng.uniform(0.42, 0.6)
            for k in range(rng.choice((1, 2, 3), p=(0.4, 0.4, 0.2))):
                nods += 0.75**k * size * bump(times, clock + k * pace, 0.5 * pace, 0.6 * pace)
            clock += rng.gamma(3.0, 1.4)
    return nods


def _laughter(score: Score, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Head thrown back a little and shaken by every "ha". [T, 3]"""
    laugh = laughter(score)
    shake = np.sin(2 * np.pi * rng.uniform(4.2, 5.2) * times)
    side = rng.choice((-1.0, 1.0))
    return laugh[:, None] * np.stack([-3.0 + 0.5 * shake, 0.0 * times, side * 1.8 + 0.1 * shake], axis=1)


def _breaths(score: Score, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Breathing in before phrases, and quietly all along the silences. [T]"""
    breath = np.zeros(len(times))
    ends = [-9.0, *(end for _, end in score.phrases)]
    for (start, _), before in zip(score.phrases, ends, strict=False):
        if start - before >= BREATH:
            breath += rng.uniform(0.6, 1.2) * bump(times, start - 0.12, min(0.45, start - before), 0.5)
    quiet = smooth(1.0 - score.speaking, 0.25)
    cycle = np.cumsum(rng.uniform(0.22, 0.3) * np.exp(0.1 * wander(rng, len(times), 2.0, 1)[:, 0])) / 25
    return breath + 0.35 * quiet * np.sin(2 * np.pi * (cycle + rng.uniform()))


def _swing(angles: np.ndarray) -> np.ndarray:
    """The way of the pivot when the neck bends with the head, to first order: rotation vector x lever. [T, 3]"""
    return np.cross(np.deg2rad(angles), NECK)
