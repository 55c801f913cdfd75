"""Pinhole camera in pixels.

View axes equal the head's axes (`motion_space`): x to the right of the picture (the subject's left), y up, z towards
the viewer, so a head without rotation looks into the lens. The camera sits at the origin and looks along -z; the
picture's y axis points down.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """Where the head stands before the lens: view point = rotation @ head point + translation."""

    focal: Tensor  # [] pixels
    center: Tensor  # [2] principal point, pixels
    rotation: Tensor  # [3, 3] head to view
    translation: Tensor  # [3] head units; z is negative in front of the lens


def view(camera: Camera, points: Tensor) -> Tensor:
    """Head coordinates to view coordinates. [..., 3] -> [..., 3]"""
    return points @ camera.rotation.mT + camera.translation


def project(camera: Camera, points: Tensor) -> Tensor:
    """Head coordinates to the picture: (x px, y px, depth in head units). [..., 3] -> [..., 3]"""
    seen = view(camera, points)
    depth = -seen[..., 2]
    scale = camera.focal / depth
    x = camera.center[0] + scale * seen[..., 0]
    y = camera.center[1] - scale * seen[..., 1]
    return torch.stack([x, y, depth], -1)


def rotation_matrix(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """R = Rz(roll) Ry(yaw) Rx(pitch), angles in degrees. [...] each -> [..., 3, 3]"""
    pitch, yaw, roll = (torch.deg2rad(torch.as_tensor(angle, dtype=torch.float32)) for angle in (pitch, yaw, roll))
    (cx, sx), (cy, sy), (cz, sz) = ((a.cos(), a.sin()) for a in torch.broadcast_tensors(pitch, yaw, roll))
    rows = [
        torch.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], -1),
        torch.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], -1),
        torch.stack([-sy, cy * sx, cy * cx], -1),
    ]
    return torch.stack(rows, -2)


def rotation_angles(rotation: Tensor) -> Tensor:
    """Pitch, yaw, roll in degrees of a rotation matrix; the inverse of `rotation_matrix`. [..., 3, 3] -> [..., 3]"""
    pitch = torch.atan2(rotation[..., 2, 1], rotation[..., 2, 2])
    yaw = torch.asin((-rotation[..., 2, 0]).clamp(-1, 1))
    roll = torch.atan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return torch.rad2deg(torch.stack([pitch, yaw, roll], -1))
