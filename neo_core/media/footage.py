"""A video as a source: how many frames it has, when each is shown, and the sound that goes with them.

Found without decoding a picture, so that work can be refused before it starts and its end is known. Frames need not
come evenly (telephones skip some in the dark): `moments` keeps when each was shown.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch.nn.functional as F

from ..data_types import InputError, Waveform
from ..timebase import MAX_DENOMINATOR, MAX_FPS, MIN_FPS, MOTION_RATE, parse_fps
from .audio import Sound, inspect_sound, read_waveform
from .video import opened

VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")  # how files are named that hold one
UNEVEN = Fraction(1, 2)  # of a frame's time: what comes early or late by more is no rounding
Item = TypeVar("Item")
TICKS = 100  # moments per frame's time, where frames come unevenly


@dataclass(frozen=True)
class Footage:
    """What a video file holds, upright."""

    path: Path
    size: tuple[int, int]  # height, width
    frames: int
    fps: Fraction  # the mean, where frames do not come evenly
    start: Fraction  # seconds: time stamp of the first picture
    moments: tuple[Fraction, ...] | None = None  # seconds after the first, where frames do not come evenly
    sound: Sound | None = None  # with how late it begins

    @property
    def seconds(self) -> float:
        return float(self.frames / self.fps)

    @property
    def ticks(self) -> int:
        """For the writer of a video with these moments."""
        return TICKS if self.moments else 1


def inspect_footage(path: str | Path) -> Footage:
    """Read the packets of a video once; raises InputError when it is none, or shows no frame."""
    stamps = array("q")
    with opened(path) as container:
        stream = container.streams.video[0]
        clock, stated, heard = stream.time_base, stream.average_rate, bool(container.streams.audio)
        stamps.extend(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        container.seek(0)
        first = next(container.decode(stream), None)
    if first is None:
        raise InputError(f"video {path} shows no frame; expected at least one")
    stamps = sorted(stamp for stamp in stamps if stamp >= first.pts)  # what an edit list cuts off is not shown
    size = (first.width, first.height) if round(first.rotation / 90) % 2 else (first.height, first.width)
    fps = _rate(stamps, clock, stated)
    footage = Footage(Path(path), size, len(stamps), fps, first.pts * clock)
    late = [(stamp - stamps[0]) * clock * fps - k for k, stamp in enumerate(stamps)]
    if max(map(abs, late)) > UNEVEN:
        footage = replace(footage, moments=tuple((stamp - stamps[0]) * clock for stamp in stamps))
    return replace(footage, sound=_sound(footage)) if heard else footage


def read_sound(footage: Footage) -> Waveform | None:
    """The whole sound, from the first picture on, in memory; None where there is none."""
    if footage.sound is None:
        return None
    sound = read_waveform(footage.path)
    late = round(footage.sound.late * sound.sample_rate)
    return replace(sound, samples=F.pad(sound.samples, (late, 0)))  # a negative pad cuts off


def evenly(values: Sequence[Item], footage: Footage) -> list[Item]:
    """One value per frame as one per even frame of as long a video: what is shown at its middle."""
    if footage.moments is None:
        return list(values)
    middles = [(Fraction(k) + Fraction(1, 2)) / footage.fps for k in range(len(values))]
    return [values[bisect_right(footage.moments, middle) - 1] for middle in middles]


def _rate(stamps: list[int], clock: Fraction, stated: Fraction | None) -> Fraction:
    """Frames per second: what the file states where its frames agree, else their mean."""
    if len(stamps) < 2:
        return parse_fps(stated) if stated and MIN_FPS <= stated <= MAX_FPS else Fraction(MOTION_RATE)
    mean = Fraction(len(stamps) - 1) / ((stamps[-1] - stamps[0]) * clock)
    if any(before == after for before, after in pairwise(stamps)):
        raise InputError("the video shows two frames at one moment; expected one after the other")
    for rate in (stated, Fraction(round(mean)), mean):
        if rate and abs(rate - mean) * len(stamps) < rate / 2:
            return parse_fps(_plain(rate))
    return parse_fps(_plain(mean))


def _plain(rate: Fraction) -> Fraction:
    return min(max(rate, Fraction(MIN_FPS)), Fraction(MAX_FPS)).limit_denominator(MAX_DENOMINATOR)


def _sound(footage: Footage) -> Sound:
    """The sound, on the clock of the pictures."""
    sound = inspect_sound(footage.path)
    return replace(sound, late=sound.start - footage.start)
