"""Imitation: the renderer's own motion extractor reads a driving head, and its keypoints move by what it says.

Nothing passes through our motion space, so whatever the checkpoint can tell of a face reaches the portrait. A reading
is one row of numbers, for one frame: turn, expression, scale, place, and how far eyes and lips are open.

Letters: T frames, K keypoints, N = 15 + 3 K.
"""

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from ...data_types import InputError
from ..head_crop import HeadCrop
from .driven_face import DrivenFace, on_cpu
from .driving import (
    MOVING,
    OPEN_LIPS,
    Driving,
    closed_lips,
    drive,
    driven,
    driving_of,
    eye_ratios,
    lip_ratio,
    quiet_frame,
    retargeted_eyes,
    retargeted_lips,
    stitched,
)
from .family import Renderer
from .keypoints import place
from .lift import read_picture
from .motion_bridge import to_motion
from .steadying import level

NOBODY = float("nan")  # all numbers of a reading without a face: what is not to be moved
CLOSED_EYES = 0.1  # usual ratio of a driver whose eyes are taken to be closed throughout


@dataclass(frozen=True)
class Imitator(DrivenFace):
    """A portrait that readings of a driving head move, measured from one of them."""

    anchor: Tensor = field(kw_only=True)  # [N]
    awake: Tensor = field(kw_only=True)  # [] the usual ratio of the driver's eyes

    @torch.no_grad()
    def keypoints(self, motion: Tensor) -> Tensor:
        """Where readings have them; where there is none (`NOBODY`), as photographed. [T, N] -> [T, K, 3]"""
        unseen, still = nobody(motion), place(self.source)
        moved = self._moved(torch.where(unseen[:, None], self.anchor, motion), still)
        return torch.where(unseen[:, None, None], still, moved)

    def _moved(self, motion: Tensor, still: Tensor) -> Tensor:
        moves, eyes, lips = unpack(motion)
        first, eyes_then, lips_then = unpack(self.anchor[None])
        moved = drive(self.source, moves, first, self.rules)
        own, wide = self.ratios, self.ratios[:2].mean()
        relative = self.rules.relative
        if "eyes" in self.retargeted:  # shut when the driver's are, as usual when the driver's are
            reached = wide + eyes - eyes_then if relative else eyes
            moved = moved + retargeted_eyes(self.stitching, still, own[:2], reached, wide * eyes / self.awake)
        if "lips" in self.retargeted:  # as far open as the driver's
            moved = moved + retargeted_lips(self.stitching, still, own[2:], own[2] + lips - lips_then, lips)
        besides: Tensor | float = 0.0
        if relative and self.rules.region in MOVING["lips"] and "lips" not in self.retargeted and lips_then < OPEN_LIPS:
            besides = closed_lips(self.stitching, still, own[2:])  # or they would be parted throughout
        return stitched(self.stitching, still, moved, self.rules, besides)

    @torch.no_grad()
    def motion(self, readings: Tensor) -> Tensor:
        """What the rules make of them as our motion vectors, as far as those can say it. [T, N] -> [T, 63]"""
        unseen = nobody(readings)
        moves, first = (unpack(x)[0] for x in (torch.where(unseen[:, None], self.anchor, readings), self.anchor[None]))
        moved = driven(self.source, moves, first, self.rules)
        told = to_motion(self.bridge, self.sight, moved, driving_of(self.source), self.reference)
        return torch.where(unseen[:, None], self.reference, told)


def require_imitator(face: object) -> None:
    """Raise InputError for a portrait that no checkpoint draws, and where lips are to be retargeted in absolute
    driving."""
    if not isinstance(face, DrivenFace):
        raise InputError("NEO's own head found, which reads no faces; expected a LivePortrait checkpoint")
    if "lips" in face.retargeted and not face.rules.relative:
        raise InputError(
            "absolute driving found with lips retargeted, which open as far as the driver's by themselves; expected "
            "relative driving, or only the eyes"
        )


def imitator(face: DrivenFace, readings: Tensor, anchor: str) -> Imitator:
    """A portrait ready to be moved by readings [T, N], measured from the first that shows a face or the `quiet` one.

    Raises InputError where it cannot be (`require_imitator`).
    """
    require_imitator(face)
    seen = readings[~nobody(readings)]
    moves, eyes, lips = unpack(seen)
    frame = {"first": 0, "quiet": quiet_frame(moves, eyes, lips)}[anchor]
    own = {one.name: getattr(face, one.name) for one in fields(DrivenFace)}
    return Imitator(**own, anchor=seen[frame], awake=eyes.median().clamp(min=CLOSED_EYES))


@torch.no_grad()
def read_head(renderer: Renderer, crop: HeadCrop, landmarks68: Tensor) -> Tensor:
    """What a renderer's motion extractor reads of a head; `landmarks68` [68, 2] tell eyes and lips. [N]"""
    picture = read_picture(crop.image, renderer.config.appearance.side)
    face = renderer.motion(picture.to(next(renderer.motion.parameters()).device))
    return pack(driving_of(on_cpu(face)), eye_ratios(landmarks68).mean()[None], lip_ratio(landmarks68)[None])[0]


def nobody(readings: Tensor) -> Tensor:
    """Which of them read no face. [T, N] -> bool [T]"""
    return readings.isnan().any(1)


def halfway(before: Tensor, after: Tensor, share: Tensor) -> Tensor:
    """A reading [N] on its way from one to another: its turn stays a turn, which a mean of two shortens."""
    mixed = torch.lerp(before, after, share)
    return torch.cat([level(mixed[:9]), mixed[9:]])


def pack(driving: Driving, eyes: Tensor, lips: Tensor) -> Tensor:
    """Driving of T frames with ratios [T] as rows. [T, N]"""
    parts = (driving.rotation, driving.expression, driving.scale, driving.translation, eyes, lips)
    return torch.cat([part.reshape(len(driving), -1) for part in parts], 1)


def unpack(readings: Tensor) -> tuple[Driving, Tensor, Tensor]:
    """The driving, and the ratios of eyes and lips [T], of rows [T, N]."""
    turn, expression, scale, shift, ratios = readings.split([9, readings.shape[1] - 15, 1, 3, 2], 1)
    driving = Driving(turn.unflatten(1, (3, 3)), expression.unflatten(1, (-1, 3)), scale[:, 0], shift)
    return driving, ratios[:, 0], ratios[:, 1]
