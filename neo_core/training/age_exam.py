"""Examine the refusal of children: how many faces of each age it refuses, and which of the pictures in a folder.

    python -m neo_core train age-exam --assets DIR [--pictures DIR] [--people 50] [--weights FILE]

People of the factory that no network was trained on, one picture each in any light, pose and expression, go through
portrait analysis as a user's photo does. A picture in which no face is found counts for neither side.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
from torch import Tensor

from ..data_types import InputError
from ..geometry.head_model import load_head_model
from ..media.image import read_photo
from ..pictar.age_net import AgeNet, AgeReading, load_age_net, read_age
from ..pictar.analysis import Analyser, analyse, load_analyser
from .growing import growing_head
from .synthetic.generations import GROWN_UP, one_view, sample_of_any_age
from .synthetic.people import HELD_OUT_FROM

BANDS = ((3, 6), (6, 10), (10, 13), (13, 16), (16, 18), (18, 25), (25, 40), (40, 80))  # years
SIZE = 224  # pixels
FIRST = HELD_OUT_FROM + 600_000
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train age-exam`."""
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman_cc0.npz")
    parser.add_argument("--pictures", type=Path, nargs="*", default=[], help="folders of pictures to judge as well")
    parser.add_argument("--people", type=int, default=50, help="of each age; twice as many grown-ups")
    parser.add_argument("--weights", type=Path, help="the age network (default: the embedded one)")


def run(arguments: argparse.Namespace) -> None:
    """Log one row for every age, then one for every picture."""
    analyser, net = load_analyser(), load_age_net(arguments.weights)
    head = growing_head(load_head_model(), arguments.assets)
    log.info("| age | faces | refused |")
    for low, high in BANDS:
        count = arguments.people * (2 if low >= GROWN_UP else 1)
        ages = np.linspace(low, high, count, endpoint=False)
        people = (sample_of_any_age(FIRST + 1000 * low + k, head, SIZE, float(age)) for k, age in enumerate(ages))
        readings = [judged(analyser, net, one_view(person, FIRST, SIZE)) for person in people]
        seen = [reading for reading in readings if reading is not None]
        refused = sum(refuses(net, reading) for reading in seen)
        log.info("| %d to %d | %d | %.1f %% |", low, high, len(seen), 100 * refused / max(len(seen), 1))
    for folder in arguments.pictures:
        for path in sorted(folder.iterdir()):
            log.info("| %s | %s |", path.name, _verdict(analyser, net, path))


def judged(analyser: Analyser, net: AgeNet, picture: Tensor) -> AgeReading | None:
    """What the network says of the clearest face of a picture u8 [H, W, 3]."""
    faces = analyse(analyser, picture)
    return read_age(net, faces[0].landmarks[None]) if faces else None


def refuses(net: AgeNet, reading: AgeReading) -> bool:
    """Whether this face would not be enrolled."""
    return bool(reading.child > net.config.refused)


def _verdict(analyser: Analyser, net: AgeNet, path: Path) -> str:
    try:
        reading = judged(analyser, net, read_photo(path))
    except InputError:
        return "no picture"
    if reading is None:
        return "no face found"
    margin = float(reading.child) - net.config.refused
    return f"{'refused' if margin > 0 else 'accepted'} ({margin:+.1f}), about {float(reading.years):.0f} years"
