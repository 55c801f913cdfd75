"""What `redub` asks for and tells."""

import json

import pytest

from neo_core import __main__ as cli
from neo_core.commands import redub
from neo_core.data_types import Emotion
from neo_core.pipelines.talking_head import Settings


@pytest.fixture
def asked(monkeypatch):
    """What the maker was asked for: (arguments, options)."""
    calls = []

    def make(*arguments, **options):
        calls.append((arguments, options))
        lost = [{"frames": [3, 5], "seconds": [0.12, 0.24], "done": "passed"}]
        return {"output": str(arguments[2]), "frames": 30, "seconds": 1.2, "lost": lost}

    monkeypatch.setattr(redub, "make_redub", make)
    return calls


def run(tmp_path, *options: str) -> int:
    return cli.main(["redub", "her.mp4", "speech.wav", "-o", str(tmp_path / "out.mp4"), *options])


def test_defaults(asked, tmp_path, capsys):
    assert run(tmp_path) == 0
    (((clip, audio, output, settings), options),) = asked
    assert (clip.name, audio.name, output) == ("her.mp4", "speech.wav", tmp_path / "out.mp4")
    assert settings == Settings()
    del options["progress"]
    nothing = dict.fromkeys(("face", "mask", "motion", "performed"))
    assert options == {"lost": "interpolate", "detail": 512, "weights": (None, None), **nothing}
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'out.mp4'}: 30 frames, 1.2 s\n"
    assert "no face in frames 3 to 5 (0.12 s): passed" in told.err


def test_every_wish_arrives(asked, tmp_path, capsys):
    options = "--lost error --face 2 --detail 1024 --seed 7 --steps 4 --emotion happy --emotion-strength 0.5 --json"
    assert run(tmp_path, *options.split(), "--amplitude", "mouth 1.2", "--mask", "m.png") == 0
    (((*_, settings), chosen),) = asked
    assert (settings.seed, settings.steps, settings.emotion) == (7, 4, Emotion("happy", 0.5))
    assert settings.amplitudes == (("mouth", 1.2),)
    assert (chosen["face"], chosen["lost"], chosen["detail"]) == (2, "error", 1024)
    assert chosen["mask"].name == "m.png"
    assert json.loads(capsys.readouterr().out)["frames"] == 30


def test_the_clip_is_not_written_over(asked, tmp_path, capsys):
    clip = tmp_path / "out.mp4"
    clip.write_bytes(b"a video")
    assert cli.main(["redub", str(clip), "speech.wav", "-o", str(clip)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert not asked


def test_a_motion_file_takes_the_place_of_vocal(asked, tmp_path, capsys):
    assert run(tmp_path, "--motion", "actor.safetensors") == 0
    assert asked[0][1]["performed"].name == "actor.safetensors"
    for option in (("--seed", "3"), ("--emotion", "happy"), ("--amplitude", "mouth 1.2"), ("--vocal", "v.safetensors")):
        assert run(tmp_path, "--motion", "actor.safetensors", *option) == 2
        assert "which it takes the place of" in capsys.readouterr().err
    assert len(asked) == 1
