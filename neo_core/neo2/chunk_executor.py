"""Where the windows of one step are denoised: in this process as batches, or in worker processes side by side.

A worker gets the network once and keeps it. Per step only windows and predictions travel, about a megabyte each: worth
it wherever one window computes for longer than a few milliseconds.
"""

import contextlib
import io
import pickle
import signal
import struct
import subprocess
import sys
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import torch
from torch import Tensor

from ..data_types import InputError
from .dit import Conditions
from .sampler import Sampling, predict

DitPredict = Callable[[Tensor, Tensor, Conditions], Tensor]  # (x [B, T, C, h, w], t [B], conditions) -> clean latents
BATCH = 4  # passes of the network, of windows of one length, that are made as one
PACKAGE = __name__.rsplit(".neo2.", 1)[0]  # a host may import it under a name of its own
LENGTH = struct.Struct("<Q")  # bytes of the message that follows
START = """
import sys
sys.path[:] = {paths!r}
from neo_core.neo2.chunk_executor import serve
serve({package!r})
"""


@dataclass(frozen=True)
class Window:
    """One window at one step."""

    x: Tensor  # [1, T, C, h, w] at flow time t
    t: float
    conditions: Conditions  # of a batch of 1


class Executor(Protocol):
    """Whatever denoises windows. Results come in the order of the windows, [T, C, h, w] each."""

    def predict(self, dit_predict: DitPredict, windows: list[Window], sampling: Sampling) -> list[Tensor]: ...


@dataclass(frozen=True)
class InProcess:
    """Here, windows of one length as batches of so many passes."""

    batch: int = BATCH

    def predict(self, dit_predict: DitPredict, windows: list[Window], sampling: Sampling) -> list[Tensor]:
        found: list[Tensor | None] = [None] * len(windows)
        for numbers in _batches(windows, self.batch, sampling):
            several = [windows[k] for k in numbers]
            x = torch.cat([window.x for window in several])
            t = x.new_tensor([window.t for window in several])
            conditions = Conditions.stack([window.conditions for window in several])
            for k, clean in zip(numbers, predict(dit_predict, x, t, conditions, sampling), strict=True):
                found[k] = clean
        return found


