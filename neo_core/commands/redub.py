"""`redub CLIP AUDIO -o OUT.mp4`: the mouth of the person in a clip follows another sound; the rest stays as filmed."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from ..media.destination import check_writable
from ..media.footage import inspect_footage
from ..media.video import SUFFIXES
from ..pictar.redrawn import DETAIL
from ..pipelines import motion_file
from ..pipelines.redub import LENIENT, STRICT, make_redub
from ..pipelines.talking_head import Settings
from . import options
from .progress import ProgressBar, clock

DEFAULTS = Settings()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a video of one shot with one face (or --face K)")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="any sound, no longer than CLIP")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    text = "which face, when the clip shows several: as `inspect` counts them in its first frame with a face"
    parser.add_argument("--face", type=int, metavar="K", help=text)
    text = f"frames without the face: {LENIENT}: left as they are; {STRICT}: stop (default: {LENIENT})"
    parser.add_argument("--lost", choices=(LENIENT, STRICT), default=LENIENT, help=text)
    text = f"pixels that a face is drawn in, at most, on each side, for 4K (default: {DETAIL})"
    parser.add_argument("--detail", type=options.size, default=DETAIL, metavar="N", help=text)
    options.add_performance(parser, DEFAULTS.steps)
    parser.add_argument("--audio-encoder", type=Path, metavar="FOLDER", help="what hears the speech, as in `animate`")
    parser.add_argument("--vocal", type=Path, metavar="FILE", help="a VOCAL trained on it (default: the embedded one)")
    parser.add_argument("--save-motion", type=Path, metavar="M.safetensors", help="keep the performance")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    clip, audio, motion = arguments.clip, arguments.audio, arguments.save_motion
    output = check_writable(arguments.output, SUFFIXES, (clip, audio))
    if motion:
        check_writable(motion, motion_file.SUFFIXES, (clip, audio))
    wish = {"seed": arguments.seed, "steps": arguments.steps, "amplitudes": arguments.amplitude}
    settings = replace(DEFAULTS, fps=inspect_footage(clip).fps, emotion=options.emotion(arguments), **wish)
    chosen = {"face": arguments.face, "lost": arguments.lost, "detail": arguments.detail, "motion": motion}
    chosen["weights"] = (arguments.audio_encoder, arguments.vocal)
    with ProgressBar("rendering") as progress:
        report = make_redub(clip, audio, output, settings, **chosen, progress=progress)
    if arguments.json:
        print(json.dumps(report))
        return 0
    print(f"{report['output']}: {report['frames']} frames, {clock(report['seconds'])}")
    missing = sum(run["frames"][1] - run["frames"][0] + 1 for run in report["lost"])
    if missing:
        print(f"neo: {missing} frames without the face are as they were", file=sys.stderr)
    return 0
