"""`inspect`: what it prints, and what it draws."""

import json
from fractions import Fraction

import pytest
import torch

from neo_core import __main__ as cli
from neo_core.commands import inspect
from neo_core.media.image import read_photo, write_image
from neo_core.media.video import VideoWriter
from neo_core.motion_space import EXPRESSION_NAMES
from neo_core.pictar.analysis import Face
from neo_core.pipelines import portrait


@pytest.fixture
def photo(tmp_path):
    write_image(tmp_path / "me.png", torch.full((90, 120, 3), 128, dtype=torch.uint8))
    return tmp_path / "me.png"


@pytest.fixture
def faces(monkeypatch):
    """Two faces instead of the networks' answer."""
    points = torch.rand(80, 2) * 50 + 10
    box, pose = torch.tensor([10.0, 10, 60, 60]), torch.tensor([1.0, -2, 3])
    face = Face(box, 0.87654321, points, torch.ones(80), pose, torch.rand(53), torch.zeros(4))
    monkeypatch.setattr(inspect, "load_analyser", lambda: None)
    monkeypatch.setattr(inspect, "analyse", lambda *_: [face, face])
    return [face, face]


def test_json_is_one_line_of_plain_values(photo, faces, capsys):
    assert cli.main(["inspect", str(photo), "--json"]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    found = json.loads(text)["faces"]
    assert len(found) == 2
    assert found[0].keys() == {"box", "score", "landmarks68", "pose", "expression"}
    assert found[0]["pose"] == {"pitch": 1.0, "yaw": -2.0, "roll": 3.0}
    assert list(found[0]["expression"]) == list(EXPRESSION_NAMES)
    assert torch.allclose(torch.tensor(found[0]["landmarks68"]), faces[0].landmarks68, atol=1e-3)


def test_no_face_is_an_answer_not_an_error(photo, monkeypatch, capsys):
    monkeypatch.setattr(inspect, "load_analyser", lambda: None)
    monkeypatch.setattr(inspect, "analyse", lambda *_: [])
    assert cli.main(["inspect", str(photo), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"faces": []}


def test_the_faces_of_a_video_are_numbered_as_redub_and_reenact_count_them(tmp_path, faces, monkeypatch, capsys):
    """In its first frame with a face, and drawn there."""
    clip = tmp_path / "clip.mkv"
    with VideoWriter(tmp_path / "clip.mp4", (48, 64), Fraction(25), None) as writer:
        for k in range(5):
            writer.write(torch.full((48, 64, 3), 40 * k, dtype=torch.uint8))
    (tmp_path / "clip.mp4").rename(clip)
    monkeypatch.setattr(portrait, "analyse", lambda _, frame, *__: faces if frame.float().mean() > 100 else [])
    assert cli.main(["inspect", str(clip), "--draw", str(tmp_path / "out.png")]) == 0
    told = capsys.readouterr().out
    assert "the first frame with a face, at 0.12 s:\n64x48 pixels, 2 human faces\n1: " in told
    assert read_photo(tmp_path / "out.png").shape == (48, 64, 3)
    assert cli.main(["inspect", str(clip), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["seconds"], len(found["faces"])) == (0.12, 2)
    monkeypatch.setattr(portrait, "analyse", lambda *_: [])
    assert cli.main(["inspect", str(clip)]) == 0
    assert capsys.readouterr().out == "no human face in any frame\n"


@pytest.mark.usefixtures("faces")
def test_text_and_drawing(photo, tmp_path, capsys):
    assert cli.main(["inspect", str(photo), "--draw", str(tmp_path / "out.png")]) == 0
    assert "120x90 pixels, 2 human faces" in capsys.readouterr().out
    drawn = read_photo(tmp_path / "out.png")
    assert drawn.shape == (90, 120, 3)
    assert (drawn != read_photo(photo)).any()
