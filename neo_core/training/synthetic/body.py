"""A body on its skeleton: linear blend skinning of every vertex a person is drawn with.

A rotation of a bone is relative to its parent, in the axes of the body (not of the bone), about the bone's head;
identity is the rest pose. With R the rotation of a bone in the world and h' where its head went:

    R[b] = R[parent] @ rotation[b]        h'[b] = h'[parent] + R[parent] @ (h[b] - h[parent])
    vertex' = sum over b of weight[b] (R[b] @ (vertex - h[b]) + h'[b])

Letters: V vertices, B bones, ... any batch such as the frames of a clip. Axes: x to the subject's left, y up, z to the
front; decimetres.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor


class Skeleton(NamedTuple):
    """A posed skeleton."""

    rotation: Tensor  # [..., B, 3, 3] of each bone in the world
    head: Tensor  # [..., B, 3] where its head went

    def carry(self, bone: int, point: Tensor, head: Tensor) -> Tensor:
        """Where a point fixed to a bone went; `head` [3] is the bone's at rest. [3] -> [..., 3]"""
        return self.rotation[..., bone, :, :] @ (point - head) + self.head[..., bone, :]


@dataclass(frozen=True, eq=False)
class Body:
    """One person's skeleton and the vertices that hang on it, at rest."""

    bones: tuple[str, ...]
    parent: Tensor  # [B] int64, -1 for the root; parents come first
    head: Tensor  # [B, 3] joints of this identity
    tail: Tensor  # [B, 3]
    rest: Tensor  # [V, 3] skin and everything worn on it
    weight: Tensor  # [V, B] rows sum to 1

    def bone(self, name: str) -> int:
        """Number of a bone."""
        return self._number[name]

    def still(self) -> Tensor:
        """Rotations of the rest pose, a fresh tensor to write into. [B, 3, 3]"""
        return torch.eye(3).repeat(len(self.bones), 1, 1)

    def pose(self, rotations: Tensor, rest: Tensor | None = None) -> Tensor:
        """Every vertex in a pose; `rest` [..., V, 3] replaces the rest vertices (a face with an expression).

        rotations [..., B, 3, 3] -> [..., V, 3]
        """
        skeleton = self.skeleton(rotations)
        return apply(self.blend(skeleton), self.rest if rest is None else rest)

    def skeleton(self, rotations: Tensor) -> Skeleton:
        """Bones in a pose. [..., B, 3, 3] -> Skeleton"""
        rotation = torch.empty_like(rotations)
        head = rotations.new_empty(*rotations.shape[:-1])
        reach = self.head - self.head[self.parent.clamp(min=0)]
        for generation, parent in self._generations:
            if bool(parent[0] < 0):
                rotation[..., generation, :, :] = rotations[..., generation, :, :]
                head[..., generation, :] = self.head[generation]
                continue
            above = rotation[..., parent, :, :]
            rotation[..., generation, :, :] = above @ rotations[..., generation, :, :]
            head[..., generation, :] = head[..., parent, :] + (above @ reach[generation, :, None])[..., 0]
        return Skeleton(rotation, head)

    def blend(self, skeleton: Skeleton) -> Tensor:
        """The affine map of every vertex. [..., V, 3, 4]"""
        shift = skeleton.head - (skeleton.rotation @ self.head[..., None])[..., 0]
        maps = torch.cat([skeleton.rotation, shift[..., None]], -1).flatten(-2)  # [..., B, 12]
        return (self.weight @ maps).unflatten(-1, (3, 4))

    @cached_property
    def _number(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.bones)}

    @cached_property
    def _generations(self) -> list[tuple[Tensor, Tensor]]:
        """Bones by their distance from the root, each with its parents."""
        depth = torch.zeros_like(self.parent)
        for k, parent in enumerate(self.parent.tolist()):
            depth[k] = 0 if parent < 0 else depth[parent] + 1
        out = []
        for k in range(int(depth.max()) + 1):
            generation = torch.nonzero(depth == k)[:, 0]
            out.append((generation, self.parent[generation]))
        return out


def apply(maps: Tensor, points: Tensor) -> Tensor:
    """Affine maps [..., V, 3, 4] on points [..., V, 3]."""
    x, y, z = points.unsqueeze(-2).unbind(-1)
    return torch.addcmul(maps[..., 3], maps[..., 0], x).addcmul(maps[..., 1], y).addcmul(maps[..., 2], z)
