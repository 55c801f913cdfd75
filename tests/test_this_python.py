"""What a message tells people to paste into a terminal is what runs there."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from neo_core import this_python
from neo_core.commands import demo

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the paths are those of a POSIX shell")


@pytest.fixture
def interpreter(tmp_path, monkeypatch):
    """This Python as the one of a virtual environment in the working folder."""
    python = tmp_path / "my env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(this_python.sys, "executable", str(python))
    return python


@pytest.mark.usefixtures("interpreter")
def test_without_the_environment_its_interpreter_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    start, *rest = shlex.split(this_python.command_line())
    assert (start, rest) == ("my env/bin/python", ["-m", "neo_core"])
    assert subprocess.run([start, "-c", ""], check=False).returncode == 0


def test_inside_the_environment_it_is_python(interpreter, monkeypatch):
    monkeypatch.setenv("PATH", f"{interpreter.parent}:/usr/bin:/bin")
    assert this_python.command_line() == "python -m neo_core"


def test_from_another_folder_the_whole_path_is_named(interpreter, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir("/")
    assert Path(shlex.split(this_python.command_line())[0]) in (interpreter, interpreter.relative_to("/"))


def test_the_demo_names_no_python_of_its_own():
    lines = [line for line in demo.NEXT.splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    assert all(line.startswith("  {python} ") for line in lines)
