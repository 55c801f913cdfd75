import math

import pytest

from neo_core.data_types import InputError
from neo_core.evaluation.bench import BARS, CouldNotRun, Figure, judge, load_bars, run


def bars(**bounds):
    return [{"name": "a", "unit": "u", **bounds}]


@pytest.mark.parametrize(
    ("bounds", "value", "ok"),
    [
        ({"at_least": 2}, 2, True),
        ({"at_least": 2}, 1.99, False),
        ({"at_most": 2}, 2, True),
        ({"at_most": 2}, 2.01, False),
        ({"at_most": 0}, 0, True),
        ({"at_least": 1, "at_most": 3}, 0.9, False),
        ({"at_least": 1, "at_most": 3}, 1, True),
        ({"at_least": 1, "at_most": 3}, 3.1, False),
        ({"below": 2}, 1.99, True),
        ({"below": 2}, 2, False),
        ({"at_most": 2}, math.nan, False),
        ({"at_least": 2}, math.nan, False),
        ({"below": 2}, math.nan, False),
    ],
)
def test_a_row_is_met_up_to_its_bar(bounds, value, ok):
    assert judge(bars(**bounds), {"a": value})[0].ok is ok


def test_a_row_says_what_was_judged():
    (row,) = judge(bars(at_most=2), {"a": Figure(1.5, "mini, trained weights")})
    assert (row.name, row.value, row.ok) == ("a, mini, trained weights", 1.5, True)
    assert judge(bars(below=2), {})[0].bar == "< 2"


def test_a_row_without_a_value_is_missed():
    (row,) = judge(bars(at_most=5), {})
    assert row.value is None
    assert not row.ok


def test_a_value_without_a_bar_is_an_error():
    with pytest.raises(ValueError, match="no bar"):
        judge(bars(at_most=1), {"b": 1})


def test_a_part_that_cannot_run_leaves_the_others():
    def fails():
        raise CouldNotRun("nothing to measure")

    assert run({"first": fails, "second": lambda: {"a": 1.0}}) == {"a": 1.0}


def test_a_bug_is_not_swallowed():
    def broken():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run({"part": broken})


@pytest.mark.parametrize("name", ["talking-head", "vocal", "pictar", "comfyui", "neo2"])
def test_every_bar_has_a_name_of_its_own_words_a_unit_and_a_bound(name):
    bars = load_bars(name, BARS)
    assert len({bar["name"] for bar in bars}) == len(bars)
    for bar in bars:
        assert bar["words"]
        assert bar["unit"]
        assert bar.keys() & {"at_least", "at_most", "below"}
        assert bar.get("at_least", -math.inf) < bar.get("at_most", math.inf)


def test_unknown_bench_names_what_exists():
    with pytest.raises(InputError, match="talking-head"):
        load_bars("dancing")
