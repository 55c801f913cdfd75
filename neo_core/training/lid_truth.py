"""How much of an eye still shows when its lids are closed.

The eyeball of the photograph is dyed twice, once towards magenta and once towards green, and both photographs are
closed in the same way. Where the two frames differ, the frame still carries pixels of the open eye: the difference over
the dye's own is their share. Colours, shadows and the renderer's own idea of where the eye is do not enter, so nothing
but closed lids brings the figure down.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import motion_space
from ..data_types import InputError
from ..geometry.head_model import HeadModel, load_head_model
from ..motion_space import INDEX
from ..pictar.analysis import Analyser, analyse, load_analyser
from ..pictar.crop import whole
from ..pictar.fit import fit_head
from ..pictar.geometric import Volume, deform, lift, translate
from .renderer_truth import close_view, synthetic_grant
from .synthetic.people import HELD_OUT_FROM, sample_person
from .synthetic.render import FRAME_PARTS, render_frame
from .synthetic.scene import portrait_view

POSES = ((0, 0), (0, -20), (0, 20), (-10, 0), (10, 0))  # pitch and yaw, degrees
DYES = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
DYED = 0.5  # share of the dye in a dyed pixel
SHOWN = 0.1  # share of the eye's own colours from which a pixel counts as showing it
EYES = [FRAME_PARTS.index(name) for name in ("eye_left", "eye_right")]


@dataclass(frozen=True)
class Leak:
    """Share of the open eyes' pixels that still show, over people and poses."""

    median: float
    worst: float
    frames: int


def bench() -> dict[str, float]:
    """The figure of the benchmark: the median of 24 people at five poses, and the worst of them."""
    leak = measure(24, 512)
    return {"lid leak at full closure": leak.median, "lid leak, worst frame": leak.worst}


def measure(people: int, size: int, first: int = HELD_OUT_FROM) -> Leak:
    """Leak of held-out factory people whose landmarks the product finds itself, in pictures of `size` pixels."""
    model, analyser = load_head_model(), load_analyser()
    shares = torch.cat([person_leak(model, analyser, first + number, size) for number in range(people)])
    return Leak(float(shares.median()), float(shares.amax()), len(shares))


def person_leak(model: HeadModel, analyser: Analyser, seed: int, size: int) -> Tensor:
    """Leak of one person at every pose. [5]"""
    person = sample_person(seed, model, size, plain=True)
    view = close_view(portrait_view(np.random.default_rng([seed, 77])))
    photo = render_frame(person, motion_space.rest(), view, size, supersample=1)
    picture = (photo.image.clamp(0, 1) * 255).round().to(torch.uint8)
    found = analyse(analyser, picture)
    if len(found) != 1:
        raise InputError(f"found {len(found)} faces in the photograph of person {seed}, expected 1")
    fit = fit_head(model, found[0].landmarks, found[0].sigma, (size, size))
    eyes = torch.isin(photo.parts, torch.tensor(EYES))

    def lifted(dyed_photo: Tensor) -> Volume:
        grant = synthetic_grant(dyed_photo, found[0].landmarks68)
        return lift(whole(dyed_photo), fit, photo.mask, grant=grant, model=model)

    return closed_leak(lifted, picture, eyes)


@torch.no_grad()
def closed_leak(lifted: Callable[[Tensor], Volume], photo: Tensor, eyes: Tensor) -> Tensor:
    """Share of a photo's open eyes that shows at full closure, at every pose. [5]

    `lifted` lifts a photo u8 [H, W, 3]; eyes [H, W] marks the eyeballs in it.
    """
    volumes = [lifted(dyed(photo, eyes, dye)) for dye in DYES]
    shares = []
    for pose in POSES:
        frames = [translate(volume, deform(volume, _closed(volume, pose))) for volume in volumes]
        shares.append((carried(*frames) > SHOWN).sum() / eyes.sum())
    return torch.stack(shares)


def dyed(photo: Tensor, eyes: Tensor, dye: Tensor) -> Tensor:
    """The photo with its eyeballs dyed. u8 [H, W, 3]"""
    colour = (1 - DYED) * photo.float() + DYED * 255 * dye
    return torch.where(eyes[..., None], colour, photo.float()).round().to(torch.uint8)


def carried(first: Tensor, second: Tensor) -> Tensor:
    """Share of each pixel that comes from dyed ones, of frames u8 [H, W, 3] dyed in either way. [H, W]"""
    return ((first.float() - second.float()) / 255 @ (DYES[0] - DYES[1]) / (3 * DYED)).clamp(0, 1)


def _closed(volume: Volume, pose: tuple[int, int]) -> Tensor:
    motion = volume.reference.clone()
    motion[[INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = 1.0
    motion[[INDEX["pitch"], INDEX["yaw"]]] = torch.tensor(pose, dtype=torch.float32)
    return motion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--size", type=int, default=512)


def run(arguments: argparse.Namespace) -> Leak:
    return measure(arguments.people, arguments.size)
