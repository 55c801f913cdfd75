"""Brows and the skin around the eyes: raised with the pitch and on accents, drawn together on heavy words, and the
eyes that widen with excitement and narrow with laughter."""

import numpy as np

from ...motion_space import EXPRESSION_NAMES, INDEX
from .curves import bump, frame_times, smooth, wander
from .prosody import Score
from .speakers import Speaker


def move_brows(score: Score, speaker: Speaker, rng: np.random.Generator) -> np.ndarray:
    """Offsets of the brow and lid-opening channels against the portrait's. [T, 53]"""
    times = frame_times(score.frames)
    raised, tilt = _raises(score, speaker, times, rng)
    drift = 0.04 * wander(rng, score.frames, 2.0, 3)
    melody = np.exp(0.45 * speaker.habit("brow_gain")) * smooth(np.maximum(score.pitch, 0), 0.22)  # semitones
    raised = np.minimum(raised + 0.022 * melody + 0.1 * score.arousal, 0.9)
    inner = raised + 0.012 * melody + drift[:, 0]
    outer = 0.8 * raised + drift[:, 1]
    frown = _frowns(score, times, rng) + 0.5 * np.maximum(drift[:, 2], 0)
    laugh = laughter(score)
    channels = np.zeros((score.frames, len(EXPRESSION_NAMES)))
    for side, share in {"L": 1 + tilt, "R": 1 - tilt}.items():
        channels[:, INDEX[f"browInnerUp_{side}"]] = inner * share
        channels[:, INDEX[f"browOuterUp_{side}"]] = outer * share
        channels[:, INDEX[f"browDown_{side}"]] = frown
        channels[:, INDEX[f"eyeWide_{side}"]] = (1 - laugh) * (0.35 * raised + 0.12 * score.arousal)
        channels[:, INDEX[f"eyeSquint_{side}"]] = 0.3 * frown + 0.45 * laugh
        channels[:, INDEX[f"cheekSquint_{side}"]] = 0.6 * laugh
    return channels


def laughter(score: Score) -> np.ndarray:
    """How much the face laughs: quick to come, slow to fade. [T]"""
    times = frame_times(score.frames)
    laugh = np.zeros(score.frames)
    for start, end in score.laughs:
        laugh = np.maximum(
            laugh, bump(np.clip(times, None, start), start, 0.4, 0.4) * bump(np.clip(times, end, None), end, 0.4, 1.2)
        )
    return laugh


def _raises(
    score: Score, speaker: Speaker, times: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Brow height 0..1 and how one-sided it is, -1..1. 2 x [T]"""
    raised, tilt = np.zeros(len(times)), np.zeros(len(times))
    gain = np.exp(0.45 * speaker.habit("brow_gain"))
    for time, strength in score.accents:
        if rng.uniform() > (0.1 + 0.55 * strength) * gain**0.5:
            continue
        stroke = bump(times, time + rng.normal(0.0, 0.03), rng.uniform(0.2, 0.3), rng.uniform(0.4, 0.7))
        raised += gain * (0.1 + 0.32 * strength) * rng.uniform(0.7, 1.25) * stroke
        tilt += stroke * rng.normal(0.0, 0.16)
    for start, _ in score.phrases:  # a new thought
        if rng.uniform() < 0.25 * gain:
            raised += gain * rng.uniform(0.08, 0.25) * bump(times, start + 0.1, 0.3, 0.7)
    return np.minimum(raised, 0.8), np.clip(tilt, -0.6, 0.6)


def _frowns(score: Score, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brows drawn down for emphasis. [T]"""
    frown = np.zeros(len(times))
    for time, strength in score.accents:
        if rng.uniform() < 0.1:
            frown += (0.1 + 0.25 * strength) * rng.uniform(0.5, 1.2) * bump(times, time, 0.22, 0.5)
    return np.minimum(frown, 0.6)
