"""`calibrate DIR`: learn how the keypoints of a LivePortrait checkpoint answer to our motion; kept in its folder."""

import argparse
import json
from pathlib import Path

from ..pipelines.bridge_calibration import calibrate
from .progress import ProgressBar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="DIR", help="the folder with the checkpoint's five files")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    with ProgressBar("reading") as progress:
        report = calibrate(arguments.checkpoint, progress)
    print(json.dumps(report) if arguments.json else told(report))
    return 0


def told(report: dict) -> str:
    """For people: what counts is how well those are told who were not learnt from."""
    shares = (report[name] for name in ("explained_of_others", "sliders_of_others", "turns_of_others"))
    learnt, sliders, turns = (f"{round(share, 2) + 0:.0%}" for share in shares)
    lines = [
        f"{report['probes']} readings; of people that were not learnt from,",
        f"  expression: {learnt} explained, {sliders} by the published sliders",
        f"  turns: {turns} explained of what geometry leaves over",
    ]
    kept = f"{report['bridge']}: {' and '.join(report['learnt'])}"
    if not report["learnt"]:
        kept = "nothing was written: it tells them no better than what is published"
        kept += f"; remove {report['bridge']}, made before, to use that" if report["bridge"] else ""
    return "\n".join([*lines, kept])
