"""Sound in: any file with an audio stream, as blocks of samples, so that hours take no more memory than seconds.

The clock of a sound starts at its first sample. Holes in a stream (a lost packet, a late start after a cut) are
silence of the right length, so that the last word is as much in time as the first.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from ..data_types import InputError, Waveform

MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8
MIN_SECONDS = 0.1
HOLE_SECONDS = Fraction(1, 50)  # smaller jumps are rounding of time stamps
MAX_HOLE_SECONDS = 60  # a longer jump is a broken clock, not a pause
BLOCK_SECONDS = 1


@dataclass(frozen=True)
class Sound:
    """What a complete pass over the sound of a file found."""

    path: Path
    codec: str  # "aac", "mp3", "flac", "pcm_s16le"
    sample_rate: int
    channels: int
    samples: int  # per channel, counted, not believed from the header
    start: Fraction  # seconds: time stamp of the first decoded sample inside the file
    continuous: bool  # the time stamps have no holes and never step back
    late: Fraction = Fraction(0)  # seconds by which it begins after the first picture that it goes with, or before

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


def inspect_sound(path: str | Path) -> Sound:
    """Decode a file once from end to end and describe it; raises InputError when it is no usable sound."""
    with open_sound(path) as (container, stream):
        clock = _Clock()
        samples = 0
        for block in _continuous(container, stream, clock):
            samples += block.shape[1]
            if not np.isfinite(block).all():
                raise InputError(f"sound {path} has NaN or infinite samples; expected finite numbers")
        codec = stream.codec_context.codec.canonical_name
    if clock.rate is None or samples < MIN_SECONDS * clock.rate:
        raise InputError(f"sound {path} has {samples} samples; expected at least {MIN_SECONDS} s of sound")
    return Sound(Path(path), codec, clock.rate, clock.channels, samples, clock.start, clock.continuous)


def read_blocks(path: str | Path) -> Iterator[Tensor]:
    """The sound of a file at its own rate, in blocks of about a second. [C, n] float32 in -1..1"""
    with open_sound(path) as (container, stream):
        clock = _Clock()
        yield from _gathered(_continuous(container, stream, clock), clock)


def read_mono(sound: Sound, sample_rate: int) -> Iterator[Tensor]:
    """A sound as one channel (the mean of all) at another rate, in blocks of about a second. [n] float32"""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    frames = (audio_frame(block.mean(0, keepdim=True), sound.sample_rate, "mono") for block in read_blocks(sound.path))
    for frame in chain(frames, [None]):  # None: hand out what the filter still holds
        for resampled in resampler.resample(frame):
            yield torch.from_numpy(resampled.to_ndarray()[0])


def audio_frame(samples: Tensor, sample_rate: int, layout: str) -> av.AudioFrame:
    """Samples for an FFmpeg filter or encoder. samples: [C, n] float32"""
    packed = samples.t().reshape(1, -1).contiguous().cpu().numpy()  # planar frames of 8 channels fail in PyAV 18
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate = sample_rate
    return frame


def read_waveform(path: str | Path) -> Waveform:
    """A whole sound in memory, for short clips."""
    sound = inspect_sound(path)
    return Waveform(torch.cat(list(read_blocks(path)), dim=1), sound.sample_rate)


def check_waveform(sound: Waveform) -> Waveform:
    """The same sound; raises InputError unless it could have come from a file: what `inspect_sound` demands."""
    shape, rate = list(sound.samples.shape), sound.sample_rate
    if len(shape) != 2 or not 1 <= shape[0] <= MAX_CHANNELS:
        raise InputError(f"sound has samples {shape}; expected 1 to {MAX_CHANNELS} channels: [channels, samples]")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(f"sound has a sample rate of {rate} Hz; expected {MIN_RATE} to {MAX_RATE}")
    if shape[1] < MIN_SECONDS * rate:
        raise InputError(f"sound has {shape[1]} samples; expected at least {MIN_SECONDS} s of sound")
    if not torch.isfinite(sound.samples).all():
        raise InputError("sound has NaN or infinite samples; expected finite numbers")
    return sound


@contextmanager
def open_sound(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
    """The container and the best audio stream of a file, checked."""
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"sound {path} is a folder; expected an audio or video file")
    if not os.path.isfile(path):
        raise InputError(f"sound {path} does not exist; expected an audio or video file")
    if not path.stat().st_size:
        raise InputError(f"sound {path} is empty (0 bytes); expected an audio or video file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path} is neither audio nor video; expected WAV, FLAC, MP3, M4A, MP4 ...") from error
    with container:
        stream = container.streams.best("audio")
        if stream is None:
            raise InputError(f"{path} has no audio stream; expected a file with sound")
        _check_stream(path, stream)
        yield container, stream


def _check_stream(path: Path, stream: av.AudioStream) -> None:
    if stream.codec_context is None or stream.codec_context.codec is None:
        raise InputError(f"the sound of {path} has an unknown codec; expected one that FFmpeg decodes")
    if not MIN_RATE <= (stream.rate or 0) <= MAX_RATE:
        raise InputError(f"sound {path} has a sample rate of {stream.rate} Hz; expected {MIN_RATE} to {MAX_RATE}")
    if not 1 <= stream.channels <= MAX_CHANNELS:
        raise InputError(f"sound {path} has {stream.channels} channels; expected 1 to {MAX_CHANNELS}")


class _Clock:
    """Follows the time stamps of decoded frames: rate, start, and where samples are missing."""

    def __init__(self) -> None:
        self.rate: int | None = None
        self.channels = 0
        self.start = Fraction(0)
        self.continuous = True
        self._next = Fraction(0)  # where the next frame should start, in seconds

    def silence_before(self, frame: av.AudioFrame) -> int:
        """Samples of silence that the time stamps ask for before this frame."""
        moment = self._next if frame.pts is None else frame.pts * frame.time_base
        if self.rate is None:
            self.rate, self.channels, self.start = frame.sample_rate, frame.layout.nb_channels, moment
            self._next = moment
        if (frame.sample_rate, frame.layout.nb_channels) != (self.rate, self.channels):
            raise InputError(
                f"the sound changes from {self.channels} channels at {self.rate} Hz to {frame.layout.nb_channels} at "
                f"{frame.sample_rate} Hz; expected the same all along"
            )
        jump = moment - self._next
        if jump > MAX_HOLE_SECONDS:
            raise InputError(f"the time stamps of the sound jump by {float(jump):.0f} s; expected a continuous sound")
        self.continuous &= abs(jump) <= HOLE_SECONDS
        silence = round(jump * self.rate) if jump > HOLE_SECONDS else 0
        self._next += Fraction(silence + frame.samples, self.rate)
        return silence


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    try:
        for packet in container.demux(stream):
            yield from _decoded(packet)
    except av.FFmpegError as error:
        raise InputError(f"sound {container.name} cannot be decoded ({error}); expected a complete file") from error


def _decoded(packet: av.Packet) -> list[av.AudioFrame]:
    try:
        return packet.decode()
    except av.error.InvalidDataError:  # a damaged packet: the clock fills its place with silence
        return []


def _continuous(container: av.container.InputContainer, stream: av.AudioStream, clock: _Clock) -> Iterator[np.ndarray]:
    """Decoded samples with silence where some are missing. [C, n] float32"""
    to_float = av.AudioResampler(format="flt")
    for frame in _frames(container, stream):
        silence = clock.silence_before(frame)
        while silence:
            count = min(silence, clock.rate * BLOCK_SECONDS)
            yield np.zeros((clock.channels, count), np.float32)
            silence -= count
        for converted in to_float.resample(frame):
            yield converted.to_ndarray().reshape(-1, clock.channels).T


def _gathered(pieces: Iterable[np.ndarray], clock: _Clock) -> Iterator[Tensor]:
    """Join decoder frames (a thousand samples) into blocks worth handing on."""
    waiting, count = [], 0
    for piece in pieces:
        waiting.append(piece)
        count += piece.shape[1]
        if count >= BLOCK_SECONDS * clock.rate:
            yield torch.from_numpy(np.concatenate(waiting, axis=1))
            waiting, count = [], 0
    if waiting:
        yield torch.from_numpy(np.concatenate(waiting, axis=1))
