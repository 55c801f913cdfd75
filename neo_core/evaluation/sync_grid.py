"""The table of the ablation grid of Neural Continuum Sync: means, 95 % intervals, and what each choice changes.

A row is one video: a cell of the grid, a seed, whom it shows, figures by name. Effects are compared seed by seed
between cells that differ in one choice alone, and averaged over all such pairs of cells: what the seeds have in common
drops out. Seeds that show one person count as one, by their mean: intervals are about other people.

Beside the grid stand the chunks that know nothing of each other, and groups of two chunks: where two groups meet, the
chunks were not denoised together, and the figures of those cells are of these joins alone.

Letters: N people.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean, stdev

from ..neo2.window_layout import FUSIONS, Sync
from .interval_plot import Interval, Intervals

FILMS = "the films"  # the cell of the truth
ALONE = "chunks alone"  # that of chunks that know nothing of each other, cut hard
PAIR = 2  # chunks of a group in the arm whose groups meet
NORMAL = 1.959964  # 97.5 % quantile
FIGURES = {  # name -> what it is, as it should be
    "velocity": "seam velocity ratio (1: like the interior)",
    "acceleration": "seam acceleration ratio (1)",
    "ghosting": "detail at seams, ratio (1; a cross-fade has less)",
    "interpolation": "motion-interpolation error, seam / interior (1)",
    "colour": "colour drift, levels of 255 per chunk (0)",
    "identity": "identity slope, cosine per chunk (0)",
    "mouth": "mouth opening, correlation with the film (higher)",
    "gestures": "hand speed, correlation with prosody (higher)",
    "seconds": "seconds for the latents",
}


@dataclass(frozen=True)
class Row:
    """One video."""

    cell: str
    seed: int
    scene: str
    person: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """One decision of the grid: what it is called, and the cell with it for a cell without."""

    name: str
    base: Callable[[Sync], bool]
    other: Callable[[Sync], Sync]


def cells(base: Sync) -> dict[str, Sync]:
    """Chunks alone, the grid, and the arm with groups of two chunks, by name."""
    pairs = [replace(sync, group=PAIR) for sync in grid(base) if _whole(sync)]
    return {name_of(sync): sync for sync in (alone(base), *grid(base), *pairs)}


def grid(base: Sync) -> list[Sync]:
    """{own, shared noise} x {cut, linear, pyramid, flow} x {phase} x {lagged context}."""
    options = product((False, True), FUSIONS, (False, True), (False, True))
    return [
        replace(base, shared_noise=shared, fusion=fusion, phase=phase, context=context)
        for shared, fusion, phase, context in options
    ]


def alone(base: Sync) -> Sync:
    """Chunks that know nothing of each other: no latent, no noise, no context is shared."""
    return replace(base, overlap=0, fusion="cut", phase=False, shared_noise=False, context=False)


def name_of(sync: Sync) -> str:
    """Shared or own noise, fusion, and what is switched on."""
    if not sync.overlap:
        return ALONE
    parts = ["shared" if sync.shared_noise else "own", sync.fusion]
    parts += [word for word, on in (("phase", sync.phase), ("context", sync.context)) if on]
    return " ".join([*parts, *(["pairs"] if sync.group == PAIR else [])])


def _whole(sync: Sync) -> bool:
    """Everything is switched on."""
    return sync.shared_noise and sync.phase and sync.context


CHOICES = (
    Choice("shared noise - own", lambda s: not s.shared_noise, lambda s: replace(s, shared_noise=True)),
    Choice("phase - none", lambda s: not s.phase, lambda s: replace(s, phase=True)),
    Choice("lagged context - none", lambda s: not s.context, lambda s: replace(s, context=True)),
    *(
        Choice(f"{fusion} - {other}", lambda s, f=other: s.fusion == f, lambda s, f=fusion: replace(s, fusion=f))
        for fusion, other in (("linear", "cut"), ("flow", "cut"), ("flow", "linear"), ("flow", "pyramid"))
    ),
    Choice("joins of groups - within", _whole, lambda s: replace(s, group=PAIR)),
)


def mean_interval(name: str, values: Sequence[float]) -> Interval:
    """The mean and the interval of 95 % for it, by Student's t."""
    middle = fmean(values)
    half = student(len(values) - 1) * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Interval(name, middle, middle - half, middle + half)


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5); too small by 4 % for 2 degrees of freedom."""
    z, inverse = NORMAL, 1 / max(1, freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term * inverse ** (power + 1) for power, term in enumerate(terms))


def figures_of(rows: Sequence[Row]) -> list[str]:
    """The figures that every row has, in their order."""
    return [name for name in FIGURES if rows and all(name in row.figures for row in rows)]


def intervals(rows: Sequence[Row], figure: str) -> list[Interval]:
    """One figure of every cell, in the order of the rows."""
    by_cell: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        by_cell.setdefault(row.cell, []).append((row.person, row.figures[figure]))
    return [mean_interval(cell, by_person(values)) for cell, values in by_cell.items()]


def by_person(values: Sequence[tuple[int, float]]) -> list[float]:
    """The mean of what belongs to each person."""
    found: dict[int, list[float]] = {}
    for person, value in values:
        found.setdefault(person, []).append(value)
    return [fmean(theirs) for theirs in found.values()]


def effects(rows: Sequence[Row], figure: str, base: Sync) -> list[Interval]:
    """What each choice changes in a figure, seed by seed."""
    found = {(row.cell, row.seed): row.figures[figure] for row in rows}
    people = {row.seed: row.person for row in rows}
    intervals = []
    for choice in CHOICES:
        pairs = [(name_of(cell), name_of(choice.other(cell))) for cell in grid(base) if choice.base(cell)]
        changes = [
            (person, fmean(found[b, seed] - found[a, seed] for a, b in pairs))
            for seed, person in sorted(people.items())
            if all((name, seed) in found for pair in pairs for name in pair)
        ]
        if changes:
            intervals.append(mean_interval(choice.name, by_person(changes)))
    return intervals


def markdown(rows: Sequence[Row], base: Sync) -> str:
    """Both tables, with what was counted."""
    names = figures_of([row for row in rows if row.cell != FILMS]) or figures_of(rows)
    counts = [sum(row.cell == cell for row in rows) for cell in dict.fromkeys(row.cell for row in rows)]
    seeds = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    people = len({row.person for row in rows})
    lines = [
        f"{len(counts)} rows of {seeds} seeds each, which show {people} people; mean over people and 95 % interval.",
        "",
    ]
    lines += _table("cell", names, {name: intervals([r for r in rows if name in r.figures], name) for name in names})
    changes = {name: effects([row for row in rows if name in row.figures], name, base) for name in names}
    if any(changes.values()):
        lines += ["", "What each choice changes, seed by seed, over all cells that differ in nothing else:", ""]
        lines += _table("choice", names, changes)
    lines += ["", *(f"- **{name}**: {FIGURES[name]}" for name in names)]
    return "\n".join(lines) + "\n"


def _table(corner: str, names: Sequence[str], columns: Mapping[str, Sequence[Interval]]) -> list[str]:
    found = {name: {interval.name: interval for interval in columns[name]} for name in names}
    order = dict.fromkeys(interval.name for name in names for interval in columns[name])
    lines = [f"| {corner} | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for row in order:
        lines.append(f"| {row} | {' | '.join(_cell(found[name].get(row)) for name in names)} |")
    return lines


def _cell(interval: Interval | None) -> str:
    if interval is None:
        return ""
    half = (interval.high - interval.low) / 2
    return f"{interval.value:.3f}" if math.isnan(half) else f"{interval.value:.3f} ± {half:.3f}"


def panels(rows: Sequence[Row], figures: Sequence[str]) -> list[Intervals]:
    """Cells one below the other, for the plot. A cell of a single seed has no interval."""
    return [Intervals(FIGURES[name], tuple(map(_drawn, intervals(rows, name)))) for name in figures]


def effect_panels(rows: Sequence[Row], figures: Sequence[str], base: Sync) -> list[Intervals]:
    """What each choice changes, for the plot."""
    return [
        Intervals(f"change of: {FIGURES[name]}", tuple(map(_drawn, found)))
        for name in figures
        if (found := effects(rows, name, base))
    ]


def _drawn(interval: Interval) -> Interval:
    known = not math.isnan(interval.low)
    return interval if known else Interval(interval.name, interval.value, interval.value, interval.value)
