"""Blinks: when they come and how the lids travel."""

import numpy as np

from .curves import FRAME, frame_times
from .prosody import Score
from .speakers import Speaker

INTERVAL = 4.4  # seconds between the spontaneous blinks of an average speaker
REFRACTORY = 0.8  # no second blink within this time (s)
AT_PHRASE_END, AT_JUMP = 0.32, 0.24  # chance of a blink there
PARTIAL = 0.05  # share of blinks that do not close


def blink(score: Score, speaker: Speaker, jumps: list[float], rng: np.random.Generator) -> np.ndarray:
    """Lid closure 0..1. jumps: times of large gaze shifts. [T]"""
    times = frame_times(score.frames)
    closure = np.zeros(score.frames)
    for moment in _moments(score, speaker, jumps, times[-1], rng):
        depth = rng.uniform(0.35, 0.8) if rng.uniform() < PARTIAL else 1.0
        closure = np.maximum(closure, depth * _lid(times, moment, rng))
    return closure


def _lid(times: np.ndarray, moment: float, rng: np.random.Generator) -> np.ndarray:
    """Lids fall in about 80 ms, stay shut for one or two frames, rise in about 170 ms. [T]"""
    shut = (np.floor(moment / FRAME) + 0.5) * FRAME  # on the frame grid: every blink is seen closed
    fall, rise = rng.uniform(0.075, 0.11), rng.uniform(0.13, 0.21)
    hold = rng.choice((0.0, FRAME), p=(0.35, 0.65))
    down = np.clip(1 + (times - shut) / fall, 0, 1)
    up = np.clip(1 - (times - shut - hold) / rise, 0, 1)
    return np.where(times <= shut, down**1.3, np.where(times <= shut + hold + 1e-9, 1.0, up * up * (3 - 2 * up)))


def _moments(
    score: Score, speaker: Speaker, jumps: list[float], seconds: float, rng: np.random.Generator
) -> list[float]:
    often = np.exp(0.6 * speaker.habit("blink_rate"))
    interval = INTERVAL / often
    wanted = [end + rng.uniform(-0.1, 0.25) for _, end in score.phrases if rng.uniform() < often * AT_PHRASE_END]
    wanted += [time for time in jumps if rng.uniform() < often * AT_JUMP]
    clock = rng.uniform(0.2, 1.0) * interval
    while clock < seconds:
        wanted.append(clock)
        clock += max(rng.gamma(2.6, interval / 2.6), REFRACTORY)
    kept: list[float] = []
    for moment in sorted(wanted):
        if moment > 0.15 and (not kept or moment - kept[-1] >= REFRACTORY):
            kept.append(moment)
    return kept
