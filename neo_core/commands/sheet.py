"""`sheet VIDEO... -o OUT.jpg`: videos at a glance, a row each, a few moments side by side."""

import argparse
from pathlib import Path

from ..evaluation.contact_sheet import contact_sheet
from ..media.image import write_image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.jpg")
    parser.add_argument("--moments", type=int, default=8, help="frames of each video (default: 8)")
    parser.add_argument("--side", type=int, default=192, help="height of a frame in pixels (default: 192)")


def execute(arguments: argparse.Namespace) -> int:
    write_image(arguments.output, contact_sheet(arguments.videos, arguments.moments, arguments.side))
    print(arguments.output)
    return 0
