"""What the mini costs, as the bench tells it."""

from dataclasses import replace

import pytest

from neo_core.evaluation.bench import judge, load_bars
from neo_core.evaluation.mini_cost import figures, operations
from neo_core.pictar.mini.network import MINI


def test_both_sizes_are_within_the_bar():
    found = figures()
    rows = {row.name: row for row in judge(load_bars("pictar"), found)}
    assert {name for name, row in rows.items() if row.value is not None} == found.keys()
    assert all(rows[name].ok for name in found)
    assert found["operations of the mini, gpu"] > 3 * found["operations of the mini, cpu"] > 3


def test_cost_grows_with_the_pixels():
    small = replace(MINI["cpu"], side=64)
    assert operations(replace(small, side=128)) == pytest.approx(4 * operations(small))
