"""`seams VIDEO`: can one see where its chunks meet? NEO 2's say where; of others it is told, `--joins 1.4,2.9`."""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from ..evaluation.continuity import REACH, WHOLE_OVERLAP, Seam, SeamReport, video_report
from ..evaluation.seam_plot import plot_seams
from ..media.destination import check_writable
from ..media.image import WRITABLE, write_image

FIGURES = ("velocity", "acceleration", "ghosting", "interpolation", "direction")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path, metavar="VIDEO")
    where = parser.add_mutually_exclusive_group()
    text = (
        "the seconds at which chunks meet: 1.4,2.9 (default: as the file says; videos of NEO 2 do. Theirs are not "
        "evenly apart: joins within a group of chunks shift from step to step, those of two groups do not)"
    )
    where.add_argument("--joins", type=moments, metavar="S,S,...", help=text)
    where.add_argument("--every", type=float, metavar="SECONDS", help="chunks of equal length: the seconds of each")
    text = (
        f"frames to either side of a join that count as its seam (default: {REACH}, one latent of NEO 2; "
        f"{WHOLE_OVERLAP}: all that its chunks have in common)"
    )
    parser.add_argument("--reach", type=int, default=REACH, metavar="FRAMES", help=text)
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="also draw what was measured")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of text")


def execute(arguments: argparse.Namespace) -> int:
    if arguments.plot:
        check_writable(arguments.plot, WRITABLE, (arguments.video,))
    report = video_report(arguments.video, arguments.joins or (), arguments.every, arguments.reach)
    if arguments.plot:
        write_image(arguments.plot, plot_seams(report))
    if arguments.json:
        print(json.dumps(to_json(report), allow_nan=False))
        return 0
    print(report.table())
    if arguments.plot:
        print(arguments.plot)
    return 0


def to_json(report: SeamReport) -> dict:
    """A report as plain values: ratios to the interior as in the table, seconds, levels of 255. What could not be
    measured, such as the direction of a still picture's changes, is None."""
    usual = asdict(report.inside)
    return {
        "joins": [_plain(seam, report.rate) for seam in report.seams],
        "worst": None if report.worst is None else _plain(report.worst, report.rate),
        "elsewhere": {"places": len(report.elsewhere), "standing_out": sum(bool(p.faults) for p in report.elsewhere)},
        "median": {name: _number(getattr(report, name)) for name in FIGURES},
        "inside": {name: _number(usual[name]) for name in ("direction", "colour")},
        "identity_slope": _number(report.identity_slope),
        "colour_drift": _number(report.colour_drift),
        "reach": report.reach,
        "fps": round(report.rate, 3),
        "verdict": report.verdict(),
    }


def _plain(seam: Seam, rate: float) -> dict:
    figures = {name: _number(getattr(seam, name)) for name in (*FIGURES, "colour")}
    return {"second": round(seam.at / rate, 3), "frame": seam.at, **figures, "looks_like": list(seam.faults)}


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def moments(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"joins are {text!r}; expected seconds such as 1.4,2.9") from None
