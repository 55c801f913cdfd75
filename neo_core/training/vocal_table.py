"""NEO beside NEO 1.5: the rows of the NEO 1.5 post, measured on rule-made truth, both architectures and the ablations.

    python -m neo_core bench vocal --assets DIR [--weights DIR]

Held-out synthetic speakers say held-out real sentences. DIR holds files named COLUMN-SEED.safetensors (`COLUMNS`), all
trained for equal steps; without it the shipped weights are the only column.

The intervals, 95 %, are from a bootstrap over speakers, sentences and seeds. Clips of one speaker are alike, and so are
those of one sentence: speakers and sentences are drawn apart and every drawn speaker says every drawn sentence (the
pigeonhole bootstrap, arXiv 0712.1111). All columns see the same draws, so that the interval of a difference between two
of them is of that difference, not of what both share.

Letters: D draws, K seeds of a column, S speakers, C sentences, U units (clips or speakers), N sums of a unit.
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
AGAINST = (COLUMNS["neo-1.5"], SHIPPED)  # the column that the others are compared with: whichever there is
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """One performer, trained with several seeds."""

    name: str
    seeds: tuple[Performer, ...]
    cost: str = ""  # steps and minutes of a training run


@dataclass(frozen=True)
class Draws:
    """Who and what each resampling holds."""

    speakers: Tensor  # [D, S]
    sentences: Tensor  # [D, C]

    def units(self, count: int) -> Tensor:
        """Numbers of the drawn units, where there is one for each speaker, or for each speaker's sentence. [D, U]"""
        if count == self.speakers.shape[1]:
            return self.speakers
        return (self.speakers[:, :, None] * self.sentences.shape[1] + self.sentences[:, None]).flatten(1)

    def seeds(self, count: int) -> Tensor:
        """Numbers of the drawn seeds, the same for all columns of so many: equal seeds saw equal data. [D, K]"""
        return torch.randint(count, (len(self.speakers), count), generator=torch.Generator().manual_seed(count))


@dataclass(frozen=True)
class Cell:
    """A figure with what it is in every draw; the difference of two cells is drawn by draw."""

    value: float
    drawn: np.ndarray  # [D]

    def __sub__(self, other: "Cell") -> "Cell":
        with np.errstate(invalid="ignore"):  # inf less inf: no value either
            return Cell(self.value - other.value, self.drawn - other.drawn)

    @property
    def low(self) -> float:
        """Where the middle 95 % begin."""
        return self._end(0.025)

    @property
    def high(self) -> float:
        """Where they end."""
        return self._end(0.975)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0

    def _end(self, share: float) -> float:
        """Draws in which there is nothing to divide by have no value and are left out."""
        return float(np.quantile(self.drawn[np.isfinite(self.drawn)], share))


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
    draws = draw(len(stage.speakers), len(stage.sentences))
    table: Table = {}
    for column in columns:
        acted = [act(perform, stage.speakers, stage.sentences, seed=7) for perform in column.seeds]
        table[column.name] = [
            cell(figure, torch.stack([figure.sums(stage, a) for a in acted]), truth, draws)
            for figure, truth in zip(FIGURES, true, strict=True)
        ]
        log.info("%s: %s", column.name, ", ".join(f"{c.value:.3g}" for c in table[column.name]))
    return table


def draw(speakers: int, sentences: int, count: int = DRAWS) -> Draws:
    """Speakers and sentences with replacement, apart from each other."""
    dice = torch.Generator().manual_seed(0)
    return Draws(*(torch.randint(n, (count, n), generator=dice) for n in (speakers, sentences)))


def cell(figure: Figure, sums: Tensor, truth: Tensor, draws: Draws) -> Cell:
    """The figure over all seeds and units, and over those of every draw. sums [K, U, N], truth [U, N]"""
    drawn = [
        figure.value(sums[seeds][:, units].flatten(0, 1), truth[units])
        for seeds, units in zip(draws.seeds(len(sums)), draws.units(len(truth)), strict=True)
    ]
    return Cell(figure.value(sums.flatten(0, 1), truth), np.array(drawn))


def differences(table: Table) -> Table:
    """Every other column less NEO 1.5, in every figure; nothing where that is no column."""
    against = next((name for name in AGAINST if name in table), None)
    others = {name: cells for name, cells in table.items() if against and name != against}
    return {name: [c - own for c, own in zip(cells, table[against], strict=True)] for name, cells in others.items()}


def markdown(table: Table, columns: Sequence[Column]) -> str:
    """The table with what each column cost, and under it how far the columns are from NEO 1.5."""
    heads = {c.name: f"{c.name} ({c.cost})" if c.cost else c.name for c in columns}
    said = _lines({heads[name]: [_interval(c, "") for c in cells] for name, cells in table.items()})
    apart = {name: [_apart(c) for c in cells] for name, cells in differences(table).items()}
    if not apart:
        return said
    return f"{said}\n\nDifference to NEO 1.5 (95 %); bold: the interval excludes 0.\n\n{_lines(apart)}"


def _lines(cells: dict[str, list[str]]) -> str:
    """What is said of every figure, by the head of its column."""
    lines = ["| row | figure | better | " + " | ".join(cells) + " |", "|---|---|---|" + "---|" * len(cells)]
    for figure, said in zip(FIGURES, zip(*cells.values(), strict=True), strict=True):
        lines.append(f"| {figure.row} | {figure.name}, {figure.unit} | {figure.better} | {' | '.join(said)} |")
    return "\n".join(lines)


def _interval(cell: Cell, sign: str) -> str:
    return f"{cell.value:{sign}.3g} ({cell.low:{sign}.3g} to {cell.high:{sign}.3g})"


def _apart(cell: Cell) -> str:
    said = _interval(cell, "+")
    return f"**{said}**" if cell.excludes_zero else said


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
