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
    "mixed": "the expression as it is seen, head and gaze as they differ from the anchor",
    "relative": "everything as it differs from the anchor, added to the photo",
    "absolute": "everything as it is seen: the photo takes the head's direction, too",
}
ANCHORS = {
    "quiet": "the face at rest, head and gaze as they usually are, whatever the video begins with",
    "first": "the first frame with the face",
}
CALM, LEAST_CALM = 0.1, 5  # share of the frames, and how many at least, that show a face at rest: it does least in them
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


def at_rest(sightings: Tensor) -> Tensor:
    """What a driving head may be measured from, in whichever order its frames come. [T, 63] -> [63]

    Expressions only ever add to a face, so it is at rest in the frames whose expression is least. Where head and gaze
    usually are is in the middle of all frames.
    """
    usual = sightings.median(0).values
    effort = sightings[:, EXPRESSION].sum(1)
    calm = effort.argsort()[: max(LEAST_CALM, round(CALM * len(sightings)))]
    usual[EXPRESSION] = sightings[calm][:, EXPRESSION].median(0).values
    return usual


@torch.no_grad()
def transferred(transfer: Transfer, anchor: Tensor, seen: Tensor) -> Tensor:
    """Motion of the portrait [63] from a sighting [63] and the one that it is measured from."""
    reference, relation = transfer.reference, transfer.relation
    motion = seen.clone()
    if relation == "relative":
        motion[EXPRESSION] = (reference + seen - anchor)[EXPRESSION].clamp(0, 1)
    if relation != "absolute":
        motion[GAZE] = (reference + seen - anchor)[GAZE]
    motion[POSE] = _pose(transfer, anchor[POSE], seen[POSE])
    kept = torch.ones(motion_space.SIZE, dtype=torch.bool)
    kept[list(REGION[transfer.region])] = False
    motion = motion_space.clamp(torch.where(kept, reference, motion))
    return _meeting(motion, seen) if transfer.region in ("all", "expression", "lips") else motion


def _pose(transfer: Transfer, anchor: Tensor, seen: Tensor) -> Tensor:
    """The turn and the shift of the portrait's head. [6] each"""
    begun = transfer.turned if transfer.relation == "absolute" else rotation_matrix(*anchor[:3])
    turn, shift = begun.T @ rotation_matrix(*seen[:3]), begun.T @ (seen[3:] - anchor[3:])
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
