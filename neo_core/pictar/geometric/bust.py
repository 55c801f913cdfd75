"""The moving part of a lifted portrait: the fitted head and what a motion vector does to it.

The fit's residual becomes an offset in head space, so it turns with the head. A motion equal to `reference` puts every
vertex back where the photo has it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ... import motion_space
from ...geometry.camera import Camera, project, rotation_matrix
from ...geometry.head_model import PARTS, HeadModel, shape, turn_eyes, vertex_normals
from ..fit import HeadFit
from .contact import Contact, closing_lids, closing_lips, lid_pairs, lip_pairs, points

MOUTH = torch.tensor([PARTS.index(name) for name in ("mouth_socket", "gums", "tongue", "teeth_upper", "teeth_lower")])
BLINK = motion_space.INDEX["eyeBlink_L"]


@dataclass(frozen=True)
class Bust:
    model: HeadModel
    camera: Camera  # of the photo
    identity: Tensor  # [60]
    offset: Tensor  # [V, 3] what the model misses, head space
    reference: Tensor  # [63] the photo's own motion vector
    contact: Contact


@dataclass(frozen=True)
class Deformation:
    """The head at one moment."""

    screen: Tensor  # [V, 3] pixels of the photo, depth
    vertices: Tensor  # [V, 3] head space, before the pose
    turn: Tensor  # [3, 3] head pose
    shift: Tensor  # [3]
    motion: Tensor  # [63]
    opening: Tensor  # [] gap between the lips, head units
    unit: Tensor  # [] pixels per head unit


def mesh_normals(now: Deformation, model: HeadModel) -> Tensor:
    """Vertex normals in view axes. [V, 3]"""
    return vertex_normals(now.screen * now.screen.new_tensor([1, -1, -now.unit]), model.triangles)


def build_bust(model: HeadModel, fit: HeadFit) -> Bust:
    """The bust of a fit, at rest in the photo."""
    reference = motion_space.rest()
    reference[motion_space.EXPRESSION] = fit.expression
    reference[motion_space.GAZE] = fit.gaze
    vertices = _without_offset(model, fit.identity, reference)
    depth = project(fit.camera, vertices)[:, 2:]
    flat = torch.cat([fit.residual[:, :1], -fit.residual[:, 1:], torch.zeros_like(depth)], 1)
    offset = (flat * depth / fit.camera.focal) @ fit.camera.rotation
    contact = _contact(model, reference, vertices, offset)
    return Bust(model, fit.camera, fit.identity, offset, reference, contact)


def move(bust: Bust, motion: Tensor) -> Deformation:
    """Where every vertex is at a motion vector [63]."""
    model, contact = bust.model, bust.contact
    bare = _without_offset(model, bust.identity, motion)
    vertices = bare + bust.offset
    vertices = vertices + closing_lids(contact, model, motion[BLINK : BLINK + 2], vertices)
    vertices = vertices + closing_lips(contact, model, bare, vertices)
    pose = motion[motion_space.POSE]
    turn, shift = rotation_matrix(*pose[:3]), pose[3:]
    placed = place(bust, vertices, turn, shift)
    lips = points(model, vertices, contact.lips.upper) - points(model, vertices, contact.lips.lower)
    screen = project(bust.camera, placed)
    unit = bust.camera.focal / screen[:, 2].mean()
    return Deformation(screen, vertices, turn, shift, motion, lips[:, 1].amax(), unit)


def place(bust: Bust, vertices: Tensor, turn: Tensor, shift: Tensor) -> Tensor:
    """Vertices [V, 3] under a head pose: the head turns and shifts, the neck gives way to the body."""
    model = bust.model
    posed = (vertices - model.pivot) @ turn.T + model.pivot + shift
    return vertices + model.neck_weight[:, None] * (posed - vertices)


def with_closed_eyes(bust: Bust) -> Deformation:
    """The portrait with both eyes closed."""
    motion = bust.reference.clone()
    motion[BLINK : BLINK + 2] = 1.0
    return move(bust, motion)


def _without_offset(model: HeadModel, identity: Tensor, motion: Tensor) -> Tensor:
    vertices = shape(model, identity, motion[motion_space.EXPRESSION])
    return turn_eyes(model, vertices, identity, motion[motion_space.GAZE])


def _contact(model: HeadModel, reference: Tensor, bare: Tensor, offset: Tensor) -> Contact:
    groups = model.landmark_groups
    lips = lip_pairs(model, torch.tensor(groups["lips_inner_upper"]), torch.tensor(groups["lips_inner_lower"]))
    lids = []
    for eye, (side, corners) in enumerate((("left", (42, 45)), ("right", (36, 39)))):
        upper, lower = (torch.tensor(groups[f"lid_{name}_{side}"] + corners) for name in ("upper", "lower"))
        lids.append(lid_pairs(model, upper, lower, BLINK + eye))

    def gap(vertices: Tensor) -> Tensor:
        return (points(model, vertices, lips.upper) - points(model, vertices, lips.lower))[:, 1]

    floor = gap(bare + offset).clamp(max=0)
    return Contact(lips, (lids[0], lids[1]), gap(bare), floor, reference[BLINK : BLINK + 2])
