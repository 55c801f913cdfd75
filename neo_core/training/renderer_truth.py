"""The renderer against the factory's exact truth, beside a plain 2D landmark warp that knows the same.

Held-out people are photographed at rest and again with 7 poses and 6 expressions; both renderers get the photo, its
landmarks and the motion, and are compared with the second photograph inside the face. Every person is seen in all
poses, with the expressions rotating from person to person, so all 42 pairs occur.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import motion_space
from ..geometry.head_model import HeadModel, landmarks, load_head_model
from ..governance import TALKING_HEAD, ConsentLedger, Grant, authorise, fingerprint
from ..governance.record import new_record
from ..motion_space import INDEX
from ..pictar.crop import whole
from ..pictar.fit import fit_head
from ..pictar.geometric import Volume, deform, lift, translate
from ..pictar.geometric.sampling import pixel_centres, sample
from .synthetic.people import HELD_OUT_FROM, look, sample_person
from .synthetic.render import FRAME_PARTS, Frame, render_frame
from .synthetic.scene import View, portrait_view

POSES = (  # pitch, yaw, roll in degrees
    (0, 0, 0), (0, 8, 2), (2, -8, -2), (-3, 16, 0), (3, -16, 3), (9, 3, -3), (-9, -4, 4),
)  # fmt: skip
TURNED = ((0, 20, 0), (0, -20, 0))
EXPRESSIONS = (
    {},
    {"jawOpen": 0.45, "mouthLowerDown": 0.2, "mouthUpperUp": 0.15},
    {"mouthSmile": 0.7, "mouthUpperUp": 0.25, "cheekSquint": 0.4, "jawOpen": 0.05},
    {"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.08},
    {"eyeBlink": 1.0, "jawOpen": 0.12},
    {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.3, "mouthStretch": 0.3},
)
FACE = tuple(
    FRAME_PARTS.index(name)
    for name in (
        "face", "mouth_socket", "gums", "tongue", "teeth_upper", "teeth_lower", "eye_left", "eye_right",
    )
)  # fmt: skip
HEAD_SHARE = 0.55


@dataclass(frozen=True)
class Score:
    """Mean over frames, dB."""

    renderer: float
    landmark_warp: float
    frames: int

    @property
    def gain(self) -> float:
        return self.renderer - self.landmark_warp


def bench() -> dict[str, float]:
    """The figures of the benchmark: 50 people, 7 poses x 6 expressions; the same people turned far."""
    return {
        "renderer against truth": measure(50, 256).gain,
        "renderer against truth, turned 20°": measure(50, 256, poses=TURNED).gain,
    }


def measure(people: int, size: int, first: int = HELD_OUT_FROM, poses: tuple = POSES) -> Score:
    """PSNR in the face of both renderers over `people` held-out people in pictures of `size` pixels."""
    model = load_head_model()
    ours, theirs = [], []
    for number in range(people):
        for pose_number, pose in enumerate(poses):
            expression = EXPRESSIONS[(number + pose_number) % len(EXPRESSIONS)]
            if pose_number == 0:
                scene = _Scene(model, first + number, size)
            truth, motion = scene.photograph(pose, expression)
            inside = torch.isin(truth.parts, torch.tensor(FACE))
            now = deform(scene.volume, motion)
            ours.append(psnr(translate(scene.volume, now), truth.image, inside))
            theirs.append(psnr(scene.landmark_warp(landmarks(model, now.screen)), truth.image, inside))
    return Score(float(np.mean(ours)), float(np.mean(theirs)), len(ours))


def psnr(frame: Tensor, truth: Tensor, inside: Tensor) -> float:
    """dB between a frame u8 and a picture 0..1, both [H, W, 3], where `inside` [H, W]."""
    difference = (frame.float() / 255 - truth.clamp(0, 1))[inside]
    return float(-10 * difference.square().mean().clamp(min=1e-8).log10())


def landmark_warp(photo: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Thin-plate spline through landmarks, the picture's rim held. photo u8 [H, W, 3], points [K, 2] -> u8"""
    height, width = photo.shape[:2]
    along = torch.linspace(0, 1, 5)
    rim = torch.cat([torch.stack(torch.broadcast_tensors(*edge), -1) for edge in (
        (along * width, torch.tensor(0.0)), (along * width, torch.tensor(float(height))),
        (torch.tensor(0.0), along[1:-1] * height), (torch.tensor(float(width)), along[1:-1] * height),
    )])  # fmt: skip
    knots, values = torch.cat([target, rim]), torch.cat([source - target, torch.zeros_like(rim)])
    count = len(knots)
    bend = _plate(torch.cdist(knots, knots)) + 1e-3 * torch.eye(count)
    flat = torch.cat([torch.ones(count, 1), knots], 1)
    system = torch.cat([torch.cat([bend, flat], 1), torch.cat([flat.T, torch.zeros(3, 3)], 1)])
    weight = torch.linalg.solve(system.double(), torch.cat([values, torch.zeros(3, 2)]).double()).float()
    at = pixel_centres(height, width)
    points = at.reshape(-1, 2)
    flow = _plate(torch.cdist(points, knots)) @ weight[:count] + weight[count] + points @ weight[count + 1 :]
    moved = sample(photo.permute(2, 0, 1).float(), at + flow.view(height, width, 2))
    return moved.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def _plate(distance: Tensor) -> Tensor:
    """Radial function of the thin plate, scaled for pixels."""
    square = (distance / 100).square()
    return square * (square + 1e-9).log()


