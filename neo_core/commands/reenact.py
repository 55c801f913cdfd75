"""`reenact DRIVING_VIDEO PHOTO -o OUT.mp4`: the person in the photo moves as the one in the video, with its sound."""

import argparse
import json
from pathlib import Path

from ..data_types import InputError
from ..media.destination import check_writable
from ..media.image import WRITABLE
from ..media.video import SUFFIXES
from ..pictar.lost_faces import POLICIES
from ..pictar.transfer import ANCHORS, REGION, RELATIONS
from ..pictar.volumetric.driving import require_moved
from ..pipelines import motion_file
from ..pipelines.imitation import make_imitation
from ..pipelines.live_portrait import LivePortrait
from ..pipelines.mini import MiniRenderer
from ..pipelines.reenactment import Reenactment, make_reenactment
from . import options
from .progress import ProgressBar, length, tell_lost

DEFAULTS = Reenactment()
READERS = ("analysis", "checkpoint")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driving", type=Path, metavar="DRIVING_VIDEO", help="a video with one face (or --driving-face)")
    parser.add_argument("photo", type=Path, metavar="PHOTO", help=options.PERSON)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_size(parser)
    text = "which face of the video, when it shows several: as `inspect` counts them in its first frame with a face"
    parser.add_argument("--driving-face", type=int, metavar="K", help=text)
    text = f"what of the face is driven (default: {DEFAULTS.region})"
    parser.add_argument("--move", choices=tuple(REGION), default=DEFAULTS.region, help=text)
    text = f"{_listed(RELATIONS)} (default: {DEFAULTS.relation}; with --read-by {READERS[1]} relative)"
    parser.add_argument("--relation", choices=tuple(RELATIONS), help=text)
    text = f"what changes are measured from: {_listed(ANCHORS)} (default: {DEFAULTS.anchor})"
    parser.add_argument("--anchor", choices=tuple(ANCHORS), default=DEFAULTS.anchor, help=text)
    text = f"frames without the face: {_listed(POLICIES)} (default: {DEFAULTS.lost})"
    parser.add_argument("--lost", choices=tuple(POLICIES), default=DEFAULTS.lost, help=text)
    parser.add_argument("--unsteadied", action="store_true", help="the motion as measured, with its tremor")
    text = "how far parts or channels move, 1 as in the video: 'head 0.8, jawOpen 1.2'"
    parser.add_argument("--amplitude", type=options.amplitudes, default=(), metavar="NAME A, ...", help=text)
    parser.add_argument("--save-motion", type=Path, metavar="M.safetensors", help="keep the performance for `render`")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    options.add_renderer(parser)
    own = parser.add_argument_group("with --renderer liveportrait")
    text = "who reads the driving head: our portrait analysis, or the checkpoint's motion extractor"
    own.add_argument("--read-by", choices=READERS, default=READERS[0], help=f"{text} (default: {READERS[0]})")


def execute(arguments: argparse.Namespace) -> int:
    driving, photo, motion = arguments.driving, arguments.photo, arguments.save_motion
    if driving.suffix.lower() in WRITABLE:
        raise InputError(f"{driving}, given as the video, is named like a picture; expected DRIVING_VIDEO PHOTO")
    output = check_writable(arguments.output, SUFFIXES, (driving, photo))
    public = options.renderer(arguments)
    _check_reader(arguments, public)
    if motion:
        check_writable(motion, motion_file.SUFFIXES, (driving, photo, *(public.files() if public else ())))
    relation = arguments.relation or DEFAULTS.relation
    steady, wished = not arguments.unsteadied, (arguments.amplitude, arguments.anchor)
    settings = Reenactment(arguments.move, relation, arguments.lost, steady, *wished)
    chosen = {"face": arguments.face, "driving_face": arguments.driving_face, "size": arguments.size}
    chosen |= {"motion": motion, "public": public}
    with ProgressBar("rendering") as progress:
        chosen["watching"] = progress.before("watching")
        if arguments.read_by == READERS[1]:
            report = make_imitation(driving, photo, output, **chosen, **_imitation(arguments), progress=progress)
        else:
            report = make_reenactment(driving, photo, output, settings, **chosen, progress=progress)
    if arguments.json:
        print(json.dumps(report))
    else:
        sound = "with the video's sound" if report["sound"] else "without sound"
        print(f"{report['output']}: {report['frames']} frames, {length(report['seconds'])} {sound}")
        tell_lost(report)
    return 0


def _imitation(arguments: argparse.Namespace) -> dict:
    """What the checkpoint's own reading is asked for."""
    wishes = {"region": arguments.move, "anchor": arguments.anchor, "lost": arguments.lost}
    return {"relative": arguments.relation != "absolute", "steady": not arguments.unsteadied, **wishes}


def _check_reader(arguments: argparse.Namespace, public: LivePortrait | MiniRenderer | None) -> None:
    """Raise InputError for options that the chosen reader has no use for, or that contradict each other."""
    require_moved(arguments.move, arguments.retarget)
    if arguments.read_by == READERS[0]:
        return
    if not isinstance(public, LivePortrait):
        raise InputError(f"--read-by {READERS[1]} found without a checkpoint, expected --renderer liveportrait with it")
    if arguments.relation == "mixed":
        found = f"--relation {arguments.relation} found with --read-by {READERS[1]}"
        raise InputError(f"{found}, expected relative or absolute")
    if arguments.relation == "absolute" and "lips" in arguments.retarget:
        found = f"--retarget lips found with --relation absolute and --read-by {READERS[1]}"
        raise InputError(f"{found}, where lips open as far as the driver's by themselves, expected --relation relative")
    if arguments.amplitude:
        raise InputError(f"--amplitude found with --read-by {READERS[1]}, expected --read-by {READERS[0]}")


def _listed(choices: dict[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in choices.items())
