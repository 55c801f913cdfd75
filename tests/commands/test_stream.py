"""`stream`: a live tool at both ends of a pipe."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neo_core import __main__ as cli
from neo_core import motion_space
from neo_core.commands import stream
from neo_core.data_types import Identity
from neo_core.media.audio import read_waveform
from neo_core.pipelines.live import LATENCY
from neo_core.weights import safetensors_io

SPEECH = Path(cli.__file__).parent / "samples" / "speech.flac"
ROOT = Path(cli.__file__).parents[1]


@pytest.fixture(scope="module")
def raw() -> bytes:
    """Two seconds of it, as a microphone gives them."""
    speech = read_waveform(SPEECH)
    samples = speech.samples[0, : 2 * speech.sample_rate].clamp(-1, 32767 / 32768)
    return (samples * 32768).numpy().astype("<i2").tobytes()


def started(*options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "neo_core", "stream", "-", "--steps", "1", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT)


def test_frames_come_while_the_sound_is_still_coming(raw):
    tool = started()
    head = json.loads(tool.stdout.readline())
    assert head["names"] == list(motion_space.NAMES)
    assert head["latency"] == pytest.approx(LATENCY, abs=1e-3)
    tool.stdin.write(raw[:32001])  # a second, and half of a sample
    tool.stdin.flush()
    early = [json.loads(tool.stdout.readline()) for _ in range(int((1 - LATENCY) * 25) - 2)]  # it would hang here
    tool.stdin.write(raw[32001:])
    tool.stdin.close()
    frames = early + [json.loads(line) for line in tool.stdout]
    assert tool.wait() == 0
    assert [one["frame"] for one in frames] == list(range(50))
    assert frames[30]["time"] == pytest.approx(1.2)
    assert len(frames[0]["motion"]) == motion_space.SIZE
    assert np.std([one["motion"][motion_space.INDEX["jawOpen"]] for one in frames]) > 0.01


def test_a_listener_that_leaves_ends_it_quietly(raw):
    tool = started()
    tool.stdout.readline()
    tool.stdout.close()
    tool.stdin.write(raw)
    tool.stdin.close()
    assert tool.wait() == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_listener_that_leaves_a_named_pipe_ends_it_quietly(tmp_path, raw):
    pipe = tmp_path / "motion"
    os.mkfifo(pipe)
    tool = started("-o", str(pipe))
    with open(pipe, "rb") as listener:
        assert json.loads(listener.readline())["fps"] == "25"
    tool.stdin.write(raw)
    tool.stdin.close()
    assert tool.wait() == 0


def test_numbers_of_a_file_are_those_of_the_lines(tmp_path, capsysbinary, raw):
    path = tmp_path / "two.wav"
    write_wav(path, raw)
    assert cli.main(["stream", str(path), "--steps", "1", "--format", "f32", "-o", str(tmp_path / "m.f32")]) == 0
    numbers = np.fromfile(tmp_path / "m.f32", "<f4").reshape(-1, motion_space.SIZE)
    capsysbinary.readouterr()
    assert cli.main(["stream", str(path), "--steps", "1"]) == 0
    out, err = capsysbinary.readouterr()
    lines = [json.loads(line) for line in out.splitlines()][1:]
    assert numbers == pytest.approx(np.array([line["motion"] for line in lines]), abs=1e-5)
    assert err.startswith(b"50 frames, 224 ms behind the sound")


def test_each_network_is_loaded_once_for_a_photo(tmp_path, monkeypatch, raw):
    loaded = []
    monkeypatch.setattr(safetensors_io, "load", counting(loaded, safetensors_io.load))
    nobody = Identity(torch.zeros(60), torch.zeros(16), motion_space.rest())
    monkeypatch.setattr(stream, "enrol_photo", lambda *_: SimpleNamespace(identity=nobody))
    wav = tmp_path / "sound.wav"
    with wave.open(str(wav), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(raw[: 48000 // 5 * 2])
    assert cli.main(["stream", str(wav), "--photo", "me.jpg", "--steps", "1", "-o", str(tmp_path / "out")]) == 0
    assert len(loaded) == len(set(loaded)) > 2


def counting(calls: list, load):
    def counted(path, *rest):
        calls.append(Path(path).name)
        return load(path, *rest)

    return counted


def test_the_sound_is_not_overwritten(tmp_path, capsys, raw):
    write_wav(tmp_path / "two.wav", raw)
    before = (tmp_path / "two.wav").read_bytes()
    again = tmp_path / "." / "two.wav"
    assert cli.main(["stream", str(tmp_path / "two.wav"), "-o", str(again)]) == cli.BAD_INPUT
    assert "would overwrite" in capsys.readouterr().err
    assert (tmp_path / "two.wav").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["missing.wav"], "does not exist"),
        (["-", "--channels", "0"], "channels is 0"),
        (["-", "--vocal", str(SPEECH)], "speech.flac"),
        (["-", "--rate", "10"], "sample rate of 10"),
        ([str(SPEECH), "-o", "no/such/folder.jsonl"], "no/such/folder"),
        ([str(SPEECH), "--emotion-strength", "1"], "without --emotion"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(options, fault, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["stream", *options]) == cli.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert fault in error


def write_wav(path: Path, raw: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(raw)
