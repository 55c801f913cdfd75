"""`compare measure|deal|count`: the mini beside the geometric renderer, on people that nothing was trained on.

    python -m neo_core compare measure --people HELD [--films FILM...] [--mini FILE]
    python -m neo_core compare deal --people HELD [--films FILM...] --out PAIRS --key KEY.json
    python -m neo_core compare count VERDICTS.txt --key KEY.json

A film needs a consent record for its first frame, as any animation does: `consent add FILM`. Reviewers get the folder
of `deal` and nothing else; what they say is text, a line a pair (`01 left: why`), which `count` reads back.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ..data_types import InputError
from ..evaluation.renderer_comparison import (
    PATTERN,
    Take,
    beats,
    contests,
    factory_takes,
    film_take,
    measure,
    renderers,
)
from ..evaluation.renderer_pairs import count, deal, fingerprint
from ..pictar.mini.network import load_mini
from ..pipelines.talking_head import Models, load_models
from .progress import ProgressBar

PAIRS, FILM_MOMENTS = 30, 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tasks = parser.add_subparsers(dest="task", required=True, metavar="measure|deal|count")
    own = {name: tasks.add_parser(name) for name in ("measure", "deal", "count")}
    for name in ("measure", "deal"):
        _add_takes(own[name])
    own["measure"].add_argument("--json", action="store_true", help="print JSON")
    own["deal"].add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the reviewers")
    own["deal"].add_argument("--count", type=int, default=PAIRS, help=f"pairs (default: {PAIRS})")
    text = "deal again what a key tells; without it which side is which cannot be known beforehand"
    own["deal"].add_argument("--seed", type=int, help=text)
    own["count"].add_argument("verdicts", type=Path, metavar="VERDICTS.txt")
    for name in ("deal", "count"):
        own[name].add_argument("--key", type=Path, required=True, metavar="KEY.json", help="which is which")


def _add_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=Path, metavar="DIR", help="made by `factory portrait-pairs --held-out`")
    parser.add_argument("--films", type=Path, nargs="+", default=(), metavar="FILM", help="of people who talk")
    parser.add_argument("--moments", type=int, default=FILM_MOMENTS, help="of a film that are compared")
    parser.add_argument("--mini", type=Path, metavar="FILE", help="of `train volumetric` (default: the embedded one)")


def execute(arguments: argparse.Namespace) -> int:
    return {"measure": _measure, "deal": _deal, "count": _count}[arguments.task](arguments)


def _measure(arguments: argparse.Namespace) -> int:
    drawing, models = renderers(load_mini(arguments.mini)), load_models()
    figures = []
    with tempfile.TemporaryDirectory() as home, ProgressBar("comparing") as progress:
        for done, take in enumerate(_takes(arguments, models, Path(home))):
            progress(done, _total(arguments), None)
            figures.append(measure(models, take, {name: draw(take) for name, draw in drawing.items()}))
    table = contests(figures)
    if arguments.json:
        print(json.dumps({"better by every measure": beats(table)} | {name: asdict(c) for name, c in table.items()}))
        return 0
    print(f"{'':24}{'geometric':>10}{'mini':>10}{'gain':>10}   95 % of draws")
    for name, contest in table.items():
        values = "".join(f"{value:10.3f}" for value in (contest.geometric, contest.mini, contest.gain))
        print(f"{name:24}{values}   {contest.range.low:+.3f} to {contest.range.high:+.3f}, {contest.takes} portraits")
    print(f"{sum(map(bool, figures))} of {_total(arguments)} people and films could be enrolled and judged")
    print(f"the mini is better by every measure: {'yes' if beats(table) else 'no'}")
    return 0


def _deal(arguments: argparse.Namespace) -> int:
    drawing, models = renderers(load_mini(arguments.mini)), load_models()
    with tempfile.TemporaryDirectory() as home, ProgressBar("drawing") as progress:
        takes = list(_takes(arguments, models, Path(home)))
        for done, _ in enumerate(
            deal(takes, drawing, arguments.out, arguments.key, arguments.count, arguments.seed), 1
        ):
            progress(done, arguments.count, None)
    print(f"{arguments.out}: {arguments.count} pairs; the key is {arguments.key}, sha256 {fingerprint(arguments.key)}")
    return 0


def _count(arguments: argparse.Namespace) -> int:
    found = count(arguments.verdicts, arguments.key)
    print(", ".join(f"{name} {number}" for name, number in found.most_common()) + f" of {found.total()}")
    return 0


def _total(arguments: argparse.Namespace) -> int:
    return len(arguments.films) + (len(list(arguments.people.glob(PATTERN))) if arguments.people else 0)


def _takes(arguments: argparse.Namespace, models: Models, home: Path) -> Iterator[Take]:
    if not arguments.people and not arguments.films:
        raise InputError("neither --people nor --films found; expected one or both")
    if arguments.people:
        yield from factory_takes(models, arguments.people, home)
    for film in arguments.films:
        yield film_take(models, film, arguments.moments)
