"""The table of the grid: every choice once, effects seed by seed, intervals by Student's t."""

import math
from dataclasses import replace

import pytest

from neo_core.evaluation.interval_plot import plot_intervals
from neo_core.evaluation.sync_grid import (
    ALONE,
    FILMS,
    PAIR,
    Row,
    cells,
    effect_panels,
    effects,
    figures_of,
    grid,
    intervals,
    markdown,
    mean_interval,
    name_of,
    panels,
    student,
)
from neo_core.neo2.window_layout import Sync, groups

BASE = Sync(chunk=8)


def rows(seeds: int = 6) -> list[Row]:
    """Every seed has a level of its own; flow takes 0.3 from it, shared noise adds 0.1, a join of groups 0.2."""
    found = []
    for seed in range(seeds):
        found.append(Row(FILMS, seed, f"scene {seed}", seed, {"velocity": 1.0}))
        for name, sync in cells(BASE).items():
            value = 5.0 * seed - 0.3 * (sync.fusion == "flow") + 0.1 * sync.shared_noise + 0.2 * (sync.group == PAIR)
            found.append(Row(name, seed, f"scene {seed}", seed, {"velocity": value, "seconds": 2.0}))
    return found


def test_the_grid_has_every_combination_once():
    found = cells(BASE)
    assert len(grid(BASE)) == len(set(grid(BASE))) == 2 * 4 * 2 * 2
    assert len(set(found.values())) == len(found) == 32 + 1 + 4
    assert all(sync.chunk == 8 and name == name_of(sync) for name, sync in found.items())
    assert "shared flow phase context" in found
    assert "own cut" in found


def test_beside_the_grid_stand_chunks_alone_and_groups_that_meet():
    found = cells(BASE)
    alone = found[ALONE]
    assert (alone.overlap, alone.shared_noise, alone.context, alone.phase) == (0, False, False, False)
    assert found["shared flow phase context pairs"] == replace(found["shared flow phase context"], group=PAIR)
    assert sum(len(groups(22, sync)) > 1 for sync in cells(Sync()).values()) == 4, "joins of groups are in the grid"


@pytest.mark.parametrize(("freedom", "expected"), [(2, 4.303), (4, 2.776), (11, 2.201), (30, 2.042)])
def test_students_quantiles_are_those_of_the_books(freedom, expected):
    assert student(freedom) == pytest.approx(expected, rel=0.04 if freedom == 2 else 0.005)


def test_an_interval_is_about_its_mean():
    found = mean_interval("a", [1.0, 2.0, 3.0])
    assert found.value == 2
    assert found.high - 2 == pytest.approx(2 - found.low)
    assert found.high - 2 == pytest.approx(student(2) / math.sqrt(3))
    assert math.isnan(mean_interval("a", [1.0]).low)


def test_effects_compare_cells_that_differ_in_one_choice():
    found = {interval.name: interval for interval in effects(rows(), "velocity", BASE)}
    assert found["flow - linear"].value == pytest.approx(-0.3)
    assert found["shared noise - own"].value == pytest.approx(0.1)
    assert found["phase - none"].value == pytest.approx(0)
    assert found["lagged context - none"].value == pytest.approx(0)
    assert found["flow - cut"].high - found["flow - cut"].low < 1e-6  # what the seeds have in common drops out


def test_joins_of_groups_are_told_from_those_within():
    found = {interval.name: interval for interval in effects(rows(), "velocity", BASE)}
    assert found["joins of groups - within"].value == pytest.approx(0.2)


def test_seeds_that_show_one_person_count_as_one():
    """Six people, three seeds each that differ in nothing: as sure as six seeds are, not as eighteen."""
    thrice = [replace(row, seed=3 * row.seed + k) for row in rows() for k in range(3)]
    once, often = (intervals(found, "velocity") for found in (rows(), thrice))
    assert [interval.name for interval in once] == [interval.name for interval in often]
    assert [interval.high for interval in often] == pytest.approx([interval.high for interval in once])
    alike = [replace(row, person=7) for row in rows()]
    assert all(math.isnan(interval.low) for interval in intervals(alike, "velocity"))
    assert all(math.isnan(interval.low) for interval in effects(alike, "velocity", BASE))


def test_effects_take_only_seeds_that_are_complete():
    incomplete = [row for row in rows() if (row.cell, row.seed) != ("own cut", 3)]
    whole, part = (
        {interval.name: interval.value for interval in effects(found, "velocity", BASE)}
        for found in (rows(), incomplete)
    )
    assert part.keys() == whole.keys()
    assert part["flow - linear"] == pytest.approx(-0.3)


def test_the_tables_name_every_cell_and_choice():
    text = markdown(rows(), BASE)
    lines = text.splitlines()
    assert [sum(line.startswith(f"| {name} |") for line in lines) for name in cells(BASE)] == [1] * 37
    assert "| the films | 1.000 ± 0.000 |  |" in text
    assert "| flow - linear | -0.300 ± 0.000 | 0.000 ± 0.000 |" in text
    assert "6 seeds each, which show 6 people" in text
    assert figures_of(rows()) == ["velocity"]


def test_plots_have_a_panel_for_each_figure():
    drawn = panels(rows(1), ["velocity"])
    assert len(drawn[0].rows) == 38
    assert plot_intervals(drawn).ndim == 3
    assert len(effect_panels(rows(), ["velocity"], BASE)) == 1
