"""`animate PHOTO AUDIO -o OUT.mp4`: the person in the photo speaks the sound; with `--idle`, waits without one.

`--model neo2` moves the whole body; it has options of its own, and most of the talking head's mean nothing to it.
"""

import argparse
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ..data_types import InputError
from ..flow.guidance import BEYOND, FORMS, LARGEST_SLIDER, SIGNALS, Guidance
from ..media.destination import check_writable
from ..media.image import WRITABLE
from ..media.joins import seconds_text
from ..media.video import SUFFIXES
from ..neo2.latent_space import SIZE
from ..neo2.text_encoder import WORDS
from ..pipelines import motion_file
from ..pipelines.clip import make_full_body, make_idle, make_video
from ..pipelines.full_body import FPS, SCALES, FullBodySettings, shipped_sampling
from ..pipelines.idle import idle, idle_loop
from ..pipelines.talking_head import Settings
from . import options
from .progress import ProgressBar, length

DEFAULTS, NEO_2_DEFAULTS = Settings(), FullBodySettings(scale=4)
TALKING_HEAD, NEO_2 = "neo-1.5", "neo2"
OWN = {  # options that only one of the models has
    TALKING_HEAD: (
        *("idle", "loop", "size", "emotion", "emotion_strength", "amplitude", "audio_encoder", "vocal", "save_motion"),
        *("guidance_audio", "guidance_identity", "guidance_reference", "guidance_start", "guidance_end"),
        *("guidance_form", "guidance_rescale", "guidance_interval"),
        *("renderer", "mini", "checkpoint", "region", "relation", "retarget", "driving_multiplier"),
        *("no_stitching", "keep_size", "dynamic_roi", "compile", "precision"),
    ),
    NEO_2: ("prompt", "scale", "processes", "vae", "dit"),
}
INSTEAD = {"size": f"--scale N, which makes {SIZE} N pixels a side,", "scale": "--size N"}  # the other model's word
TOLD = 20  # joins that are told one by one
UNEVEN = " (unevenly: joins within a group of chunks shift from step to step, those of two groups do not)"
STEERING = {"audio": "the voice", "identity": "the person", "reference": "the photo's own pose and expression"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO", help=f"{options.PERSON}; --model {NEO_2} takes a picture")
    parser.add_argument("audio", type=Path, metavar="AUDIO", nargs="?", help="any sound, or a video with sound")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="no sound: breathe, blink and look for so long")
    parser.add_argument("--loop", action="store_true", help="with --idle: end where it began")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_size(parser)
    parser.add_argument("--fps", type=options.fps, default=DEFAULTS.fps, help="25, 29.97, 30000/1001 (default: 25)")
    options.add_performance(parser, {TALKING_HEAD: DEFAULTS.steps, NEO_2: NEO_2_DEFAULTS.sampling.steps})
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
    options.add_renderer(parser)
    options.add_driving(parser)
    _add_full_body(parser)


def _add_full_body(parser: argparse.ArgumentParser) -> None:
    text = f"{TALKING_HEAD}: a talking head, moved in the photo; {NEO_2}: head, hands and body, small pictures"
    parser.add_argument("--model", choices=tuple(OWN), default=TALKING_HEAD, help=f"{text} (default: {TALKING_HEAD})")
    own = parser.add_argument_group(f"options of --model {NEO_2}")
    text = f"manner (calm, emphatic); clothes and scene are the photo's; up to {WORDS} words"
    own.add_argument("--prompt", metavar="TEXT", default="", help=text)
    low, high = SCALES
    text = f"pixels of the file per pixel of the model, on each side, {low} to {high} (default: {NEO_2_DEFAULTS.scale})"
    own.add_argument("--scale", type=options.scale, default=NEO_2_DEFAULTS.scale, metavar="N", help=text)
    text = "denoise chunks side by side in N processes of one thread each (default: 1, with all threads)"
    own.add_argument("--processes", type=options.processes, default=1, metavar="N", help=text)
    for name, what in (("vae", "video autoencoder"), ("dit", "diffusion transformer")):
        own.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"another {what} (default: the embedded one)")


def execute(arguments: argparse.Namespace) -> int:
    _check_model(arguments)
    return (_full_body if arguments.model == NEO_2 else _talking_head)(arguments)


