"""The two sources of the head model, read from `--assets` and sampled onto our mesh."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import motion_space
from .head_topology import HeadMesh

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


def transfer(mesh: HeadMesh, values: np.ndarray) -> np.ndarray:
    """Per-vertex values of the source at the vertices of our mesh, zero on eyeballs. [..., N, 3] -> [..., V, 3]"""
    out = sum(values[..., mesh.source[:, k], :] * mesh.weight[:, k, None] for k in range(3))
    return np.asarray(out, np.float32)


def expressions(source: IctSource, mesh: HeadMesh) -> np.ndarray:
    """The 53 expressions on our mesh, exactly mirrored, eyeballs still. [53, V, 3]"""
    fields = transfer(mesh, source.expression)
    mirrored = fields[:, mesh.mirror] * np.array([-1, 1, 1], np.float32)
    partner = motion_space.mirror(motion_space.rest() + np.arange(motion_space.SIZE))[motion_space.EXPRESSION]
    return (fields + mirrored[np.asarray(partner, np.int64)]) / 2


def ict_samples(source: IctSource, mesh: HeadMesh, count: int, seed: int) -> np.ndarray:
    """Random heads of the source. [count, V, 3]"""
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(count, len(source.identity))).clip(-2.5, 2.5).astype(np.float32)
    basis = transfer(mesh, source.identity)
    offsets = np.tensordot(coefficients, basis, 1)
    center = source.identity[:, _eye_vertices(source)].mean(1)  # [100, 3] of the left eye, then the right
    right = source.identity[:, source.mirror[_eye_vertices(source)]].mean(1)
    for part, mode in ((mesh.eye_left, center), (mesh.eye_right, right)):
        offsets[:, part] = (coefficients @ mode)[:, None]
    return mesh.template.astype(np.float32) + calm_mouth(mesh, offsets)


def calm_mouth(mesh: HeadMesh, offsets: np.ndarray) -> np.ndarray:
    """Teeth, gums and tongue follow the lips as one block, so that no tooth shows through them. [n, V, 3]"""
    block = offsets[:, mesh.lip_rim].mean(1, keepdims=True)
    return offsets + mesh.mouth_weight[:, None].astype(np.float32) * (block - offsets)


def _sides(triangles: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Edges of triangles that are edges of the source's polygons too; the others -1. [M, 3, 2]"""
    around = np.where(faces[:, 3:] >= 0, faces, faces[:, [0, 1, 2, 0]])
    edges = np.sort(np.stack([around, np.roll(around, -1, 1)], -1).reshape(-1, 2), 1)
    real = np.unique(edges[:, 0] * len(faces) * 4 + edges[:, 1])
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]]
    key = sides.min(-1) * len(faces) * 4 + sides.max(-1)
    return np.where(np.isin(key, real)[..., None], sides, -1)


def _eye_vertices(source: IctSource) -> np.ndarray:
    return np.unique(source.triangles[source.part == 7])


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
