"""The grid runs what is missing, keeps what it has, and publishes tables and plots."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.continuity import WHOLE_OVERLAP
from neo_core.evaluation.sync_grid import ALONE, FILMS, Row, cells, name_of
from neo_core.neo2.sampler import Sampling
from neo_core.neo2.window_layout import Sync, join_frames
from neo_core.training import continuum_grid
from neo_core.training.continuum_grid import BASE, Rows, Stage, chosen_scenes, group_joins, perform, publish, run
from neo_core.training.exam_halves import bench_half
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
SCENES = [SimpleNamespace(name="a", person=7), SimpleNamespace(name="b", person=8)]


def test_all_cells_of_a_seed_then_the_next(tmp_path, counted):
    rows = Rows(tmp_path / "rows.jsonl", "s")
    perform(STAGE, SCENES[:2], rows, 10)
    assert [seed for seed, _ in counted] == [0] * 38 + [1] * 38
    assert [row.cell for row in rows.rows[:38]] == [FILMS, *cells(BASE)]
    assert {(row.seed, row.scene, row.person) for row in rows.rows} == {(0, "a", 7), (1, "b", 8)}


def test_what_is_there_is_not_made_again(tmp_path, counted):
    path = tmp_path / "rows.jsonl"
    rows = Rows(path, "s")
    rows.add(Row("own cut", 0, "a", 7, VALUES))
    with open(path, "a") as file:
        file.write(json.dumps({"cell": "own flow"})[:9])  # a run that was ended within a line
    again = Rows(path, "s")
    assert again.rows == [Row("own cut", 0, "a", 7, VALUES)]
    perform(STAGE, SCENES[:1], again, 10)
    assert len(counted) == 37
    assert len(Rows(path, "s").rows) == 38
    assert Rows(path, "other weights").rows == []


def test_two_runs_side_by_side_make_what_one_makes(tmp_path, counted):
    path = tmp_path / "rows.jsonl"
    both = [(Rows(path, "s"), SCENES[:1], 0), (Rows(path, "s"), SCENES[:2], 1)]
    for rows, scenes, first in both:
        perform(STAGE, scenes, rows, 10, first)
    assert len(counted) == 2 * 38
    assert {(row.cell, row.seed) for row in Rows(path, "s").rows} == {
        (c, k) for c in (FILMS, *cells(BASE)) for k in (0, 1)
    }


def test_the_time_ends_it(tmp_path, counted):
    perform(STAGE, SCENES[:1], Rows(tmp_path / "rows.jsonl", "s"), 0)
    assert counted == []


@pytest.mark.usefixtures("counted")
def test_tables_and_plots_are_published(tmp_path):
    rows = Rows(tmp_path / "rows.jsonl", "s")
    perform(STAGE, SCENES[:2], rows, 10)
    publish(rows.rows, tmp_path)
    assert "own cut" in (tmp_path / "grid.md").read_text()
    assert {path.name for path in tmp_path.glob("*.png")} == {"grid.png", "effects.png"}


def test_figures_of_a_video(films):
    scene = chosen_scenes(films, 1, 88)[0]
    video = torch.randint(0, 255, (88, 32, 32, 3), dtype=torch.uint8)
    report = STAGE.report(scene, video, Sync(phase=False))
    assert report.joins == (32, 56)
    assert report.reach == WHOLE_OVERLAP
    assert len(report.curves.identity) == 3
    found = STAGE.figures(scene, video, report)
    assert set(found) == {"velocity", "acceleration", "ghosting", "interpolation", "colour", "identity"}
    assert found["velocity"] == report.velocity


class Jumpy:
    """Films waves that slide; in cells with a phase it jumps at the windows of every step, in all others with an
    overlap at the last joins, of which the one between groups is by far the worst."""

    def __init__(self, monkeypatch):
        self.made = []
        monkeypatch.setattr(Stage, "film", lambda stage, _, seed, sync: (self.film(stage, seed, sync), 0.5))

    def film(self, stage, seed, sync):
        self.made.append((seed, name_of(sync)))
        frames, at, jumps = [], 0.0, set()
        if sync.overlap:
            jumps = set(join_frames(stage.latents, sync, 3)) | (set(range(8, 88, 8)) if sync.phase else set())
        across = torch.arange(32) * 2 * math.pi / 32
        for k in range(4 * stage.latents):
            at += 0.05 + 0.1 * (k in jumps) + 0.4 * (k in group_joins(stage.latents, sync))
            frames.append(128 + 60 * (across + at).sin() + 20 * (3 * across[:, None] + at).cos())
        return torch.stack(frames)[..., None].expand(-1, -1, -1, 3).byte()


def test_cells_are_compared_with_chunks_alone_even_after_a_break(films, monkeypatch):
    jumpy = Jumpy(monkeypatch)
    scene = chosen_scenes(films, 1, 88)[0]
    stage = Stage(None, None, Sampling(), 22)
    moving, still = (continuum_grid._video_figures(stage, scene, 3, Sync(phase=phase)) for phase in (True, False))
    assert jumpy.made == [(3, "shared pyramid phase context"), (3, ALONE), (3, "shared pyramid context")], "alone once"
    assert moving["velocity"] > 1.5, "seams of earlier steps do not count as the interior"
    assert still["velocity"] > 1.5
    own = stage.report(scene, jumpy.film(stage, 3, Sync(phase=True)), Sync(phase=True))
    assert own.velocity < 1.2


def test_of_groups_that_meet_their_joins_alone_are_judged(films, monkeypatch):
    Jumpy(monkeypatch)
    scene = chosen_scenes(films, 1, 88)[0]
    stage = Stage(None, None, Sampling(), 22)
    one, two = (continuum_grid._video_figures(stage, scene, 0, Sync(phase=False, group=g)) for g in (4, 2))
    assert group_joins(22, Sync(group=4)) == ()
    assert set(group_joins(22, Sync(group=2))) < set(join_frames(22, Sync(group=2), 3))
    assert two["velocity"] > 1.5 * one["velocity"]


def test_people_of_the_bench_are_not_in_the_grid(monkeypatch, tmp_path):
    seen = []

    def chosen(films, *_):
        seen.extend(film.person for film in films)
        raise InputError("enough")

    people = [SimpleNamespace(person=8 * k + 7) for k in range(40)]
    monkeypatch.setattr(continuum_grid, "load_films", lambda _: people)
    monkeypatch.setattr(continuum_grid, "shipped", lambda *_: None)
    monkeypatch.setattr(continuum_grid, "chosen_scenes", chosen)
    asked = SimpleNamespace(
        seeds=1, first=0, latents=22, dit=None, vae=None, reader=None, steps=3, clips=[], out=tmp_path
    )
    with pytest.raises(InputError, match="enough"):
        run(asked)
    assert seen
    assert not {film.person for film in bench_half(people)} & set(seen)
