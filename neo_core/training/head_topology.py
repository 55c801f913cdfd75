"""Our own head mesh: the left half remeshed on the source surface, mirrored, eyeballs added."""

from dataclasses import dataclass

import numpy as np

from ..geometry.head_model import PARTS
from .head_source import IctSource
from .remesh import Remesh, Surface, remesh, subdivide, surface, vertex_normals

FACE, HEAD, SOCKET, GUMS, TEETH = 0, 1, 2, 5, 6  # part numbers of the source
EYE_SOCKETS = (3, 4)
LID_INSIDE, TONGUE, LOWER_TEETH, LIP_INSIDE, LEFT_OUT = 20, 21, 22, 23, 30  # added by us
OURS = {FACE: 0, LID_INSIDE: 0, HEAD: 1, SOCKET: 2, LIP_INSIDE: 2, GUMS: 3, TONGUE: 4, TEETH: 5, LOWER_TEETH: 6}
LID_RINGS = 2  # edge rings from the eye socket to the margin of the lids
LID_DEPTHS = (0.08, 0.3)  # our own inner side of the lids: rings this far from the margin towards the eyeball's centre
LIP_RINGS = 7  # edge rings from the mouth socket to the line where the lips touch
TOOTH_GROWTH = 0.045  # lets neighbouring teeth touch
EYE_RADIUS = 1.49  # where the source's lids touch its eyeball
IRIS_RADIUS = 0.6
EYE_RINGS = (6, 12, 18, 23.75, 30, 38, 47, 57, 68, 80, 94, 110)  # polar angle in degrees; the fourth is the iris edge
EYE_SECTORS = 24
JAW_OPEN = 26  # index of jawOpen among the expressions


@dataclass(frozen=True)
class HeadMesh:
    """Topology and the mean head; V vertices, F triangles."""

    template: np.ndarray  # [V, 3]
    source: np.ndarray  # [V, 3] source vertices of each vertex (eyeballs: weight zero)
    weight: np.ndarray  # [V, 3]
    triangles: np.ndarray  # [F, 3]
    triangle_part: np.ndarray  # [F] index into PARTS
    vertex_part: np.ndarray  # [V]
    mirror: np.ndarray  # [V]
    zone: np.ndarray  # [F] part number of the source or one added by us
    lip_rim: np.ndarray  # vertices where the lips touch
    mouth_weight: np.ndarray  # [V] 1 where a vertex belongs to the block of teeth, gums and tongue

    @property
    def eye_left(self) -> np.ndarray:
        return np.nonzero(self.vertex_part == PARTS.index("eye_left"))[0]

    @property
    def eye_right(self) -> np.ndarray:
        return np.nonzero(self.vertex_part == PARTS.index("eye_right"))[0]


def build_mesh(source: IctSource, rounds: int, seed: int) -> HeadMesh:
    """Remesh the left half (x >= 0), mirror it, add the eyeballs."""
    part = _parts(source)
    keep = np.isin(part, list(OURS)) & (source.vertices[source.triangles][:, :, 0].min(1) >= -1e-6)
    dense = subdivide(subdivide(surface(source.vertices, source.triangles[keep], part[keep])))
    half = remesh(dense, _spacing(source, dense, part), rounds, seed)
    whole, mirror = _mirrored(source, half)
    template = np.einsum("vcd,vc->vd", source.vertices[whole.source], whole.weight)
    template = _settled_mouth(whole, (template + template[mirror] * [-1, 1, 1]) / 2)
    return _with_eyes(source, *_with_lid_rims(source, whole, mirror, template))


def _parts(source: IctSource) -> np.ndarray:
    """Part of every source triangle, with tongue, lower teeth and the inside of the lids told apart. [M]"""
    part = source.part.copy()
    for island in np.unique(source.island[part == GUMS]):
        own = (source.island == island) & (part == GUMS)
        points = source.vertices[source.triangles[own]].reshape(-1, 3)
        if np.abs(points[:, 0]).max() < 2.1 and points[:, 2].max() > 5:
            part[own] = TONGUE
    opened = np.abs(source.expression[JAW_OPEN][source.triangles]).max((1, 2))
    part[(part == TEETH) & (opened > 0.1)] = LOWER_TEETH
    eye_socket = np.isin(part, EYE_SOCKETS)
    lid = _within_rings(source, part == FACE, eye_socket, LID_RINGS)
    lip = _within_rings(source, part == FACE, part == SOCKET, LIP_RINGS)
    part[lid] = LEFT_OUT
    part[lip] = LIP_INSIDE
    return part


def _within_rings(source: IctSource, area: np.ndarray, start: np.ndarray, rings: int) -> np.ndarray:
    """Triangles of `area` within so many edge rings of its border to `start`. [M] masks"""
    sides = source.sides[area]
    ring = np.isin(np.arange(len(source.vertices)), source.triangles[start])
    ring &= np.isin(np.arange(len(source.vertices)), source.triangles[area])
    for _ in range(rings):
        edges = sides.reshape(-1, 2)
        edges = edges[(edges >= 0).all(1)]
        touched = ring[edges].any(1)
        ring[edges[touched]] = True
    return area & ring[source.triangles].all(1)


