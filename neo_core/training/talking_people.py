"""Held-out people of the factory, speaking: the whole product on faces no network has seen.

    python -m neo_core factory talking-people --out docs/people.jpg

Every person is rendered as a portrait, given a synthetic-person record in a ledger of this run, animated with the
sound, and shown at eight moments.
"""

import argparse
import logging
import tempfile
import time
from pathlib import Path

import torch

from ..evaluation.contact_sheet import contact_sheet
from ..governance import TALKING_HEAD, ConsentLedger, authorise, fingerprint
from ..governance.record import new_record
from ..media.audio import inspect_sound
from ..media.image import write_image
from ..pipelines.portrait import open_portrait
from ..pipelines.talking_head import Avatar, Models, Settings, enrol, load_models, speak
from .synthetic.people import HELD_OUT_FROM
from .synthetic.portrait import take

log = logging.getLogger(__name__)
SAMPLE = Path(__file__).parents[1] / "samples" / "speech.flac"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="contact sheet to write")
    parser.add_argument("--sound", type=Path, default=SAMPLE)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--first", type=int, default=HELD_OUT_FROM + 500_000, help="seed of the first person")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--videos", type=Path, help="keep the videos in this folder")


def run(arguments: argparse.Namespace) -> None:
    models = load_models()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.videos or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        videos = []
        for seed in range(arguments.first, arguments.first + arguments.people):
            avatar = enrolled_person(models, seed, arguments.size, Path(scratch))
            videos.append(folder / f"{seed}.mp4")
            sound = inspect_sound(arguments.sound)
            speak(models, avatar, sound, videos[-1], Settings(seed=seed), _tell)
        write_image(arguments.out, contact_sheet(videos))


def _tell(done: int, total: int, _frame: object = None) -> None:
    if done == total:
        log.info("%d frames", total)


def enrolled_person(models: Models, seed: int, size: int, scratch: Path) -> Avatar:
    """A factory person as a photo with consent, lifted."""
    _, frame = take(models.head, seed, size)
    path = scratch / f"{seed}.png"
    write_image(path, (frame.image * 255).round().clamp(0, 255).to(torch.uint8))
    portrait = open_portrait(models.analyser, path, 1)
    print_of = fingerprint(portrait.photo, portrait.face.landmarks68)
    ledger = ConsentLedger(scratch)
    ledger.add(new_record("synthetic", f"factory person {seed}", print_of, adult=True, issued=int(time.time())))
    return enrol(models, portrait, size, grant=authorise(print_of, TALKING_HEAD, source=str(path), ledger=ledger))
