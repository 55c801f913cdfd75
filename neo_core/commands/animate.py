"""`animate PHOTO AUDIO -o OUT.mp4`: the person in the photo speaks the sound."""

import argparse
import json
from pathlib import Path

from ..data_types import InputError
from ..flow.guidance import SIGNALS, Guidance
from ..media.destination import check_writable
from ..media.image import WRITABLE
from ..media.video import SUFFIXES
from ..pipelines import motion_file
from ..pipelines.clip import make_video
from ..pipelines.talking_head import Settings
from . import options
from .progress import ProgressBar, clock

DEFAULTS = Settings()
STEERING = {"audio": "the voice", "identity": "the person", "reference": "the photo's own pose and expression"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a picture with one face (or --face K)")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="any sound, or a video with sound")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_size(parser)
    parser.add_argument("--fps", type=options.fps, default=DEFAULTS.fps, help="25, 29.97, 30000/1001 (default: 25)")
    parser.add_argument("--seed", type=options.seed, default=0, help="another seed, another performance (default: 0)")
    parser.add_argument(
        "--steps", type=options.steps, default=DEFAULTS.steps, help=f"Euler steps (default: {DEFAULTS.steps})"
    )
    for signal in SIGNALS:
        text = f"the weight of {STEERING[signal]}; 1 is neutral, 0 leaves it out"
        parser.add_argument(f"--guidance-{signal}", type=options.guidance, default=1.0, metavar="W", help=text)
    for name, share in (("start", 0.0), ("end", 1.0)):
        text = f"the share of the clip at which guidance {name}s (default: {share:g})"
        parser.add_argument(f"--guidance-{name}", type=options.share, default=share, metavar="S", help=text)
    parser.add_argument("--save-motion", type=Path, metavar="M.safetensors", help="keep the performance for `render`")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    guidance = Guidance(**{name: getattr(arguments, f"guidance_{name}") for name in (*SIGNALS, "start", "end")})
    settings = Settings(arguments.fps, arguments.seed, arguments.steps, guidance)
    photo, audio, motion = arguments.photo, arguments.audio, arguments.save_motion
    output = check_writable(arguments.output, SUFFIXES, (photo, audio))
    if audio.suffix.lower() in WRITABLE:
        raise InputError(f"{audio}, given as the sound, is named like a picture; expected the order PHOTO AUDIO")
    if motion:
        check_writable(motion, motion_file.SUFFIXES, (photo, audio))
    with ProgressBar("rendering") as progress:
        report = make_video(
            photo,
            audio,
            output,
            settings,
            face=arguments.face,
            size=arguments.size,
            motion=motion,
            progress=progress,
        )
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{output}: {report['frames']} frames, {clock(report['seconds'])} of sound")
    return 0
