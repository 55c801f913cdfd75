"""Last steps of the head model: lines of lips and lids, exact closure, landmarks, the finished `HeadModel`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .. import motion_space
from ..geometry.head_model import HeadModel
from .head_source import IctSource
from .head_topology import EYE_RADIUS, FACE, IRIS_RADIUS, JAW_OPEN, LID_INSIDE, LIP_INSIDE, HeadMesh, seam_edges
from .surface_points import SurfacePoints, along_edges, at_vertices, join, mirrored, nearest, smooth_handles

LIP_STATIONS = np.linspace(0, 0.95, 11)  # from the middle to the corner of the mouth
LID_STATIONS = np.linspace(0.06, 0.94, 13)  # from the inner to the outer corner
JAW_SPLIT = -1.5  # what sinks further than this when the jaw opens belongs to the lower lip
OVERLAP = 0.03  # lids and lips cross by this much when closed, so that no pixel looks between them
SKIN = (  # points spread over the left half of the face; fixed, because frames and networks are made for them
    (5.42, -8.96, 1.10), (7.64, -1.06, 1.10), (0.80, -8.63, 6.07), (5.73, -4.77, 5.56),
    (7.51, 8.48, 1.71), (6.81, 0.15, 5.82), (7.72, 3.71, 1.19), (1.12, -7.73, 9.87),
    (4.89, -0.84, 9.01), (5.69, -5.25, 1.34), (3.78, -7.47, 4.03), (3.78, -6.50, 7.93),
    (6.58, 8.45, 5.08), (7.28, 2.92, 4.16), (7.40, 5.94, 3.41), (4.71, -3.68, 8.45),
    (5.20, 8.39, 7.61), (6.67, -2.28, 4.40), (6.44, 2.63, 6.78), (6.02, -2.10, 6.94),
    (2.09, 8.47, 9.81), (7.33, 1.25, 1.84), (2.90, 0.60, 9.87), (2.46, -5.83, 9.96),
    (5.66, 1.29, 8.36), (2.98, -1.51, 10.09), (2.34, -8.89, 4.69), (5.00, -6.09, 3.15),
    (4.33, -6.56, 6.01), (0.77, -6.10, 10.94), (1.31, 1.15, 10.94), (3.91, 8.01, 9.05),
)  # fmt: skip
MIRROR68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)


@dataclass(frozen=True)
class Seam:
    """Two lines that meet when closed, from one end to the other, and the corners where they end."""

    upper: SurfacePoints
    lower: SurfacePoints
    corners: SurfacePoints


def finish(
    source: IctSource,
    mesh: HeadMesh,
    mean: np.ndarray,
    modes: np.ndarray,
    expression: np.ndarray,
    pivot: tuple[float, float, float],
) -> HeadModel:
    """Mend closure, place the landmarks, and put everything into one `HeadModel`."""
    lips = lip_seam(mesh, expression)
    mean, modes, expression = close_lips(mesh, lips, mean, modes, expression)
    lids = [lid_seam(mesh, eye) for eye in range(2)]
    lid_vertex, lid_side = _lid_vertices(mesh)
    lid_closure = np.zeros((len(modes), len(mean), 3), np.float32)
    for eye, seam in enumerate(lids):
        close_lids(mesh, seam, eye, mean, modes, expression, lid_closure)
    inner, margin = _lid_insides(mesh)
    for field in (expression, lid_closure):
        field[:, inner] = field[:, margin]
    points, groups, partner = place_landmarks(source, mesh, lips, lids)
    eyes = [mesh.eye_left, mesh.eye_right]
    return HeadModel(
        template=_single(mean),
        identity=_single(modes),
        expression=_single(expression),
        triangles=_whole(mesh.triangles),
        triangle_part=_whole(mesh.triangle_part),
        vertex_part=_whole(mesh.vertex_part),
        mirror=_whole(mesh.mirror),
        uv=_single(_uv(mesh, source)),
        neck_weight=_single(_smooth((mesh.template[:, 1] + 14) / 5)),
        pivot=_single(pivot),
        landmark_triangle=_whole(points.triangle),
        landmark_weight=_single(points.weight),
        landmark_mirror=_whole(partner),
        eye_center=_single([_center(mean[own]) for own in eyes]),
        eye_center_identity=_single(np.stack([modes[:, own].mean(1) for own in eyes], 1)),
        eye_radius=_single([EYE_RADIUS] * 2),
        iris_radius=_single([IRIS_RADIUS] * 2),
        lid_vertex=_whole(lid_vertex),
        lid_side=_whole(lid_side),
        lid_clearance=_single(_lid_clearance(mesh)[lid_vertex]),
        lid_closure=_single(lid_closure[:, lid_vertex]),
        landmark_groups=groups,
    )


def lip_seam(mesh: HeadMesh, expression: np.ndarray) -> Seam:
    """The line where the lips touch, from the subject's right corner to the left one."""
    edges = seam_edges(mesh, LIP_INSIDE)
    corner = edges.ravel()[mesh.template[edges.ravel(), 0].argmax()]
    x, opening = mesh.template[:, 0] / mesh.template[corner, 0], expression[JAW_OPEN][:, 1]
    lines = [along_edges(edges, mesh.triangles, x, side, LIP_STATIONS) for side in (opening, -opening)]
    corners = at_vertices([mesh.mirror[corner], corner], mesh.triangles)
    return Seam(*(_both_sides(mesh, line) for line in lines), corners)


