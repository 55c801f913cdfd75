"""How well the gate tells a cut from a shot that goes on (`Grant.for_next_frame`), on made-up shots and cuts.

Pictures: a still, seen by a camera that stands, shakes, pans or zooms, in light that flickers, with the noise of film;
a cut shows another still, or the same one framed anew. Faces: heads of the head model, which turn, speak and shut their
eyes between two frames, measured with error; a cut shows another person, or the same one in another pose.

Letters: T frames.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from ..geometry.camera import Camera, project, rotation_matrix
from ..geometry.head_model import HeadModel, landmarks, load_head_model, shape
from ..governance.gate import FRAME_BITS_APART, FRAME_TEMPLATE_APART
from ..governance.portrait import difference_hash, face_template, template_distance
from ..media.image import read_photo
from ..motion_space import INDEX
from ..pictar.squares import Squares, cut

SAMPLES = Path(__file__).parents[1] / "samples"
SIDE, RATE = 96, 25  # pixels of a frame; frames a second
NOISE = 2.0  # levels of 255 by which a pixel differs from frame to frame
ERROR = 0.015  # eye distances by which a landmark does
STEPS = 12  # frames of a shot, and cuts of a kind, for each picture or person


@dataclass(frozen=True)
class Camerawork:
    """How a picture is filmed."""

    pan: float = 0.0  # share of the frame's side that it moves from one frame to the next
    zoom: float = 1.0  # and gets narrower by
    shake: float = 0.0  # share of the side, by chance
    flicker: float = 0.0  # share of the light, by chance


SHOTS = {
    "that stands": Camerawork(),
    "from the hand": Camerawork(shake=0.01, flicker=0.03),
    "that pans 1 % of its width a frame": Camerawork(pan=0.01),
    "that pans 3 % of its width a frame": Camerawork(pan=0.03),
    "that zooms 2 % a frame": Camerawork(zoom=0.98),
    "with light that flickers by a tenth": Camerawork(flicker=0.1),
}


def bench(notes: dict[str, float]) -> dict[str, float]:
    """Shares of frames, in notes: there are no bars."""
    told: Mapping[str, Callable[[int], Mapping[str, float]]] = {"picture": of_pictures, "face": of_faces}
    for what, measure in told.items():
        notes.update({f"{name}: taken for a cut by the {what}": share for name, share in measure(STEPS).items()})
    return {}


def of_pictures(steps: int) -> dict[str, float]:
    """Which share of frames the picture alone tells from the frame before: within shots, and over cuts."""
    stills = [read_photo(path) for path in sorted(SAMPLES.glob("*.jpg"))]
    dice = torch.Generator().manual_seed(0)
    shares = {
        f"shot {name}": _mean(
            jumps(a, b) for still in stills for a, b in pairwise(filmed(still, _framing(still), work, steps, dice))
        )
        for name, work in SHOTS.items()
    }
    hand = SHOTS["from the hand"]

    def frames(still: Tensor, closer: float = 1.0, aside: float = 0.0) -> Iterator[Tensor]:
        seen = _framing(still)
        seen = replace(seen, side=seen.side / closer, center=seen.center + aside * seen.side)
        return filmed(still, seen, hand, steps, dice)

    cuts = {
        "cut to another picture": ((frames(a), frames(b)) for a in stills for b in stills if a is not b),
        "cut to half as much of the picture": ((frames(a), frames(a, closer=2.0)) for a in stills),
        "cut to a framing a third aside": ((frames(a), frames(a, aside=0.33)) for a in stills),
        "frame left out of a shot that pans 1 %": (
            (frames(a), filmed(a, _moved(a, 0.01), hand, steps, dice)) for a in stills
        ),
    }
    return shares | {
        name: _mean(jumps(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))
        for name, pairs in cuts.items()
    }


def filmed(picture: Tensor, framing: Squares, work: Camerawork, frames: int, dice: torch.Generator) -> Iterator[Tensor]:
    """A still u8 [H, W, 3] as film. u8 [SIDE, SIDE, 3]"""
    for k in range(frames):
        shift = work.pan * k + work.shake * torch.randn(2, generator=dice)
        seen = replace(framing, center=framing.center + shift * framing.side, side=framing.side * work.zoom**k)
        light = 1 + work.flicker * float(torch.randn((), generator=dice))
        levels = 255 * light * cut(picture, seen, SIDE)[0] + NOISE * torch.randn(3, SIDE, SIDE, generator=dice)
        yield levels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def jumps(before: Tensor, now: Tensor) -> bool:
    """Whether the gate takes one frame after another for a cut, by the pictures u8 [H, W, 3]."""
    return (difference_hash(before) ^ difference_hash(now)).bit_count() > FRAME_BITS_APART


def of_faces(steps: int) -> dict[str, float]:
    """The same by the face alone."""
    model, dice = load_head_model(), torch.Generator().manual_seed(0)
    moves = {f"turn of {speed} degrees a second": _turning(speed / RATE) for speed in (60, 200, 400)}
    moves |= {"mouth that opens wide in one frame": _acting("jawOpen", 0.6)}
    moves |= {"eyes that shut in one frame": _acting("eyeBlink_L", 1.0, "eyeBlink_R", 1.0)}
    moves |= {
        "cut to another person": lambda dice: (_anybody(dice), _anybody(dice)),
        "cut to another pose": lambda dice: _posed(_anybody(dice), dice),
    }
    return {
        name: _mean(leaps(*(_seen(model, one, dice) for one in move(dice))) for _ in range(4 * steps))
        for name, move in moves.items()
    }


@dataclass(frozen=True)
class Looks:
    """A head, and what it does."""

    identity: Tensor  # [60]
    angles: Tensor  # [3] degrees: pitch, yaw, roll
    expression: Tensor  # [53]


def leaps(before: Tensor, now: Tensor) -> bool:
    """Whether the gate takes one face [68, 2] after another for a cut."""
    return template_distance(face_template(before), face_template(now)) > FRAME_TEMPLATE_APART


def _anybody(dice: torch.Generator) -> Looks:
    angles = torch.tensor([8.0, 20.0, 5.0]) * torch.randn(3, generator=dice).clamp(-2, 2)
    return Looks(torch.randn(60, generator=dice), angles, 0.1 * torch.rand(53, generator=dice))


def _turning(degrees: float) -> Callable[[torch.Generator], tuple[Looks, Looks]]:
    def move(dice: torch.Generator) -> tuple[Looks, Looks]:
        one = _anybody(dice)
        return one, replace(one, angles=one.angles + torch.tensor([0.3 * degrees, degrees, 0.0]))

    return move


def _acting(*acts: str | float) -> Callable[[torch.Generator], tuple[Looks, Looks]]:
    def move(dice: torch.Generator) -> tuple[Looks, Looks]:
        one = _anybody(dice)
        expression = one.expression.clone()
        for name, weight in zip(acts[::2], acts[1::2], strict=True):
            expression[INDEX[name]] = weight
        return one, replace(one, expression=expression)

    return move


def _posed(one: Looks, dice: torch.Generator) -> tuple[Looks, Looks]:
    other = _anybody(dice)
    return one, replace(one, angles=other.angles, expression=other.expression)


def _seen(model: HeadModel, looks: Looks, dice: torch.Generator) -> Tensor:
    """The landmarks of a head before a lens, as they are measured. [68, 2]"""
    rotation = rotation_matrix(*looks.angles)
    place = torch.tensor([0.0, 0.0, -80.0]) - rotation @ model.pivot
    camera = Camera(torch.tensor(1000.0), torch.tensor([256.0, 256.0]), rotation, place)
    points = project(camera, landmarks(model, shape(model, looks.identity, looks.expression)))[:68, :2]
    eyes = (points[36:42].mean(0) - points[42:48].mean(0)).norm()
    return points + ERROR * eyes * torch.randn(points.shape, generator=dice)


def _framing(picture: Tensor) -> Squares:
    """The middle three quarters of a picture."""
    height, width = picture.shape[:2]
    return Squares(torch.tensor([[width / 2, height / 2]]), torch.tensor([0.75 * min(height, width)]), torch.zeros(1))


def _moved(picture: Tensor, pan: float) -> Squares:
    """Two frames of a pan further on, of which one is missing."""
    framing = _framing(picture)
    return replace(framing, center=framing.center + 2 * pan * framing.side)


def _mean(found: Iterator[bool]) -> float:
    listed = list(found)
    return sum(listed) / len(listed)
