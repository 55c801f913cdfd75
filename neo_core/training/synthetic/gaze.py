"""Where the eyes look: at the camera, with glances away while thinking, steady in space while the head moves.

The home of the gaze is the portrait's own. Angles in degrees, yaw to the subject's left, pitch positive down.
"""

import numpy as np

from ...motion_space import EXPRESSION_NAMES, INDEX
from .curves import FRAME, frame_times
from .prosody import Score
from .speakers import Speaker

COMPENSATION = 0.92  # share of a head turn that the eyes undo (vestibulo-ocular reflex)
LIMIT_YAW, LIMIT_PITCH = 28.0, 22.0
LONG_PAUSE = 0.6  # seconds


def move_gaze(
    score: Score, speaker: Speaker, head: np.ndarray, home: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[float]]:
    """Gaze [T, 4] (yaw, pitch of the left, of the right eye) and the times of large jumps (blinks like them).

    head [T, 3] pitch, yaw, roll in degrees; home [4] the portrait's gaze.
    """
    times = frame_times(score.frames)
    aims = _fixations(score, speaker, times[-1] + FRAME, rng)
    offset = np.zeros((score.frames, 2))
    jumps = []
    for (start, aim), before in zip(aims[1:], aims, strict=False):
        size = float(np.hypot(*(aim - before[1])))
        offset += _saccade(times, start, size)[:, None] * (aim - before[1])
        if size > 7:
            jumps.append(start)
    turn = np.stack([head[:, 1], head[:, 0]], axis=1)  # [T, 2] yaw, pitch
    seen = offset + aims[0][1] - COMPENSATION * turn
    gaze = home + np.concatenate([seen, seen], axis=1)
    return np.clip(gaze, [-LIMIT_YAW, -LIMIT_PITCH] * 2, [LIMIT_YAW, LIMIT_PITCH] * 2), jumps


def _saccade(times: np.ndarray, start: float, degrees: float) -> np.ndarray:
    """0 -> 1 in 20 ms + 2.2 ms per degree, but seen through a 40 ms frame. [T]"""
    duration = 0.02 + 0.0022 * degrees + FRAME
    share = np.clip((times - start) / duration, 0, 1)
    return share**2 * (3 - 2 * share)


def _fixations(
    score: Score, speaker: Speaker, seconds: float, rng: np.random.Generator
) -> list[tuple[float, np.ndarray]]:
    """(start, (yaw, pitch) against home) of every fixation, the first at home."""
    away_share = float(np.clip(0.2 * np.exp(0.7 * speaker.habit("gaze_wander")), 0.03, 0.6))
    reach = np.exp(0.3 * speaker.habit("gaze_wander"))
    fixations, clock, aim = [(0.0, np.zeros(2))], rng.gamma(2.5, 0.4), np.zeros(2)
    while clock < seconds:
        thinking = _before_phrase(score, clock)
        if rng.uniform() < min(away_share * (2.2 if thinking else 1.0), 0.7):
            aim = reach * _glance(rng, thinking)
            stay = rng.gamma(3.0, 0.32)
        else:
            aim = rng.normal(0.0, (0.7, 0.5))  # home, not quite the same spot twice
            stay = rng.gamma(2.5, 0.45)
        fixations.append((clock, aim))
        clock += 0.16 + stay
    return _refocus(fixations, score, rng)


def _glance(rng: np.random.Generator, thinking: bool) -> np.ndarray:
    """A look away: mostly sideways, up or down when thinking."""
    side = rng.choice((-1.0, 1.0))
    if thinking:
        return np.array([side * rng.uniform(3, 11), rng.choice((-1, 1), p=(0.55, 0.45)) * rng.uniform(1, 6)])
    return np.array([side * rng.uniform(3, 9), rng.normal(0.8, 2.4)])


def _before_phrase(score: Score, time: float) -> bool:
    """In a long pause, or in the first third of a second of a phrase: where speakers plan."""
    ends = [0.0, *(end for _, end in score.phrases)]
    starts = [*(start for start, _ in score.phrases), np.inf]
    return any(
        end <= time < start + 0.35 and start - end > LONG_PAUSE for end, start in zip(ends, starts, strict=False)
    )


def _refocus(
    fixations: list[tuple[float, np.ndarray]], score: Score, rng: np.random.Generator
) -> list[tuple[float, np.ndarray]]:
    """The eyes come back to the listener as a phrase begins, or soon after."""
    returns = [start + rng.uniform(-0.15, 0.35) for start, _ in score.phrases if rng.uniform() < 0.75]
    kept = [f for f in fixations[1:] if all(not r - 0.2 < f[0] < r + 0.5 for r in returns)]
    back = [(time, rng.normal(0.0, (0.6, 0.4))) for time in returns if time > 0.2]
    return [fixations[0], *sorted(kept + back, key=lambda f: f[0])]


def lid_channels(gaze: np.ndarray) -> np.ndarray:
    """The eyeLook coefficients that go with a gaze [..., 4]: lids and skin follow the eyeball. [..., 53]"""
    channels = np.zeros((*gaze.shape[:-1], len(EXPRESSION_NAMES)))
    for eye, (yaw, pitch) in {"L": (gaze[..., 0], gaze[..., 1]), "R": (-gaze[..., 2], gaze[..., 3])}.items():
        channels[..., INDEX[f"eyeLookDown_{eye}"]] = np.clip(pitch / 30, 0, 1)
        channels[..., INDEX[f"eyeLookUp_{eye}"]] = np.clip(-pitch / 30, 0, 1)
        channels[..., INDEX[f"eyeLookOut_{eye}"]] = np.clip(yaw / 35, 0, 1)
        channels[..., INDEX[f"eyeLookIn_{eye}"]] = np.clip(-yaw / 35, 0, 1)
    return channels