def _spacing(source: IctSource, dense: Surface, part: np.ndarray) -> np.ndarray:
    """Wanted distance between neighbours: fine at lids and lips, coarse at the back of the head. [N]"""
    points, corners = source.points68, source.triangles
    own = np.zeros(len(dense.points), np.int64)
    own[dense.triangles.ravel()] = np.repeat(dense.part, 3)
    lids = source.vertices[np.intersect1d(corners[part == LEFT_OUT], corners[part == FACE])]
    rim = np.intersect1d(corners[part == FACE], corners[part == LIP_INSIDE])
    mouth = _distance(dense.points, np.concatenate([source.vertices[rim], points[48:68]]))
    wish = 0.14 + 0.10 * _distance(dense.points, lids[lids[:, 0] > 0])
    wish = np.minimum(wish, 0.16 + 0.11 * mouth)
    wish = np.minimum(wish, 0.22 + 0.13 * _distance(dense.points, points[31:36]))
    wish = np.minimum(wish, 0.78 + 0.06 * np.maximum(0, 6 - dense.points[:, 2]))
    ear = np.abs(source.vertices[:, 0]).max() * 0.74, 1.5, -1.5
    wish = np.minimum(wish, 0.38 + 0.12 * np.maximum(0, _distance(dense.points, np.array([ear])) - 3))
    wish = wish.clip(0.13, 1.6)
    wish[own == HEAD] = wish[own == HEAD].clip(0.65, 1.6)
    wish[own == LIP_INSIDE] = (0.15 + 0.15 * mouth[own == LIP_INSIDE]).clip(0.15, 0.25)
    wish[own == SOCKET] = (0.3 + 0.25 * mouth[own == SOCKET]).clip(0.3, 0.9)
    wish[np.isin(own, (GUMS, TONGUE))] = 0.5
    teeth = np.isin(own, (TEETH, LOWER_TEETH))
    wish[teeth] = (0.25 + 0.05 * (10.5 - dense.points[teeth, 2])).clip(0.25, 0.45)
    return wish


