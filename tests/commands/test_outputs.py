"""Outputs are checked before any work: no network is loaded, nothing that is read is overwritten."""

import io

import pytest
import torch

from neo_core import __main__ as cli
from neo_core.commands import demo, inspect
from neo_core.media.image import write_image
from neo_core.pipelines import clip


@pytest.fixture(autouse=True)
def _no_networks(monkeypatch):
    def fail(*_):
        raise AssertionError("a network was loaded before the outputs were checked")

    monkeypatch.setattr(clip, "load_models", fail)
    monkeypatch.setattr(inspect, "load_analyser", fail)


@pytest.fixture
def photo(tmp_path):
    write_image(tmp_path / "me.png", torch.full((64, 64, 3), 128, dtype=torch.uint8))
    return tmp_path / "me.png"


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("animate me.png hello.mp4 -o hello.mp4", "would overwrite"),
        ("animate me.png hello.mp4 -o out.mp4 --save-motion missing/m.safetensors", "does not exist"),
        ("animate me.png hello.mp4 -o out.mp4 --save-motion m.txt", "ends in"),
        ("animate me.png hello.mp4 -o out.mp4 --save-motion v.safetensors --vocal v.safetensors", "would overwrite"),
        ("animate me.png hello.mp4 -o out.mp4 --fps 25.000000001", "too fine"),
        ("animate me.png hello.mp4 -o out.mp4 --guidance-start 0.8 --guidance-end 0.2", "guidance start is 0.8"),
        ("animate me.png -o out.mp4", "no sound and no --idle"),
        ("animate me.png hello.mp4 --idle 3 -o out.mp4", "a sound and --idle"),
        ("animate me.png hello.mp4 --loop -o out.mp4", "without --idle"),
        ("animate me.png --idle 3 --guidance-reference 2 -o out.mp4", "guidance found with --idle"),
        ("animate me.png hello.mp4 -o out.mp4 --emotion-strength 0.5", "without --emotion"),
        ("animate me.png hello.mp4 -o out.mp4 --emotion-strength 2 --emotion happy", "strength is 2"),
        ("animate me.png hello.mp4 -o out.mp4 --emotion gloomy", "invalid choice: 'gloomy'"),
        ("animate me.png hello.mp4 -o out.mp4 --amplitude head", "expected a name and a number"),
        ("animate me.png hello.mp4 -o out.mp4 --amplitude ears=2", "expected a name and a number"),
        (f"animate {'x' * 300}.png hello.mp4 -o {'y' * 300}.mp4", "expected a short name"),
        (f"animate me.png {'x' * 300}.wav -o out.mp4", "does not exist"),
        ("animate hello.mp4 me.png -o out.mp4", "expected the order PHOTO AUDIO"),
        ("animate me.png hello.mp4 -o out", "output out has no extension"),
        ("animate me.png . -o out.mp4", "sound . is a folder"),
        ("animate me.png hello.mp4 -o out.mp4", "hello.mp4 is neither audio nor video; expected"),
        (f"inspect {'x' * 300}.png", "does not exist"),
        ("inspect .", "picture . is a folder"),
        ("render me.png --motion hello.mp4 -o hello.mp4", "would overwrite"),
        ("render me.png --motion hello.mp4 -o out.mp4", "hello.mp4 cannot be read as motion"),
        ("render me.png --motion m.safetensors -o out.mp4", "motion m.safetensors does not exist"),
        ("render me.png --motion . -o out.mp4", "motion . is a folder"),
        ("inspect me.png --draw me.png", "would overwrite"),
        ("plot hello.mp4 -o hello.png --audio-encoder missing", "missing"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_one_sentence_before_the_work(tmp_path, monkeypatch, capsys, command, fault):
    for name in ("hello.mp4", "v.safetensors"):
        (tmp_path / name).write_bytes(b"precious")
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    try:
        code = cli.main(command.split())
    except SystemExit as stop:  # an option that argparse refuses
        code = stop.code
    told = capsys.readouterr().err
    assert code == 2
    assert fault in told
    assert told.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_demo_in_a_folder_that_must_not_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(demo, "FOLDER", tmp_path / "file" / "output")  # as root, even read-only folders can be written
    assert cli.main(["demo"]) == 2
    assert "expected a writable folder" in capsys.readouterr().err


def test_a_console_that_knows_few_characters_does_not_stop_a_command(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(cli.sys, "stdout", console)
    cli.main(["--help"])
    print("lag ≥ 1 █", file=console, flush=True)
    assert console.buffer.getvalue().endswith(b"lag ? 1 ?\n")


def test_a_home_that_cannot_be_written_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEO_HOME", str(tmp_path / "file" / "home"))
    for command in (["consent", "list"], ["consent", "verify"], ["consent", "revoke", "abc"]):
        assert cli.main(command) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err
