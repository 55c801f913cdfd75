"""Progress in frames of a chain whose stages run ahead of its last one."""

from torch import Tensor

from ..data_types import Progress


class FrameProgress:
    """Progress of the frames written; stages that run along with the writer only ask whether to go on. Where all frames
    have to be read before the first one can be written, once or several times, these count as well."""

    def __init__(self, progress: Progress, frames: int, readings: int = 0) -> None:
        self._progress = progress
        self._frames, self._before = frames, readings * frames
        self._done = 0

    def __call__(self, done: int, frames: int, frame: Tensor | None) -> None:
        self._done = self._before + done
        self._progress(self._done, self._before + frames, frame)

    def again(self, *_: object) -> None:
        self._progress(self._done, self._before + self._frames, None)

    def reading(self, number: int) -> Progress:
        """Progress of one of the readings, counted from 0."""

        def tell(done: int, _frames: int, _frame: Tensor | None) -> None:
            self._done = number * self._frames + done
            self.again()

        return tell
