"""`redub CLIP AUDIO -o OUT.mp4`: the mouth of the person in a clip follows another sound; the rest stays as filmed."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from ..data_types import InputError
from ..media.destination import check_writable
from ..media.video import SUFFIXES
from ..pictar.redrawn import DETAIL
from ..pipelines import motion_file
from ..pipelines.redub import BRIDGED, LOST, make_redub
from ..pipelines.talking_head import Settings
from . import options
from .progress import ProgressBar, length, tell_lost

DEFAULTS = Settings()
USUAL = next(iter(LOST))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a video of one shot with one face (or --face K)")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="any sound, no longer than CLIP")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    text = "which face, when the clip shows several: as `inspect CLIP` counts them in its first frame with a face"
    parser.add_argument("--face", type=int, metavar="K", help=text)
    text = "a picture as large as CLIP, white where the speaker is: only faces in it count, only pixels in it change"
    parser.add_argument("--mask", type=Path, metavar="PICTURE", help=text)
    told = "; ".join(f"{name}: {text}" for name, text in LOST.items())
    text = f"up to {BRIDGED:g} s without the face, longer gaps are always left as filmed: {told} (default: {USUAL})"
    parser.add_argument("--lost", choices=tuple(LOST), default=USUAL, help=text)
    text = f"pixels that a face is drawn in, at most, on each side, for 4K (default: {DETAIL})"
    parser.add_argument("--detail", type=options.size, default=DETAIL, metavar="N", help=text)
    text = "a motion file of `reenact --save-motion` or another command: its mouth in the place of what VOCAL performs"
    parser.add_argument("--motion", type=Path, metavar="M.safetensors", help=text)
    options.add_performance(parser, DEFAULTS.steps)
    parser.add_argument("--audio-encoder", type=Path, metavar="FOLDER", help="what hears the speech, as in `animate`")
    parser.add_argument("--vocal", type=Path, metavar="FILE", help="a VOCAL trained on it (default: the embedded one)")
    parser.add_argument("--save-motion", type=Path, metavar="M.safetensors", help="keep the performance")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    clip, audio, motion, mask = arguments.clip, arguments.audio, arguments.save_motion, arguments.mask
    sources = [path for path in (clip, audio, mask, arguments.motion) if path]
    output = check_writable(arguments.output, SUFFIXES, sources)
    if motion:
        check_writable(motion, motion_file.SUFFIXES, sources)
    wish = {"seed": arguments.seed, "steps": arguments.steps, "amplitudes": arguments.amplitude}
    settings = replace(DEFAULTS, emotion=options.emotion(arguments), **wish)
    _check_performer(arguments, settings)
    chosen = {"face": arguments.face, "mask": mask, "lost": arguments.lost, "detail": arguments.detail}
    chosen |= {"motion": motion, "performed": arguments.motion, "weights": (arguments.audio_encoder, arguments.vocal)}
    with ProgressBar("rendering") as progress:
        report = make_redub(clip, audio, output, settings, **chosen, progress=progress)
    if arguments.json:
        print(json.dumps(report))
        return 0
    print(f"{report['output']}: {report['frames']} frames, {length(report['seconds'])}")
    tell_lost(report)
    return 0


def _check_performer(arguments: argparse.Namespace, settings: Settings) -> None:
    """Raise InputError where VOCAL is told how to perform what a motion file holds already."""
    if arguments.motion and (settings != DEFAULTS or arguments.audio_encoder or arguments.vocal):
        raise InputError(
            "--motion found with options of a performance (seed, steps, emotion, amplitude, weights), which it takes "
            "the place of; expected either"
        )
