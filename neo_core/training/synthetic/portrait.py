"""The bundled pictures: a portrait of a made-up person, or a painting of one, with what is true about it.

python -m neo_core factory portrait --seed 9200000 --out portrait.png
python -m neo_core factory portrait --seed 9200001 --painting --out painting.jpg
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...geometry.head_model import HeadModel, load_head_model
from .painting import paint
from .people import sample_person
from .render import Frame, render_frame
from .scene import portrait_view
from .sheet import motion_of, save_picture

FRIENDLY = {
    "mouthSmile": 0.22,
    "mouthDimple": 0.06,
    "cheekSquint": 0.12,
    "eyeSquint": 0.06,
    "eyeBlink": 0.07,
    "browInnerUp": 0.06,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `factory portrait`."""
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="picture; a .json of the same name says what it shows")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--painting", action="store_true", help="render it with brush strokes")
    parser.add_argument("--device", default="cpu")


def run(arguments: argparse.Namespace) -> None:
    """Write the picture and its facts."""
    head = load_head_model().to(arguments.device)
    motion, frame = take(head, arguments.seed, arguments.size)
    image = frame.image.cpu()
    if arguments.painting:
        image = paint(image, arguments.seed)
    save_picture(arguments.out, image)
    facts = {
        "kind": "synthetic",
        "seed": arguments.seed,
        "size": arguments.size,
        "landmarks68": [[round(float(v), 2) for v in point] for point in frame.landmarks[:68]],
        "pose": [round(float(v), 2) for v in frame.pose],
        "motion": [round(float(v), 4) for v in motion],
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(facts) + "\n")


def take(head: HeadModel, seed: int, size: int) -> tuple[Tensor, Frame]:
    """A friendly portrait of the person of this seed: motion [63] and frame."""
    rng = np.random.default_rng([seed, 5])
    motion = motion_of(FRIENDLY)
    motion[53:56] = torch.from_numpy((rng.normal(size=3) * [1.0, 1.5, 1.5]).astype("f4"))
    person = sample_person(seed, head, size, plain=True)
    return motion, render_frame(person, motion, portrait_view(rng), size)