def _batches(windows: list[Window], passes: int, sampling: Sampling) -> list[list[int]]:
    """Numbers of windows of the same length, together at most so many passes of the network: each window takes another
    for each signal that is guided."""
    most = max(1, passes // (1 + len(sampling.guided)))
    lengths: dict[int, list[int]] = {}
    for number, window in enumerate(windows):
        lengths.setdefault(window.x.shape[1], []).append(number)
    return [numbers[k : k + most] for numbers in lengths.values() for k in range(0, len(numbers), most)]


class Processes:
    """In worker processes of one thread each. They start at the first window and end with this object, with the
    interpreter, when a prediction fails, or at `close`; the next window then starts new ones.

    What predicts must be picklable: a network, or a function of a module that the workers can import. It is taken to
    be the same as long as it is the same object.
    """

    def __init__(self, count: int, batch: int = BATCH) -> None:
        if count < 1:
            raise InputError(f"{count} worker processes were asked for; expected at least 1")
        self.count, self.batch = count, batch
        self._workers: list[subprocess.Popen] = []
        self._holding: DitPredict | None = None
        self._finalizer = weakref.finalize(self, _end, self._workers)  # also at the interpreter's exit

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        _end(self._workers)
        self._holding = None

    @torch.no_grad()
    def predict(self, dit_predict: DitPredict, windows: list[Window], sampling: Sampling) -> list[Tensor]:
        """Errors in a worker reach the caller with the worker's traceback; `InputError` stays one."""
        try:
            self._give(dit_predict)
            shared = _divided(windows, self.count)
            for worker, numbers in zip(self._workers, shared, strict=True):
                if numbers:
                    _send(worker.stdin, (self.batch, [_compact(windows[k]) for k in numbers], sampling))
            found: list[Tensor | None] = [None] * len(windows)
            for worker, numbers in zip(self._workers, shared, strict=True):
                if numbers:
                    for k, clean in zip(numbers, _answer(worker), strict=True):
                        found[k] = clean.to(windows[k].x.device)
        except BaseException:  # cancelled or failed: what is still on the way belongs to nobody
            self.close()
            raise
        return found

    def _give(self, dit_predict: DitPredict) -> None:
        """Have every worker hold what predicts."""
        if self._holding is dit_predict and all(worker.poll() is None for worker in self._workers):
            return
        packed = pickle.dumps(dit_predict)
        if any(worker.poll() is not None for worker in self._workers):
            self.close()
        while len(self._workers) < self.count:
            self._workers.append(_begun())
        for worker in self._workers:
            _write(worker.stdin, packed)
        for worker in self._workers:
            _answer(worker)
        self._holding = dit_predict


def _begun() -> subprocess.Popen:
    """A worker, not `multiprocessing`'s: that would run a host's main file again."""
    if not sys.executable:
        raise RuntimeError("this interpreter does not know its own program; worker processes cannot start")
    root = str(Path(__file__).resolve().parents[2])
    code = START.format(paths=[root, *(path for path in sys.path if path != root)], package=PACKAGE)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _end(workers: list[subprocess.Popen]) -> None:
    while workers:
        worker = workers.pop()
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            with contextlib.suppress(OSError):  # what was not yet written has nobody to read it
                pipe.close()


def _divided(windows: list[Window], workers: int) -> list[list[int]]:
    """Numbers of the windows of each worker: the longest first, each to whoever has least to do."""
    shared: list[list[int]] = [[] for _ in range(workers)]
    load = [0] * workers
    for number in sorted(range(len(windows)), key=lambda k: -windows[k].x.shape[1]):
        least = load.index(min(load))
        shared[least].append(number)
        load[least] += windows[number].x.shape[1]
    return shared


def _compact(window: Window) -> Window:
    """Tensors of their own: of a part of a tensor the whole would travel."""
    conditions = Conditions(*(getattr(window.conditions, f.name).cpu().clone() for f in fields(Conditions)))
    return Window(window.x.cpu().clone(), window.t, conditions)


def _answer(worker: subprocess.Popen) -> Any:
    try:
        kind, content = _receive(worker.stdout)
    except EOFError:
        raise RuntimeError(f"a worker process ended with code {worker.wait()}") from None
    if kind == "input":
        raise InputError(content)
    if kind == "error":
        raise RuntimeError(f"a worker process failed:\n{content}")
    return content


def serve(package: str) -> None:
    """A worker's life: what predicts, then windows, until nobody writes any more. `package` is the caller's name of
    this package."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller decides what Ctrl-C ends
    torch.set_num_threads(1)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not end up between the answers
    dit_predict = None
    while True:
        try:
            request = _receive(requests, package)
        except EOFError:
            return
        except Exception:  # noqa: BLE001 (whatever it is, the caller has to know)
            _send(answers, ("error", traceback.format_exc()))
            continue
        if not isinstance(request, tuple):
            dit_predict = request
            _send(answers, ("held", None))
            continue
        try:
            _send(answers, ("clean", _clean(dit_predict, *request)))
        except InputError as error:
            _send(answers, ("input", str(error)))
        except Exception:  # noqa: BLE001 (whatever it is, the caller has to know)
            _send(answers, ("error", traceback.format_exc()))


@torch.no_grad()
def _clean(dit_predict: DitPredict, batch: int, windows: list[Window], sampling: Sampling) -> list[Tensor]:
    return [clean.clone() for clean in InProcess(batch).predict(dit_predict, windows, sampling)]


class _Unpickler(pickle.Unpickler):
    """Finds this package's classes whatever the caller's name of the package is."""

    def __init__(self, content: bytes, package: str) -> None:
        super().__init__(io.BytesIO(content))
        self.package = package

    def find_class(self, module: str, name: str) -> Any:
        if module == self.package or module.startswith(self.package + "."):
            module = "neo_core" + module[len(self.package) :]
        return super().find_class(module, name)


def _send(pipe: BinaryIO, message: object) -> None:
    _write(pipe, pickle.dumps(message))


def _write(pipe: BinaryIO, content: bytes) -> None:
    pipe.write(LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: BinaryIO, package: str = PACKAGE) -> Any:
    (length,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    return _Unpickler(_exactly(pipe, length), package).load()


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    content = pipe.read(count)
    if len(content) < count:
        raise EOFError
    return content
