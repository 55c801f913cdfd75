"""Unlimited duration: how much memory half an hour of motion takes, and how late motion comes live."""

import resource
from collections.abc import Iterator

import torch
from torch import Tensor

from ..pipelines.live import LATENCY
from ..timebase import FEATURE_RATE
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import generate_windows
from .vocal_speed import PLAIN_SPEAKER

PIECE = 10  # seconds of sound that are there at a time
STEPS = 1  # memory does not depend on them
SHORT, LONG = 60, 30 * 60  # seconds


def bench() -> dict[str, float]:
    """The figures of the benchmark, with the shipped weights."""
    vocal = load_vocal()
    short, long = (peak_after(vocal, seconds) for seconds in (SHORT, LONG))
    return {"peak memory, 30 min over 1 min": long / short, "look-ahead, live": 1000 * LATENCY}


def peak_after(vocal: MotionGenerator, seconds: int) -> float:
    """Largest resident memory of this process when it has made motion for so long."""
    for _ in generate_windows(vocal, _sound(vocal, seconds), PLAIN_SPEAKER, steps=STEPS):
        pass  # as a live user does: shown and forgotten
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _sound(vocal: MotionGenerator, seconds: int) -> Iterator[Tensor]:
    dice = torch.Generator().manual_seed(0)
    for _ in range(seconds // PIECE):
        yield torch.randn(vocal.config.audio_layers, PIECE * FEATURE_RATE, vocal.config.audio_width, generator=dice)