class _Scene:
    """One held-out person before one camera, lifted from the first photograph."""

    def __init__(self, model: HeadModel, seed: int, size: int):
        rng = np.random.default_rng([seed, 77])
        self.size = size
        self.person = sample_person(seed, model, size, plain=True)
        self.view = close_view(portrait_view(rng))
        photo = render_frame(self.person, motion_space.rest(), self.view, size, supersample=1)
        self.photo = (photo.image.clamp(0, 1) * 255).round().to(torch.uint8)
        self.points = photo.landmarks
        fit = fit_head(model, photo.landmarks, None, (size, size))
        grant = synthetic_grant(self.photo, photo.landmarks[:68])
        self.volume: Volume = lift(whole(self.photo), fit, photo.mask, grant=grant, model=model)

    def photograph(self, pose: tuple[float, ...], expression: dict[str, float]) -> tuple[Frame, Tensor]:
        """The truth of a pose and an expression, and the motion vector for the lifted head."""
        motion = motion_space.rest()
        motion[53:56] = torch.tensor(pose, dtype=torch.float32)
        for name, value in expression.items():
            for channel in (name, f"{name}_L", f"{name}_R"):
                if channel in INDEX:
                    motion[INDEX[channel]] = value
        motion = look(motion)
        truth = render_frame(self.person, motion, self.view, self.size, supersample=1)
        wanted = motion_space.clamp(self.volume.reference + motion)  # the photo was taken at rest
        return truth, wanted

    def landmark_warp(self, target: Tensor) -> Tensor:
        return landmark_warp(self.photo, self.points[:68], target[:68, :2])


def close_view(view: View) -> View:
    """The same camera, near enough for the face to fill the picture."""
    return replace(view, head_share=HEAD_SHARE, offset=(0.0, 0.0))


def synthetic_grant(photo: Tensor, landmarks68: Tensor) -> Grant:
    """Leave to move a made-up person, from a ledger of its own."""
    portrait = fingerprint(photo, landmarks68)
    ledger = ConsentLedger(Path(tempfile.mkdtemp(dir=_records().name)))  # of its own: grants read all of theirs
    ledger.add(new_record("synthetic", "factory person", portrait, adult=True, issued=int(time.time())))
    return authorise(portrait, TALKING_HEAD, source="factory", ledger=ledger)


@cache
def _records() -> tempfile.TemporaryDirectory:
    """Where the ledgers of made-up people lie until the process ends."""
    return tempfile.TemporaryDirectory(prefix="neo-factory-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--size", type=int, default=256)


def run(arguments: argparse.Namespace) -> Score:
    return measure(arguments.people, arguments.size)
