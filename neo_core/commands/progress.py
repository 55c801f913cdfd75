"""A progress line on stderr: a bar with the time left on a terminal, now and then a line in a log."""

import sys
import time
from typing import TextIO

WIDTH = 30
LOG_EVERY = 0.1  # of the work, when stderr is no terminal
REFRESH = 0.1  # seconds
SETTLED = 1.0  # seconds of work after which the time left can be told
AGREED = 1.5  # between what is known of the time left at least and at most: further apart it is a guess


class ProgressBar:
    """`bar(done, total)` as the work goes on; as a context manager it ends the line."""

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._drawn = 0.0  # when
        self._logged = 0.0  # which share of the work
        self._pace = Pace()
        self._told = 0  # letters on the terminal's line

    def __call__(self, done: int, total: int, _frame: object = None) -> None:
        now = time.monotonic()
        self._pace.push(done, now)
        if self._stream.isatty():
            if now - self._drawn >= REFRESH or done == total:
                self._drawn = now
                filled = WIDTH * done // max(total, 1)
                bar = "█" * filled + "░" * (WIDTH - filled)
                text = f"{self._label} {bar} {done}/{total}{self._left(done, total, now)}"
                self._stream.write(f"\r{text.ljust(self._told)}")
                self._told = len(text)
                self._stream.flush()
        elif done / max(total, 1) >= self._logged + LOG_EVERY or done == total:
            self._logged = done / max(total, 1)
            self._stream.write(f"{self._label} {done}/{total}{self._left(done, total, now)}\n")
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
        """What follows the count: nothing as long as the time left would be a guess."""
        if done >= total:
            return f", took {clock(now - self._started)}"
        left = self._pace.left(total - done)
        return ", starting" if not done else "" if left is None else f", {clock(left)} left"


class Pace:
    """How long work will take that goes on evenly or in bursts: where stages run ahead of the last one, such as those
    that hear and denoise a group of chunks, its steps stand still for long and then come quickly.

    A call that counts no further than the one before is such a pause. Whole bursts, with the pauses before them, tell
    the rate. Before the first one has ended it lies between that of all the time and that of the burst alone; of even
    work these soon agree.
    """

    def __init__(self) -> None:
        self._begun: tuple[int, float] | None = None  # steps that were done, and when; as those below
        self._last = self._burst = self._whole = (0, 0.0)  # the last call, the begin of a burst, the end of a whole one

    def push(self, done: int, now: float) -> None:
        """So many steps are done."""
        if self._begun is None:
            self._begun = self._burst = self._whole = (done, now)
        elif done == self._last[0]:
            self._whole = self._last if done > self._burst[0] else self._whole
            self._burst = (done, now)
        self._last = (done, now)

    def left(self, steps: int) -> float | None:
        """Seconds that so many steps more will take; None as long as that would be a guess."""
        begun = self._begun or self._last
        whole = _rate(begun, self._whole)
        if whole is not None and self._whole[1] - begun[1] >= SETTLED:
            since = self._last[1] - self._whole[1]
            return max(0.0, whole * (self._last[0] - self._whole[0] + steps) - since)
        most, least = _rate(begun, self._last), _rate(self._burst, self._last)
        if most is None or least is None or self._last[1] - begun[1] < SETTLED or most > AGREED * least:
            return None
        return most * steps


def _rate(first: tuple[int, float], last: tuple[int, float]) -> float | None:
    """Seconds per step between two moments, if any was done."""
    return (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else None


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