def _distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance to the nearest of `others`. [N, 3], [n, 3] -> [N]"""
    nearest = np.full(len(points), np.inf)
    for other in others:
        nearest = np.minimum(nearest, np.square(points - other).sum(1))
    return np.sqrt(nearest)


def _mirrored(source: IctSource, half: Remesh) -> tuple[Remesh, np.ndarray]:
    """The whole mesh and the partner of every vertex; vertices of the symmetry line are shared."""
    x = np.einsum("vc,vc->v", source.vertices[half.source][:, :, 0], half.weight)
    side = np.nonzero(x > 1e-5)[0]
    partner = np.arange(len(x))
    partner[side] = len(x) + np.arange(len(side))
    mirror = np.concatenate([partner, side])
    whole = Remesh(
        np.concatenate([half.source, source.mirror[half.source[side]]]),
        np.concatenate([half.weight, half.weight[side]]),
        np.concatenate([half.triangles, partner[half.triangles][:, ::-1]]),
        np.concatenate([half.part, half.part]),
    )
    return whole, mirror


def _settled_mouth(whole: Remesh, template: np.ndarray) -> np.ndarray:
    """Teeth and tongue where a resting mouth has them: upper incisors a little below the lip, side teeth out of the
    corners, tongue low. [V, 3]"""
    teeth = np.unique(whole.triangles[np.isin(whole.part, (TEETH, LOWER_TEETH))])
    out = template.copy()
    out[teeth] += TOOTH_GROWTH * vertex_normals(template, whole.triangles)[teeth]
    behind = (10.3 - template[:, 2]).clip(0, 3)
    drops = ((TEETH, -0.3 + 0.04 * behind), (LOWER_TEETH, -0.15 - 0.12 * behind), (TONGUE, -0.55 + 0 * behind))
    for zone, drop in drops:
        own = np.unique(whole.triangles[whole.part == zone])
        out[own, 1] += drop[own]
    gums = np.unique(whole.triangles[whole.part == GUMS])
    lower = template[gums, 1] < -3.2
    out[gums, 1] += np.where(lower, -0.15 - 0.12 * behind[gums], -0.15 + 0.04 * behind[gums])
    return out


def _with_lid_rims(
    source: IctSource, whole: Remesh, mirror: np.ndarray, template: np.ndarray
) -> tuple[Remesh, np.ndarray, np.ndarray]:
    """The lids' margins drawn into the eyeball: strips of our own that move as the margin does."""
    sides = whole.triangles[whole.part == FACE][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    every = np.sort(whole.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    unique, count = np.unique(every, axis=0, return_counts=True)
    open_edges = {tuple(edge) for edge in unique[count == 1].tolist()}
    border = np.array([edge for edge in sides.tolist() if tuple(sorted(edge)) in open_edges])
    margin = np.unique(border)
    centre = source.eye_center[(template[margin, 0] < 0).astype(int)]
    inwards = (centre - template[margin]) / np.linalg.norm(centre - template[margin], axis=1, keepdims=True)
    previous = np.arange(len(template))
    for depth in LID_DEPTHS:
        ring = np.arange(len(template))
        ring[margin] = len(template) + np.arange(len(margin))
        a, b = border.T
        strip = np.concatenate(
            [np.stack(s, 1) for s in ((previous[b], previous[a], ring[a]), (previous[b], ring[a], ring[b]))]
        )
        partner = ring[mirror[margin]]
        whole = Remesh(
            np.concatenate([whole.source, whole.source[margin]]),
            np.concatenate([whole.weight, whole.weight[margin]]),
            np.concatenate([whole.triangles, strip]),
            np.concatenate([whole.part, np.full(len(strip), LID_INSIDE)]),
        )
        mirror = np.concatenate([mirror, partner])
        template = np.concatenate([template, template[margin] + depth * inwards])
        previous = np.concatenate([ring, ring[margin]])[: len(ring)]
    return whole, mirror, template


def _with_eyes(source: IctSource, whole: Remesh, mirror: np.ndarray, template: np.ndarray) -> HeadMesh:
    count = len(template)
    directions, eye = eyeball()
    left = directions * EYE_RADIUS + source.eye_center[0]
    number = len(left)
    part = np.array([OURS[k] for k in whole.part])
    vertex_part = np.zeros(count, np.int64)
    vertex_part[whole.triangles.ravel()] = np.repeat(part, 3)
    eye_parts = [PARTS.index("eye_left"), PARTS.index("eye_right")]
    rim = np.intersect1d(whole.triangles[part == 0], whole.triangles[part == 2])
    mesh = HeadMesh(
        template=np.concatenate([template, left, left * [-1, 1, 1]]),
        source=np.concatenate([whole.source, np.zeros((2 * number, 3), np.int64)]),
        weight=np.concatenate([whole.weight, np.zeros((2 * number, 3))]),
        triangles=np.concatenate([whole.triangles, count + eye, count + number + eye[:, ::-1]]),
        triangle_part=np.concatenate([part, *(np.full(len(eye), k) for k in eye_parts)]),
        vertex_part=np.concatenate([vertex_part, *(np.full(number, k) for k in eye_parts)]),
        mirror=np.concatenate([mirror, count + number + np.arange(number), count + np.arange(number)]),
        zone=np.concatenate([whole.part, np.full(2 * len(eye), -1)]),
        lip_rim=rim,
        mouth_weight=np.zeros(count + 2 * number),
    )
    mesh.mouth_weight[:] = _mouth_weight(mesh)
    return mesh


def seam_edges(mesh: HeadMesh, inside: int) -> np.ndarray:
    """Edges between the face and a zone inside the lids or lips. [E, 2]"""
    sides = [mesh.triangles[mesh.zone == zone][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2) for zone in (FACE, inside)]
    names = [{tuple(sorted(edge)) for edge in side.tolist()} for side in sides]
    return np.array(sorted(names[0] & names[1]))


def _mouth_weight(mesh: HeadMesh) -> np.ndarray:
    """1 on teeth, gums, tongue; in the socket rising from the lips inwards. [V]"""
    depth = _distance(mesh.template, mesh.template[mesh.lip_rim])
    rising = (depth / 2.5).clip(0, 1)
    weight = np.where(mesh.vertex_part == PARTS.index("mouth_socket"), rising * rising * (3 - 2 * rising), 0.0)
    return np.where((mesh.vertex_part >= 3) & (mesh.vertex_part <= 6), 1.0, weight)


def eyeball() -> tuple[np.ndarray, np.ndarray]:
    """Directions [n, 3] and triangles of an eyeball that looks along +z, open at the back."""
    polar = np.radians(EYE_RINGS)
    around = np.arange(EYE_SECTORS) * 2 * np.pi / EYE_SECTORS
    rings = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(around),
            np.sin(polar)[:, None] * np.sin(around),
            np.cos(polar)[:, None] + 0 * around,
        ],
        -1,
    ).reshape(-1, 3)
    here = np.arange(EYE_SECTORS)
    there = (here + 1) % EYE_SECTORS
    cap = np.stack([0 * here, 1 + here, 1 + there], 1)
    bands = []
    for ring in range(len(EYE_RINGS) - 1):
        a, b = 1 + ring * EYE_SECTORS + here, 1 + ring * EYE_SECTORS + there
        c, d = a + EYE_SECTORS, b + EYE_SECTORS
        bands += [np.stack([a, c, d], 1), np.stack([a, d, b], 1)]
    return np.concatenate([[[0, 0, 1.0]], rings]), np.concatenate([cap, *bands])
