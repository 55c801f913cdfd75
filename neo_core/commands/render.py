"""`render PHOTO --motion M.safetensors -o OUT.mp4`: a photo moved by a motion file, with the sound of `--audio`."""

import argparse
import json
from pathlib import Path

from ..media.audio import inspect_sound
from ..media.destination import check_writable
from ..media.video import SUFFIXES
from ..pipelines.clip import describe, enrol_photo
from ..pipelines.motion_file import load_motion
from ..pipelines.talking_head import load_models, write_video
from . import options
from .progress import ProgressBar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO", help=options.PERSON)
    parser.add_argument(
        "--motion", type=Path, required=True, metavar="M.safetensors", help="motion [T, 63] and its fps"
    )
    parser.add_argument("--audio", type=Path, metavar="FILE", help="the sound of the video (default: without sound)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_size(parser)
    options.add_renderer(parser)
    options.add_driving(parser)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    sources = [path for path in (arguments.photo, arguments.motion, arguments.audio) if path]
    output = check_writable(arguments.output, SUFFIXES, sources)
    motion = load_motion(arguments.motion)
    sound = inspect_sound(arguments.audio) if arguments.audio else None
    public = options.driven_renderer(arguments)
    given = (arguments.photo, arguments.face, arguments.size, public, motion.use)
    with ProgressBar("rendering") as progress:
        avatar = enrol_photo(load_models(), *given, progress.before("watching"))
        frames = write_video(avatar.volume, motion, output, sound, progress)
    report = {"output": str(output), "frames": frames, "fps": str(motion.fps), **describe(avatar)}
    told = f"with the sound of {sound.path}" if sound else "without sound"
    print(json.dumps(report) if arguments.json else f"{output}: {frames} frames, {told}")
    return 0
