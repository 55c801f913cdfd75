"""`animate PHOTO AUDIO -o OUT.mp4`: the person in the photo speaks the sound; with `--idle`, waits without one."""

import argparse
import json
from pathlib import Path

from ..data_types import InputError
from ..flow.guidance import BEYOND, FORMS, LARGEST_SLIDER, SIGNALS, Guidance
from ..media.destination import check_writable
from ..media.image import WRITABLE
from ..media.video import SUFFIXES
from ..pipelines import motion_file
from ..pipelines.clip import make_idle, make_video
from ..pipelines.idle import idle, idle_loop
from ..pipelines.talking_head import Settings
from . import options
from .progress import ProgressBar, clock

DEFAULTS = Settings()
STEERING = {"audio": "the voice", "identity": "the person", "reference": "the photo's own pose and expression"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a picture with one face (or --face K)")
    parser.add_argument("audio", type=Path, metavar="AUDIO", nargs="?", help="any sound, or a video with sound")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="no sound: breathe, blink and look for so long")
    parser.add_argument("--loop", action="store_true", help="with --idle: end where it began")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_size(parser)
    parser.add_argument("--fps", type=options.fps, default=DEFAULTS.fps, help="25, 29.97, 30000/1001 (default: 25)")
    options.add_performance(parser, DEFAULTS.steps)
    for signal in SIGNALS:
        share = BEYOND[SIGNALS.index(signal)]
        beyond = "its weight beyond 1, too" if share == 1 else f"beyond 1 it weighs 1 + {share} (S - 1)"
        text = f"the slider of {STEERING[signal]}, 0 to {LARGEST_SLIDER:g}; 1 is as trained, 0 leaves it out, {beyond}"
        parser.add_argument(f"--guidance-{signal}", type=options.guidance, default=1.0, metavar="S", help=text)
    for name, share in (("start", 0.0), ("end", 1.0)):
        text = f"the share of the clip at which guidance {name}s (default: {share:g})"
        parser.add_argument(f"--guidance-{name}", type=options.share, default=share, metavar="S", help=text)
    parser.add_argument("--guidance-form", choices=tuple(FORMS), default=next(iter(FORMS)))
    text = "the share of its size without guidance that the motion gets back (default: 0)"
    parser.add_argument("--guidance-rescale", type=options.share, default=0.0, metavar="S", help=text)
    text = "guide only at these flow times, 0 the data and 1 the noise (default: 0 1)"
    parser.add_argument("--guidance-interval", type=options.share, nargs=2, default=(0.0, 1.0), metavar="T", help=text)
    text = "what hears the speech: the folder of a public encoder, or a file of ours (default: the embedded one)"
    parser.add_argument("--audio-encoder", type=Path, metavar="FOLDER", help=text)
    parser.add_argument("--vocal", type=Path, metavar="FILE", help="a VOCAL trained on it (default: the embedded one)")
    parser.add_argument("--save-motion", type=Path, metavar="M.safetensors", help="keep the performance for `render`")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    guidance = _guidance(arguments)
    emotion = options.emotion(arguments)
    settings = Settings(arguments.fps, arguments.seed, arguments.steps, guidance, emotion, arguments.amplitude)
    photo, audio, motion = arguments.photo, arguments.audio, arguments.save_motion
    _check_wish(audio, arguments.idle, arguments.loop, guidance)
    inputs = (photo, audio) if audio else (photo,)
    output = check_writable(arguments.output, SUFFIXES, inputs)
    if audio and audio.suffix.lower() in WRITABLE:
        raise InputError(f"{audio}, given as the sound, is named like a picture; expected the order PHOTO AUDIO")
    weights = (arguments.audio_encoder, arguments.vocal)
    if motion:
        check_writable(motion, motion_file.SUFFIXES, (*inputs, *filter(None, weights)))
    chosen = {"face": arguments.face, "size": arguments.size, "motion": motion, "weights": weights}
    with ProgressBar("rendering") as progress:
        if audio:
            report = make_video(photo, audio, output, settings, **chosen, progress=progress)
        else:
            perform = idle_loop if arguments.loop else idle
            report = make_idle(photo, arguments.idle, output, settings, perform, **chosen, progress=progress)
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{output}: {report['frames']} frames, {clock(report['seconds'])}{' of sound' if audio else ''}")
    return 0


def _guidance(arguments: argparse.Namespace) -> Guidance:
    names = (*SIGNALS, "start", "end", "form", "rescale")
    values = {name: getattr(arguments, f"guidance_{name}") for name in names}
    return Guidance(**values, interval=tuple(arguments.guidance_interval))


def _check_wish(audio: Path | None, idle: float | None, loop: bool, guidance: Guidance) -> None:
    """A sound or --idle; --loop with the latter only, guidance with the former."""
    if (audio is None) == (idle is None):
        raise InputError(f"{'a sound and' if audio else 'no sound and no'} --idle found, expected either")
    if loop and idle is None:
        raise InputError("--loop found without --idle, expected both")
    if idle is not None and guidance != Guidance():
        raise InputError("guidance found with --idle, expected it with a sound")
