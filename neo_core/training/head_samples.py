"""Random heads on our mesh: what the identity modes are learned from."""

from pathlib import Path

import numpy as np

from .. import motion_space
from ..geometry.head_model import PARTS
from . import makehuman
from .head_source import IctSource
from .head_topology import JAW_OPEN, HeadMesh

TONGUE_DROP = np.array([0, -0.4, -0.25], np.float32)  # an open jaw takes the tongue further down than the teeth
SMOOTHING = 8  # rounds of neighbour averaging over the skin


def transfer(mesh: HeadMesh, values: np.ndarray) -> np.ndarray:
    """Per-vertex values of the source at the vertices of our mesh, zero on eyeballs. [..., N, 3] -> [..., V, 3]"""
    out = sum(values[..., mesh.source[:, k], :] * mesh.weight[:, k, None] for k in range(3))
    return np.asarray(out, np.float32)


def expressions(source: IctSource, mesh: HeadMesh) -> np.ndarray:
    """The 53 expressions on our mesh, exactly mirrored, eyeballs still. [53, V, 3]"""
    fields = transfer(mesh, source.expression)
    mirrored = fields[:, mesh.mirror] * np.array([-1, 1, 1], np.float32)
    partner = motion_space.mirror(motion_space.rest() + np.arange(motion_space.SIZE))[motion_space.EXPRESSION]
    fields = (fields + mirrored[np.asarray(partner, np.int64)]) / 2
    fields[JAW_OPEN, mesh.vertex_part == PARTS.index("tongue")] += TONGUE_DROP
    return fields


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


def _eye_vertices(source: IctSource) -> np.ndarray:
    return np.unique(source.triangles[source.part == 7])


def makehuman_samples(
    assets: Path, source: IctSource, mesh: HeadMesh, expression: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Random MakeHuman adults: the template moved by what sets them apart from the average adult. [count, V, 3]"""
    makers = makehuman.load_makehuman(assets)
    skin = np.nonzero(mesh.vertex_part <= PARTS.index("head"))[0]
    number = np.full(len(mesh.template), -1)
    number[skin] = np.arange(len(skin))
    triangles = number[mesh.triangles]
    triangles = triangles[(triangles >= 0).all(1)]
    guides = expression[[motion_space.EXPRESSION_NAMES.index(name) for name in makehuman.GUIDES]][:, skin]
    nearest = makehuman.register(makers, mesh.template[skin], triangles, guides, source.eye_center)
    moved, eyes = makehuman.displacements(makers, nearest, count, seed)
    offsets = np.zeros((count, *mesh.template.shape), np.float32)
    offsets[:, skin] = moved
    offsets = _filled(mesh, _smoothed(mesh, offsets, skin))
    for eye, own in enumerate((mesh.eye_left, mesh.eye_right)):
        offsets[:, own] = eyes[:, eye, None]
    return mesh.template.astype(np.float32) + calm_mouth(mesh, offsets)


def _edges(mesh: HeadMesh) -> np.ndarray:
    """Both directions of every edge, sorted by their first vertex. [2 E, 2]"""
    pairs = mesh.triangles[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
    return np.unique(pairs, axis=0)


def _smoothed(mesh: HeadMesh, offsets: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Offsets [n, V, 3] averaged with their neighbours, a few rounds, among the vertices `known`."""
    edges = _edges(mesh)
    edges = edges[np.isin(edges, known).all(1)]
    first, start, degree = np.unique(edges[:, 0], return_index=True, return_counts=True)
    for _ in range(SMOOTHING):
        mean = np.add.reduceat(offsets[:, edges[:, 1]], start, axis=1) / degree[:, None]
        offsets[:, first] = (offsets[:, first] + mean) / 2
    return offsets


def _filled(mesh: HeadMesh, offsets: np.ndarray) -> np.ndarray:
    """Offsets continued smoothly (harmonically) from the lips into the mouth behind them. [n, V, 3]"""
    edges = _edges(mesh)
    unknown = np.nonzero(mesh.vertex_part == PARTS.index("mouth_socket"))[0]
    row = np.full(len(mesh.template), -1)
    row[unknown] = np.arange(len(unknown))
    edges = edges[row[edges[:, 0]] >= 0]
    matrix = np.diag(np.bincount(row[edges[:, 0]], minlength=len(unknown)).astype(np.float64))
    inner = row[edges[:, 1]] >= 0
    np.add.at(matrix, (row[edges[inner, 0]], row[edges[inner, 1]]), -1)
    border = edges[~inner]
    spread = np.zeros((len(unknown), len(border)))
    spread[row[border[:, 0]], np.arange(len(border))] = 1
    weights = np.linalg.solve(matrix, spread).astype(np.float32)
    offsets[:, unknown] = np.einsum("ub,nbd->nud", weights, offsets[:, border[:, 1]], optimize=True)
    return offsets
