"""`demo`: the bundled person speaks the bundled sound, and the reader learns what to try next."""

import argparse
from pathlib import Path

from ..data_types import InputError
from ..media.destination import check_writable
from ..media.video import SUFFIXES
from ..pipelines.clip import make_video
from ..pipelines.talking_head import Settings
from ..this_python import command_line
from . import options
from .progress import ProgressBar

SAMPLES = Path(__file__).parents[1] / "samples"
FOLDER = Path("output")

NEXT = """
Your first avatar is here:  {output}

It was made on this machine from neo_core/samples/portrait.jpg and speech.flac; the person does not exist.
Next, your own photo and voice:

  {python} consent add me.jpg --kind self --name "Your Name" --adult
  {python} animate me.jpg hello.wav -o {folder}/hello.mp4

Or the painting, with another performance:

  {python} animate neo_core/samples/painting.jpg neo_core/samples/speech.flac -o {folder}/art.mp4 --seed 7
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=options.size, default=512, help="side of the video in pixels (default: 512)")


def execute(arguments: argparse.Namespace) -> int:
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"folder {FOLDER.resolve()} cannot be made ({error}); expected a writable folder") from error
    output = check_writable(FOLDER / "demo.mp4", SUFFIXES)
    photo, audio = SAMPLES / "portrait.jpg", SAMPLES / "speech.flac"
    with ProgressBar("rendering") as progress:
        make_video(photo, audio, output, Settings(), size=arguments.size, progress=progress)
    print(NEXT.format(output=output.resolve(), folder=FOLDER, python=command_line()))
    return 0
