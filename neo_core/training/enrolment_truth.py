"""Enrolment from footage against enrolment from one photo, on views that neither has seen.

Held-out people of the factory are filmed: the head turns to both sides and back, the mouth speaks and smiles, the eyes
blink. The film is read as any footage: faces found, heads fitted, frames chosen, the best one lifted and widened by
the others. Beside it, that best frame alone is enrolled as a photo. Both then take poses and expressions that are not
in the film, farther turned and wider open, and are compared with photographs of them: in the face and between the lips.
"""

import argparse
import logging
import math
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from .. import motion_space
from ..data_types import InputError
from ..geometry.camera import rotation_angles, rotation_matrix
from ..geometry.head_model import load_head_model
from ..motion_space import EXPRESSION, GAZE, INDEX, POSE
from ..pictar.analysis import Analyser, load_analyser, person_mask
from ..pictar.crop import whole
from ..pictar.fit import fit_head
from ..pictar.footage_enrolment import Chosen, Look, choose_frames, sharpness
from ..pictar.geometric import Picture, Volume, deform, fused, lift, translate
from ..pictar.head_track import followed, heads
from .renderer_truth import FACE, close_view, psnr, synthetic_grant
from .synthetic.people import HELD_OUT_FROM, Person, look, sample_person
from .synthetic.render import FRAME_PARTS, Frame, render_frame
from .synthetic.scene import View, portrait_view

log = logging.getLogger(__name__)

FRAMES = 22  # of the film
TURN, NOD, TILT, JAW = 17.0, 5.0, 3.0, 0.4  # how far they go in it, degrees and weight
SHUT = (7, 16)  # frames with closed eyes
HELD_OUT = (  # pitch, yaw, roll and expression
    ((0, 14, 0), {}),
    ((0, -14, 0), {"jawOpen": 0.45, "mouthLowerDown": 0.25, "mouthUpperUp": 0.2}),
    ((2, 24, 0), {"mouthSmile": 0.7, "mouthUpperUp": 0.4, "jawOpen": 0.06}),
    ((-2, -24, 0), {}),
    ((7, 12, 0), {"mouthStretch": 0.5, "mouthLowerDown": 0.5, "jawOpen": 0.15}),
    ((-6, -10, 2), {"mouthSmile": 0.6, "mouthUpperUp": 0.5, "mouthLowerDown": 0.3, "jawOpen": 0.2}),
    ((0, 0, 0), {"jawOpen": 0.45, "mouthLowerDown": 0.3, "mouthUpperUp": 0.3}),
    ((0, 0, 0), {"mouthSmile": 0.7, "mouthUpperUp": 0.5, "jawOpen": 0.06}),
)
FAR = 12.0  # degrees from which a view is turned
INSIDE = tuple(FRAME_PARTS.index(name) for name in ("mouth_socket", "gums", "tongue", "teeth_upper", "teeth_lower"))
LEAST_INSIDE = 30  # pixels between the lips that are worth comparing
PEOPLE, SIZE = 8, 320
SIZES = (160, 1024)  # pixels a side: what lies between the lips is too small to compare in less
FIRST = HELD_OUT_FROM + 700  # by those from 500 on, constants of the fusion were chosen


@dataclass(frozen=True)
class Filmed:
    """One person: the film and the held-out views, with the truth of both."""

    frames: tuple[Frame, ...]
    motion: tuple[Tensor, ...]  # [63] each
    views: tuple[Frame, ...]
    asked: tuple[Tensor, ...]  # [63] each


@dataclass(frozen=True)
class Score:
    """PSNR of one view, dB; nan where there is nothing to compare."""

    turned: bool
    photo: float
    footage: float
    photo_inside: float  # between the lips
    footage_inside: float


def film(seed: int, size: int) -> Filmed:
    """A held-out person, filmed."""
    person = sample_person(seed, load_head_model(), size, plain=True)
    view = close_view(portrait_view(np.random.default_rng([seed, 77])))
    motion = tuple(acted(k / (FRAMES - 1), k in SHUT) for k in range(FRAMES))
    asked = tuple(posed(*view) for view in HELD_OUT)
    return Filmed(
        tuple(_photograph(person, vector, view, size) for vector in motion),
        motion,
        tuple(_photograph(person, vector, view, size) for vector in asked),
        asked,
    )


def _photograph(person: Person, motion: Tensor, view: View, size: int) -> Frame:
    return render_frame(person, motion, view, size, supersample=1)


def acted(moment: float, shut: bool) -> Tensor:
    """What the person does at a moment of the film, 0..1. [63]"""
    turn = math.tau * moment
    pose = (NOD * math.sin(2 * turn + 0.6), TURN * math.sin(turn), TILT * math.sin(turn + 1))
    jaw = JAW * max(0.0, math.sin(5 * turn + 0.4))
    smile = 0.5 * max(0.0, math.sin(turn - 2.2)) ** 2
    speech = {"jawOpen": jaw, "mouthUpperUp": 0.3 * jaw + 0.05, "mouthLowerDown": 0.5 * jaw, "mouthSmile": smile}
    return posed(pose, speech | ({"eyeBlink": 1.0} if shut else {}))


def posed(pose: tuple[float, ...], expression: dict[str, float]) -> Tensor:
    """The motion vector of a pose and an expression, which is the same on both sides. [63]"""
    motion = motion_space.rest()
    motion[POSE][:3] = torch.tensor(pose, dtype=torch.float32)
    for name, value in expression.items():
        for channel in (name, f"{name}_L", f"{name}_R"):
            if channel in INDEX:
                motion[INDEX[channel]] = value
    return look(motion)


