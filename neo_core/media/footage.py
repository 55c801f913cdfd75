"""A video as a source: how many frames it has, when each is shown, and the sound that goes with them.

Found without decoding a picture, so that work can be refused before it starts and its end is known. Frames need not
come evenly (telephones skip some in the dark): `moments` keeps when each was shown.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import av
import torch.nn.functional as F
from torch import Tensor

from ..data_types import InputError, Waveform
from ..timebase import MAX_DENOMINATOR, MAX_FPS, MIN_FPS, MOTION_RATE, parse_fps
from .audio import Sound, inspect_sound, read_waveform
from .video import TIMELESS, decoded, opened, pixel_aspect, read_frames

VIDEOS = (  # how files are named that hold one
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".3gp", ".3g2",
    ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".mxf", ".dv",
)  # fmt: skip
UNEVEN = Fraction(1, 2)  # of a frame's time: what comes early or late by so much is no rounding
BROKEN = 1  # second without a picture that can be decoded
BRIGHTER, WIDER = (16, 18), (9,)  # transfer curves of HDR and primaries of BT.2020, as numbered in ITU-T H.273
Item = TypeVar("Item")
TICKS = 100  # moments per frame's time, where frames come unevenly


@dataclass(frozen=True)
class Footage:
    """What a video file holds, upright and in square pixels."""

    path: Path
    size: tuple[int, int]  # height, width
    frames: int
    fps: Fraction  # the mean, where frames do not come evenly
    start: Fraction  # seconds: time stamp of the first picture
    moments: tuple[Fraction, ...] | None = None  # seconds after the first, where frames do not come evenly
    sound: Sound | None = None  # with how late it begins
    stretched: Fraction = Fraction(1)  # width over height of the pixels in the file
    wide: bool = False  # has colours or brightness that BT.709, and so `VideoWriter`, cannot show

    @property
    def seconds(self) -> float:
        return float(self.frames / self.fps)

    @property
    def ticks(self) -> int:
        """For the writer of a video with these moments."""
        return TICKS if self.moments else 1

    def moment(self, frame: int) -> Fraction:
        """When a frame is shown, in seconds after the first one; the one after the last begins when that one ends."""
        if self.moments is None:
            return Fraction(frame) / self.fps
        return self.moments[frame] if frame < self.frames else self.moments[-1] + 1 / self.fps

    def place(self, moment: Fraction) -> int:
        """The number of the frame that is shown at a moment."""
        return round(moment * self.fps) if self.moments is None else bisect_right(self.moments, moment) - 1


def inspect_footage(path: str | Path) -> Footage:
    """What a video holds, its sound too; raises InputError when it is none, or shows no frame."""
    footage = inspect_pictures(path)
    with opened(path) as container:
        heard = bool(container.streams.audio)
    return replace(footage, sound=_sound(footage)) if heard else footage


def inspect_pictures(path: str | Path) -> Footage:
    """The same for who does not want the sound, which then may be of any kind: reads the packets of a video once."""
    with opened(path) as container:
        stream = container.streams.video[0]
        clock, stated, stretched = stream.time_base, stream.average_rate, pixel_aspect(stream)
        stamps = _stamps(container)
    with opened(path) as container:
        first = next(decoded(container), None)
    if first is None:
        raise InputError(f"video {path} shows no frame; expected at least one")
    stamps = sorted(stamp for stamp in stamps if stamp >= first.pts)  # what an edit list cuts off is not shown
    if not stamps:
        raise InputError(TIMELESS.format(path))
    size = (first.height, round(first.width * stretched))
    size = size[::-1] if round(first.rotation / 90) % 2 else size
    fps = _rate(stamps, clock, stated)
    wide = first.color_trc in BRIGHTER or first.color_primaries in WIDER
    footage = Footage(Path(path), size, len(stamps), fps, first.pts * clock, stretched=stretched, wide=wide)
    moments = ((stamp - stamps[0]) * clock for stamp in stamps)
    if any(abs(moment * fps - k) >= UNEVEN for k, moment in enumerate(moments)):
        footage = replace(footage, moments=tuple((stamp - stamps[0]) * clock for stamp in stamps))
    return footage


def read_pictures(footage: Footage) -> Iterator[Tensor]:
    """As many pictures as a video counts, in their order: in the place of a damaged one the one before it again.
    [H, W, 3] uint8

    Raises InputError where there are none for a second: what would be made of it would show nothing of the rest.
    """
    shown, last = 0, None
    for moment, picture in read_frames(footage.path):
        place = min(footage.place(moment), footage.frames - 1)
        if place < shown:
            continue  # it was not counted
        yield from _again(last, place - shown, footage, shown)
        yield picture
        shown, last = place + 1, picture
    yield from _again(last, footage.frames - shown, footage, shown)


def _again(picture: Tensor | None, times: int, footage: Footage, shown: int) -> Iterator[Tensor]:
    if times and (picture is None or times > BROKEN * footage.fps):
        told = f"cannot be decoded after {float(footage.moment(shown)):.2f} s"
        raise InputError(f"video {footage.path} {told}; expected a complete file of {footage.seconds:.2f} s")
    for _ in range(times):
        yield picture


def _stamps(container: av.container.InputContainer) -> array:
    """Time stamps of all packets that are to be shown, in the order of the file."""
    stamps = array("q")
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is not None and not packet.is_discard:
                stamps.append(packet.pts)
    except av.FFmpegError as error:
        raise InputError(f"video {container.name} cannot be read ({error}); expected a complete file") from error
    return stamps


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
