"""Where the chunks of a video meet, as the file itself tells: a sentence in its comment, which any player shows.

A cut, a join or another rate of frames would make it untrue, so it tells as well how many frames it is about.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from ..data_types import InputError
from .video import opened

COMMENT = "chunks of {frames} frames meet at {joins} s"
NUMBER = r"\d+(?:\.\d+)?"
TOLD = re.compile(rf"chunks of (\d+) frames meet at ({NUMBER}(?:,{NUMBER})*) s")


def joins_comment(joins: Sequence[int], frames: int, fps: Fraction) -> str | None:
    """The sentence for a video of so many frames; `joins` are the first frames of later chunks. None without any."""
    return COMMENT.format(frames=frames, joins=seconds_text(join_seconds(joins, fps))) if joins else None


def join_seconds(joins: Sequence[int], fps: Fraction) -> tuple[float, ...]:
    """When frames are shown, in seconds."""
    return tuple(round(float(frame / fps), 3) for frame in joins)


def seconds_text(seconds: Sequence[float]) -> str:
    """As `seams --joins` takes them: 1.44,2.88"""
    return ",".join(f"{second:.10g}" for second in seconds)


def read_joins(path: str | Path) -> tuple[float, ...]:
    """The seconds at which the chunks of a video meet, none where the file does not tell. Raises InputError for a file
    that has been changed since."""
    with opened(path) as container:
        told = TOLD.search(container.metadata.get("comment", ""))
        frames = container.streams.video[0].frames
    if not told:
        return ()
    if frames and frames != int(told[1]):
        raise InputError(
            f"the video says where chunks of {told[1]} frames meet, and has {frames}; expected it as it was made, or "
            "the seconds of its joins"
        )
    return tuple(float(second) for second in told[2].split(","))
