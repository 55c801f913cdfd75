"""`render`: a photo, a motion file and, if asked for, a sound become a video."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
import torch

from neo_core import __main__ as cli
from neo_core import motion_space
from neo_core.commands import render
from neo_core.data_types import MotionLatents
from neo_core.media.video import VideoWriter
from neo_core.pipelines.motion_file import save_motion

SPEECH = Path(cli.__file__).parent / "samples" / "speech.flac"


@pytest.fixture
def motion(tmp_path, monkeypatch):
    """A motion file of ten frames; grey frames instead of drawn ones."""

    def write_grey(_, motion, output, sound, __):
        with VideoWriter(output, (64, 64), motion.fps, sound) as writer:
            for _ in motion.motion:
                writer.write(torch.full((64, 64, 3), 128, dtype=torch.uint8))
        return writer.frames

    monkeypatch.setattr(render, "load_models", lambda: None)
    monkeypatch.setattr(render, "enrol_photo", lambda *_: SimpleNamespace(volume=None))
    monkeypatch.setattr(render, "describe", lambda _: {})
    monkeypatch.setattr(render, "write_video", write_grey)
    rest = motion_space.rest()
    save_motion(tmp_path / "m.safetensors", MotionLatents(rest.expand(10, -1).contiguous(), Fraction(25), rest))
    return str(tmp_path / "m.safetensors")


@pytest.mark.parametrize("options", [[], ["--audio", str(SPEECH)]], ids=["silent", "sound"])
def test_the_sound_is_in_the_video_when_asked_for(tmp_path, motion, options, capsys):
    output = tmp_path / "out.mp4"
    assert cli.main(["render", "me.png", "--motion", motion, "-o", str(output), *options]) == 0
    with av.open(str(output)) as video:
        assert len(video.streams.audio) == bool(options)
    told = capsys.readouterr().out
    assert ("without sound" in told) == (not options)
    assert (str(SPEECH) in told) == bool(options)


def test_motion_of_a_video_asks_for_consent_to_that(tmp_path, motion, monkeypatch):
    asked = []
    monkeypatch.setattr(render, "enrol_photo", lambda *given: asked.append(given[-2]) or SimpleNamespace(volume=None))
    video = tmp_path / "v.safetensors"
    save_motion(video, MotionLatents(torch.zeros(2, 63), Fraction(25), use="reenactment"))
    for path in (motion, str(video)):
        assert cli.main(["render", "me.png", "--motion", path, "-o", str(tmp_path / "out.mp4")]) == 0
    assert asked == ["talking-head", "reenactment"]


def test_an_unusable_sound_is_told_before_the_work(tmp_path, motion, monkeypatch, capsys):
    monkeypatch.setattr(render, "load_models", pytest.fail)
    (tmp_path / "hum.wav").write_bytes(b"hello")
    output = str(tmp_path / "out.mp4")
    assert cli.main(["render", "me.png", "--motion", motion, "--audio", str(tmp_path / "hum.wav"), "-o", output]) == 2
    assert "neither audio nor video" in capsys.readouterr().err
