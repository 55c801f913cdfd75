"""From a sound to what the audio encoder reads: log-mel, pitch, energy and voicing on the feature clock.

Everything is a function of a bounded stretch of sound and of two numbers for the whole clip, its loudness and the
middle of its pitch (`Voice`); so the features of a piece equal the same stretch of the features of the whole. Feature
frame k (50 Hz) is centred on 20 k + 10 ms, so motion frame m at 25 fps covers feature frames 2m and 2m + 1. Mel frames
come twice as often (100 Hz), frame j centred on 10 j + 5 ms.

Letters: C channels, N samples, J mel frames (100 Hz), T feature frames (50 Hz), M mel bands.
"""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data_types import Waveform
from ..timebase import FEATURE_RATE, MOTION_RATE, frame_count

RATE = 16000  # samples per second the encoder hears
MEL_BANDS = 80
FFT = 512
WINDOW = 400  # 25 ms
MEL_HOP = RATE // (2 * FEATURE_RATE)  # 160 samples
FRAME = RATE // FEATURE_RATE  # 320 samples per feature frame
MIN_RATE, MAX_RATE = 8000, 192000
LOW_HZ, HIGH_HZ = 60.0, 7600.0
FLOOR = 10.0**-5  # everything 50 dB below the clip's speech counts as silence
QUIETEST = 2e-8  # about -75 dBFS: nothing below it (digital silence, hiss) is raised to the level of speech
PITCH_WINDOW = 1024
MIN_F0, MAX_F0 = 60.0, 480.0
USUAL_PITCH = 160.0  # Hz, of a clip in which no voice is heard


@dataclass(frozen=True)
class Voice:
    """What a whole clip says of its voice; every frame is read relative to it."""

    loudness: Tensor  # [...] mean band power of the frames that are not pauses
    pitch: Tensor  # [...] Hz, the median of the voiced frames


@dataclass(frozen=True)
class Prosody:
    """Melody and strength of a voice on the feature clock, each [T]."""

    f0: Tensor  # Hz, 0 where unvoiced
    voiced: Tensor  # 0..1, how periodic the sound is
    energy: Tensor  # decibels relative to the clip's loudness


def feature_count(samples: int, sample_rate: int) -> int:
    """Feature frames of a sound: two per motion frame it reaches into."""
    return 2 * frame_count(samples, sample_rate, Fraction(MOTION_RATE))


def mono(waveform: Waveform) -> Tensor:
    """The mean of all channels, checked. [N]"""
    samples, rate = waveform.samples, waveform.sample_rate
    if samples.ndim != 2 or samples.shape[1] == 0:
        raise ValueError(f"sound of shape {list(samples.shape)} found, expected [channels, samples] with samples")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"sample rate {rate} Hz found, expected {MIN_RATE} to {MAX_RATE}")
    if not torch.isfinite(samples).all():
        raise ValueError("samples that are not numbers (NaN or infinite) found in the sound, expected finite values")
    return samples.float().mean(0)


# --- sample rate -----------------------------------------------------------------------------------------------------


CROSSINGS, BAND = 16, 0.96  # zero crossings of the sinc to either side; its share of the narrower bandwidth


def resampling_reach(rate: int) -> int:
    """Samples at `rate` to either side that `resample` looks at."""
    return 0 if rate == RATE else math.ceil(CROSSINGS / (BAND * min(1.0, RATE / rate)))


@lru_cache(maxsize=8)
def _resampling_taps(up: int, down: int) -> Tensor:
    """Hann-windowed sinc for every output phase. [up, K]"""
    cut = BAND * min(1.0, up / down)
    half = math.ceil(CROSSINGS / cut)
    phase = torch.arange(up, dtype=torch.float64)[:, None] / up
    offset = torch.arange(-half + 1, half + 1, dtype=torch.float64)[None] - phase  # input samples from the output point
    window = torch.cos(math.pi * offset / (2 * half)).clamp_min(0) ** 2
    taps = cut * torch.sinc(cut * offset) * window
    return (taps / taps.sum(1, keepdim=True)).float()


