"""Recordings to perform: utterances joined with pauses in a room that is never quite silent, and empty rooms.

Silence is half of acting: a model that never heard a pause of two seconds keeps chewing through it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from .utterance import RATE, Phone, Utterance, join


def record(group: Sequence[Utterance], rng: np.random.Generator) -> Utterance:
    """Utterances of one speaker with 0.3 to 2 s between them, now and then a long silence before or after."""
    first = rng.uniform(1.0, 3.0) if rng.uniform() < 0.15 else rng.uniform(0.1, 0.7)
    between = [rng.uniform(0.3, 2.0) for _ in group[1:]]
    last = rng.uniform(1.0, 2.5) if rng.uniform() < 0.15 else rng.uniform(0.2, 0.8)
    recording = join(list(group), [first, *between, last])
    level = rng.uniform(-72, -44)
    return replace(recording, samples=recording.samples + torch.from_numpy(_room(len(recording.samples), rng, level)))


def empty_room(rng: np.random.Generator) -> Utterance:
    """Some seconds in which nobody speaks: hum, hiss, a knock now and then."""
    seconds = rng.uniform(4.0, 10.0)
    samples = torch.from_numpy(_room(round(seconds * RATE), rng, level=rng.uniform(-60, -26)))
    return Utterance(samples, (Phone("SIL", 0.0, len(samples) / RATE),), (), "room", "")


def _room(count: int, rng: np.random.Generator, level: float) -> np.ndarray:
    """Noise with a falling spectrum, mains hum and knocks, at `level` dB of full scale. [N] float32"""
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    colour = (1 + frequency / rng.uniform(60, 600)) ** -rng.uniform(0.2, 1.2)
    noise = np.fft.irfft(spectrum * colour, count)
    time = np.arange(count) / RATE
    noise += rng.uniform(0, 0.4) * noise.std() * np.sin(2 * np.pi * rng.choice((50, 60, 100, 120)) * time)
    for _ in range(rng.poisson(count / RATE / 6)):
        start, length = rng.integers(count), rng.integers(200, 4000)
        knock = rng.normal(size=length) * np.exp(-np.arange(length) / (length / 5))
        part = noise[start : start + length]
        part += rng.uniform(1, 5) * noise.std() * knock[: len(part)]
    return (noise / (noise.std() + 1e-9) * 10 ** (level / 20)).astype(np.float32)
