"""`plot SPEECH -o OUT.png`: what VOCAL does in a performance, as a picture."""

import argparse
from pathlib import Path

import torch

from ..audio.encoder import encode
from ..audio.loading import load_audio_encoder
from ..data_types import GEOMETRY_SIZE, STYLE_SIZE, Identity
from ..evaluation.vocal_plot import PICTURES
from ..media.audio import read_waveform
from ..media.destination import check_writable
from ..media.image import WRITABLE, write_image
from ..motion_space import rest
from ..vocal.loading import load_vocal

SIZE = (1280, 720)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("speech", type=Path, metavar="SPEECH")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.png")
    parser.add_argument(
        "--picture",
        choices=tuple(PICTURES),
        default="speech",
        help="depth: the blend over earlier blocks; influence: what each signal changes; speech: motion under loudness",
    )
    parser.add_argument("--weights", type=Path, help="VOCAL (default: the embedded one)")
    parser.add_argument("--audio-encoder", type=Path, metavar="FOLDER", help="what that VOCAL was trained to hear with")
    parser.add_argument("--seed", type=int, default=0)


def execute(arguments: argparse.Namespace) -> int:
    check_writable(arguments.out, WRITABLE, filter(None, (arguments.speech, arguments.weights)))
    encoder, vocal = load_audio_encoder(arguments.audio_encoder), load_vocal(arguments.weights)
    sound, average = read_waveform(arguments.speech), (torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE))
    heard, person = encode(encoder, sound), Identity(*average, rest())
    picture = PICTURES[arguments.picture](vocal, heard, person, sound, arguments.seed, SIZE)
    write_image(arguments.out, picture)
    print(arguments.out)
    return 0
