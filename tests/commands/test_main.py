"""The front door: exit codes, one sentence for bad input, help for every command, bugs stay visible."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from neo_core import __main__ as cli
from neo_core.data_types import InputError


@pytest.fixture
def command(monkeypatch):
    """command(function): make `demo` run a function instead."""

    def replace(execute):
        module = types.SimpleNamespace(add_arguments=lambda _: None, execute=execute)
        monkeypatch.setattr(cli.importlib, "import_module", lambda *_: module)

    return replace


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_usage_names_every_command(argv, capsys):
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_unknown_command(capsys):
    assert cli.main(["sing"]) == 2
    assert "expected one of demo" in capsys.readouterr().err
    assert cli.main(["idle"]) == 2
    assert "animate PHOTO --idle SECONDS" in capsys.readouterr().err


def test_bad_input_is_one_sentence(command, capsys):
    def fail(_):
        raise InputError("found a cat; expected a face")

    command(fail)
    assert cli.main(["demo"]) == 2
    assert capsys.readouterr().err == "neo: found a cat; expected a face\n"


def test_bad_option_is_one_sentence(command, capsys):
    command(lambda _: 0)
    with pytest.raises(SystemExit) as stop:
        cli.main(["demo", "--faster"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_interrupt(command):
    def stop(_):
        raise KeyboardInterrupt

    command(stop)
    assert cli.main(["demo"]) == 130


def test_bugs_are_not_swallowed(command):
    def fail(_):
        raise RuntimeError("a bug")

    command(fail)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["demo"])


def test_the_front_door_does_not_load_torch():
    code = "import sys, neo_core.__main__ as m; m.main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argv", [["--help"], ["consent", "--help"], ["consent", "list"]])
def test_a_reader_that_has_left_ends_it_quietly(argv, unbuffered, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1]), "NEO_HOME": str(tmp_path)}
    environment["PYTHONUNBUFFERED"] = unbuffered
    command = [sys.executable, "-m", "neo_core", *argv]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment, text=True, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_another_broken_pipe_is_a_bug_like_any_other(command):
    def fail(_):
        raise BrokenPipeError("a synthesiser died")

    command(fail)
    with pytest.raises(BrokenPipeError, match="a synthesiser died"):
        cli.main(["demo"])
