import json
import math
from fractions import Fraction

import pytest
import torch

from neo_core.evaluation import full_body_length
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.command import Finished
from neo_core.evaluation.full_body_length import FEW, MANY, bench, frames_of
from neo_core.media.video import VideoWriter
from neo_core.neo2.latent_space import RATE

SOME = 4  # chunks, in the place of the sixty
PICTURES = [torch.full((32, 32, 3), 100, dtype=torch.uint8)] * 3


@pytest.fixture
def commands(monkeypatch):
    """What the command would do: a waving square, brighter by `drift` levels per chunk; its memory; whom it refuses."""
    does = {"drift": 0.0, "memory": {FEW: 1.0, MANY: 1.1}, "refuses": 0, "asked": []}

    def animated(photo, chunks, work, dit=None):
        assert dit is None
        does["asked"].append((photo.name, chunks))
        if len({name for name, _ in does["asked"]}) <= does["refuses"]:
            return Finished(2, 1.0, 0.5, "", "neo: no face found")
        frames, joins = frames_of(chunks), [40 + 24 * k for k in range(chunks - 1)]
        with VideoWriter(full_body_length.written(chunks, work), (64, 64), Fraction(RATE), None) as writer:
            for k in range(frames):
                frame = torch.full((64, 64, 3), 90.0) + does["drift"] * k / 24
                place = 20 + round(10 * float(torch.tensor(k * math.pi / 12).sin()))
                frame[place : place + 12, 10:40] = 160 + does["drift"] * k / 24
                writer.write(frame.clamp(0, 255).to(torch.uint8))
        return Finished(0, 1.0, does["memory"][chunks], json.dumps({"joins": joins}), "")

    monkeypatch.setattr(full_body_length, "animated", animated)
    monkeypatch.setattr(full_body_length, "consented", lambda *_: "")
    monkeypatch.setattr(full_body_length, "MANY", SOME)
    does["memory"][SOME] = 1.1
    return does


@pytest.mark.usefixtures("commands")
def test_a_steady_video_has_no_slope_and_no_drift(tmp_path):
    found = bench(PICTURES, tmp_path)
    assert abs(found["identity slope"]) < 1e-3
    assert found["colour drift"] < 1
    assert found["peak memory, 60 chunks over 2"] == pytest.approx(1.1)


def test_what_grows_brighter_drifts(commands, tmp_path):
    commands["drift"] = 4.0  # levels per chunk, of which the first is longer
    assert bench(PICTURES, tmp_path)["colour drift"] == pytest.approx(44, rel=0.15)


def test_memory_that_grows_is_seen(commands, tmp_path):
    commands["memory"][SOME] = 3.0
    assert bench(PICTURES, tmp_path)["peak memory, 60 chunks over 2"] == 3


def test_the_next_person_is_asked_when_one_is_refused(commands, tmp_path):
    commands["refuses"] = 1
    bench(PICTURES, tmp_path)
    assert commands["asked"] == [("person_0.png", 2), ("person_1.png", 2), ("person_1.png", SOME)]


def test_nobody_left_is_a_part_that_could_not_run(commands, tmp_path):
    commands["refuses"] = 3
    with pytest.raises(CouldNotRun, match="none of 3 people"):
        bench(PICTURES, tmp_path)


def test_a_sound_takes_as_many_frames_as_its_chunks_cover():
    assert frames_of(1) == 40
    assert frames_of(MANY) - frames_of(MANY - 1) == frames_of(2) - frames_of(1) == 24
