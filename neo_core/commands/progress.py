"""A progress line on stderr: a bar with the time left on a terminal, now and then a line in a log."""

import sys
import time
from typing import TextIO

WIDTH = 30
LOG_EVERY = 0.1  # of the work, when stderr is no terminal
REFRESH = 0.1  # seconds


class ProgressBar:
    """`bar(done, total)` as the work goes on; as a context manager it ends the line."""

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._drawn = 0.0  # when
        self._logged = 0.0  # which share of the work

    def __call__(self, done: int, total: int, _frame: object = None) -> None:
        now = time.monotonic()
        if self._stream.isatty():
            if now - self._drawn >= REFRESH or done == total:
                self._drawn = now
                filled = WIDTH * done // max(total, 1)
                bar = "█" * filled + "░" * (WIDTH - filled)
                self._stream.write(f"\r{self._label} {bar} {done}/{total}, {self._left(done, total, now)}   ")
                self._stream.flush()
        elif done / max(total, 1) >= self._logged + LOG_EVERY or done == total:
            self._logged = done / max(total, 1)
            self._stream.write(f"{self._label} {done}/{total}, {self._left(done, total, now)}\n")
            self._stream.flush()

    def before(self, label: str) -> "ProgressBar":
        """A bar for what comes before this one's work: this one's clock begins when that has ended."""
        return _Before(label, self._stream, self)

    def begin(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream.isatty() and self._drawn:
            self._stream.write("\n")
            self._stream.flush()

    def _left(self, done: int, total: int, now: float) -> str:
        elapsed = now - self._started
        if done >= total:
            return f"took {clock(elapsed)}"
        return f"{clock(elapsed / done * (total - done))} left" if done else "starting"


class _Before(ProgressBar):
    def __init__(self, label: str, stream: TextIO, then: ProgressBar) -> None:
        super().__init__(label, stream)
        self._then = then

    def __call__(self, done: int, total: int, _frame: object = None) -> None:
        super().__call__(done, total)
        if done == total:
            self.__exit__()
            self._then.begin()


def tell_lost(report: dict) -> None:
    """On stderr: where the face of a video was not seen, and what was done."""
    for run in report["lost"]:
        first, last = run["frames"]
        frames = f"frame {first}" if first == last else f"frames {first} to {last}"
        print(f"neo: no face in {frames} ({run['seconds'][0]:.2f} s): {run['done']}", file=sys.stderr)


def length(seconds: float) -> str:
    """How long a video is: 0.32 -> "0.3 s", 75 -> "1:15"."""
    return f"{seconds:.1f} s" if round(seconds, 1) < 60 else clock(seconds)


def clock(seconds: float) -> str:
    """75 -> "1:15"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
