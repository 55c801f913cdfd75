"""The progress line: a bar on a terminal, a few lines in a log."""

import io

import pytest

from neo_core.commands.progress import ProgressBar, clock, length


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clocked(monkeypatch):
    """A function: the lines of a log of work [(steps done, seconds since the call before)] of `total` steps."""

    def run(calls, total: int) -> list[str]:
        now, log = 0.0, io.StringIO()
        monkeypatch.setattr("neo_core.commands.progress.time.monotonic", lambda: now)
        with ProgressBar("rendering", log) as bar:
            for done, seconds in calls:
                now += seconds
                bar(done, total)
        return log.getvalue().splitlines()

    return run


def test_a_log_gets_a_few_lines(clocked):
    lines = clocked([(done, 0.1) for done in range(1, 1001)], 1000)
    assert 8 <= len(lines) <= 12
    assert lines[0] == "rendering 100/1000, 1:30 left"
    assert lines[-1] == "rendering 1000/1000, took 1:40"


def test_loading_is_no_part_of_the_rate(clocked):
    lines = clocked([(0, 60), *((done, 0.1) for done in range(1, 1001))], 1000)
    assert lines[0] == "rendering 100/1000, 1:30 left"
    assert lines[-1] == "rendering 1000/1000, took 2:40"


def bursts(groups: int, pause: float, steps: int = 100, each: float = 0.04):
    """Groups that are denoised, which tells nothing new, and whose frames then come quickly."""
    yield 0, 10.0
    for group in range(groups):
        yield from [(group * steps, pause / 3)] * 3
        yield from ((group * steps + step, each) for step in range(1, steps + 1))


def test_where_work_comes_in_bursts_only_whole_ones_tell_what_is_left(clocked):
    """Three times 12 s of denoising and 4 s of frames: the first frames would say four times as long, or a tenth."""
    lines = clocked(bursts(3, 12.0), 300)
    told = [line.partition(", ")[2] for line in lines]
    assert told[:3] == ["", "", ""]
    assert told[3:7] == ["0:19 left", "0:18 left", "0:17 left", "0:04 left"]
    assert lines[-1] == "rendering 300/300, took 0:58"


def test_a_short_pause_keeps_nobody_waiting(clocked):
    lines = clocked(bursts(1, 1.5, steps=300), 300)
    assert lines[0] == "rendering 30/300"
    assert lines[2].endswith("/300, 0:12 left")


def test_time_that_is_not_known_yet_leaves_no_letters_of_what_was(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("neo_core.commands.progress.REFRESH", 0)
    with ProgressBar("rendering", terminal) as bar:
        bar(0, 9)
        bar(1, 9)
    first, second = terminal.getvalue().rstrip("\n").split("\r")[1:]
    assert first.endswith("0/9, starting")
    assert second.rstrip().endswith("1/9")
    assert len(second) == len(first)


def test_a_terminal_gets_one_line_that_ends_full():
    terminal = Terminal()
    with ProgressBar("rendering", terminal) as bar:
        for done in range(1, 101):
            bar(done, 100)
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert "█" * 30 + " 100/100" in text


def test_a_frame_to_show_is_no_matter_for_a_line_of_text():
    log = io.StringIO()
    with ProgressBar("rendering", log) as bar:
        bar(0, 2, None)
        bar(2, 2, object())
    assert log.getvalue().splitlines()[-1].startswith("rendering 2/2")


def test_what_comes_before_has_a_line_and_a_clock_of_its_own(monkeypatch):
    terminal, now = Terminal(), 0.0
    monkeypatch.setattr("neo_core.commands.progress.time.monotonic", lambda: now)
    with ProgressBar("rendering", terminal) as bar:
        watching = bar.before("watching")
        now = 30.0
        watching(0, 2)
        now = 60.0
        watching(2, 2)
        now = 70.0
        bar(2, 2)
    lines = terminal.getvalue().split("\n")
    assert "watching" in lines[0]
    assert lines[0].rstrip().endswith("2/2, took 1:00")
    assert lines[1].rstrip().endswith("2/2, took 0:10")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (75, "1:15"), (59.7, "1:00"), (3 * 3600 + 61, "3:01:01")])
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.3, "0.3 s"), (12, "12.0 s"), (59.97, "1:00"), (75.4, "1:15")])
def test_length(seconds, text):
    assert length(seconds) == text
