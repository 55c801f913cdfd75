"""A sheet of whole people to look at, each with a shot of their own.

python -m neo_core factory humans-sheet --assets ASSETS --out people.png --seed 0 --count 12 --framing "half body"
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from ... import motion_space
from .body_pack import load_pack
from .body_pose import before_body, relaxed
from .human import sample_human
from .human_render import render
from .sheet import save_picture, tile
from .shot import FRAMINGS, sample_shot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `factory humans-sheet`."""
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman_cc0.npz and its textures")
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    parser.add_argument("--seed", type=int, default=0, help="of the first person")
    parser.add_argument("--count", type=int, default=12, help="of people")
    parser.add_argument("--framing", choices=[*FRAMINGS, "all"], default="all")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--size", type=int, default=128, help="side of a cell in pixels")


def run(arguments: argparse.Namespace) -> None:
    """Draw every person in a framing, or in all of them."""
    framings = FRAMINGS if arguments.framing == "all" else (arguments.framing,)
    cells = [
        portrait(arguments.assets, arguments.seed + k, framing, arguments.size)
        for framing in framings
        for k in range(arguments.count)
    ]
    cells += [torch.ones_like(cells[0])] * (-len(cells) % arguments.columns)
    save_picture(arguments.out, tile(cells, arguments.columns))


def portrait(assets: Path, seed: int, framing: str, size: int) -> Tensor:
    """A person at rest: arms down, or hands before the body where the framing shows them. [size, size, 3]"""
    human = sample_human(seed, load_pack(assets))
    pose = before_body if framing == "half body" and seed % 2 else relaxed
    return render(human, pose(human.body), motion_space.rest(), sample_shot(human, seed, framing), size).image
