"""ICT-FaceKit, the source of mesh surface, identity and expressions, read from `--assets`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import motion_space

INNER51 = (
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)  # MediaPipe points that stand for Multi-PIE 17..67: the definition other tools are compared with


@dataclass(frozen=True)
class IctSource:
    """ICT-FaceKit as arrays; N vertices, M triangles. Units about 1 cm."""

    vertices: np.ndarray  # [N, 3]
    triangles: np.ndarray  # [M, 3]
    sides: np.ndarray  # [M, 3, 2] edges of each triangle, -1 where it is only the diagonal of a quad
    part: np.ndarray  # [M] index into part names of the source
    island: np.ndarray  # [M] connected piece of the source's uv map
    identity: np.ndarray  # [100, N, 3]
    expression: np.ndarray  # [53, N, 3] in our order
    mirror: np.ndarray  # [N]
    points68: np.ndarray  # [68, 3] Multi-PIE points on the neutral mean face
    eye_center: np.ndarray  # [2, 3]


def load_ict(assets: Path) -> IctSource:
    """Read `ict_facekit.npz`; its README names the arrays."""
    data = np.load(assets / "ict_facekit.npz", allow_pickle=False)
    names = [str(name) for name in data["expression_names"]]
    vertices = data["vertices"].astype(np.float64)
    mediapipe = np.einsum("kcd,kc->kd", vertices[data["mp468_triangle"]], data["mp468_barycentric"])
    return IctSource(
        vertices=vertices,
        triangles=data["triangles"].astype(np.int64),
        sides=_sides(data["triangles"].astype(np.int64), data["faces"].astype(np.int64)),
        part=data["face_part"][data["triangle_face"]].astype(np.int64),
        island=_islands(data["triangle_uv"].astype(np.int64)),
        identity=data["identity"].astype(np.float32),
        expression=data["expression"].astype(np.float32)[[names.index(n) for n in motion_space.EXPRESSION_NAMES]],
        mirror=data["mirror_vertex"].astype(np.int64),
        points68=np.concatenate([vertices[data["landmarks68"][:17]], mediapipe[list(INNER51)]]),
        eye_center=data["eye_center"].astype(np.float64),
    )


def _sides(triangles: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Edges of triangles that are edges of the source's polygons too; the others -1. [M, 3, 2]"""
    around = np.where(faces[:, 3:] >= 0, faces, faces[:, [0, 1, 2, 0]])
    edges = np.sort(np.stack([around, np.roll(around, -1, 1)], -1).reshape(-1, 2), 1)
    real = np.unique(edges[:, 0] * len(faces) * 4 + edges[:, 1])
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]]
    key = sides.min(-1) * len(faces) * 4 + sides.max(-1)
    return np.where(np.isin(key, real)[..., None], sides, -1)


def _islands(corners: np.ndarray) -> np.ndarray:
    """Number of the connected piece each triangle belongs to. [M, 3] -> [M]"""
    label = np.arange(corners.max() + 1)
    while True:
        lowest = label[corners].min(1)
        new = label.copy()
        np.minimum.at(new, corners.ravel(), np.repeat(lowest, 3))
        new = new[new]
        if (new == label).all():
            return label[corners[:, 0]]
        label = new
