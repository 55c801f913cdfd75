"""`stream SOUND`: motion while the sound still comes, for live tools; SOUND is a file, or - for raw samples on stdin.

    ffmpeg -f pulse -i default -f s16le -ac 1 -ar 48000 - | python -m neo_core stream - --rate 48000 --photo me.jpg

The first line of the output says what follows: frame rate, names of the channels, how far the motion is behind the
sound, and the portrait's own motion. Every other line is a frame, as soon as it is decided. `--format f32` writes
nothing but the numbers, 63 little-endian float32 a frame.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from .. import motion_space
from ..audio.encoder import AudioEncoder
from ..audio.loading import load_audio_encoder
from ..data_types import GEOMETRY_SIZE, STYLE_SIZE, Identity, InputError
from ..media.audio import inspect_sound, read_blocks
from ..media.destination import check_apart, disk_faults
from ..pipelines.clip import enrol_photo
from ..pipelines.live import LATENCY, LIVE_STEPS, LivePerformance
from ..pipelines.talking_head import load_models
from ..timebase import MOTION_RATE
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from . import options

READ = 1 << 16  # bytes at most at once; fewer come as soon as they are there
SAMPLES = {"s16le": ("<i2", 32768.0), "f32le": ("<f4", 1.0)}  # on stdin: numpy's name, full scale


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sound", metavar="SOUND", help="a file with sound, or - for raw samples on stdin")
    parser.add_argument("--rate", type=int, default=16000, metavar="HZ", help="of stdin (default: 16000)")
    parser.add_argument("--channels", type=int, default=1, metavar="N", help="of stdin, interleaved (default: 1)")
    parser.add_argument("--samples", choices=tuple(SAMPLES), default="s16le", help="of stdin (default: s16le)")
    parser.add_argument("--photo", type=Path, metavar="PHOTO", help="who performs (default: an average face)")
    parser.add_argument("--face", type=int, metavar="K", help="which face, when the photo shows several")
    parser.add_argument("--vocal", type=Path, metavar="FILE", help="another VOCAL than the embedded one")
    parser.add_argument("--format", choices=("jsonl", "f32"), default="jsonl", help="of the output (default: jsonl)")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="a file or a pipe (default: stdout)")
    options.add_performance(parser, LIVE_STEPS)


def execute(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.channels <= 8:
        raise InputError(f"--channels is {arguments.channels}, expected 1 to 8")
    if arguments.output != "-":
        check_apart(arguments.output, filter(None, (arguments.sound, arguments.photo, arguments.vocal)))
    rate, blocks = _sound(arguments)
    encoder, vocal, identity = _performer(arguments)
    live = LivePerformance(
        encoder,
        vocal,
        identity,
        rate,
        seed=arguments.seed,
        steps=arguments.steps,
        emotion=options.emotion(arguments),
        amplitudes=arguments.amplitude,
    )
    with _opened(arguments.output) as out:
        write = _JsonLines(out, identity) if arguments.format == "jsonl" else _Numbers(out)
        print(_perform(live, blocks, write), file=sys.stderr)
    return 0


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    """Stdout, or a file or a pipe until whoever listens there leaves."""
    if output == "-":
        yield sys.stdout.buffer
    else:
        try:
            file = open(output, "wb")  # noqa: SIM115 - a pipe may be what it is
        except OSError as error:
            raise InputError(
                f"output {output} cannot be opened ({error.strerror}); expected a file or a pipe"
            ) from error
        with suppress(BrokenPipeError), disk_faults(output), file:
            yield file


def _perform(live: LivePerformance, blocks: Iterator[Tensor], write: "_JsonLines | _Numbers") -> str:
    """Everything that comes, until it ends; says in one line how it went."""
    spent = 0.0
    for block in blocks:
        begun = time.process_time()
        motion = live.hear(block)
        spent += time.process_time() - begun
        write(motion)
    write(live.finish())
    seconds = write.frames / MOTION_RATE
    share = spent / seconds if seconds else 0.0
    return f"{write.frames} frames, {1000 * LATENCY:.0f} ms behind the sound, {share:.2f} s of CPU for a second of it"


def _sound(arguments: argparse.Namespace) -> tuple[int, Iterator[Tensor]]:
    """Sample rate, and blocks [n] or [C, n]."""
    if arguments.sound == "-":
        return arguments.rate, _samples(sys.stdin.buffer, arguments.samples, arguments.channels)
    return inspect_sound(arguments.sound).sample_rate, read_blocks(arguments.sound)


def _samples(source: BinaryIO, kind: str, channels: int) -> Iterator[Tensor]:
    """Raw interleaved samples as they arrive, whole ones only. [C, n]"""
    dtype, full = SAMPLES[kind]
    size, rest = np.dtype(dtype).itemsize * channels, b""
    while piece := source.read1(READ):
        data = rest + piece
        whole = len(data) // size * size
        rest = data[whole:]
        if whole:
            yield torch.from_numpy(np.frombuffer(data[:whole], dtype).astype(np.float32).reshape(-1, channels).T / full)


def _performer(arguments: argparse.Namespace) -> tuple[AudioEncoder, MotionGenerator, Identity]:
    """What hears, what moves, and the person in the photo or nobody in particular."""
    if arguments.photo:
        models = load_models(vocal=arguments.vocal)
        return models.audio_encoder, models.vocal, enrol_photo(models, arguments.photo, arguments.face, None).identity
    nobody = Identity(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE), motion_space.rest())
    return load_audio_encoder(), load_vocal(arguments.vocal), nobody


class _JsonLines:
    """A header, then a line for every frame."""

    def __init__(self, out: BinaryIO, identity: Identity) -> None:
        self._out, self.frames = out, 0
        names, reference = list(motion_space.NAMES), _plain(identity.reference)
        head = {"fps": str(MOTION_RATE), "latency": round(LATENCY, 4), "names": names, "reference": reference}
        self._line(head)
        out.flush()

    def __call__(self, motion: Tensor) -> None:
        for vector in motion:
            self._line({"frame": self.frames, "time": self.frames / MOTION_RATE, "motion": _plain(vector)})
            self.frames += 1
        self._out.flush()

    def _line(self, value: dict) -> None:
        self._out.write(json.dumps(value).encode() + b"\n")


class _Numbers:
    """Nothing but the numbers."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self.frames = out, 0

    def __call__(self, motion: Tensor) -> None:
        self._out.write(motion.numpy().astype("<f4").tobytes())
        self._out.flush()
        self.frames += len(motion)


def _plain(vector: Tensor) -> list[float]:
    return [round(value, 5) for value in vector.tolist()]
