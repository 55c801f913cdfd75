"""VIDEO in a file of ComfyUI's temp folder, written while it is drawn; opening and saving it asks the grant again.

The file goes when the last value that reads it goes, so that a long session fills no disk.
"""

import uuid
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import InputImpl

from ..neo_core.data_types import Progress
from ..neo_core.governance import TALKING_HEAD, Grant
from .memory import memory_advice
from .progress import NodeProgress


class TemporaryFile(str):
    """The path of a file that is deleted with the last reference to this very object: a video, its trims and whatever
    reads the same source share it."""

    def __new__(cls, path: Path):
        self = super().__new__(cls, path)
        weakref.finalize(self, _delete, path)
        return self


class GrantedVideo(InputImpl.VideoFromFile):
    """A video that can be seen and saved as long as the consent behind it holds: a cached result is asked again."""

    def __init__(self, file: str, grant: Grant, *, start_time: float = 0, duration: float = 0) -> None:
        super().__init__(file, start_time=start_time, duration=duration)
        self._grant = grant

    def get_stream_source(self):
        self._grant.require(TALKING_HEAD)
        return super().get_stream_source()

    def get_components(self):
        self._grant.require(TALKING_HEAD)
        return super().get_components()

    def save_to(self, *arguments, **options):
        self._grant.require(TALKING_HEAD)
        return super().save_to(*arguments, **options)

    def as_trimmed(self, start_time: float = 0, duration: float = 0, strict_duration: bool = True):
        begin = self.get_active_trim_window()[0] + start_time
        trimmed = GrantedVideo(self.get_stream_source(), self._grant, start_time=begin, duration=duration)
        return None if strict_duration and trimmed.get_duration() < duration else trimmed


def written(grant: Grant, write: Callable[[Path, Progress], object]) -> GrantedVideo:
    """The video that `write(path, progress)` writes. Cancelled or failed, it leaves no file."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"neo_{uuid.uuid4().hex}.mp4"
    with memory_advice():
        write(path, NodeProgress("frame"))
    return GrantedVideo(TemporaryFile(path), grant)


def _delete(path: Path) -> None:
    with suppress(OSError):  # somebody else has it open, or ComfyUI has emptied the folder
        path.unlink()
