"""VIDEO in a file of ComfyUI's temp folder, written while it is drawn; opening and saving it asks the grant again."""

import uuid
from collections.abc import Callable
from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import InputImpl

from ..neo_core.data_types import Progress
from ..neo_core.governance import Grant
from ..neo_core.pipelines.talking_head import SCOPE
from .memory import memory_advice
from .progress import NodeProgress


class GrantedVideo(InputImpl.VideoFromFile):
    """A video that can be seen and saved as long as the consent behind it holds: a cached result is asked again."""

    def __init__(self, file: str, grant: Grant, *, start_time: float = 0, duration: float = 0) -> None:
        super().__init__(file, start_time=start_time, duration=duration)
        self._grant = grant

    def get_stream_source(self):
        self._grant.require(SCOPE)
        return super().get_stream_source()

    def get_components(self):
        self._grant.require(SCOPE)
        return super().get_components()

    def save_to(self, *arguments, **options):
        self._grant.require(SCOPE)
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
    return GrantedVideo(str(path), grant)
