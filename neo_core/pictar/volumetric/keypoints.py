"""Implicit keypoints: where a face has them, from its canonical form, pose and expression.

Conventions of the published checkpoints, traps included: rotation matrices are stored transposed and applied to row
vectors from the right; the expression is added after the rotation, not turned with the head; of the translation, the
depth is dropped. Axes x right, y down, z inwards; angles in degrees. Reference: `reference/pictar.md` 4.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

BINS = 66  # of an angle, 3 degrees each
STEP, FIRST = 3.0, -97.5


@dataclass(frozen=True)
class FaceMotion:
    """What the motion extractor reads of B faces with K keypoints."""

    keypoints: Tensor  # [B, K, 3] canonical: the person's own, in no pose and with no expression
    pitch: Tensor  # [B] degrees
    yaw: Tensor  # [B]
    roll: Tensor  # [B]
    translation: Tensor  # [B, 3]
    expression: Tensor  # [B, K, 3]
    scale: Tensor  # [B]

    def __getitem__(self, chosen: slice) -> "FaceMotion":
        return FaceMotion(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def __repr__(self) -> str:
        return f"FaceMotion({len(self.scale)} faces)"


def degrees(logits: Tensor) -> Tensor:
    """The mean of a distribution over bins of angles. [B, 66] -> [B]"""
    bins = torch.arange(BINS, dtype=logits.dtype, device=logits.device)
    return (logits.softmax(1) * bins).sum(1) * STEP + FIRST


def rotation(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """(Rz(roll) Ry(yaw) Rx(pitch)) transposed, of degrees [B]; each right-handed. [B, 3, 3]"""
    about_x, about_y, about_z = (_turn(angle, k) for k, angle in enumerate((pitch, yaw, roll)))
    return (about_z @ about_y @ about_x).transpose(1, 2)


def _turn(angle: Tensor, k: int) -> Tensor:
    """Right-handed rotation about axis k. [B] degrees -> [B, 3, 3]"""
    radians = angle / 180 * torch.pi
    cosine, sine = radians.cos(), radians.sin()
    first, second = (k + 1) % 3, (k + 2) % 3
    matrix = torch.eye(3, dtype=angle.dtype, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = cosine
    matrix[:, first, second], matrix[:, second, first] = -sine, sine
    return matrix


def place(motion: FaceMotion) -> Tensor:
    """The keypoints in the picture's volume: scale * (canonical @ rotation + expression) + shift. [B, K, 3]"""
    turned = motion.keypoints @ rotation(motion.pitch, motion.yaw, motion.roll) + motion.expression
    shift = torch.cat([motion.translation[:, :2], torch.zeros_like(motion.translation[:, 2:])], 1)
    return turned * motion.scale[:, None, None] + shift[:, None]
