"""The progress line: a bar on a terminal, a few lines in a log."""

import io

import pytest

from neo_core.commands.progress import ProgressBar, clock, length


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_few_lines():
    log = io.StringIO()
    with ProgressBar("rendering", log) as bar:
        for done in range(1, 1001):
            bar(done, 1000)
    lines = log.getvalue().splitlines()
    assert 8 <= len(lines) <= 12
    assert lines[0].startswith("rendering 100/1000, ")
    assert lines[0].endswith("left")
    assert "took" in lines[-1]


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
