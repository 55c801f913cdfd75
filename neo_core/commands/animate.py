"""`animate PHOTO AUDIO -o OUT.mp4`: the person in the photo speaks the sound."""

import argparse
import json
import time
from pathlib import Path

from ..data_types import MotionLatents
from ..flow.guidance import SIGNALS, Guidance
from ..governance import authorise, fingerprint
from ..media.audio import inspect_sound
from ..media.destination import check_writable
from ..media.video import SUFFIXES
from ..pipelines.motion_file import save_motion
from ..pipelines.portrait import open_portrait
from ..pipelines.talking_head import SCOPE, Avatar, Models, Settings, animate, enrol, load_models
from . import options
from .progress import ProgressBar, clock

DEFAULTS = Settings()


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
        text = f"how strongly the {signal} steers; 1 is neutral"
        parser.add_argument(f"--guidance-{signal}", type=options.guidance, default=1.0, metavar="W", help=text)
    parser.add_argument("--save-motion", type=Path, metavar="M.safetensors", help="keep the performance for `render`")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    weights = {signal: getattr(arguments, f"guidance_{signal}") for signal in SIGNALS}
    settings = Settings(arguments.fps, arguments.seed, arguments.steps, Guidance(**weights))
    output = check_writable(arguments.output, SUFFIXES)
    report, motion = make_video(arguments.photo, arguments.audio, output, settings, arguments.face, arguments.size)
    if arguments.save_motion:
        save_motion(arguments.save_motion, motion)
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{output}: {report['frames']} frames, {clock(report['seconds'])} of sound")
    return 0


def make_video(
    photo: Path, audio: Path, output: Path, settings: Settings, face: int | None, size: int | None
) -> tuple[dict, MotionLatents]:
    """Render; returns what the JSON line says, and the performance."""
    started = time.monotonic()
    sound = inspect_sound(audio)
    models = load_models()
    avatar = enrol_photo(models, photo, face, size)
    with ProgressBar("rendering") as progress:
        motion = animate(models, avatar, sound, output, settings, progress=progress)
    report = {
        "output": str(output),
        "frames": len(motion.motion),
        "fps": str(settings.fps),
        "seconds": sound.seconds,
        "seed": settings.seed,
        "steps": settings.steps,
        **describe(avatar),
        "elapsed": round(time.monotonic() - started, 2),
    }
    return report, motion


def enrol_photo(models: Models, photo: Path, face: int | None, size: int | None) -> Avatar:
    """Find the face, ask for consent, lift."""
    portrait = open_portrait(models.analyser, photo, face)
    grant = authorise(fingerprint(portrait.photo, portrait.face.landmarks68), SCOPE, source=str(photo), face=face)
    return enrol(models, portrait, size, grant=grant)


def describe(avatar: Avatar) -> dict:
    height, width = avatar.volume.photo.shape[:2]
    return {
        "width": width,
        "height": height,
        "eye_distance": round(avatar.eye_distance, 1),
        "region": round(avatar.volume.region, 4),
    }
