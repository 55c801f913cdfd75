"""`seams VIDEO`: can one see where its chunks meet? NEO 2's say where; of others it is told, `--joins 1.4,2.9`."""

import argparse
from pathlib import Path

from ..evaluation.continuity import REACH, video_report
from ..evaluation.seam_plot import plot_seams
from ..media.destination import check_writable
from ..media.image import WRITABLE, write_image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path, metavar="VIDEO")
    where = parser.add_mutually_exclusive_group()
    text = "the seconds at which chunks meet: 1.4,2.9 (default: as the file says; videos of NEO 2 do)"
    where.add_argument("--joins", type=moments, metavar="S,S,...", help=text)
    where.add_argument("--every", type=float, metavar="SECONDS", help="chunks of equal length: the seconds of each")
    text = f"frames to either side of a join that count as its seam (default: {REACH})"
    parser.add_argument("--reach", type=int, default=REACH, metavar="FRAMES", help=text)
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="also draw what was measured")


def execute(arguments: argparse.Namespace) -> int:
    if arguments.plot:
        check_writable(arguments.plot, WRITABLE, (arguments.video,))
    report = video_report(arguments.video, arguments.joins or (), arguments.every, arguments.reach)
    print(report.table())
    if arguments.plot:
        write_image(arguments.plot, plot_seams(report))
        print(arguments.plot)
    return 0


def moments(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"joins are {text!r}; expected seconds such as 1.4,2.9") from None
