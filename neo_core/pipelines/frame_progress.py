"""Progress in frames of a chain whose stages run ahead of its last one."""

from torch import Tensor

from ..data_types import Progress


class FrameProgress:
    """Progress of the frames written; the stages before the writer run ahead of it and only ask whether to go on."""

    def __init__(self, progress: Progress, frames: int) -> None:
        self._progress = progress
        self._done, self._frames = 0, frames

    def __call__(self, done: int, frames: int, frame: Tensor | None) -> None:
        self._done = done
        self._progress(done, frames, frame)

    def again(self, *_: object) -> None:
        self._progress(self._done, self._frames, None)
