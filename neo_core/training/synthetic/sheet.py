"""A sheet to look at: sixteen people, and sixteen faces of one of them.

python -m neo_core factory sheet --out docs/factory_people.jpg
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ... import motion_space
from ...geometry.head_model import HeadModel, load_head_model
from ...media.image import write_image
from .people import look, random_expression, sample_person
from .render import render_frame
from .scene import portrait_view

POSES = {  # expression sheet: what each cell shows; a name without a side sets both
    "rest": {},
    "smile": {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "laugh": {"mouthSmile": 1.0, "cheekSquint": 0.8, "jawOpen": 0.35, "eyeSquint": 0.6},
    "open": {"jawOpen": 0.7},
    "blink": {"eyeBlink": 1.0},
    "surprise": {"jawOpen": 0.35, "browInnerUp": 1.0, "browOuterUp": 0.9, "eyeWide": 0.8},
    "anger": {"browDown": 1.0, "mouthPress": 0.5, "noseSneer": 0.5},
    "sorrow": {"browInnerUp": 0.9, "mouthFrown": 0.8},
    "ah": {"jawOpen": 0.5, "mouthLowerDown": 0.3},
    "oo": {"mouthPucker": 0.9, "mouthFunnel": 0.3, "jawOpen": 0.1},
    "ee": {"mouthStretch": 0.6, "mouthLowerDown": 0.4, "jawOpen": 0.12},
    "ff": {"mouthRollLower": 0.6, "mouthUpperUp": 0.4, "jawOpen": 0.08},
    "mm": {"mouthPress": 0.5, "mouthRollLower": 0.35, "mouthRollUpper": 0.3},
    "puff": {"cheekPuff": 0.9},
    "left": {"yaw": 25.0},
    "glance": {"gaze_yaw": -22.0, "gaze_pitch": 6.0},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `factory sheet`."""
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    parser.add_argument("--seed", type=int, default=9_100_000, help="first of the sixteen people")
    parser.add_argument("--face", type=int, default=9_100_003, help="the person who makes faces")
    parser.add_argument("--size", type=int, default=224, help="side of a cell in pixels")
    parser.add_argument("--device", default="cpu")


def run(arguments: argparse.Namespace) -> None:
    """Draw both halves and write them side by side."""
    head = load_head_model().to(arguments.device)
    people = [portrait(head, arguments.seed + k, arguments.size) for k in range(16)]
    faces = expressions(head, arguments.face, arguments.size)
    halves = [tile(people, 4), tile(faces, 4)]
    save_picture(arguments.out, torch.cat(halves, 1))


def portrait(head: HeadModel, seed: int, size: int) -> Tensor:
    """A person with a faint expression in kind light. [size, size, 3]"""
    rng = np.random.default_rng([seed, 5])
    motion = motion_space.rest()
    motion[motion_space.EXPRESSION] = 0.35 * random_expression(rng)
    motion[53:56] = torch.from_numpy((rng.normal(size=3) * [3, 9, 2]).astype("f4"))
    return render_frame(sample_person(seed, head, 2 * size), motion, portrait_view(rng), size).image


def expressions(head: HeadModel, seed: int, size: int) -> list[Tensor]:
    """One person, every pose of POSES. Each [size, size, 3]"""
    person = sample_person(seed, head, 2 * size, plain=True)
    view = replace(portrait_view(np.random.default_rng([seed, 5])), head_share=0.7, offset=(0.0, 0.0))
    return [render_frame(person, motion_of(pose), view, size).image for pose in POSES.values()]


def motion_of(pose: dict[str, float]) -> Tensor:
    """A motion vector from channel names; names without a side set both. [63]"""
    motion = motion_space.rest()
    for name, value in pose.items():
        for channel in (name, f"{name}_L", f"{name}_R"):
            if channel in motion_space.INDEX:
                motion[motion_space.INDEX[channel]] = value
    return look(motion)


def tile(images: list[Tensor], columns: int) -> Tensor:
    """Equal images in rows. [H, W, 3]"""
    return rearrange(torch.stack(images), "(r c) h w d -> (r h) (c w) d", c=columns)


def save_picture(path: Path, image: Tensor) -> None:
    """Display values 0..1 to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, (image.clamp(0, 1) * 255).round().byte())
