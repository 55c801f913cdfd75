"""How much of an eye still shows when its lids are closed.

The eyeball of the photograph is dyed twice, once towards magenta and once towards green, and both photographs are
closed in the same way. Where the two frames differ, the frame still carries pixels of the open eye: the difference over
the dye's own is their share, summed over all pixels however faint, so that a translucent lid leaks what it lets through
and a lid coloured by the eye leaks too. The lids are found in the photograph as it was, so the dye gives nothing away;
colours, shadows and the renderer's own idea of where the eye is do not enter. Nothing but closed lids brings the figure
down.
"""

import argparse
import logging
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
from ..pictar.fit import HeadFit, fit_head
from ..pictar.geometric import Volume, deform, translate
from ..pictar.geometric.bust import Bust, Deformation, build_bust
from ..pictar.geometric.contact import points
from ..pictar.geometric.lift import dress
from ..pictar.geometric.outline import settle_eyes
from ..pictar.geometric.patch import Window, window_around
from ..pictar.geometric.refine import load_refiner
from .renderer_truth import close_view, synthetic_grant
from .synthetic.people import HELD_OUT_FROM, sample_person
from .synthetic.render import FRAME_PARTS, render_frame
from .synthetic.scene import portrait_view

POSES = ((0, 0), (0, -20), (0, 20), (-10, 0), (10, 0))  # pitch and yaw, degrees
DYES = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
DYED = 0.5  # share of the dye in a dyed pixel
log = logging.getLogger(__name__)
AROUND = 0.35  # of an eye's width: where its colours are looked for
EYES = [FRAME_PARTS.index(name) for name in ("eye_left", "eye_right")]


@dataclass(frozen=True)
class Leak:
    """What still shows of the open eyes over their pixels: medians over people and poses, and the worst frame."""

    facing: float
    turned: float
    worst: float
    frames: int


def bench() -> dict[str, float]:
    """The figures of the benchmark: 24 people, facing the camera (or nodding) and turned by 20 degrees."""
    leak = measure(24, 512)
    log.info("lid leak of the worst of %d frames: %.4f", leak.frames, leak.worst)
    return {"lid leak at full closure": leak.facing, "lid leak, turned 20°": leak.turned}


def measure(people: int, size: int, first: int = HELD_OUT_FROM) -> Leak:
    """Leak of held-out factory people whose landmarks the product finds itself, in pictures of `size` pixels."""
    model, analyser = load_head_model(), load_analyser()
    shares = torch.stack([person_leak(model, analyser, first + number, size) for number in range(people)])
    turned = torch.tensor([yaw != 0 for _, yaw in POSES])
    facing, aside = shares[:, ~turned].median(), shares[:, turned].median()
    return Leak(float(facing), float(aside), float(shares.amax()), shares.numel())


def person_leak(model: HeadModel, analyser: Analyser, seed: int, size: int) -> Tensor:
    """Leak of one person at every pose. [5]"""
    person = sample_person(seed, model, size, plain=True)
    view = close_view(portrait_view(np.random.default_rng([seed, 77])))
    frame = render_frame(person, motion_space.rest(), view, size, supersample=1)
    photo = (frame.image.clamp(0, 1) * 255).round().to(torch.uint8)
    found = analyse(analyser, photo)
    if len(found) != 1:
        raise InputError(f"found {len(found)} faces in the photograph of person {seed}, expected 1")
    fit = fit_head(model, found[0].landmarks, found[0].sigma, (size, size))
    eyes = torch.isin(frame.parts, torch.tensor(EYES))
    return closed_leak(photo, eyes, fit, frame.mask, found[0].landmarks68, model)


@torch.no_grad()
def closed_leak(
    photo: Tensor, eyes: Tensor, fit: HeadFit, mask: Tensor, landmarks68: Tensor, model: HeadModel
) -> Tensor:
    """What shows of a photo's open eyes at full closure, as a share of their pixels, at every pose. [5]

    photo u8 [H, W, 3]; eyes [H, W] marks the eyeballs in it.
    """
    fitted = build_bust(model, fit)
    settled = settle_eyes(fitted, photo.permute(2, 0, 1).float() / 255)

    def dressed(one: Tensor) -> Volume:
        return dress(fitted, settled, whole(one), mask, synthetic_grant(one, landmarks68), load_refiner())

    volumes = [dressed(dyed(photo, eyes, dye)) for dye in DYES]
    shares = []
    for pose in POSES:
        moved = [deform(volume, _closed(volume, pose)) for volume in volumes]
        frames = [translate(volume, now) for volume, now in zip(volumes, moved, strict=True)]
        shares.append((carried(*frames) * _around_eyes(settled, moved[0], eyes.shape)).sum() / eyes.sum())
    return torch.stack(shares)


def dyed(photo: Tensor, eyes: Tensor, dye: Tensor) -> Tensor:
    """The photo with its eyeballs dyed. u8 [H, W, 3]"""
    colour = (1 - DYED) * photo.float() + DYED * 255 * dye
    return torch.where(eyes[..., None], colour, photo.float()).round().to(torch.uint8)


def carried(first: Tensor, second: Tensor) -> Tensor:
    """Share of each pixel that comes from dyed ones, of frames u8 [H, W, 3] dyed in either way. [H, W]"""
    return ((first.float() - second.float()) / 255 @ (DYES[0] - DYES[1]) / (3 * DYED)).clamp(0, 1)


def _around_eyes(bust: Bust, now: Deformation, size: torch.Size) -> Tensor:
    """Pixels of and around either eye: what the dye changes elsewhere is no eyeball. bool [H, W]"""
    near = torch.zeros(size, dtype=torch.bool)
    for lids in bust.contact.lids:
        rim = points(bust.model, now.screen, torch.cat([lids.upper, lids.lower]))[:, :2]
        at = window_around(rim, AROUND * float(rim[:, 0].amax() - rim[:, 0].amin()), Window(0, 0, *size))
        near[at.rows, at.columns] = True
    return near


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
