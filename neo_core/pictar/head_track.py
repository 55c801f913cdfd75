"""A head through a video: which face is followed, where its head stands, and how it looks, frame by frame.

    pictures -> faces: found once, then followed -> heads: of one person, before one lens -> sightings [63]

Every stage hands on as it goes and keeps no picture. A frame without the face is None all the way through.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from .. import motion_space
from ..geometry.camera import rotation_angles, rotation_matrix, view
from ..geometry.head_model import HeadModel
from .analysis import Analyser, Face, analyse, follow
from .fit import FitSettings, HeadFit, fit_head, one_person, refit_head
from .iris import seen_irises
from .squares import Squares, frame_face

ACQUAINTED = 50  # frames with the face that tell who it is: two seconds
EVERY = 5  # of which so many are fitted with an open mind
FREELY = FitSettings(rounds=8, expression_spread=0.5, shy_spread=0.2)  # a known person's face is believed to move more
READ, SHUT = 0.35, 0.8  # blinks are read right up to the first; what reads as the second is a shut lid
BLINKS = [motion_space.INDEX[f"eyeBlink_{side}"] for side in "LR"]
FAR = 3.0  # face boxes from where it was lost: what is found beyond them is somebody else
WANDERING = 0.2  # face boxes that a lost face may get farther in a frame: in a second or two, anywhere
Choice = Callable[[list[Face]], Face | None]


class Head(NamedTuple):
    """A face and the head that was fitted to it."""

    face: Face
    fit: HeadFit


def followed(analyser: Analyser, pictures: Iterable[Tensor], choose: Choice) -> Iterator[Face | None]:
    """One face through pictures u8 [H, W, 3] of one size; None where it is not seen.

    `choose` picks it in the first picture that shows any, or waits for another: None. A lost face is looked for
    everywhere; the nearest one to where it was is it, unless that is farther than it can have gone meanwhile.
    """
    last: Face | None = None
    away, shift = 0, None  # frames since it was seen
    for picture in pictures:
        face = follow(analyser, picture, _place(last)) if last and not away else None
        if face is None:
            found = analyse(analyser, picture)
            face = _nearest(found, last, FAR + WANDERING * away) if last else (choose(found) if found else None)
        if face is not None:
            landmarks, shift = seen_irises(picture, face.landmarks, shift)
            face = replace(face, landmarks=landmarks)
        away, last = (away + 1, last) if face is None else (0, face)
        yield face


def heads(model: HeadModel, faces: Iterable[Face | None], size: tuple[int, int]) -> Iterator[Head | None]:
    """The head of one person in pictures of (height, width); None where the face is not seen.

    Who it is, and how long the lens, is settled on the first `ACQUAINTED` frames that show the face.
    """
    faces = iter(faces)
    waiting, known = _wait_for(faces)
    if not known:
        yield from (None for _ in waiting)
        return
    fit = one_person([fit_head(model, face.landmarks, face.sigma, size) for face in known[::EVERY]])
    for source in (waiting, faces):
        for face in source:
            if face is None:
                yield None
                continue
            fit = refit_head(model, face.landmarks, face.sigma, fit, FREELY)
            yield Head(face, fit)


def _wait_for(faces: Iterator[Face | None]) -> tuple[list[Face | None], list[Face]]:
    """Faces until enough of them are known: all of them, and those that are there."""
    waiting: list[Face | None] = []
    known: list[Face] = []
    for face in faces:
        waiting.append(face)
        if face is not None:
            known.append(face)
            if len(known) == ACQUAINTED:
                break
    return waiting, known


def sighting(model: HeadModel, fit: HeadFit) -> Tensor:
    """A head as it is seen [63]: expression and gaze as in `motion_space`; in the place of the pose the head's angles
    and the place of its pivot before the lens, in degrees and head units."""
    seen = motion_space.rest()
    seen[motion_space.EXPRESSION], seen[motion_space.GAZE] = fit.expression, fit.gaze
    seen[BLINKS] = _closing(seen[BLINKS])
    seen[motion_space.POSE] = torch.cat([rotation_angles(fit.camera.rotation), view(fit.camera, model.pivot)])
    return seen


def _closing(blink: Tensor) -> Tensor:
    """Lids that shut when they do: a fit, drawn towards faces at rest, leaves them a slit."""
    beyond = (blink - READ).clamp(min=0) * (1 - READ) / (SHUT - READ)
    return (blink.clamp(max=READ) + beyond).clamp(max=1.0)


def _place(face: Face) -> Squares:
    return frame_face(face.landmarks68[None])


def between(before: Head, after: Head, share: Tensor) -> Head:
    """A head on its way from one frame to another, a share [] of it behind it."""

    def mixed(one: Tensor, other: Tensor) -> Tensor:
        return torch.lerp(one, other, share)

    start, end = before.fit, after.fit
    angles = (rotation_angles(fit.camera.rotation) for fit in (start, end))
    place = mixed(start.camera.translation, end.camera.translation)
    camera = replace(start.camera, rotation=rotation_matrix(*mixed(*angles)), translation=place)
    parts = ("expression", "gaze", "residual", "error")
    fit = replace(start, camera=camera, **{name: mixed(getattr(start, name), getattr(end, name)) for name in parts})
    seen = ("box", "landmarks", "sigma", "pose", "expression", "gaze")
    face = {name: mixed(getattr(before.face, name), getattr(after.face, name)) for name in seen}
    return Head(replace(before.face, **face), fit)


def _nearest(found: list[Face], last: Face, reach: float) -> Face | None:
    """Of the faces in a picture the one that the last one has become, if any is within so many of its boxes."""
    middle, side = (last.box[:2] + last.box[2:]) / 2, float((last.box[2:] - last.box[:2]).amax())
    away = [float(((face.box[:2] + face.box[2:]) / 2 - middle).norm()) for face in found]
    return found[away.index(min(away))] if away and min(away) <= reach * side else None
