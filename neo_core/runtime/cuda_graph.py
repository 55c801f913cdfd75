"""A function of tensors recorded once and replayed: hundreds of kernel launches become one CUDA graph.

What is recorded must always launch the same kernels on the same memory: sizes are those of the first call, nothing may
be fetched to the CPU or made from Python numbers on it in between. Other sizes are another recording.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from .compilation import reason

log = logging.getLogger(__name__)
WARM_UPS = 3  # what libraries set up or choose on first use must not be in the graph
Result = TypeVar("Result")
Recorder = Callable[[Callable[[], Result]], tuple[Callable[[], object], Result]]


def record(function: Callable[[], Result]) -> tuple[Callable[[], object], Result]:
    """What replays a function on the current CUDA device, and the result that every replay fills anew."""
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with fastest_kernels():
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # what others do meanwhile is theirs
            result = function()
    return graph.replay, result


@contextmanager
def fastest_kernels() -> Iterator[None]:
    """Convolutions try out which kernel is fastest for their sizes."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@dataclass(frozen=True)
class _Recording(Generic[Result]):
    inputs: tuple[Tensor, ...]
    replay: Callable[[], object]
    result: Result


class Recorded(Generic[Result]):
    """A function of tensors, one recording for every set of sizes it is called with.

    A result is filled anew by the next call with equal sizes: use it, or copy it, before. Where recording fails, a
    warning tells so and the function is called as it is from then on; what is wrong with the function is raised.
    """

    def __init__(self, function: Callable[..., Result], device: torch.device, recorder: Recorder | None = None) -> None:
        self._function, self._device, self._record = function, device, recorder or record
        self._recordings: dict[tuple, _Recording[Result]] = {}
        self._fails = False

    @property
    def recordings(self) -> int:
        return len(self._recordings)

    @torch.no_grad()
    def __call__(self, *inputs: Tensor) -> Result:
        sizes = tuple((x.shape, x.dtype) for x in inputs)
        if sizes not in self._recordings and not self._fails:
            self._begin(sizes, tuple(x.to(self._device, copy=True) for x in inputs))
        if self._fails:
            return self._function(*(x.to(self._device) for x in inputs))
        recording = self._recordings[sizes]
        for own, x in zip(recording.inputs, inputs, strict=True):
            own.copy_(x)
        recording.replay()
        return recording.result

    def _begin(self, sizes: tuple, own: tuple[Tensor, ...]) -> None:
        """Record for these inputs, once the function is known to work on them."""
        self._function(*own)
        try:
            self._recordings[sizes] = _Recording(own, *self._record(lambda: self._function(*own)))
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:  # what CUDA and torch raise, whatever the reason
            log.warning("frames are drawn without a CUDA graph: %s", reason(error))
            self._fails = True


def recorded(function: Callable[..., Result], device: torch.device) -> Callable[..., Result]:
    """The function as a CUDA graph where the device has such, and as it is elsewhere."""
    return Recorded(function, device) if device.type == "cuda" else function
