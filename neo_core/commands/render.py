"""`render PHOTO --motion M.safetensors -o OUT.mp4`: a photo moved by a motion file, without sound."""

import argparse
import json
from pathlib import Path

from ..media.destination import check_writable
from ..media.video import SUFFIXES
from ..pipelines.clip import describe, enrol_photo
from ..pipelines.motion_file import load_motion
from ..pipelines.talking_head import load_models, write_video
from . import options
from .progress import ProgressBar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument(
        "--motion", type=Path, required=True, metavar="M.safetensors", help="motion [T, 63] and its fps"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_size(parser)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    output = check_writable(arguments.output, SUFFIXES, (arguments.photo, arguments.motion))
    motion = load_motion(arguments.motion)
    avatar = enrol_photo(load_models(), arguments.photo, arguments.face, arguments.size)
    with ProgressBar("rendering") as progress:
        frames = write_video(avatar.volume, motion, output, None, progress)
    report = {"output": str(output), "frames": frames, "fps": str(motion.fps), **describe(avatar)}
    print(json.dumps(report) if arguments.json else f"{output}: {frames} frames")
    return 0