def _full_body(arguments: argparse.Namespace) -> int:
    photo, audio, prompt = arguments.photo, arguments.audio, arguments.prompt
    if audio is None:
        raise InputError(f"no sound found for --model {NEO_2}, expected one: PHOTO AUDIO")
    if arguments.fps != FPS:
        raise InputError(f"--fps {arguments.fps} found with --model {NEO_2}, expected none: it makes {FPS} a second")
    output = _output(arguments.output, photo, audio)
    steps = arguments.steps or NEO_2_DEFAULTS.sampling.steps
    sampling = shipped_sampling(steps, seed=arguments.seed)
    settings = replace(NEO_2_DEFAULTS, sampling=sampling, scale=arguments.scale)
    chosen = {
        "face": arguments.face,
        "weights": (arguments.vae, arguments.dit),
        "processes": arguments.processes,
        "remark": lambda told: print(f"neo: {told}", file=sys.stderr),
    }
    with ProgressBar("rendering") as progress:
        report = make_full_body(photo, audio, output, prompt, settings, **chosen, progress=progress)
    told = _tell(arguments, report)
    if report["join_seconds"] and not arguments.json:
        print(f"{_meetings(report['join_seconds'])}: seams {report['output']} tells whether one sees it")
    return told


def _meetings(seconds: list[float]) -> str:
    more = len(seconds) - TOLD
    apart = {round(after - before, 3) for before, after in pairwise(seconds)}
    told = f"chunks meet at {seconds_text(seconds[:TOLD])} s{f' and at {more} more' if more > 0 else ''}"
    return told + (UNEVEN if len(apart) > 1 else "")


def _talking_head(arguments: argparse.Namespace) -> int:
    guidance = _guidance(arguments)
    emotion = options.emotion(arguments)
    steps = arguments.steps or DEFAULTS.steps
    settings = Settings(arguments.fps, arguments.seed, steps, guidance, emotion, arguments.amplitude)
    photo, audio, motion = arguments.photo, arguments.audio, arguments.save_motion
    _check_wish(audio, arguments.idle, arguments.loop, guidance)
    public = options.driven_renderer(arguments)
    inputs = (photo, audio) if audio else (photo,)
    output = _output(arguments.output, *inputs)
    weights = (arguments.audio_encoder, arguments.vocal)
    if motion:
        files = public.files() if public else ()
        check_writable(motion, motion_file.SUFFIXES, (*inputs, *filter(None, weights), *files))
    chosen = {"face": arguments.face, "size": arguments.size, "motion": motion, "weights": weights, "public": public}
    with ProgressBar("rendering") as progress:
        chosen["watching"] = progress.before("watching")
        if audio:
            report = make_video(photo, audio, output, settings, **chosen, progress=progress)
        else:
            perform = idle_loop if arguments.loop else idle
            report = make_idle(photo, arguments.idle, output, settings, perform, **chosen, progress=progress)
    return _tell(arguments, report)


def _output(output: Path, photo: Path, audio: Path | None = None) -> Path:
    """Where the video goes, after proving that it can be written and that the sound is none of the pictures."""
    checked = check_writable(output, SUFFIXES, (photo, audio) if audio else (photo,))
    if audio and audio.suffix.lower() in WRITABLE:
        raise InputError(f"{audio}, given as the sound, is named like a picture; expected the order PHOTO AUDIO")
    return checked


def _tell(arguments: argparse.Namespace, report: dict) -> int:
    """Say what was made; returns the exit code."""
    if arguments.json:
        print(json.dumps(report))
    else:
        lasting = f"{length(report['seconds'])}{' of sound' if arguments.audio else ''}"
        print(f"{report['output']}: {report['frames']} frames, {lasting}")
    return 0


def _check_model(arguments: argparse.Namespace) -> None:
    """Raise InputError for an option of a model that was not asked for."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for model, names in OWN.items():
        given = [name for name in names if getattr(arguments, name) != parser.get_default(name)]
        if given and model != arguments.model:
            option = f"--{given[0].replace('_', '-')}"
            instead = f"{INSTEAD[given[0]]} or " if given[0] in INSTEAD else ""
            raise InputError(f"{option} found with --model {arguments.model}, expected {instead}--model {model}")


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
