"""NEO beside NEO 1.5: the rows of the NEO 1.5 post, measured on rule-made truth, both architectures and the ablations.

    python -m neo_core bench vocal --assets DIR [--weights DIR]

Held-out synthetic speakers say held-out real sentences. DIR holds files named COLUMN-SEED.safetensors (`COLUMNS`), all
trained for equal steps; without it the shipped weights are the only column. The intervals are from a bootstrap over
clips (or speakers) and seeds: 95 %.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..audio.loading import load_audio_encoder
from ..data_types import InputError
from ..evaluation.interval_plot import Interval, Intervals, plot_intervals
from ..motion_space import rest
from ..vocal.loading import load_vocal
from ..weights.safetensors_io import load_made
from .identity_truth import RULE_SEEDS, Performer, Sentence, by_rules, by_vocal, held_out_sentences
from .synthetic.performance import perform_score
from .synthetic.speakers import sample_speaker
from .vocal_rows import FIGURES, Acted, Figure, Stage, answer, habits_of

SPEAKERS = range(9_700_000, 9_700_010)  # never drawn in training, see `identity_truth.SPEAKERS`
TRUTH_SEEDS = (101, 202, 303)  # of the rules' own column: not those that say what the habits are
DRAWS = 1000
COLUMNS = {  # name in a file -> in the table
    "neo": "NEO",
    "neo-1.5": "NEO 1.5",
    "no-residuals": "without attention residuals",
    "no-differential": "without differential attention",
    "identity-side": "identity as side conditioner",
}
TRUTH, SHIPPED = "rule-made truth", "NEO 1.5, shipped"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """One performer, trained with several seeds."""

    name: str
    seeds: tuple[Performer, ...]
    cost: str = ""  # steps and minutes of a training run


@dataclass(frozen=True)
class Cell:
    value: float
    low: float
    high: float


Table = dict[str, list[Cell]]  # column -> one cell for each of `FIGURES`


def measure(assets: Path, weights: Path | None, speakers: Sequence[int] = SPEAKERS) -> tuple[Table, list[Column]]:
    """The whole table."""
    stage = set_stage(held_out_sentences(assets, load_audio_encoder(), each=1), speakers)
    columns = [truth_column(), *(trained_columns(weights) if weights else [shipped_column()])]
    return compare(stage, columns), columns


def set_stage(sentences: Sequence[Sentence], seeds: Sequence[int]) -> Stage:
    """The speakers with what they are like by the rules."""
    speakers = [sample_speaker(seed) for seed in seeds]
    scores = [sentence.score for sentence in sentences]
    every = [[act(by_rules, [speaker], sentences, seed)[0] for seed in range(RULE_SEEDS)] for speaker in speakers]
    pooled = [[(s, m) for motions in acted for s, m in zip(scores, motions, strict=True)] for acted in every]
    return Stage(
        speakers=tuple(speakers),
        sentences=tuple(sentences),
        truth=[acted[0] for acted in every],
        habits=torch.stack([habits_of(s, p) for s, p in zip(speakers, pooled, strict=True)]),
        answers=torch.stack([answer(s, p) for s, p in zip(speakers, pooled, strict=True)]),
    )


def act(perform: Performer, speakers: Sequence, sentences: Sequence[Sentence], seed: int) -> Acted:
    """Every speaker says every sentence."""
    return [[perform(s, speaker, seed * 100 + k) for k, s in enumerate(sentences)] for speaker in speakers]


def truth_column() -> Column:
    """The rules with other seeds than those that the truth was taken from."""

    def with_seed(seed: int) -> Performer:
        return lambda sentence, speaker, number: perform_score(sentence.score, speaker, seed * 1000 + number, rest())

    return Column(TRUTH, tuple(with_seed(seed) for seed in TRUTH_SEEDS))


def shipped_column() -> Column:
    """What comes with the checkout."""
    return Column(SHIPPED, (by_vocal(load_vocal()),))


def trained_columns(folder: Path) -> list[Column]:
    """The files COLUMN-SEED.safetensors of a folder. Raises InputError when there is none, or steps differ."""
    files = sorted(folder.glob("*.safetensors"))
    found = {name: [p for p in files if p.stem.rpartition("-")[0] == name] for name in COLUMNS}
    found = {name: paths for name, paths in found.items() if paths}
    if not found:
        raise InputError(f"{folder} holds no weights; expected COLUMN-SEED.safetensors, COLUMN in {', '.join(COLUMNS)}")
    made = {path: load_made(path) for paths in found.values() for path in paths}
    for path, run in made.items():
        if missing := {"steps", "minutes"} - run.keys():
            raise InputError(
                f"{path} does not say its {' and '.join(sorted(missing))}; expected what `train vocal` wrote"
            )
    steps = {run["steps"] for run in made.values()}
    if len(steps) != 1:
        raise InputError(f"the weights in {folder} were trained for {sorted(steps)} steps; expected one number for all")
    return [
        Column(COLUMNS[name], tuple(by_vocal(load_vocal(path)) for path in paths), _cost([made[p] for p in paths]))
        for name, paths in found.items()
    ]


def _cost(runs: Sequence[dict]) -> str:
    minutes = np.mean([run["minutes"] for run in runs])
    return f"{runs[0]['steps']} steps, {minutes:.1f} CPU min"


def compare(stage: Stage, columns: Sequence[Column]) -> Table:
    """Every figure of every column."""
    true = [figure.sums(stage, stage.truth) for figure in FIGURES]
    table: Table = {}
    for column in columns:
        acted = [act(perform, stage.speakers, stage.sentences, seed=7) for perform in column.seeds]
        table[column.name] = [
            cell(figure, torch.stack([figure.sums(stage, a) for a in acted]), truth)
            for figure, truth in zip(FIGURES, true, strict=True)
        ]
        log.info("%s: %s", column.name, ", ".join(f"{c.value:.3g}" for c in table[column.name]))
    return table


def cell(figure: Figure, sums: Tensor, truth: Tensor, draws: int = DRAWS) -> Cell:
    """The figure over all seeds and units, and the middle 95 % of it over resampled ones.

    sums [K, U, N], truth [U, N]
    """
    dice = torch.Generator().manual_seed(0)
    seeds, units = sums.shape[:2]
    drawn = []
    for _ in range(draws):
        own = torch.randint(seeds, (seeds,), generator=dice)
        part = torch.randint(units, (units,), generator=dice)
        drawn.append(figure.value(sums[own][:, part].flatten(0, 1), truth[part]))
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Cell(figure.value(sums.flatten(0, 1), truth), float(low), float(high))


def markdown(table: Table, columns: Sequence[Column]) -> str:
    """The table, and under it what each column cost."""
    heads = [f"{c.name} ({c.cost})" if c.cost else c.name for c in columns]
    lines = ["| row | figure | better | " + " | ".join(heads) + " |", "|---|---|---|" + "---|" * len(heads)]
    for number, figure in enumerate(FIGURES):
        cells = [table[column.name][number] for column in columns]
        said = " | ".join(f"{c.value:.3g} ({c.low:.3g} to {c.high:.3g})" for c in cells)
        lines.append(f"| {figure.row} | {figure.name}, {figure.unit} | {figure.better} | {said} |")
    return "\n".join(lines)


def plot(table: Table) -> Tensor:
    """A panel for each figure, a line for each column. u8 [H, W, 3]"""
    return plot_intervals(
        [
            Intervals(
                f"{figure.name}, {figure.unit} ({figure.better})",
                tuple(Interval(name, c.value, c.low, c.high) for name, cells in table.items() for c in (cells[k],)),
            )
            for k, figure in enumerate(FIGURES)
        ]
    )
