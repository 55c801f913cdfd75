"""Frames of many people with exact labels, written in shards: what portrait analysis and the renderer learn from.

    python -m neo_core factory frames --out DIR --minutes 20 --size 192

A shard is made from its own seeds, so an interrupted run goes on where it stopped and two runs with the same arguments
write the same files.
"""

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ... import motion_space
from ...geometry.head_model import HeadModel, load_head_model
from ...weights import safetensors_io
from .people import HELD_OUT_FROM, Person, random_motion, sample_person
from .render import Frame, render_frame
from .scene import sample_view

PEOPLE, VIEWS = 21, 12  # per shard: 252 frames
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `factory frames`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--minutes", type=float, default=20, help="stop after this time")
    parser.add_argument("--shards", type=int, default=10_000, help="stop at this many shards")
    parser.add_argument("--size", type=int, default=192, help="side of a frame in pixels")
    parser.add_argument("--supersample", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="runs with different seeds show different people")
    parser.add_argument("--device", default="cpu")


def run(arguments: argparse.Namespace) -> None:
    """Write shards until the time is up; existing shards are kept."""
    torch.set_num_threads(1)
    deadline = time.monotonic() + 60 * arguments.minutes
    head = load_head_model().to(arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for shard in range(arguments.shards):
        path = arguments.out / f"shard_{shard:05d}.safetensors"
        if path.exists():
            continue
        tensors = make_shard(head, arguments.seed, shard, arguments.size, arguments.supersample, deadline)
        if tensors is None:
            return
        safetensors_io.save(path, tensors, {"size": arguments.size, "seed": arguments.seed, "shard": shard})
        left = (deadline - time.monotonic()) / 60
        log.info("%s: %d frames, %.1f minutes left", path.name, len(tensors["image"]), left)


def make_shard(
    head: HeadModel, seed: int, shard: int, size: int, supersample: int, deadline: float = float("inf"),
    people: int = PEOPLE, views: int = VIEWS,
) -> dict[str, Tensor] | None:  # fmt: skip
    """One shard of people x views frames, or None when the deadline passes before it is finished."""
    rows = []
    for number in range(people):
        person_seed = (seed * 100_000 + shard * people + number) % HELD_OUT_FROM
        person = sample_person(person_seed, head, size)
        for view in range(views):
            if time.monotonic() > deadline:
                return None
            rows.append(_row(person, np.random.default_rng([person_seed, view, 77]), size, supersample))
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def _row(person: Person, rng: np.random.Generator, size: int, supersample: int) -> dict[str, Tensor]:
    motion = random_motion(rng)
    frame = render_frame(person, motion, sample_view(rng), size, supersample)
    return labels(person, motion, frame)


def labels(person: Person, motion: Tensor, frame: Frame) -> dict[str, Tensor]:
    """What a shard holds of one frame."""
    return {
        "image": (frame.image * 255).round().byte().cpu(),
        "landmarks": frame.landmarks.float().cpu(),
        "mask": (frame.mask * 255).round().byte().cpu(),
        "pose": frame.pose.float().cpu(),
        "expression": motion[motion_space.EXPRESSION].clone(),
        "gaze": motion[motion_space.GAZE].clone(),
        "identity": person.identity.float().cpu(),
        "person": torch.tensor(person.seed),
    }
