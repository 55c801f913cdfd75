"""Poses by what one sees: where an arm points, where a palm looks, how far fingers curl.

Every function returns rotations [..., B, 3, 3] as `Body.pose` takes them, changing a copy of those it is given.
Directions are in the axes of the body. Sides are "L" (the subject's left) and "R".
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .body import Body

FINGERS = (1, 2, 3, 4, 5)  # thumb first
SIDES = ("L", "R")


def axis_rotation(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotation about an axis [..., 3] by an angle [...] in radians (Rodrigues). [..., 3, 3]"""
    unit = F.normalize(axis, dim=-1)
    x, y, z = unit.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    angle = torch.as_tensor(angle, dtype=unit.dtype)[..., None, None]
    return torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


def frame(along: Tensor, across: Tensor) -> Tensor:
    """Orthonormal columns: `along`, the part of `across` at a right angle to it, and their product. [..., 3, 3]"""
    first = F.normalize(along, dim=-1)
    second = F.normalize(across - (across * first).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def palm(body: Body, side: str) -> Tensor:
    """Direction in which the palm looks at rest. [3]"""
    wrist, index, little = (body.head[body.bone(f"{n}.{side}")] for n in ("wrist", "finger2-1", "finger5-1"))
    normal = torch.linalg.cross(index - wrist, little - wrist)
    thumb = body.tail[body.bone(f"finger1-3.{side}")] - (index + little) / 2
    return F.normalize(normal * torch.sign((normal * thumb).sum()), dim=-1)


def aim_arm(body: Body, rotations: Tensor, side: str, upper: Tensor, fore: Tensor, palm_to: Tensor) -> Tensor:
    """Point upper arm, forearm and palm in directions [..., 3]; the trunk's and shoulder's rotations stay.

    The elbow bends about the normal of the arm's plane, as it does at rest; half of the twist that the palm needs is
    left to the forearm. The directions of upper arm and forearm must not be parallel.
    """
    out = rotations.clone()
    shoulder, elbow, wrist = (body.bone(f"{n}.{side}") for n in ("upperarm01", "lowerarm01", "wrist"))
    twist = body.bone(f"lowerarm02.{side}")
    reach_upper = body.head[elbow] - body.head[shoulder]
    reach_fore = body.head[wrist] - body.head[elbow]
    bend, bend_to = torch.linalg.cross(reach_upper, reach_fore), torch.linalg.cross(upper, fore)
    upper_world = frame(upper, bend_to) @ frame(reach_upper, bend).mT
    fore_world = frame(fore, bend_to) @ frame(reach_fore, bend).mT
    knuckle = body.head[body.bone(f"finger3-1.{side}")] - body.head[wrist]
    hand_world = frame(fore, palm_to) @ frame(reach_fore, palm(body, side)).mT
    turn = _signed_angle(fore_world.mT @ hand_world, F.normalize(reach_fore, dim=-1))
    above = body.skeleton(out).rotation[..., body.parent[shoulder], :, :]
    out[..., shoulder, :, :] = above.mT @ upper_world
    out[..., elbow, :, :] = upper_world.mT @ fore_world
    out[..., twist, :, :] = axis_rotation(reach_fore.expand_as(fore), 0.6 * turn)
    out[..., wrist, :, :] = axis_rotation(reach_fore.expand_as(fore), 0.4 * turn) @ _straight(reach_fore, knuckle, 0.5)
    return out


def _signed_angle(rotation: Tensor, axis: Tensor) -> Tensor:
    """How far a rotation turns about an axis [3] it keeps, radians -pi..pi. [..., 3, 3] -> [...]"""
    start = F.normalize(torch.linalg.cross(axis, axis.roll(1)), dim=-1)
    moved = rotation @ start
    return torch.atan2((torch.linalg.cross(start.expand_as(moved), moved) * axis).sum(-1), (moved * start).sum(-1))


def _straight(along: Tensor, knuckle: Tensor, share: float) -> Tensor:
    """Turn the hand a share of the way into line with the forearm. [3, 3]"""
    axis = torch.linalg.cross(knuckle, along)
    angle = torch.atan2(axis.norm(), (knuckle * along).sum())
    return axis_rotation(axis, share * angle)


def curl_fingers(body: Body, rotations: Tensor, side: str, curl: Tensor) -> Tensor:
    """Curl thumb to little finger: 0 as at rest, 1 a fist. curl [..., 5]"""
    out, inward = rotations.clone(), palm(body, side)
    for k, finger in enumerate(FINGERS):
        chain = [body.bone(f"finger{finger}-{joint}.{side}") for joint in (1, 2, 3)]
        for joint, number in enumerate(chain):
            along = body.tail[number] - body.head[number]
            if finger == 1:  # the thumb folds across the palm
                little = body.head[body.bone(f"finger5-1.{side}")] - body.head[number]
                axis = torch.linalg.cross(along, 0.6 * F.normalize(little, dim=-1) + 0.5 * inward)
                angle = curl[..., k] * (0.45, 0.7, 0.8)[joint]
            else:
                axis = torch.linalg.cross(along, inward)
                angle = curl[..., k] * (1.35, 1.7, 1.1)[joint]
            out[..., number, :, :] = axis_rotation(axis.expand(*curl.shape[:-1], 3), angle)
    return out


def relaxed(body: Body) -> Tensor:
    """A person standing at ease: arms down, elbows a little bent, fingers in a loose curl. [B, 3, 3]"""
    rotations = body.still()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        upper, fore = torch.tensor([0.24 * sign, -1.0, -0.08]), torch.tensor([0.05 * sign, -1.0, 0.30])
        rotations = aim_arm(body, rotations, side, upper, fore, torch.tensor([-1.0 * sign, 0.0, -0.25]))
        rotations = curl_fingers(body, rotations, side, torch.tensor([0.2, 0.22, 0.27, 0.32, 0.36]))
    return rotations


def before_body(body: Body) -> Tensor:
    """Arms bent, hands before the belly. [B, 3, 3]"""
    rotations = body.still()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        upper, fore = torch.tensor([0.30 * sign, -1.0, 0.05]), torch.tensor([-0.45 * sign, 0.05, 1.0])
        rotations = aim_arm(body, rotations, side, upper, fore, torch.tensor([-0.8 * sign, 0.35, 0.0]))
        rotations = curl_fingers(body, rotations, side, torch.tensor([0.15, 0.2, 0.25, 0.3, 0.34]))
    return rotations
