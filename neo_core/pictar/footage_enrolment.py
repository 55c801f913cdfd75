"""Who is in a piece of footage, and which of its frames say so best.

    faces of all frames -> acquainted: one identity, one lens -> looks -> chosen: base, sides, open mouths

The base is the portrait: sharp, from the front, eyes open and on the lens, the mouth as it rests. Sides are the frames
that add most of the skin that the base shows aslant or not at all; open mouths those that show most teeth. A frame is
known by its number: pictures are read again once it is clear which of them are wanted.

Letters: T frames with the face, V vertices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry.camera import rotation_angles
from ..geometry.head_model import HeadModel, shape, vertex_normals
from ..motion_space import EXPRESSION, GAZE, INDEX, REGIONS, SIZE
from .analysis import Face
from .expression import lip_gap
from .fit import HeadFit
from .geometric.sampling import blur, luma, resize
from .head_track import BLINKS

DETAIL = 160  # pixels of a face in which its sharpness is measured, at most
FINE = 1.0  # pixels of blur: what it takes away is what a blurred frame lacks
SHARP = 0.9  # quantile of sharpness that counts as sharp
ASIDE = 7.0  # degrees from the lens at which a head counts for 1 / sqrt(e), as a base
LOOKING = 9.0  # ... and eyes
LIDS = 0.12  # ... and how far lids are from where they mostly are
APART = 0.15  # ... and lips, head units
MOVED = 0.12  # ... and the mouth from how it mostly is: root mean square of its channels
SIDES = 4  # frames beside the base, at most
SHOWN = (0.25, 0.65)  # cosine to the lens at which a frame begins to show skin, and shows it well
GAIN = 0.004  # of the head's skin that another side must add
PARTED = 0.25  # head units between the lips from which teeth may show
RAISED = [INDEX[f"{name}_{side}"] for name in ("mouthSmile", "mouthUpperUp") for side in "LR"]  # lips, off teeth
OPENED = 0.3  # mean of these that an open mouth without them is worth
MOUTHS = 4  # frames with an open mouth that are looked into


@dataclass(frozen=True)
class Look:
    """What one frame shows; its picture is not kept."""

    number: int  # of the frame
    face: Face
    fit: HeadFit
    sharpness: float


@dataclass(frozen=True)
class Chosen:
    """The frames that a portrait is made from."""

    base: Look
    sides: tuple[Look, ...]
    mouths: tuple[Look, ...]

    @property
    def numbers(self) -> set[int]:
        return {look.number for look in (self.base, *self.sides, *self.mouths)}


def sharpness(picture: Tensor, landmarks68: Tensor) -> float:
    """How much of a face's contrast in u8 [H, W, 3] is fine: comparable between frames of one clip."""
    points = landmarks68[17:48]  # brows, nose and eyes: a mouth that opens is no sharper for it
    limit = points.new_tensor([picture.shape[1] - 1, picture.shape[0] - 1])
    low, high = points.amin(0).clamp(min=0), torch.minimum(points.amax(0), limit)
    left, top = low.int().tolist()
    right, bottom = (high.int() + 1).tolist()
    if right - left < 8 or bottom - top < 8:
        return 0.0
    view = luma(picture[top:bottom, left:right].permute(2, 0, 1).float() / 255)[None]
    ratio = min(1.0, DETAIL / max(view.shape[1:]))
    view = resize(view, *(max(4, round(side * ratio)) for side in view.shape[1:]))
    fine = (view - blur(view, FINE)).square().mean()
    return float((fine / view.var().clamp(min=1e-6)).sqrt())


def choose_frames(model: HeadModel, looks: Sequence[Look]) -> Chosen:
    """The frames to make a portrait of, from all that show the face."""
    base = looks[int(base_scores(looks).argmax())]
    return Chosen(base, _sides(model, looks, base), _mouths(looks))


def base_scores(looks: Sequence[Look]) -> Tensor:
    """How well each frame would do as the portrait. [T] 0..1"""
    motion = _motions(looks)
    angles = torch.stack([rotation_angles(look.fit.camera.rotation) for look in looks])
    facing = _bell(angles[:, :2], ASIDE)
    eyes = _bell((angles[:, [1, 0]] + motion[:, GAZE].view(-1, 2, 2).mean(1)), LOOKING)
    blinks = motion[:, BLINKS].mean(1)
    lids = _bell((blinks - blinks.quantile(0.4))[:, None].clamp(min=0), LIDS)
    lips = _bell(lip_gap(motion).amax(1, keepdim=True).clamp(min=0), APART)
    mouth = motion[:, list(REGIONS["mouth"])]
    calm = _bell((mouth - mouth.median(0).values).square().mean(1, keepdim=True).sqrt(), MOVED)
    sure = torch.tensor([look.face.score for look in looks])
    return facing * eyes * lids * lips * calm * sharp(looks).square() * sure


def sharp(looks: Sequence[Look]) -> Tensor:
    """Sharpness beside the sharp frames of the clip. [T] 0..1"""
    values = torch.tensor([look.sharpness for look in looks])
    return (values / values.quantile(SHARP).clamp(min=1e-6)).clamp(max=1)


def _sides(model: HeadModel, looks: Sequence[Look], base: Look) -> tuple[Look, ...]:
    """Frames that add skin, the one that adds most first; nearness of views does not tell, what they show does."""
    normal = vertex_normals(shape(model, base.fit.identity, base.fit.expression), model.triangles)
    skin = (model.vertex_part < 2) & (model.neck_weight > 0.98)
    towards = torch.stack([look.fit.camera.rotation[2] for look in looks])  # [T, 3] the lens, in the head's axes
    quality = _shown(towards @ normal[skin].T) * sharp(looks).square()[:, None]  # [T, V]
    known = _shown(normal[skin] @ base.fit.camera.rotation[2])
    found: list[Look] = []
    while len(found) < SIDES:
        added = (quality - known).clamp(min=0).mean(1)
        best = int(added.argmax())
        if added[best] < GAIN:
            break
        found.append(looks[best])
        known = torch.maximum(known, quality[best])
    return tuple(found)


def _mouths(looks: Sequence[Look]) -> tuple[Look, ...]:
    """Frames with open mouths, before all such with raised lips: from the front, sharp, each from another moment."""
    motion = _motions(looks)
    gaps = lip_gap(motion).clamp(min=0)  # [T, P]
    raised = OPENED + motion[:, RAISED].mean(1)
    turned = torch.stack([rotation_angles(look.fit.camera.rotation)[:2] for look in looks])
    worth = gaps.mean(1) * raised * _bell(turned, 3 * ASIDE) * sharp(looks)
    found: list[Look] = []
    near = max(1, len(looks) // (3 * MOUTHS))
    while len(found) < MOUTHS and float(worth.max()) > 0:
        best = int(worth.argmax())
        if float(gaps[best].amax()) > PARTED:
            found.append(looks[best])
        worth[max(0, best - near) : best + near + 1] = 0
    return tuple(found)


def _motions(looks: Sequence[Look]) -> Tensor:
    """Expression and gaze; no pose. [T, 63]"""
    motion = torch.zeros(len(looks), SIZE)
    motion[:, EXPRESSION] = torch.stack([look.fit.expression for look in looks])
    motion[:, GAZE] = torch.stack([look.fit.gaze for look in looks])
    return motion


def _shown(cosine: Tensor) -> Tensor:
    low, high = SHOWN
    return ((cosine - low) / (high - low)).clamp(0, 1)


def _bell(values: Tensor, width: float) -> Tensor:
    """[T, C] -> [T]"""
    return (-0.5 * (values / width).square().sum(1)).exp()
