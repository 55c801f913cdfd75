"""`calibrate DIR`: learn how the keypoints of a LivePortrait checkpoint answer to our motion; kept in its folder."""

import argparse
import json
from pathlib import Path

from ..pipelines.bridge_calibration import calibrate, summary
from .progress import ProgressBar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="DIR", help="the folder with the checkpoint's five files")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    with ProgressBar("reading") as progress:
        report = calibrate(arguments.checkpoint, progress)
    print(json.dumps(report) if arguments.json else summary(report))
    return 0
