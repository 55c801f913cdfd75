"""`bench NAME`: measure, compare with `docs/bars.toml`, print the table. Exit code 1 when a bar was missed."""

import argparse
import json
import logging
import os
import platform
import tempfile
from functools import partial
from pathlib import Path

from ..evaluation import motion, talking_head
from ..evaluation.bench import Measurement, Row, judge, load_bars, run
from ..evaluation.talking_head import SAMPLES, Studio
from ..media.audio import read_waveform
from ..training import renderer_truth

BENCHES = ("talking-head",)
PARTS = (
    *("faces", "landmarks", "silence", "seeds", "zeroed", "region", "bad-input", "same-seed", "truth"),
    *("lip-sync", "time", "memory"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--media", type=Path, help="pictures to judge with, which you may use for that")
    parser.add_argument("--assets", type=Path, help="training assets with held-out speech (default: beside the media)")
    parser.add_argument("--lipcheck", default="", help="command that scores the lip sync of a video")
    parser.add_argument("--work", type=Path, help="keep clips and reports in this folder")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="PART", help="measure only these parts; the other rows stay empty"
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work = arguments.work or Path(tempfile.mkdtemp(prefix="neo_bench_"))
    work.mkdir(parents=True, exist_ok=True)
    media = arguments.media or work / "no media named"
    assets = arguments.assets or media.parent / "assets"
    parts = talking_head_parts(Studio(media, assets, arguments.lipcheck, work))
    chosen = {name: parts[name] for name in arguments.only or parts}
    rows = judge(load_bars(arguments.name), run(chosen))
    print(table(rows))
    print(
        f"\nmachine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; clips in {work}"
    )
    if arguments.json:
        print(json.dumps([row.to_json() for row in rows]))
    return 0 if all(row.ok for row in rows) else 1


def talking_head_parts(studio: Studio) -> dict[str, Measurement]:
    """Every part of the bench by name, cheap ones first."""
    speech = partial(read_waveform, SAMPLES / "speech.flac")
    return {
        "faces": partial(talking_head.faces, studio),
        "landmarks": partial(talking_head.landmarks, studio),
        "silence": lambda: motion.silence(motion.shipped()),
        "seeds": lambda: motion.seeds(motion.shipped(), speech()),
        "zeroed": lambda: motion.zeroed(motion.shipped(), speech()),
        "region": partial(talking_head.region, studio),
        "bad-input": partial(talking_head.bad_input, studio),
        "same-seed": partial(talking_head.same_seed, studio),
        "truth": renderer_truth.bench,
        "lip-sync": partial(talking_head.lip_sync, studio),
        "time": partial(talking_head.cost, studio),
        "memory": partial(talking_head.memory, studio),
    }


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| figure | value | bar | met |", "|---|---|---|---|"]
    for row in rows:
        value = "could not run" if row.value is None else f"{row.value:.3g} {row.unit}"
        lines.append(f"| {row.name} | {value} | {row.bar} | {'yes' if row.ok else '**no**'} |")
    return "\n".join(lines)
