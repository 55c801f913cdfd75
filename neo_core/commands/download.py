"""`download OWNER/NAME`: a public speech encoder from the hub, with its licence, into a folder of its own."""

import argparse
from pathlib import Path

from ..weights import hub

FOLDER = Path("models/audio_encoders")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="OWNER/NAME", help="a repository of the hub: facebook/wav2vec2-base-960h ...")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where its folder shall lie (default: {FOLDER})")
    parser.add_argument("--revision", help="a branch, a tag or a commit of the repository (default: its newest state)")


def execute(arguments: argparse.Namespace) -> int:
    offer = hub.look_up(arguments.name, arguments.revision)
    print(f"{offer.repository}, {offer.address}")
    print(f"licence: {offer.licence}")
    print(f"{len(offer.files)} files, {offer.bytes / 1e6:.1f} MB, into {arguments.folder}", flush=True)
    place = hub.fetch(offer, arguments.folder, lambda file: print(f"  {file.name}", flush=True))
    print(f"{place}: complete; teach VOCAL to hear with it: train vocal --audio-weights {place} ...")
    return 0
