"""One head's motion on another: what is seen of a driving head (`head_track.sighting`) becomes motion of a portrait.

The turn of a head is told in its own axes and carried over into the portrait's: a nod stays a nod, whichever way either
of them faces. The portrait keeps its size and its place in the picture, so neither drifts, however long the video.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import motion_space
from ..data_types import InputError
from ..geometry.camera import rotation_angles, rotation_matrix
from ..motion_space import EXPRESSION, GAZE, POSE, REGIONS
from .expression import APART, SHUT, closed_as, lip_gap
from .geometric.follow import smoothstep

REGION = {  # which channels are driven; the others stay as the portrait has them
    "all": tuple(range(motion_space.SIZE)),
    "expression": (*range(EXPRESSION.start, EXPRESSION.stop), *REGIONS["gaze"]),
    "pose": REGIONS["pose"],
    "lips": REGIONS["mouth"],
    "eyes": (*REGIONS["eyes"], *REGIONS["gaze"]),
}
RELATIONS = {
    "mixed": "the expression as it is seen, head and gaze as they differ from the first frame",
    "relative": "everything as it differs from the first frame, added to the photo",
    "absolute": "everything as it is seen: the photo takes the head's direction, too",
}
ROOM = motion_space.HIGH[POSE.start + 3]  # head units that a head may shift
KNEE = 0.6  # share of it from which on a shift is held back ever more


@dataclass(frozen=True)
class Transfer:
    """How a driving head moves a portrait."""

    reference: Tensor  # [63] the portrait's own expression and gaze
    turned: Tensor  # [3, 3] the portrait's head before its lens
    region: str = "all"
    relation: str = "mixed"

    def __post_init__(self) -> None:
        for found, known, what in ((self.region, REGION, "region"), (self.relation, RELATIONS, "relation")):
            if found not in known:
                raise InputError(f"{what} {found!r:.40} is unknown; expected one of {', '.join(known)}")


@torch.no_grad()
def transferred(transfer: Transfer, first: Tensor, seen: Tensor) -> Tensor:
    """Motion of the portrait [63] from a sighting [63] and the driving video's first one."""
    reference, relation = transfer.reference, transfer.relation
    motion = seen.clone()
    if relation == "relative":
        motion[EXPRESSION] = (reference + seen - first)[EXPRESSION].clamp(0, 1)
    if relation != "absolute":
        motion[GAZE] = (reference + seen - first)[GAZE]
    motion[POSE] = _pose(transfer, first[POSE], seen[POSE])
    kept = torch.ones(motion_space.SIZE, dtype=torch.bool)
    kept[list(REGION[transfer.region])] = False
    motion = motion_space.clamp(torch.where(kept, reference, motion))
    return _meeting(motion, seen) if transfer.region in ("all", "expression", "lips") else motion


def _pose(transfer: Transfer, first: Tensor, seen: Tensor) -> Tensor:
    """The turn and the shift of the portrait's head. [6] each"""
    begun = transfer.turned if transfer.relation == "absolute" else rotation_matrix(*first[:3])
    turn, shift = begun.T @ rotation_matrix(*seen[:3]), begun.T @ (seen[3:] - first[3:])
    return torch.cat([rotation_angles(turn), _held_back(shift)])


def _held_back(shift: Tensor) -> Tensor:
    """A shift that comes to rest where there is no more room instead of stopping there. [3]"""
    knee = KNEE * ROOM
    beyond = (shift.abs() - knee).clamp(min=0) / (ROOM - knee)
    return shift.sign() * (shift.abs().clamp(max=knee) + (ROOM - knee) * torch.tanh(beyond))


def _meeting(motion: Tensor, seen: Tensor) -> Tensor:
    """Lips that meet where the driving lips do, whatever was added to them. [63]"""
    held = 1 - smoothstep(lip_gap(seen[None]).amax(1), SHUT, APART)
    return motion_space.clamp(closed_as(seen[None], motion[None].clone(), held))[0]
