"""Sounds made for measuring: WAV files byte by byte, also ones that must be refused."""

import struct
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..media.audio import read_waveform

PCM, FLOAT, UNKNOWN = 1, 3, 0x7FFE  # WAV format tags; no decoder knows the last


def float_wav(samples: Tensor, sample_rate: int = 16000) -> bytes:
    """Mono sound in 32-bit floats, which can hold NaN. `samples` [N]"""
    return _wav(FLOAT, 32, sample_rate, samples.float().numpy().astype("<f4").tobytes())


def unknown_codec() -> bytes:
    """A WAV file whose format tag no decoder knows."""
    return _wav(UNKNOWN, 16, 16000, bytes(3200))


def silence(path: Path, seconds: int) -> Path:
    """Write digital silence."""
    path.write_bytes(float_wav(torch.zeros(16000 * seconds)))
    return path


def looped(sound: Path, seconds: int, path: Path) -> Path:
    """Write a sound repeated until it is `seconds` long."""
    wave = read_waveform(sound)
    count = seconds * wave.sample_rate
    repeats = -(-count // wave.samples.shape[1])
    path.write_bytes(float_wav(wave.samples.mean(0).repeat(repeats)[:count], wave.sample_rate))
    return path


def first_part(sound: Path, seconds: float, path: Path) -> Path:
    """Write the begin of a sound."""
    wave = read_waveform(sound)
    path.write_bytes(float_wav(wave.samples.mean(0)[: round(seconds * wave.sample_rate)], wave.sample_rate))
    return path


def moved(sound: Path, seconds: float, path: Path) -> Path:
    """Write a sound that comes later by some seconds, silence before it; earlier where they are negative."""
    wave = read_waveform(sound)
    mono, shift = wave.samples.mean(0), round(seconds * wave.sample_rate)
    path.write_bytes(float_wav(F.pad(mono, (shift, 0)), wave.sample_rate))
    return path


def _wav(format_tag: int, bits: int, rate: int, data: bytes) -> bytes:
    width = bits // 8
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, format_tag, 1, rate, rate * width, width, bits)
    body = b"WAVE" + layout + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body