def resample(samples: Tensor, rate: int, start: int = 0, stop: int | None = None) -> Tensor:
    """Samples start..stop of the sound at 16 kHz, silence outside of it. samples [N] at `rate` -> [stop - start]

    Windowed-sinc interpolation on the exact rational grid; a part equals the same part of the whole.
    """
    shared = math.gcd(rate, RATE)
    up, down = RATE // shared, rate // shared
    stop = -(-samples.shape[0] * up // down) if stop is None else stop
    if up == down:
        return _cut(samples, start, stop)
    taps = _resampling_taps(up, down)  # [up, K]
    half = taps.shape[1] // 2
    if up == 1:  # one set of taps for all
        near = _cut(samples, start * down - half + 1, (stop - 1) * down + half + 1)
        return F.conv1d(near[None, None], taps[:, None], stride=down)[0, 0]
    block = max(1, 4_000_000 // taps.shape[1])
    parts = []
    for first in range(start, stop, block):
        n = torch.arange(first, min(first + block, stop))
        left = n * down // up - half + 1
        low = int(left[0])
        near = _cut(samples, low, int(left[-1]) + 2 * half)
        rows = near.unfold(0, 2 * half, 1)[left - low]  # [n, K]
        parts.append((rows * taps[n * down % up]).sum(1))
    return torch.cat(parts) if parts else samples.new_zeros(0)


def _cut(samples: Tensor, start: int, stop: int) -> Tensor:
    """samples[start:stop] with zeros where the sound does not reach. [stop - start]"""
    inside = samples[max(start, 0) : max(stop, 0)]
    left = min(max(-start, 0), stop - start)
    return F.pad(inside, (left, stop - start - left - inside.shape[0]))


# --- spectrum --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def mel_filters(warp: float = 1.0) -> Tensor:
    """Triangular filters on the mel scale (HTK formula); `warp` > 1 reads higher frequencies as lower ones. [257, M]"""

    def mel(hz: float) -> float:
        return 2595 * math.log10(1 + hz / 700)

    edges = torch.linspace(mel(LOW_HZ), mel(HIGH_HZ), MEL_BANDS + 2, dtype=torch.float64)
    hz = (700 * (10 ** (edges / 2595) - 1)) * warp
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * RATE / FFT
    rise = (bins[:, None] - hz[None, :-2]) / (hz[1:-1] - hz[:-2])
    fall = (hz[None, 2:] - bins[:, None]) / (hz[2:] - hz[1:-1])
    shape = torch.minimum(rise, fall).clamp_min(0)  # [257, M]
    return (shape / shape.sum(0).clamp_min(1e-3)).float()


def power_spectrum(samples: Tensor) -> Tensor:
    """Short-time power of sound whose frames need 120 samples more on either side. [..., N] -> [..., J, 257]

    N = 160 J + 240: frame j reads samples 160 j .. 160 j + 400 and is centred on the middle of its own 160.
    """
    emphasised = samples[..., 1:] - 0.97 * samples[..., :-1]
    frames = F.pad(emphasised, (1, 0)).unfold(-1, WINDOW, MEL_HOP)  # [..., J, 400]
    frames = frames - frames.mean(-1, keepdim=True)  # a constant offset of the sound card is no sound
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.fft.rfft(frames * window, n=FFT)
    return (spectrum.real.square() + spectrum.imag.square()) * (4.0 / WINDOW)


MARGIN = (WINDOW - MEL_HOP) // 2  # 120 samples of sound around the first and the last mel frame


def mel_energy(samples: Tensor, filters: Tensor | None = None) -> Tensor:
    """Power in the mel bands; `samples` carries `MARGIN` extra on either side. [..., N] -> [..., J, M]"""
    return power_spectrum(samples) @ (mel_filters() if filters is None else filters).to(samples.device)


def loudness(power: Tensor) -> Tensor:
    """Mean band power of the frames that are not pauses, as in ITU-R BS.1770 gating. [..., J] -> [...]

    Frames more than 10 dB below the mean of all frames count as pauses; hiss alone is never called loud.
    """
    gate = 0.1 * power.mean(-1, keepdim=True)
    loud = (power >= gate).float()
    return ((power * loud).sum(-1) / loud.sum(-1).clamp_min(1)).clamp_min(QUIETEST)


def log_mel(mel: Tensor, level: Tensor | float) -> Tensor:
    """Log band power relative to the clip's loudness, about -1..1.5, floored 50 dB below it. [..., J, M]"""
    relative = mel / torch.as_tensor(level, device=mel.device)[..., None, None]
    return ((relative + FLOOR).log() + 5.0) / 5.0


# --- pitch -----------------------------------------------------------------------------------------------------------

PITCH_MARGIN = (PITCH_WINDOW - FRAME) // 2  # 352 samples


def pitch(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Fundamental frequency and periodicity by normalised autocorrelation. [..., N] -> f0 [..., T] Hz, voiced [..., T]

    `samples` carries `PITCH_MARGIN` extra on either side. The autocorrelation of the windowed frame is divided by that
    of the window (Boersma 1993); the shortest lag within 12 % of the best peak wins, against octave errors. Half the
    sample rate is plenty below `MAX_F0`.
    """
    halved = samples.unflatten(-1, (-1, 2)).mean(-1)
    frames = halved.unfold(-1, PITCH_WINDOW // 2, FRAME // 2)  # [..., T, 512]
    frames = frames - frames.mean(-1, keepdim=True)
    window = torch.hann_window(PITCH_WINDOW // 2, device=samples.device)
    shape, own = _autocorrelation(window), _autocorrelation(frames * window)
    lags = torch.arange(int(RATE / 2 / MAX_F0) - 1, int(RATE / 2 / MIN_F0) + 2, device=samples.device)
    relative = own[..., lags] * (shape[0] / shape[lags]) / (own[..., :1] + 1e-9)  # [..., T, lags]
    left, peak, right = relative[..., :-2], relative[..., 1:-1], relative[..., 2:]
    is_peak = (peak >= left) & (peak >= right) & (peak >= 0.88 * relative.amax(-1, keepdim=True))
    first = is_peak.to(torch.uint8).argmax(-1, keepdim=True)  # [..., T, 1]
    a, b, c = (x.gather(-1, first)[..., 0] for x in (left, peak, right))
    bend = (0.5 * (a - c) / (a - 2 * b + c).clamp_max(-1e-6)).clamp(-0.5, 0.5)  # the top of the parabola
    voiced = torch.where(is_peak.any(-1), b, 0.0).clamp(0, 1)
    return RATE / 2 / (lags[1:-1][first[..., 0]] + bend), voiced


def _autocorrelation(frames: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(frames, n=3 * frames.shape[-1] // 2)
    return torch.fft.irfft(spectrum.real.square() + spectrum.imag.square(), n=3 * frames.shape[-1] // 2)


def prosody_inputs(f0: Tensor, voiced: Tensor, power: Tensor, voice: Voice) -> Tensor:
    """What the encoder reads beside the mel bands: log pitch, voicing, energy, each about -1..1. [..., T, 3]

    power [..., 2T] is the mean over the bands. Pitch counts in octaves from the voice's own and fades with the voicing.
    """
    relative = _frame_power(power) / voice.loudness.to(power.device)[..., None]
    energy = ((relative + FLOOR).log10() + 2.5) / 2.5
    sure = _sureness(voiced, relative)
    return torch.stack([(f0 / voice.pitch.to(f0.device)[..., None]).log2() * sure, sure, energy], -1)


def voice_of(f0: Tensor, voiced: Tensor, power: Tensor) -> Voice:
    """The voice of a clip by its frames: f0, voiced [..., T], power [..., 2T]."""
    level = loudness(power)
    sure = _sureness(voiced, _frame_power(power) / level[..., None]) > 0.5
    middle = torch.where(sure, f0.log2(), math.nan).nanmedian(-1).values
    return Voice(level, middle.exp2().nan_to_num(USUAL_PITCH))


def _frame_power(power: Tensor) -> Tensor:
    """From mel frames to feature frames. [..., 2T] -> [..., T]"""
    return power.unflatten(-1, (-1, 2)).mean(-1)


def _sureness(voiced: Tensor, relative: Tensor) -> Tensor:
    """How far a frame's pitch can be believed, by its periodicity and its power against the clip's. [..., T]"""
    return ((voiced - 0.35) / 0.3).clamp(0, 1) * (relative > 1e-3)


def clip_voice(blocks: Iterable[Tensor]) -> Voice:
    """The voice of a sound that comes in blocks [n] at 16 kHz mono, in flat memory: a first pass over it."""
    # One block of memory per track: thousands of little ones between the large passing ones would hold the heap apart.
    held = [array("f") for _ in range(3)]
    rest = torch.zeros(PITCH_MARGIN)
    for block in blocks:
        rest = torch.cat([rest, block])
        count = (rest.shape[0] - 2 * PITCH_MARGIN) // FRAME
        if count > 0:
            _append(held, tracks(rest[: count * FRAME + 2 * PITCH_MARGIN]))
            rest = rest[count * FRAME :]
    left = -(-(rest.shape[0] - PITCH_MARGIN) // FRAME)
    if left > 0:
        _append(held, tracks(_cut(rest, 0, left * FRAME + 2 * PITCH_MARGIN)))
    return voice_of(*(torch.frombuffer(track, dtype=torch.float32) for track in held))


def _append(held: list[array], more: tuple[Tensor, ...]) -> None:
    """Let tracks grow by the frames of a piece. more: [n] each"""
    for track, piece in zip(held, more, strict=True):
        track.frombytes(piece.numpy().tobytes())


def tracks(samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pitch [..., T], voicing [..., T] and mean band power [..., 2T] of sound with `PITCH_MARGIN` on either side."""
    extra = PITCH_MARGIN - MARGIN
    return *pitch(samples), mel_energy(samples[..., extra : samples.shape[-1] - extra]).mean(-1)


def prosody(samples: Tensor) -> Prosody:
    """Pitch, voicing and energy of a whole sound at 16 kHz mono. [N]"""
    count = feature_count(samples.shape[0], RATE)
    f0, voiced, power = tracks(_cut(samples, -PITCH_MARGIN, count * FRAME + PITCH_MARGIN))
    inputs = prosody_inputs(f0, voiced, power, voice_of(f0, voiced, power))
    sure = inputs[:, 1] > 0.5
    return Prosody(torch.where(sure, f0, 0.0), inputs[:, 1], 25.0 * (inputs[:, 2] - 1.0))
