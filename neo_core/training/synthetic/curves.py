"""Curves that bodies follow: bumps, settling, wandering. Times in seconds, sampled at the centres of 25 fps frames."""

import numpy as np

from ...timebase import MOTION_RATE

FRAME = 1.0 / MOTION_RATE


def frame_times(frames: int) -> np.ndarray:
    """What each frame shows: its centre. [T]"""
    return (np.arange(frames) + 0.5) * FRAME


def bump(times: np.ndarray, centre: float, rise: float, fall: float) -> np.ndarray:
    """0 -> 1 -> 0 with a cosine flank of `rise` seconds before the centre and `fall` after it. [T]"""
    flank = np.where(times < centre, (times - centre) / rise, (times - centre) / fall)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(flank, -1, 1))


def settle(targets: np.ndarray, seconds: float) -> np.ndarray:
    """Follow targets [T, C] as a head follows an intention: three cascaded lags from zero, no jump in acceleration."""
    response = _lag(seconds)
    return np.stack([np.convolve(column, response)[: len(targets)] for column in targets.T], axis=1)


def wander(rng: np.random.Generator, frames: int, seconds: float, channels: int) -> np.ndarray:
    """Smooth random drift with unit variance and a memory of about `seconds`: low-passed noise. [T, C]"""
    response = _lag(seconds)
    noise = rng.normal(size=(frames + len(response) - 1, channels))
    drift = np.stack([np.convolve(column, response, mode="valid") for column in noise.T], axis=1)
    return drift / np.sqrt((response**2).sum())


def _lag(seconds: float) -> np.ndarray:
    """Impulse response of three equal lags that together delay by `seconds`. [K]"""
    keep = np.exp(-3 * FRAME / seconds)
    step = np.arange(int(4 * seconds / FRAME) + 8)
    return (1 - keep) ** 3 * (step + 1) * (step + 2) / 2 * keep**step


def smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """Gaussian smoothing of [T] with a standard deviation in seconds, both ends held."""
    sigma = max(seconds / FRAME, 1e-3)
    reach = max(int(3 * sigma), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
