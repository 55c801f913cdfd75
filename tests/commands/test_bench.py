"""`bench`: what can be asked for exists, what cannot run is missed, the exit code says so."""

import json
from functools import partial

import pytest
import torch

from neo_core.__main__ import main
from neo_core.commands.bench import table
from neo_core.evaluation import endurance
from neo_core.evaluation.bench import judge, load_bars


@pytest.mark.parametrize(
    ("name", "part"), [("talking-head", "languages"), ("vocal", "languages"), ("pictar", "cuda"), ("neo2", "seams")]
)
def test_a_part_that_is_not_there_is_refused_by_name(name, part, tmp_path, capsys):
    assert main(["bench", name, "--only", "hair", "--work", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "--only hair is no part of this bench; expected" in said
    assert part in said


@pytest.mark.parametrize("part", ["cuda", "languages", "emotion", "table"])
def test_a_part_of_bench_vocal_without_its_material_is_missed(part, tmp_path, capsys):
    if part == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert main(["bench", "vocal", "--only", part, "--work", str(tmp_path), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["name"] for row in rows] == [bar["name"] for bar in load_bars("vocal")]
    assert not any(row["ok"] or row["value"] is not None for row in rows)


def test_the_length_of_bench_vocal_needs_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(endurance, "bench", partial(endurance.bench, minutes=1))
    main(["bench", "vocal", "--only", "length", "--work", str(tmp_path), "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out.splitlines()[-1])}
    assert rows["look-ahead, live"]["ok"]
    assert 1 <= rows["peak memory, 30 min over 1 min"]["value"] < 1.05


@pytest.mark.parametrize("part", ["sound", "gestures", "identity", "delivery", "seams", "steps", "long"])
def test_a_part_of_bench_neo2_without_its_films_is_missed(part, tmp_path, capsys):
    assert main(["bench", "neo2", "--only", part, "--work", str(tmp_path), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["name"] for row in rows] == [bar["name"] for bar in load_bars("neo2")]
    assert not any(row["ok"] or row["value"] is not None for row in rows)


def test_the_fusion_of_bench_neo2_needs_nothing_and_says_what_a_cross_fade_keeps(tmp_path, capsys):
    main(["bench", "neo2", "--only", "fusion", "--work", str(tmp_path), "--json"])
    said = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(said.splitlines()[-1])}
    assert rows["flow fusion's error over the cross-fade's"]["ok"]
    assert "| high frequencies that a cross-fade keeps | 0." in said


def test_of_bench_pictar_multiplications_need_nothing_others_a_device_or_trained_weights(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    parts = ("multiplications", "cuda", "roi-pictures")
    main(["bench", "pictar", "--only", *parts, "--work", str(tmp_path), "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out.splitlines()[-1])}
    assert rows["multiplications, plain over ours"]["ok"]
    cuda = ("speed on CUDA", "frames per second on CUDA", "latency on CUDA")
    for name in (*cuda, "ROI PSNR", "pulse at keyframes"):
        assert rows[name]["value"] is None
        assert not rows[name]["ok"]


@pytest.mark.parametrize("part", ["faces", "languages", "lip-sync", "identity", "guidance"])
def test_a_part_without_its_material_is_missed(part, tmp_path, capsys):
    assert main(["bench", "talking-head", "--only", part, "--work", str(tmp_path), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["name"] for row in rows] == [bar["name"] for bar in load_bars("talking-head")]
    assert not any(row["ok"] or row["value"] is not None for row in rows)


def test_rows_of_other_parts_are_counted_and_not_shown(tmp_path, capsys):
    main(["bench", "pictar", "--only", "mini", "--work", str(tmp_path)])
    printed = capsys.readouterr().out
    bars = len(load_bars("pictar"))
    assert printed.count("GFLOP per frame") == 2
    assert "could not run |" not in printed
    assert f"{bars - 2} more rows are of other parts" in printed


def test_the_table_shows_both_ends_of_a_bar():
    bars = [{"name": "blinks", "unit": "per minute", "at_least": 10, "at_most": 45}]
    assert "| blinks | 20 per minute | 10 to 45 | yes |" in table(judge(bars, {"blinks": 20.0}))
    assert "| blinks | could not run | 10 to 45 | **no** |" in table(judge(bars, {}))