def lid_seam(mesh: HeadMesh, eye: int) -> Seam:
    """Margins of the upper and the lower lid, from the inner to the outer corner."""
    edges = seam_edges(mesh, LID_INSIDE)
    edges = edges[(mesh.template[edges, 0] > 0).all(1)]
    own = np.unique(edges)
    inner, outer = own[mesh.template[own, 0].argmin()], own[mesh.template[own, 0].argmax()]
    axis = (mesh.template[outer] - mesh.template[inner])[:2]
    away = (mesh.template - mesh.template[inner])[:, :2]
    along, rise = away @ axis / (axis @ axis), away @ [-axis[1], axis[0]]
    lines = [along_edges(edges, mesh.triangles, along, side, LID_STATIONS) for side in (rise, -rise)]
    lines.append(at_vertices([inner, outer], mesh.triangles))
    return Seam(*(mirrored(line, mesh.triangles, mesh.mirror) if eye else line for line in lines))


def close_lips(
    mesh: HeadMesh, lips: Seam, mean: np.ndarray, modes: np.ndarray, expression: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let the lips touch on the mean head and on every identity mode, and mouthClose undo what jawOpen opens."""
    apply = _seam_corrector(mesh, lips, expression[JAW_OPEN][:, 1])
    closed = expression.copy()
    jaw, close = JAW_OPEN, motion_space.EXPRESSION_NAMES.index("mouthClose")
    closed[close] = apply(expression[close] + expression[jaw], 0.0) - expression[jaw]
    return apply(mean, OVERLAP), np.stack([apply(mode, 0.0) for mode in modes]), closed


def close_lids(
    mesh: HeadMesh,
    lids: Seam,
    eye: int,
    mean: np.ndarray,
    modes: np.ndarray,
    expression: np.ndarray,
    lid_closure: np.ndarray,
) -> None:
    """Let the blink bring the upper margin down to the lower one: on the mean in `expression`, per mode in
    `lid_closure` (both changed in place)."""
    blink = motion_space.EXPRESSION_NAMES.index(("eyeBlink_L", "eyeBlink_R")[eye])
    handles = join(lids.upper, lids.corners)
    margin = lids.upper.on(mesh.triangles, mesh.template)
    level = margin[:, 1].min() - 0.4
    region = np.nonzero((mesh.vertex_part == 0) & (mesh.template[:, 1] > level))[0]
    weights = smooth_handles(handles, mesh.template, mesh.triangles, region, 1.0)[:, : len(margin)]
    down = np.array([0, OVERLAP, 0])

    def gap(field: np.ndarray) -> np.ndarray:
        return lids.lower.on(mesh.triangles, field) - lids.upper.on(mesh.triangles, field)

    expression[blink][region] += (weights @ (gap(mean + expression[blink]) - down)).astype(np.float32)
    for k, mode in enumerate(modes):
        lid_closure[k, region] += (weights @ gap(mode)).astype(np.float32)


def place_landmarks(
    source: IctSource, mesh: HeadMesh, lips: Seam, lids: list[Seam]
) -> tuple[SurfacePoints, dict[str, tuple[int, ...]], np.ndarray]:
    """All landmarks, their named groups and their left-right partners."""
    skin = _part_triangles(mesh, (0,))
    known = nearest(source.points68, mesh.template, mesh.triangles, skin)
    known = _inner_lips_on_seam(source, mesh, known, lips)
    pieces: list[tuple[str, SurfacePoints]] = [("multipie68", known)]
    pairs: list[tuple[str, str]] = []

    def add_pair(name: str, left: SurfacePoints, right: SurfacePoints | None = None) -> None:
        right = right or mirrored(left, mesh.triangles, mesh.mirror)
        pieces.extend([(f"{name}_left", left), (f"{name}_right", right)])
        pairs.append((f"{name}_left", f"{name}_right"))

    add_pair("lid_upper", lids[0].upper, lids[1].upper)
    add_pair("lid_lower", lids[0].lower, lids[1].lower)
    pieces += [("lips_inner_upper", lips.upper), ("lips_inner_lower", lips.lower)]
    for name, ring in (("lips_outer_upper", range(48, 55)), ("lips_outer_lower", (48, 59, 58, 57, 56, 55, 54))):
        line = _denser(source.points68[list(ring)], 15)[1:-1]
        half = nearest(line[len(line) // 2 :], mesh.template, mesh.triangles, skin)
        pieces.append((name, _both_sides(mesh, half)))
    brow = _denser(source.points68[22:27], 7)
    for name, rise in (("brow_upper", 0.35), ("brow_lower", -0.3)):
        add_pair(name, nearest(brow + np.array([0, rise, 0]), mesh.template, mesh.triangles, skin))
    add_pair("skin", nearest(np.array(SKIN), mesh.template, mesh.triangles, skin))
    pieces.append(("iris", at_vertices([mesh.eye_left[0], mesh.eye_right[0]], mesh.triangles)))
    return _assembled(pieces, pairs)


def _assembled(
    pieces: list[tuple[str, SurfacePoints]], pairs: list[tuple[str, str]]
) -> tuple[SurfacePoints, dict[str, tuple[int, ...]], np.ndarray]:
    groups: dict[str, tuple[int, ...]] = {}
    start = 0
    for name, points in pieces:
        groups[name] = tuple(range(start, start + len(points.triangle)))
        start += len(points.triangle)
    partner = np.arange(start)
    partner[:68] = MIRROR68
    for left, right in pairs:
        partner[list(groups[left])], partner[list(groups[right])] = groups[right], groups[left]
    for name in ("lips_inner_upper", "lips_inner_lower", "lips_outer_upper", "lips_outer_lower", "iris"):
        partner[list(groups[name])] = groups[name][::-1]
    return join(*(points for _, points in pieces)), groups, partner


def _inner_lips_on_seam(source: IctSource, mesh: HeadMesh, known: SurfacePoints, lips: Seam) -> SurfacePoints:
    """Inner lip points of the 68 moved onto the line where the lips touch, each on its own lip."""
    triangle, weight = known.triangle.copy(), known.weight.copy()
    for line, members in ((lips.upper, (61, 62, 63)), (lips.lower, (65, 66, 67))):
        x = line.on(mesh.triangles, mesh.template)[:, 0]
        for k in members:
            pick = np.abs(x - source.points68[k, 0]).argmin()
            triangle[k], weight[k] = line.triangle[pick], line.weight[pick]
    return SurfacePoints(triangle, weight)


def _seam_corrector(mesh: HeadMesh, seam: Seam, opening: np.ndarray) -> Callable[[np.ndarray, float], np.ndarray]:
    """A function that moves both sides of a seam half way towards each other on a field [V, 3]."""
    near = (mesh.vertex_part == 0) | (mesh.vertex_part == 2)
    regions = [np.nonzero(near & side)[0] for side in (opening > JAW_SPLIT, opening <= JAW_SPLIT)]
    spread = [
        smooth_handles(join(side, seam.corners), mesh.template, mesh.triangles, region, 1.0)[:, : len(side.triangle)]
        for side, region in zip((seam.upper, seam.lower), regions, strict=True)
    ]

    def apply(field: np.ndarray, overlap: float) -> np.ndarray:
        gap = seam.lower.on(mesh.triangles, field) - seam.upper.on(mesh.triangles, field)
        gap = gap - np.array([0, overlap, 0])
        out = field.astype(np.float64)
        out[regions[0]] += spread[0] @ gap / 2
        out[regions[1]] -= spread[1] @ gap / 2
        return out.astype(np.float32)

    return apply


def _lid_vertices(mesh: HeadMesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the lids around both eyes and the eye each belongs to."""
    centers = [_center(mesh.template[own]) for own in (mesh.eye_left, mesh.eye_right)]
    vertex, side = [], []
    for eye, center in enumerate(centers):
        apart = np.linalg.norm(mesh.template - center - [0, 0, 0.6], axis=1)
        own = np.nonzero((mesh.vertex_part == 0) & (apart < 2.6))[0]
        vertex.append(own)
        side.append(np.full(len(own), eye))
    return np.concatenate(vertex), np.concatenate(side)


def _lid_clearance(mesh: HeadMesh) -> np.ndarray:
    """Height above the eyeball: the inner side of a lid stays below its margin, the margin below its skin. [V]"""
    skin = np.isin(np.arange(len(mesh.template)), mesh.triangles[mesh.zone == FACE])
    margin = np.isin(np.arange(len(mesh.template)), seam_edges(mesh, LID_INSIDE))
    return np.where(margin, 0.04, np.where(skin, 0.06, -EYE_RADIUS))


def _lid_insides(mesh: HeadMesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices on the inner side of the lids and the margin vertex each was drawn from."""
    margin = np.unique(seam_edges(mesh, LID_INSIDE))
    inner = np.setdiff1d(mesh.triangles[mesh.zone == LID_INSIDE], margin)
    same = (mesh.source[inner][:, None] == mesh.source[margin]).all(-1)
    same &= np.isclose(mesh.weight[inner][:, None], mesh.weight[margin]).all(-1)
    return inner, margin[same.argmax(1)]


def _center(ball: np.ndarray) -> np.ndarray:
    """Centre of an eyeball from its front pole and its rings."""
    return np.array([*ball[0, :2], ball[0, 2] - EYE_RADIUS])


def _uv(mesh: HeadMesh, source: IctSource) -> np.ndarray:
    """Cylinder around the head's axis; eyeballs as a disc, radius = polar angle / 4."""
    p = mesh.template
    uv = np.stack([0.5 + np.arctan2(p[:, 0], p[:, 2]) / (2 * np.pi), (p[:, 1] + 20) / 36], 1)
    for eye, own in enumerate((mesh.eye_left, mesh.eye_right)):
        away = (p[own] - source.eye_center[0] * [1 - 2 * eye, 1, 1]) / EYE_RADIUS
        polar = np.arccos(away[:, 2].clip(-1, 1))
        around = np.arctan2(away[:, 1], away[:, 0])
        uv[own] = 0.5 + (polar / 4)[:, None] * np.stack([np.cos(around), np.sin(around)], 1)
    return uv


def _denser(points: np.ndarray, count: int) -> np.ndarray:
    """A smooth line through points (Catmull-Rom), resampled evenly. [n, 3] -> [count, 3]"""
    padded = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = np.linspace(0, 1, 20, endpoint=False)[:, None]
    curve = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        curve.append(b + t * (c - a) / 2 + t**2 * (a - 2.5 * b + 2 * c - d / 2) + t**3 * (1.5 * (b - c) + (d - a) / 2))
    line = np.concatenate([*curve, points[-1:]])
    along = np.concatenate([[0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    wanted = np.linspace(0, along[-1], count)
    return np.stack([np.interp(wanted, along, line[:, k]) for k in range(3)], 1)


def _both_sides(mesh: HeadMesh, half: SurfacePoints) -> SurfacePoints:
    """A line from the symmetry plane to the left, continued to the right: right end first."""
    other = mirrored(half, mesh.triangles, mesh.mirror)
    reverse = SurfacePoints(other.triangle[:0:-1], other.weight[:0:-1])
    return join(reverse, half)


def _part_triangles(mesh: HeadMesh, parts: tuple[int, ...]) -> np.ndarray:
    return np.nonzero(np.isin(mesh.triangle_part, parts))[0]


def _whole(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.ascontiguousarray(values))


def _single(values: np.ndarray) -> torch.Tensor:
    return _whole(np.asarray(values, np.float32))


def _smooth(x: np.ndarray) -> np.ndarray:
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)
