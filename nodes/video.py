"""VIDEO in a file of ComfyUI's temp folder, written while it is drawn; opening and saving it asks the grant again.

The file goes when the last value that reads it goes, so that a long session fills no disk.
"""

import uuid
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import Input, InputImpl

from ..neo_core.data_types import InputError, Progress
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

    def __init__(
        self, file: str, grant: Grant, scope: str = TALKING_HEAD, *, start_time: float = 0, duration: float = 0
    ) -> None:
        super().__init__(file, start_time=start_time, duration=duration)
        self._grant, self._scope = grant, scope

    def get_stream_source(self):
        self._grant.require(self._scope)
        return super().get_stream_source()

    def get_components(self):
        self._grant.require(self._scope)
        return super().get_components()

    def save_to(self, *arguments, **options):
        self._grant.require(self._scope)
        return super().save_to(*arguments, **options)

    def as_trimmed(self, start_time: float = 0, duration: float = 0, strict_duration: bool = True):
        begin = self.get_active_trim_window()[0] + start_time
        source = self.get_stream_source()
        trimmed = GrantedVideo(source, self._grant, self._scope, start_time=begin, duration=duration)
        return None if strict_duration and trimmed.get_duration() < duration else trimmed


def copied(video: object) -> TemporaryFile:
    """A VIDEO, wherever it comes from, as a file of its own: trimmed if it is, and asked for its consent."""
    if not isinstance(video, Input.Video):
        raise InputError(f"input video holds {type(video).__name__}; expected a VIDEO")
    path = TemporaryFile(_new_file())
    with memory_advice():
        video.save_to(str(path))
    return path


def written(grant: Grant, write: Callable[[Path, Progress], object], scope: str = TALKING_HEAD) -> GrantedVideo:
    """The video that `write(path, progress)` writes; `scope` is the use that was consented to. Cancelled or failed, it
    leaves no file."""
    path = _new_file()
    with memory_advice():
        write(path, NodeProgress("frame"))
    return GrantedVideo(TemporaryFile(path), grant, scope)


def _new_file() -> Path:
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"neo_{uuid.uuid4().hex}.mp4"


def _delete(path: Path) -> None:
    with suppress(OSError):  # somebody else has it open, or ComfyUI has emptied the folder
        path.unlink()
