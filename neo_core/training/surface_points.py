"""Points on a triangle mesh as (triangle, barycentric weights): nearest points, lines of edges, smooth corrections."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SurfacePoints:
    """K points that stay on the mesh however it is bent."""

    triangle: np.ndarray  # [K]
    weight: np.ndarray  # [K, 3]

    def on(self, triangles: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """Positions for vertices [..., V, 3] -> [..., K, 3]"""
        corner = triangles[self.triangle]
        return sum(vertices[..., corner[:, k], :] * self.weight[:, k, None] for k in range(3))


def join(*groups: SurfacePoints) -> SurfacePoints:
    """All points in order."""
    return SurfacePoints(np.concatenate([g.triangle for g in groups]), np.concatenate([g.weight for g in groups]))


def nearest(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, allowed: np.ndarray) -> SurfacePoints:
    """Closest surface points among the triangles `allowed` [n]. points [K, 3]"""
    corners = vertices[triangles[allowed]]  # [n, 3, 3]
    found, weights = np.empty(len(points), np.int64), np.empty((len(points), 3))
    for k, point in enumerate(points):
        weight = _closest(point, corners)
        apart = np.square((corners * weight[..., None]).sum(1) - point).sum(1)
        found[k] = allowed[apart.argmin()]
        weights[k] = weight[apart.argmin()]
    return SurfacePoints(found, weights)


def mirrored(points: SurfacePoints, triangles: np.ndarray, mirror: np.ndarray) -> SurfacePoints:
    """The same points on the other half of a symmetric mesh."""
    index = {tuple(sorted(t)): k for k, t in enumerate(triangles.tolist())}
    partner, weight = np.empty_like(points.triangle), np.empty_like(points.weight)
    for k, (triangle, old) in enumerate(zip(points.triangle, points.weight, strict=True)):
        corner = mirror[triangles[triangle]]
        partner[k] = index[tuple(sorted(corner.tolist()))]
        order = {vertex: c for c, vertex in enumerate(corner.tolist())}
        weight[k] = [old[order[vertex]] for vertex in triangles[partner[k]].tolist()]
    return SurfacePoints(partner, weight)


def along_edges(
    edges: np.ndarray, triangles: np.ndarray, position: np.ndarray, side: np.ndarray, stations: np.ndarray
) -> SurfacePoints:
    """Points on a line of mesh edges [E, 2] where `position` [V] takes the values `stations`.

    Of the edges that cross a station the one with the greatest `side` [V] is taken.
    """
    low, high = position[edges].min(1), position[edges].max(1)
    picks, weights = [], []
    for station in stations:
        crossing = np.nonzero((low <= station) & (high >= station))[0]
        a, b = edges[crossing[side[edges[crossing]].mean(1).argmax()]]
        share = (station - position[a]) / (position[b] - position[a])
        triangle = np.nonzero((triangles == a).any(1) & (triangles == b).any(1))[0][0]
        picks.append(triangle)
        weights.append((triangles[triangle] == a) * (1 - share) + (triangles[triangle] == b) * share)
    return SurfacePoints(np.array(picks), np.array(weights))


def at_vertices(vertices: np.ndarray, triangles: np.ndarray) -> SurfacePoints:
    """Points that are vertices."""
    picks = np.array([np.nonzero((triangles == v).any(1))[0][0] for v in vertices])
    return SurfacePoints(picks, (triangles[picks] == np.asarray(vertices)[:, None]).astype(float))


def smooth_handles(
    handles: SurfacePoints, vertices: np.ndarray, triangles: np.ndarray, region: np.ndarray, reach: float
) -> np.ndarray:
    """Weights [len(region), K]: moving the vertices `region` by weights @ offsets moves each handle by its own offset.

    Wendland's compactly supported radial functions around the handles, solved so that handles are hit exactly; a handle
    out of reach of the region is left alone.
    """
    centre = handles.on(triangles, vertices)
    basis = np.zeros((len(vertices), len(centre)))
    apart = np.linalg.norm(vertices[region][:, None] - centre, axis=-1) / reach
    basis[region] = (1 - apart.clip(max=1)) ** 4 * (4 * apart + 1)
    at_handles = np.einsum("kc,kcj->kj", handles.weight, basis[triangles[handles.triangle]])
    return basis[region] @ np.linalg.pinv(at_handles)


def _closest(point: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights of the closest point of every triangle (Ericson, Real-Time Collision Detection, 5.1.5)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    scale = np.maximum(d00 * d11 - d01 * d01, 1e-20)
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    inside = np.stack([1 - v - w, v, w], 1)
    best, best_apart = inside, np.where((inside >= 0).all(1), np.square(_at(corners, inside) - point).sum(1), np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        edge = corners[:, j] - corners[:, i]
        t = (((point - corners[:, i]) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-20)).clip(0, 1)
        weight = np.zeros_like(inside)
        weight[:, i], weight[:, j] = 1 - t, t
        apart = np.square(_at(corners, weight) - point).sum(1)
        better = apart < best_apart
        best, best_apart = np.where(better[:, None], weight, best), np.where(better, apart, best_apart)
    return best


def _at(corners: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (corners * weight[..., None]).sum(1)
