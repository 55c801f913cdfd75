"""A person in a pose with a performance: expression, gaze and head on top of the body's rotations."""

import torch
from torch import Tensor

from ... import motion_space
from ...geometry.camera import rotation_matrix
from .body import Body
from .body_pose import axis_rotation

NECK = {"neck01": 0.15, "neck02": 0.15, "neck03": 0.2, "head": 0.5}  # share of the turn of the head
LEAN = "spine02"  # bone that carries the head forward and sideways
EYES = {"eye.L": ("gaze_yaw_L", "gaze_pitch_L"), "eye.R": ("gaze_yaw_R", "gaze_pitch_R")}


def performed(body: Body, rotations: Tensor, motion: Tensor, facing: Tensor | None = None) -> Tensor:
    """Rotations with the head's pose split over the neck, a lean for its shift, and turned eyes. [..., B, 3, 3]

    rotations [..., B, 3, 3], motion [..., 63]; `facing` [3, 3] is the turn of a head that looks into the lens, to which
    the motion adds.
    """
    out = rotations.clone()
    angles = motion[..., motion_space.POSE]
    lean = body.bone(LEAN)
    reach = 10 * float(body.head[body.bone("head"), 1] - body.head[lean, 1])  # head units
    sway = rotation_matrix(*torch.rad2deg(torch.stack([angles[..., 5], 0 * angles[..., 3], -angles[..., 3]]) / reach))
    out[..., lean, :, :] = out[..., lean, :, :] @ sway
    turn = sway.mT @ rotation_matrix(*angles[..., :3].unbind(-1))
    if facing is not None:
        turn = turn @ facing
    axis, angle = _axis_angle(turn)
    for name, share in NECK.items():
        bone = body.bone(name)
        out[..., bone, :, :] = out[..., bone, :, :] @ axis_rotation(axis, share * angle)
    for name, (yaw, pitch) in EYES.items():
        sight = [motion[..., motion_space.INDEX[channel]] for channel in (pitch, yaw)]
        out[..., body.bone(name), :, :] = rotation_matrix(*sight, torch.zeros_like(sight[0]))
    return out


def _axis_angle(rotation: Tensor) -> tuple[Tensor, Tensor]:
    """Axis and angle in radians 0..pi of a rotation. [..., 3, 3] -> [..., 3], [...]"""
    twice = rotation - rotation.mT
    axis = torch.stack([twice[..., 2, 1], twice[..., 0, 2], twice[..., 1, 0]], -1)
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = torch.atan2(axis.norm(dim=-1), trace - 1)
    return torch.where(axis.norm(dim=-1, keepdim=True) > 1e-7, axis, axis.new_tensor([0.0, 1.0, 0.0])), angle


def expressed(rest: Tensor, moving: Tensor, expression: Tensor, motion: Tensor) -> Tensor:
    """Rest vertices with an expression. rest [V, 3], moving [A], expression [53, A, 3], motion [63] -> [V, 3]"""
    weights = motion[motion_space.EXPRESSION].clamp(0, 1)
    return rest.index_add(0, moving, (weights @ expression.flatten(1)).view(-1, 3))
