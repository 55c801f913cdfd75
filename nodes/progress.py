"""What a running node shows: the bar with the newest frame, the time left, and that Cancel is heard."""

import logging
import math
import time
from collections.abc import Callable

from comfy.model_management import throw_exception_if_processing_interrupted
from comfy_api.v0_0_2 import ComfyAPISync
from comfy_execution.utils import get_executing_context
from PIL import Image
from server import PromptServer
from torch import Tensor

PAUSE = 0.5  # seconds between two pictures on the node
SETTLED = 2.0  # seconds of work after which the time left can be told
log = logging.getLogger(__name__)


class NodeProgress:
    """Called by the engine at every step; raises InterruptProcessingException when the user has cancelled."""

    def __init__(self, unit: str = "frame", clock: Callable[[], float] = time.monotonic) -> None:
        self.unit = unit
        self.clock = clock
        self.begun: tuple[int, float] | None = None  # the first step that was done, and when: what led to it is past
        self.shown = -math.inf
        self.remark: str | None = None

    def __call__(self, done: int, total: int, frame: Tensor | None = None) -> None:
        throw_exception_if_processing_interrupted()
        now = self.clock()
        if done and self.begun is None:
            self.begun = done, now
        context = get_executing_context()
        if context is None or (now - self.shown < PAUSE and done < total):
            return
        self.shown = now
        picture = None if frame is None else Image.fromarray(frame.cpu().numpy())
        ComfyAPISync().execution.set_progress(done, max(total, 1), preview_image=picture)
        told = filter(None, (self.text(done, total, now), self.remark))
        PromptServer.instance.send_progress_text("\n".join(told), context.node_id)

    def warn(self, remark: str | None) -> None:
        """Leave a remark, if there is one, in the log and on the node, where it stays below whatever is told next, with
        those before it."""
        if not remark:
            return
        self.remark = f"{self.remark}\n{remark}" if self.remark else remark
        log.warning("%s", remark)
        context = get_executing_context()
        if context is not None:
            PromptServer.instance.send_progress_text(self.remark, context.node_id)

    def text(self, done: int, total: int, now: float) -> str:
        """`frame 120 of 295, 0:14 left`, without the time as long as it would be a guess."""
        told = f"{self.unit} {done} of {total}"
        first, since = self.begun or (done, now)
        if done == first or done >= total or now - since < SETTLED:
            return told
        return f"{told}, {minutes((now - since) / (done - first) * (total - done))} left"


def minutes(seconds: float) -> str:
    """`0:14`, `12:05` or `1:02:09`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
