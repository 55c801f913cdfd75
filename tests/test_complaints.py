"""The page of complaints: every one has tests, which exist, and few stay true in part."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "complaints.md"
COMPLAINTS, MOST_LIMITS = 20, 4
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def rows():
    """(number of the complaint, what is said about one part of it)."""
    number = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and cells[1] != "complaint":
            number = int(cells[0].strip("| ") or number)
            yield number, cells


@cache
def functions(path):
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


ROWS = list(rows())


def test_every_complaint_is_there_once_in_its_order():
    assert list(dict.fromkeys(number for number, _ in ROWS)) == list(range(1, COMPLAINTS + 1))
    assert [number for number, _ in ROWS] == sorted(number for number, _ in ROWS)
    assert len(PAGE.read_text(encoding="utf-8").split("|---|---|---|---|\n")[1].splitlines()) == len(ROWS)


@pytest.mark.parametrize(("number", "cells"), ROWS, ids=[f"{number}-{cells[1][:30]}" for number, cells in ROWS])
def test_every_part_of_it_has_tests_that_exist(number, cells):
    named = NAMED.findall(cells[3])
    assert named, f"complaint {number} has no test"
    assert cells[2]
    assert cells[3].count("`") == 2 * len(named)  # or one is misspelt
    for file, test in named:
        assert test in functions(ROOT / "tests" / file), f"{file} has no {test}"


def test_few_stay_true_in_part_and_say_where_that_is_written():
    limited = [(number, cells[3].split("**Limit:**")[1:]) for number, cells in ROWS if "**Limit:**" in cells[3]]
    assert len(limited) <= MOST_LIMITS
    for _, (told,) in limited:
        (page,) = re.findall(r"\]\(([\w.-]+\.md)[#)]", told + ")")
        assert (ROOT / "docs" / page).is_file()
