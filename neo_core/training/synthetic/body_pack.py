"""MakeHuman's whole body as arrays: base mesh, targets, skeleton with weights, and pieces to wear (proxies).

Axes: x to the subject's left, y up, z to the front; decimetres. Letters: N vertices of the base mesh, B bones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...data_types import InputError

PROXY_ARRAYS = ("ref", "ref_weight", "ref_offset", "scale", "faces", "uv", "uv_faces", "delete")


@dataclass(frozen=True)
class Proxy:
    """A piece fitted to the base mesh by P vertices that each follow three vertices of it."""

    name: str
    category: str
    ref: np.ndarray  # [P, 3]
    ref_weight: np.ndarray  # [P, 3]
    ref_offset: np.ndarray  # [P, 3]
    scale: np.ndarray  # [3, 3] two vertices and their distance on the base mesh, per axis
    triangles: np.ndarray  # [F, 3]
    corner_uv: np.ndarray  # [F, 3, 2] origin bottom left
    hidden: np.ndarray  # vertices of the base mesh under the piece
    component: np.ndarray  # [F] number of the connected part, largest first

    def fitted(self, vertices: np.ndarray) -> np.ndarray:
        """Place the piece on a body. [N, 3] -> [P, 3]"""
        spans = [abs(vertices[int(a), k] - vertices[int(b), k]) / d for k, (a, b, d) in enumerate(self.scale)]
        return (vertices[self.ref] * self.ref_weight[..., None]).sum(1) + self.ref_offset * np.float32(spans)

    def following(self, values: np.ndarray) -> np.ndarray:
        """Carry values of the base mesh, such as skin weights, over to the piece. [N, C] -> [P, C]"""
        return (values[self.ref] * self.ref_weight[..., None]).sum(1)


@dataclass(frozen=True)
class Pack:
    """Everything that people are made of."""

    folder: Path
    vertices: np.ndarray  # [N, 3]
    triangles: np.ndarray  # [F, 3] of the visible body
    corner_uv: np.ndarray  # [F, 3, 2] origin bottom left
    targets: Mapping[str, tuple[np.ndarray, np.ndarray]]  # vertex indices [n] and displacements [n, 3]
    bones: tuple[str, ...]
    parent: np.ndarray  # [B]
    head_vertices: tuple[np.ndarray, ...]  # whose mean is the bone's head
    tail_vertices: tuple[np.ndarray, ...]
    weight: np.ndarray  # [N, B]
    proxies: Mapping[str, Proxy]

    def moved(self, weights: Mapping[str, float]) -> np.ndarray:
        """Base mesh with targets applied. [N, 3]"""
        out = self.vertices.copy()
        for name, weight in weights.items():
            index, delta = self.targets[name]
            out[index] += np.float32(weight) * delta
        return out

    def named(self, category: str) -> list[Proxy]:
        """Pieces of a category, in the order of their names."""
        return [self.proxies[name] for name in sorted(self.proxies) if self.proxies[name].category == category]


@lru_cache(maxsize=1)
def load_pack(assets: Path) -> Pack:
    """Read `makehuman_cc0.npz` beside `makehuman_textures/`; the README of the assets names the arrays."""
    path = assets / "makehuman_cc0.npz"
    if not path.is_file():
        raise InputError(f"{path} is missing; expected MakeHuman's whole body with its textures beside it")
    data = np.load(path, allow_pickle=False)
    start, index = data["target/ptr"], data["target/index"].astype(np.int64)
    delta = data["target/delta"].astype(np.float32)
    names = [str(name) for name in data["target/names"]]
    body = data["base/face_group"] == list(data["base/group_names"]).index("body")
    triangles, corner_uv, _ = _split(data["base/faces"][body], data["base/uv_faces"][body], data["base/uv"])
    weight = np.zeros((len(data["base/vertices"]), len(data["rig/parent"])), np.float32)
    np.add.at(weight, (np.arange(len(weight))[:, None], data["rig/weight_bone"].astype(int)), data["rig/weight"])
    return Pack(
        folder=assets / "makehuman_textures",
        vertices=data["base/vertices"].astype(np.float32),
        triangles=triangles,
        corner_uv=corner_uv,
        targets={n: (index[a:b], delta[a:b]) for n, a, b in zip(names, start[:-1], start[1:], strict=True)},
        bones=tuple(str(name) for name in data["rig/bone_names"]),
        parent=data["rig/parent"].astype(np.int64),
        head_vertices=_lists(data["rig/head_verts"], data["rig/head_ptr"]),
        tail_vertices=_lists(data["rig/tail_verts"], data["rig/tail_ptr"]),
        weight=weight / weight.sum(1, keepdims=True),
        proxies={p.name: p for p in _proxies(data)},
    )


def _lists(values: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(values[a:b].astype(np.int64) for a, b in pairwise(start))


def _proxies(data: Mapping[str, np.ndarray]) -> list[Proxy]:
    out = []
    for name, category in zip(data["proxy/names"], data["proxy/category"], strict=True):
        one = {k: data[f"proxy/{name}/{k}"] for k in PROXY_ARRAYS}
        triangles, corner_uv, quad = _split(one["faces"], one["uv_faces"], one["uv"])
        component = components(one["faces"].astype(np.int64), len(one["ref"]))
        proxy = Proxy(
            name=str(name),
            category=str(category),
            ref=one["ref"].astype(np.int64),
            ref_weight=one["ref_weight"].astype(np.float32),
            ref_offset=one["ref_offset"].astype(np.float32),
            scale=one["scale"].astype(np.float64),
            triangles=triangles,
            corner_uv=corner_uv,
            hidden=one["delete"].astype(np.int64),
            component=component[quad],
        )
        out.append(proxy)
    return out


def _split(faces: np.ndarray, uv_faces: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quads (-1 last in a triangle) to triangles [F, 3], their corners' uv [F, 3, 2] and the face of each [F]."""
    faces, uv_faces = faces.astype(np.int64), uv_faces.astype(np.int64)
    quads = np.nonzero(faces[:, 3] >= 0)[0]
    second = [0, 2, 3]
    triangles = np.concatenate([faces[:, :3], faces[quads][:, second]])
    corners = np.concatenate([uv_faces[:, :3], uv_faces[quads][:, second]])
    face = np.concatenate([np.arange(len(faces)), quads])
    return triangles, uv[corners].astype(np.float32), face


def components(faces: np.ndarray, count: int) -> np.ndarray:
    """Connected part of each face [F, 4] of a mesh with so many vertices; 0 is the part with the most vertices. [F]"""
    corners = np.where(faces >= 0, faces, faces[:, :1])
    label = np.arange(count)
    while True:
        lower = label.copy()
        np.minimum.at(lower, corners.ravel(), np.repeat(label[corners].min(1), 4))
        lower = lower[lower]
        if (lower == label).all():
            break
        label = lower
    _, label, size = np.unique(label, return_inverse=True, return_counts=True)
    rank = np.empty(len(size), np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    return rank[label[corners[:, 0]]]
