import json
import math
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core.evaluation import command, full_body_length
from neo_core.evaluation.bench import CouldNotRun, judge, load_bars
from neo_core.evaluation.command import Finished
from neo_core.evaluation.continuity import video_report
from neo_core.evaluation.full_body import motion
from neo_core.evaluation.full_body_length import FEW, MANY, SHORT_RUNS, animated, bench, encoded, frames_of, motions
from neo_core.media.video import VideoWriter
from neo_core.neo2.latent_space import RATE, SIZE
from neo_core.pictar.analysis import Face
from neo_core.pipelines.portrait import Portrait

SOME = 4  # chunks, in the place of the sixty
SIDE = 64
PICTURES = [torch.full((32, 32, 3), 100, dtype=torch.uint8)] * 3
FACE = (0.4, 0.1, 0.6, 0.35)
MOVES = 0.3  # of films
USUAL_BYTES = 600_000_000  # of the command for two chunks, about as measured


def head(seed):
    """A face of its own. u8 [12, 16, 3]"""
    patches = torch.randint(40, 220, (3, 4, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return patches.repeat_interleave(4, 0).repeat_interleave(4, 1)


def frame_of(k, does):
    """A person who waves a square hand; brighter and with more of another head as `does` has it. u8 [H, W, 3]"""
    k = min(k, does["freezes"])
    frame = torch.full((SIDE, SIDE, 3), 90.0) + does["drift"] * k / 24
    place = 36 + round(10 * float(torch.tensor(k * math.pi / 12).sin()))
    frame[place : place + 12, 10:40] = 160 + does["drift"] * k / 24
    other = min(1.0, does["other head"] * k / 24)
    frame[8:20, 24:40] = torch.lerp(head(0).float(), head(1).float(), other)
    return frame.clamp(0, 255).to(torch.uint8)


@pytest.fixture
def commands(monkeypatch):
    """What the command would do: brighter by `drift` levels and another by a share per chunk; its memory; whom it
    refuses; the frame from which on nothing moves."""
    does = {"drift": 0.0, "other head": 0.0, "refuses": 0, "freezes": 10**6, "asked": []}
    does["memory"] = {FEW: 1.0, SOME: 1.1}

    def animated(photo, chunks, work, weights):
        assert weights == (None, None)
        does["asked"].append((photo.name, chunks))
        if len({name for name, _ in does["asked"]}) <= does["refuses"]:
            return Finished(2, 1.0, 0.5, "", "neo: no face found")
        joins = [40 + 24 * k for k in range(chunks - 1)]
        with VideoWriter(full_body_length.written(chunks, work), (SIDE, SIDE), Fraction(RATE), None) as writer:
            for k in range(frames_of(chunks)):
                writer.write(frame_of(k, does))
        return Finished(0, 1.0, does["memory"][chunks], json.dumps({"joins": joins}), "")

    monkeypatch.setattr(full_body_length, "animated", animated)
    monkeypatch.setattr(full_body_length, "consented", lambda *_: "")
    monkeypatch.setattr(full_body_length, "encoded", lambda _: (frame_of(0, does), FACE))
    monkeypatch.setattr(full_body_length, "MANY", SOME)
    return does


def measured(tmp_path):
    return bench(PICTURES, MOVES, tmp_path, {})


@pytest.mark.usefixtures("commands")
def test_a_steady_video_has_no_slope_and_no_drift(tmp_path):
    found = measured(tmp_path)
    assert abs(found["identity slope"]) < 1e-3
    assert found["colour drift"] < 1
    assert found["peak memory, 60 chunks over 2"] == pytest.approx(1.1)


def test_what_grows_brighter_drifts(commands, tmp_path):
    commands["drift"] = 4.0  # levels per chunk, of which the first is longer
    assert measured(tmp_path)["colour drift"] == pytest.approx(44, rel=0.15)


@pytest.mark.parametrize("per_chunk", [0.1, 1.0])
def test_a_head_that_becomes_another_one_is_seen(commands, tmp_path, per_chunk):
    """Slowly; and within the first chunk, after which all chunks are alike."""
    commands["other head"] = per_chunk
    assert measured(tmp_path)["identity slope"] < -0.01


def test_a_slow_change_of_the_head_is_seen_where_all_of_the_picture_hides_it(commands, tmp_path, monkeypatch):
    """Another head after sixty chunks: eight of them do for the face against the picture, and not for the whole
    against the first chunk."""
    monkeypatch.setattr(full_body_length, "MANY", 8)
    commands["memory"][8] = 1.1
    commands["other head"] = 1 / 60
    assert measured(tmp_path)["identity slope"] < -0.001
    joins = [(40 + 24 * k) / RATE for k in range(7)]
    assert video_report(full_body_length.written(8, tmp_path), joins).identity_slope > -0.001


@pytest.mark.parametrize("frame", [0, 60])
def test_a_video_that_stands_still_proves_no_steadiness(commands, tmp_path, frame):
    commands["freezes"] = frame
    notes = {}
    found = bench(PICTURES, MOVES, tmp_path, notes)
    assert set(found) == {"peak memory, 60 chunks over 2"}
    assert notes["60 chunks, motion of the stillest sixth over that of films"] < 0.1
    rows = {row.name: row for row in judge(load_bars("neo2"), found)}
    assert not rows["identity slope"].ok
    assert not rows["colour drift"].ok


def test_motion_is_counted_as_that_of_films(tmp_path):
    """Of a video four times as large, with the same numbers."""
    small = torch.randint(0, 256, (1, SIZE // 4, SIZE // 4, 3), dtype=torch.uint8)
    video = torch.cat([small.roll(k, 2) for k in range(12)])
    small_film = video.repeat_interleave(4, 1).repeat_interleave(4, 2)
    with VideoWriter(tmp_path / "large.mp4", (4 * SIZE, 4 * SIZE), Fraction(RATE), None) as writer:
        for frame in small_film:
            writer.write(frame.repeat_interleave(4, 0).repeat_interleave(4, 1))
    found = motions(tmp_path / "large.mp4", 2)
    assert len(found) == 2
    assert sum(found) / 2 == pytest.approx(motion(small_film), rel=0.25)  # a file has fewer colours


def test_memory_that_grows_is_seen(commands, tmp_path):
    commands["memory"][SOME] = 3.0
    assert measured(tmp_path)["peak memory, 60 chunks over 2"] == 3


PRODUCT = """#!{python}
import json, os, sys
words = sys.argv[1:]
if words[0] == "-S":  # what stands between the bench and the command
    os.execv("{python}", ["{python}", *words])
if "animate" in words:
    networks = b"x" * {networks}
    chunks = int(os.path.basename(words[words.index("-o") + 1]).split("_")[0])
    frame = 3 * ({side} * int(words[words.index("--scale") + 1])) ** 2
    kept = [b"x" * frame for _ in range(4 * (10 + 6 * (chunks - 1)) if {leaks} else 1)]
    print(json.dumps({{"joins": []}}))
"""


@pytest.mark.parametrize("leaks", [False, True])
def test_frames_that_are_kept_exceed_the_bar(monkeypatch, tmp_path, leaks):
    """A process that takes as much as the command does, and keeps every frame as large as it was asked to write them:
    at the model's own size that would hide in what the networks take."""
    stand_in = tmp_path / "python"
    stand_in.write_text(PRODUCT.format(python=sys.executable, networks=USUAL_BYTES, side=SIZE, leaks=leaks))
    stand_in.chmod(0o755)
    monkeypatch.setattr(full_body_length, "_steadiness", lambda *_: {})
    monkeypatch.setattr(full_body_length, "looped", lambda *_: tmp_path / "a.wav")
    monkeypatch.setattr(full_body_length, "first_part", lambda *_: tmp_path / "b.wav")
    monkeypatch.setattr(command.sys, "executable", str(stand_in))
    found = measured(tmp_path)
    bar = next(bar for bar in load_bars("neo2") if bar["name"] == "peak memory, 60 chunks over 2")
    assert (found[bar["name"]] > bar["at_most"]) == leaks


def test_the_command_writes_as_large_as_it_does_unasked(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(full_body_length, "neo", lambda *words, **_: asked.extend(words))
    monkeypatch.setattr(full_body_length, "looped", lambda *_: tmp_path / "a.wav")
    monkeypatch.setattr(full_body_length, "first_part", lambda *_: tmp_path / "b.wav")
    animated(tmp_path / "photo.png", FEW, tmp_path, (Path("dit.safetensors"), None))
    assert asked[asked.index("--scale") + 1] == "4"
    assert asked[asked.index("--dit") + 1] == Path("dit.safetensors")
    assert "--vae" not in asked


def test_the_face_is_looked_for_where_it_lies_in_what_was_encoded(monkeypatch):
    """A face in a photo, and a mark on its chin: the mark lies on the lower edge of the box."""
    landmarks = torch.zeros(68, 2)
    landmarks[:] = torch.tensor([100.0, 90.0])  # brows, nose and mouth lie within the outermost
    landmarks[0], landmarks[16], landmarks[8] = (
        torch.tensor([80.0, 90]),
        torch.tensor([120.0, 90]),
        torch.tensor([100.0, 120]),
    )
    photo = torch.full((240, 200, 3), 50, dtype=torch.uint8)
    photo[117:123, 97:103] = 255
    portrait = Portrait(photo, Face(torch.zeros(4), 0.9, landmarks, torch.ones(68), *([torch.zeros(3)] * 3)))
    monkeypatch.setattr(full_body_length, "load_analyser", lambda: None)
    monkeypatch.setattr(full_body_length, "open_portrait", lambda *_: portrait)
    picture, (left, top, right, bottom) = encoded(None)
    rows, columns = (picture[..., 0] > 150).nonzero().float().mean(0).tolist()
    assert columns / SIZE == pytest.approx((left + right) / 2, abs=0.02)
    assert rows / SIZE == pytest.approx(bottom, abs=0.02)
    assert 0 < left < right < 1
    assert 0 < top < bottom


def test_the_next_person_is_asked_when_one_is_refused(commands, tmp_path):
    commands["refuses"] = 1
    measured(tmp_path)
    assert commands["asked"] == [("person_0.png", 2), *SHORT_RUNS * [("person_1.png", 2)], ("person_1.png", SOME)]


def test_the_middle_of_what_a_few_chunks_take_is_compared_with(monkeypatch, commands, tmp_path):
    taken = iter([0.8, 1.0, 0.9])
    few = full_body_length.animated
    monkeypatch.setattr(
        full_body_length,
        "animated",
        lambda *a: replace(few(*a), peak_gb=next(taken)) if a[1] == FEW else few(*a),
    )
    assert measured(tmp_path)["peak memory, 60 chunks over 2"] == pytest.approx(commands["memory"][SOME] / 0.9)


def test_nobody_left_is_a_part_that_could_not_run(commands, tmp_path):
    commands["refuses"] = 3
    with pytest.raises(CouldNotRun, match="none of 3 people"):
        measured(tmp_path)


def test_a_sound_takes_as_many_frames_as_its_chunks_cover():
    assert frames_of(1) == 40
    assert frames_of(MANY) - frames_of(MANY - 1) == frames_of(2) - frames_of(1) == 24
