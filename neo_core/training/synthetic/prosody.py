"""What a performer hears in an utterance besides its phones: loudness, pitch, accents, phrases, breath.

Everything is measured on the sound itself, so that a model trained on the performances can hear it too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...timebase import MOTION_RATE
from .curves import smooth
from .phones import VOWELS

SAMPLE_RATE = 16000
HOP = 160  # 10 ms
WINDOW = 640  # 40 ms
LOWEST, HIGHEST = 65.0, 420.0  # Hz
RANGE = 36.0  # dB between silence and the loud parts of a voice
PAUSE = 0.2  # a silence of this length parts two phrases (s)


@dataclass(frozen=True)
class Score:
    """An utterance as a performer reads it."""

    phones: Sequence  # with symbol, start, end, confidence
    frames: int  # T at 25 fps
    stress: np.ndarray  # [P] prominence of every phone, about N(0, 1) over vowels
    accents: tuple[tuple[float, float], ...]  # (time, strength 0..1)
    phrases: tuple[tuple[float, float], ...]  # (start, end)
    level: np.ndarray  # [T] loudness 0..1
    pitch: np.ndarray  # [T] semitones above the voice's own middle, 0 where unvoiced
    laughs: tuple[tuple[float, float], ...] = ()  # (start, end)

    @property
    def speaking(self) -> np.ndarray:
        """1 inside phrases, 0 in pauses. [T]"""
        times = (np.arange(self.frames) + 0.5) / MOTION_RATE
        return np.sum([(times >= start) & (times < end) for start, end in self.phrases] or [0 * times], axis=0)

    @property
    def arousal(self) -> np.ndarray:
        """How high and loud the voice is, over half a second: 0 calm .. 1 excited. [T]"""
        return np.clip(smooth(np.maximum(self.pitch, 0) * self.level / 3.5, 0.5), 0, 1)


def read_score(utterance) -> Score:
    """Read an utterance (samples at 16 kHz, phones) into a score."""
    samples = np.asarray(utterance.samples, dtype=np.float64)
    frames = max(-(-len(samples) * MOTION_RATE // SAMPLE_RATE), 1)
    level, pitch = _loudness(samples), _pitch(samples)
    pitch = np.where(level[: len(pitch)] > 0.3, pitch, np.nan)
    tone = _semitones(pitch)
    phrases = _phrases(utterance.phones)
    stress = _stress(utterance.phones, level, tone)
    return Score(
        phones=utterance.phones,
        frames=frames,
        stress=stress,
        accents=_accents(utterance.phones, stress),
        phrases=phrases,
        level=smooth(_at_frames(level, frames), 0.05),
        pitch=smooth(_at_frames(np.nan_to_num(tone), frames), 0.12),
        laughs=_laughs(utterance.phones),
    )


def _windows(samples: np.ndarray) -> np.ndarray:
    """Overlapping windows around every 10 ms. [K, WINDOW]"""
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(samples) + 1 : HOP]


def _loudness(samples: np.ndarray) -> np.ndarray:
    """Level 0..1 on the 10 ms grid: decibels under the loud parts of the clip, over a range of 36 dB. [K]"""
    power = (_windows(samples)[:, WINDOW // 4 : -WINDOW // 4] ** 2).mean(axis=1)
    decibels = 10 * np.log10(power + 1e-9)
    return np.clip(1 + (decibels - np.percentile(decibels, 95)) / RANGE, 0, 1)


def _pitch(samples: np.ndarray) -> np.ndarray:
    """Fundamental frequency by normalised autocorrelation on the 10 ms grid, nan where unvoiced. [K]"""
    frames = _windows(samples) * np.hanning(WINDOW)
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(frames, 2 * WINDOW)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :WINDOW]
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(WINDOW), 2 * WINDOW)) ** 2)[:WINDOW]
    correlation = correlation / (correlation[:, :1] + 1e-9) / (taper / taper[0] + 1e-3)
    shortest, longest = int(SAMPLE_RATE / HIGHEST), int(SAMPLE_RATE / LOWEST)
    search = correlation[:, shortest:longest]
    best = search.max(axis=1, keepdims=True)
    lag = shortest + np.argmax(search > 0.9 * best, axis=1)  # the first good peak: no octave jumps down
    lag = lag + np.array([np.argmax(correlation[k, i : i + 12]) for k, i in enumerate(lag)])
    return np.where(best[:, 0] > 0.55, SAMPLE_RATE / lag, np.nan)


def _semitones(pitch: np.ndarray) -> np.ndarray:
    """Semitones above the median of the voice, -8..8, nan where unvoiced. [K]"""
    if not np.isfinite(pitch).any():
        return np.full_like(pitch, np.nan)
    return np.clip(12 * np.log2(pitch / np.nanmedian(pitch)), -8, 8)


def _at_frames(values: np.ndarray, frames: int) -> np.ndarray:
    """From the 10 ms grid to the centres of video frames. [T]"""
    centres = (np.arange(frames) + 0.5) * (SAMPLE_RATE / HOP / MOTION_RATE)
    return np.interp(centres, np.arange(len(values)), values)


def _phrases(phones: Sequence) -> tuple[tuple[float, float], ...]:
    """Stretches of speech between pauses."""
    spans: list[tuple[float, float]] = []
    for phone in phones:
        if phone.symbol == "SIL":
            continue
        if spans and phone.start - spans[-1][1] < PAUSE:
            spans[-1] = (spans[-1][0], phone.end)
        else:
            spans.append((phone.start, phone.end))
    return tuple(spans)


def _laughs(phones: Sequence) -> tuple[tuple[float, float], ...]:
    """Stretches of three or more "ha" in a row."""
    spans: list[tuple[float, float]] = []
    run: list[float] = []  # start of the first "ha", then the end of each
    for first, second in pairwise([*phones, None]):
        if first.symbol == "HH" and second is not None and second.symbol in VOWELS:
            run = [*(run or [first.start]), second.end]
        elif first.symbol != "SIL" and not (run and first.start < run[-1]):
            spans += [(run[0], run[-1])] if len(run) > 3 else []
            run = []
    return tuple(spans + ([(run[0], run[-1])] if len(run) > 3 else []))


def _stress(phones: Sequence, level: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """Prominence of every phone [P]: vowels by loudness, pitch and length in the clip, consonants by neighbours."""
    vowels = [k for k, phone in enumerate(phones) if phone.symbol in VOWELS]
    stress = np.zeros(len(phones))
    if len(vowels) < 4:
        return stress
    cues = np.array([_cues(phones[k], level, tone) for k in vowels])  # [V, 3]
    scores = (cues - cues.mean(axis=0)) / (cues.std(axis=0) + 1e-3)
    stress[vowels] = np.clip(scores @ (0.55, 0.45, 0.4), -2, 2)
    for k, phone in enumerate(phones):
        if phone.symbol not in VOWELS and phone.symbol != "SIL":
            stress[k] = 0.5 * sum(stress[j] for j in (k - 1, k + 1) if 0 <= j < len(phones) and j in vowels) / 2
    return stress


def _cues(phone, level: np.ndarray, tone: np.ndarray) -> tuple[float, float, float]:
    rows = slice(int(phone.start * 100), max(int(phone.end * 100), int(phone.start * 100) + 1))
    heard = tone[rows][np.isfinite(tone[rows])]
    loud = level[rows].mean() if len(level[rows]) else 0.0
    return loud, heard.max() if len(heard) else 0.0, np.log(max(phone.end - phone.start, 0.02))


def _accents(phones: Sequence, stress: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Vowels that stand out from their neighbours within a quarter of a second."""
    middle = np.array([(phone.start + phone.end) / 2 for phone in phones])
    found = []
    for k, phone in enumerate(phones):
        near = np.abs(middle - middle[k]) < 0.25
        if phone.symbol in VOWELS and stress[k] > 0.5 and stress[k] >= stress[near].max():
            found.append((float(middle[k]), float(min(stress[k] / 1.8, 1.0))))
    return tuple(found)
