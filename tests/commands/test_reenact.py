"""What `reenact` asks for, refuses and tells."""

import json

import pytest

from neo_core import __main__ as cli
from neo_core.commands import reenact
from neo_core.pipelines.reenactment import Reenactment


@pytest.fixture
def asked(monkeypatch):
    """What the maker was asked for: (arguments, options)."""
    calls = []

    def make(*arguments, **options):
        calls.append((arguments, options))
        lost = [{"frames": [3, 5], "seconds": [0.12, 0.24], "done": "held"}]
        return {"output": str(arguments[2]), "frames": 30, "seconds": 1.2, "sound": True, "lost": lost}

    monkeypatch.setattr(reenact, "make_reenactment", make)
    return calls


def run(tmp_path, *options: str, driving="him.mp4") -> int:
    return cli.main(["reenact", driving, "me.jpg", "-o", str(tmp_path / "out.mp4"), *options])


def test_defaults(asked, tmp_path, capsys):
    assert run(tmp_path) == 0
    (((driving, photo, output, settings), options),) = asked
    assert (driving.name, photo.name, output) == ("him.mp4", "me.jpg", tmp_path / "out.mp4")
    assert settings == Reenactment()
    assert callable(options.pop("progress"))
    assert callable(options.pop("watching"))
    assert options == dict.fromkeys(("face", "driving_face", "size", "motion", "public"))
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'out.mp4'}: 30 frames, 1.2 s with the video's sound\n"
    assert "no face in frames 3 to 5 (0.12 s): held" in told.err


def test_every_wish_arrives(asked, tmp_path, capsys):
    options = "--move lips --relation absolute --lost pass --unsteadied --face 2 --driving-face 3 --size 256 --json"
    assert run(tmp_path, *options.split(), "--amplitude", "head 0.5", "--anchor", "first") == 0
    (((*_, settings), chosen),) = asked
    assert settings == Reenactment("lips", "absolute", "pass", False, (("head", 0.5),), "first")
    assert (chosen["face"], chosen["driving_face"], chosen["size"]) == (2, 3, 256)
    assert json.loads(capsys.readouterr().out)["frames"] == 30


def test_a_public_checkpoint_may_render_it(asked, tmp_path):
    assert run(tmp_path, "--renderer", "liveportrait", "--checkpoint", str(tmp_path)) == 0
    ((_, chosen),) = asked
    assert chosen["public"].checkpoint == tmp_path


def test_a_picture_in_the_place_of_the_video_is_told(asked, tmp_path, capsys):
    assert run(tmp_path, driving="him.png") == 2
    assert "expected DRIVING_VIDEO PHOTO" in capsys.readouterr().err
    assert not asked


def test_the_video_is_not_written_over(asked, tmp_path, capsys):
    driving = tmp_path / "out.mp4"
    driving.write_bytes(b"a video")
    assert run(tmp_path, driving=str(driving)) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert not asked