@torch.no_grad()
def enrolled(analyser: Analyser, filmed: Filmed) -> tuple[Volume, Volume, Chosen]:
    """The person from the best frame alone, and from the film."""
    model, photos = load_head_model(), [_bytes(frame) for frame in filmed.frames]
    size = tuple(photos[0].shape[:2])
    faces = list(followed(analyser, iter(photos), lambda found: found[0]))
    seen = [(k, face) for k, face in enumerate(faces) if face is not None]
    found = heads(model, (face for _, face in seen), size)
    looks = [
        Look(k, face, head.fit, sharpness(photos[k], face.landmarks68))
        for (k, face), head in zip(seen, found, strict=True)
    ]
    chosen = choose_frames(model, looks)
    base, photo = chosen.base, photos[chosen.base.number]
    grant, mask = synthetic_grant(photo, base.face.landmarks68), person_mask(analyser, photo, base.face)
    fit = fit_head(model, base.face.landmarks, base.face.sigma, size)
    one = lift(whole(photo), fit, mask, grant=grant, model=model)

    @cache
    def picture(number: int) -> Picture:
        own, shown = photos[number], next(item for item in looks if item.number == number)
        mask = person_mask(analyser, own, shown.face)
        return Picture(own, shown.fit, mask, synthetic_grant(own, shown.face.landmarks68))

    sides, mouths = ([picture(item.number) for item in some] for some in (chosen.sides, chosen.mouths))
    return one, fused(one, sides, mouths), chosen


def asked_of(volume: Volume, base: Tensor, wanted: Tensor) -> Tensor:
    """The motion of a portrait, whose photo shows the motion `base` [63], for a view of the same person. [63]"""
    motion = wanted.clone()
    for channels in (EXPRESSION, GAZE):
        motion[channels] = volume.reference[channels] + wanted[channels] - base[channels]
    turn = rotation_matrix(*wanted[POSE][:3]) @ rotation_matrix(*base[POSE][:3]).T
    motion[POSE] = torch.cat([rotation_angles(turn), torch.zeros(3)])
    return motion_space.clamp(motion)


def compare(analyser: Analyser, filmed: Filmed) -> tuple[list[Score], list[Tensor]]:
    """Scores of every held-out view; and rows of truth, from the photo, from footage, to look at. u8 [H, 3 W, 3]"""
    one, several, chosen = enrolled(analyser, filmed)
    base = filmed.motion[chosen.base.number]
    scores, rows = [], []
    for truth, wanted in zip(filmed.views, filmed.asked, strict=True):
        pictures = [translate(v, deform(v, asked_of(v, base, wanted))) for v in (one, several)]
        face, inside = (torch.isin(truth.parts, torch.tensor(parts)) for parts in (FACE, INSIDE))
        values = [psnr(picture, truth.image, face) for picture in pictures]
        enough = int(inside.sum()) >= LEAST_INSIDE
        values += [psnr(picture, truth.image, inside) if enough else math.nan for picture in pictures]
        scores.append(Score(abs(float(wanted[POSE][1])) >= FAR, *values))
        rows.append(torch.cat([_bytes(truth), *pictures], 1))
    return scores, rows


def figures(scores: list[Score]) -> dict[str, float]:
    """Gains of footage over the photo, dB, and what they start from."""
    turned = [score for score in scores if score.turned]
    inside = [score for score in scores if not math.isnan(score.photo_inside)]
    return {
        "enrolment from footage, turned views": fmean(s.footage - s.photo for s in turned),
        "enrolment from footage, between the lips": fmean(s.footage_inside - s.photo_inside for s in inside),
        "enrolment from footage, all views": fmean(s.footage - s.photo for s in scores),
    }


def bench(notes: dict[str, float], people: int = PEOPLE, size: int = SIZE) -> dict[str, float]:
    """The figures of the benchmark; `notes` gets the decibels that both begin from. Raises InputError for nobody, and
    for pictures that nothing can be told from."""
    if people < 1 or not SIZES[0] <= size <= SIZES[1]:
        raise InputError(
            f"an exam of {people} people in {size} pixels a side found; expected at least one person, in {SIZES[0]} "
            f"to {SIZES[1]} pixels"
        )
    analyser, scores = load_analyser(), []
    for number in range(people):
        own, _ = compare(analyser, film(FIRST + number, size))
        scores += own
        log.info("person %d: %s", number, {name: round(value, 2) for name, value in figures(own).items()})
    turned = [score for score in scores if score.turned]
    notes["enrolment from one photo, turned views, dB"] = fmean(score.photo for score in turned)
    notes["enrolment from footage, turned views, dB"] = fmean(score.footage for score in turned)
    worse = sum(score.footage < score.photo - 0.1 for score in scores)
    notes["views that footage makes worse by more than 0.1 dB, share"] = worse / len(scores)
    return figures(scores)


def _bytes(frame: Frame) -> Tensor:
    return (frame.image.clamp(0, 1) * 255).round().to(torch.uint8)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"1 or more (default: {PEOPLE})")
    parser.add_argument("--size", type=int, default=SIZE, help=f"pixels a side (default: {SIZE})")


def run(arguments: argparse.Namespace) -> None:
    notes: dict[str, float] = {}
    for name, value in (bench(notes, arguments.people, arguments.size) | notes).items():
        log.info("%s: %.2f", name, value)
