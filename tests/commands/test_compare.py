"""`compare` from the command line: what is refused, and verdicts counted; what it measures has tests of its own."""

import argparse
import json

import pytest
import torch

from neo_core.commands import compare
from neo_core.data_types import InputError
from neo_core.evaluation.renderer_comparison import GEOMETRIC, MEASURES, MINI
from neo_core.pictar.mini.network import Mini, MiniConfig, save_mini


def run(*given: str) -> int:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.execute(parser.parse_args(given))


@pytest.fixture
def mini(tmp_path):
    path = tmp_path / "mini.safetensors"
    save_mini(path, Mini(MiniConfig(side=32, width=8, features=4, groups=4)))
    return path


def test_nothing_to_compare_with_is_said(mini, monkeypatch):
    monkeypatch.setattr(compare, "load_models", lambda: None)
    with pytest.raises(InputError, match="neither --people nor --films found"):
        run("measure", "--mini", str(mini))


def test_measured_by_both_renderers_and_told(mini, monkeypatch, capsys):
    gains = iter((1.0, 2.0))

    def measured(_models, _take, frames):
        assert frames == {GEOMETRIC: "old", MINI: "new"}
        gain = next(gains)
        own = {name: way * gain for name, way in MEASURES.items()}
        return {GEOMETRIC: dict.fromkeys(MEASURES, 0.0), MINI: own}

    monkeypatch.setattr(compare, "load_models", lambda: None)
    monkeypatch.setattr(compare, "renderers", lambda _mini: {GEOMETRIC: lambda _: "old", MINI: lambda _: "new"})
    monkeypatch.setattr(compare, "film_take", lambda *_: torch.zeros(1))
    monkeypatch.setattr(compare, "measure", measured)
    assert run("measure", "--mini", str(mini), "--films", "a.mp4", "b.mp4", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["better by every measure"] is True
    assert told["face, dB"]["gain"] == 1.5
    assert told["features"]["mini"] == -1.5


def test_verdicts_counted(tmp_path, capsys):
    key, verdicts = tmp_path / "key.json", tmp_path / "verdicts.txt"
    pair = {"left": MINI, "right": GEOMETRIC}
    key.write_text(json.dumps({"pairs": {"01": pair, "02": pair, "03": pair}}))
    verdicts.write_text("1 left: teeth\n2 left\n3 right: lids\n")
    assert run("count", str(verdicts), "--key", str(key)) == 0
    assert capsys.readouterr().out == f"{MINI} 2, {GEOMETRIC} 1 of 3\n"
    with pytest.raises(InputError, match="does not exist"):
        run("count", str(verdicts), "--key", str(tmp_path / "none.json"))
