"""`bench`: what can be asked for exists, what cannot run is missed, the exit code says so."""

import json

import pytest

from neo_core.__main__ import main
from neo_core.commands.bench import PARTS, table, talking_head_parts
from neo_core.evaluation.bench import judge, load_bars
from neo_core.evaluation.talking_head import Studio


def test_every_part_can_be_asked_for(tmp_path):
    assert set(PARTS) == set(talking_head_parts(Studio(tmp_path, tmp_path, "", tmp_path)))
    assert len(PARTS) == len(set(PARTS))


@pytest.mark.parametrize("part", ["faces", "languages", "lip-sync", "identity", "guidance"])
def test_a_part_without_its_material_is_missed(part, tmp_path, capsys):
    assert main(["bench", "talking-head", "--only", part, "--work", str(tmp_path), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["name"] for row in rows] == [bar["name"] for bar in load_bars("talking-head")]
    assert not any(row["ok"] or row["value"] is not None for row in rows)


def test_the_table_shows_both_ends_of_a_bar():
    bars = [{"name": "blinks", "unit": "per minute", "at_least": 10, "at_most": 45}]
    assert "| blinks | 20 per minute | 10 to 45 | yes |" in table(judge(bars, {"blinks": 20.0}))
    assert "| blinks | could not run | 10 to 45 | **no** |" in table(judge(bars, {}))
