"""The grid runs what is missing, keeps what it has, and publishes tables and plots."""

import json
from pathlib import Path

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.continuity import REACH
from neo_core.evaluation.sync_grid import FILMS, Row, cells
from neo_core.neo2.sampler import Sampling
from neo_core.neo2.window_layout import Sync
from neo_core.training import continuum_grid
from neo_core.training.continuum_grid import BASE, Rows, Stage, chosen_scenes, perform, publish
from neo_core.training.films import load_films
from neo_core.weights import safetensors_io

FRAMES = 64
VALUES = {"velocity": 1.0, "interpolation": 1.1, "ghosting": 1.0, "seconds": 0.1}


def film(folder: Path, scene: str, part: int, person: int, **facts) -> None:
    first = part * FRAMES
    numbers = torch.arange(first, first + FRAMES)
    tensors = {
        "video": numbers.byte().view(-1, 1, 1, 1).expand(-1, 8, 8, 3).contiguous(),
        "anchor": torch.full((8, 8, 3), person, dtype=torch.uint8),
        "heard": numbers.repeat_interleave(2).half().view(1, -1, 1).expand(2, -1, 3).contiguous(),
        "mouth": numbers.float(),
        "prosody": numbers.float(),
        "head": torch.tensor([2.0, 1.0, 6.0, 5.0]).expand(FRAMES, 4).contiguous(),
    }
    config = {
        "frames": FRAMES, "size": 8, "prompt": f"part {part}", "manner": "calm", "speaking": True, "person": person,
        "scene": scene, "part": part, "voice": "v", "held_out": True, "framing": "half body",
    }  # fmt: skip
    safetensors_io.save(folder / f"scene_{scene}_{part}.safetensors", tensors, config | facts)


@pytest.fixture
def films(tmp_path):
    for part in (0, 1):
        film(tmp_path, "a", part, person=1)
        film(tmp_path, "b", part, person=1)
        film(tmp_path, "c", part, person=2)
        film(tmp_path, "d", part, person=3, held_out=False)
    film(tmp_path, "e", 0, person=4)  # too short alone
    film(tmp_path, "f", 1, person=5)  # its first film is missing
    return load_films(tmp_path)


def test_scenes_are_held_out_long_and_of_new_people_first(films):
    scenes = chosen_scenes(films, 4, 100)
    assert [scene.name for scene in scenes] == ["a", "c", "b", "a"]
    with pytest.raises(InputError, match="expected scenes of two"):
        chosen_scenes(films, 1, 200)


def test_a_scene_is_two_films_one_after_the_other(films):
    scene = chosen_scenes(films, 1, 100)[0]
    assert scene.prompt == "part 0"
    assert scene.heard.shape == (2, 200, 3)
    assert torch.equal(scene.heard[0, ::2, 0], torch.arange(100.0))
    assert torch.equal(scene.mouth, torch.arange(100.0))
    assert scene.video[:, 0, 0, 0].tolist() == list(range(100))
    assert scene.face == (0.25, 0.125, 0.75, 0.625)


@pytest.fixture
def counted(monkeypatch):
    seen = []

    def figures(_stage, _scene, seed, sync):
        seen.append((seed, sync))
        return dict(VALUES) if sync else {name: 1.0 for name in VALUES if name != "seconds"}

    monkeypatch.setattr(continuum_grid, "_video_figures", figures)
    return seen


STAGE = Stage(None, None, Sampling(), 22)


def test_all_cells_of_a_seed_then_the_next(tmp_path, counted):
    rows = Rows(tmp_path / "rows.jsonl", "s")
    perform(STAGE, [None, None], rows, 10)
    assert [seed for seed, _ in counted] == [0] * 33 + [1] * 33
    assert [row.cell for row in rows.rows[:33]] == [FILMS, *cells(BASE)]


def test_what_is_there_is_not_made_again(tmp_path, counted):
    path = tmp_path / "rows.jsonl"
    rows = Rows(path, "s")
    rows.add(Row("own cut", 0, VALUES))
    with open(path, "a") as file:
        file.write(json.dumps({"cell": "own flow"})[:9])  # a run that was ended within a line
    again = Rows(path, "s")
    assert again.rows == [Row("own cut", 0, VALUES)]
    perform(STAGE, [None], again, 10)
    assert len(counted) == 32
    assert len(Rows(path, "s").rows) == 33
    assert Rows(path, "other weights").rows == []


def test_the_time_ends_it(tmp_path, counted):
    perform(STAGE, [None], Rows(tmp_path / "rows.jsonl", "s"), 0)
    assert counted == []


@pytest.mark.usefixtures("counted")
def test_tables_and_plots_are_published(tmp_path):
    rows = Rows(tmp_path / "rows.jsonl", "s")
    perform(STAGE, [None, None], rows, 10)
    publish(rows.rows, tmp_path)
    assert "own cut" in (tmp_path / "grid.md").read_text()
    assert {path.name for path in tmp_path.glob("*.png")} == {"grid.png", "effects.png"}


def test_figures_of_a_video(films):
    scene = chosen_scenes(films, 1, 88)[0]
    video = torch.randint(0, 255, (88, 32, 32, 3), dtype=torch.uint8)
    found = STAGE.figures(scene, video, Sync(phase=False))
    assert set(found) == {"velocity", "acceleration", "ghosting", "interpolation", "colour", "identity"}
    report = STAGE.report(scene, video, Sync(phase=False))
    assert report.joins == (32, 56)
    assert report.reach == REACH
