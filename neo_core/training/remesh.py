"""A new mesh on an old surface: clustering of a subdivided surface and the dual of the clusters.

Approximated centroidal Voronoi diagrams (Valette and Chassery 2004): every vertex of the subdivided surface belongs to
one site; labels spread along edges, sites move to the centroid of their cell; three cells meeting in a triangle become
a triangle of the new mesh. Open borders, borders between parts and the symmetry line are curves: they get their own
sites, in order, so that the new mesh has the same borders. Numpy only.

Letters: N vertices and M triangles of the subdivided surface, S sites.
"""

from dataclasses import dataclass

import numpy as np

DARTS = 14  # sites tried for every site that fits


@dataclass(frozen=True)
class Surface:
    """A triangle surface whose vertices are affine combinations of source vertices."""

    points: np.ndarray  # [N, 3]
    triangles: np.ndarray  # [M, 3]
    part: np.ndarray  # [M] label of every triangle
    source: np.ndarray  # [N, 3] source vertices of every point
    weight: np.ndarray  # [N, 3] their weights


@dataclass(frozen=True)
class Remesh:
    """The new mesh: each of its vertices is one point of the subdivided surface."""

    source: np.ndarray  # [S, 3]
    weight: np.ndarray  # [S, 3]
    triangles: np.ndarray  # [F, 3]
    part: np.ndarray  # [F]


def surface(points: np.ndarray, triangles: np.ndarray, part: np.ndarray) -> Surface:
    """The surface as it is; vertices without a triangle are left out."""
    used, flat = np.unique(triangles, return_inverse=True)
    weight = np.zeros((len(used), 3), np.float64)
    weight[:, 0] = 1
    return Surface(points[used], flat.reshape(-1, 3), part, np.repeat(used[:, None], 3, 1), weight)


def subdivide(old: Surface) -> Surface:
    """Every triangle into four. Only a surface whose points are source vertices or lie on a source triangle keeps exact
    weights, which holds for repeated subdivision of `surface`."""
    edges = np.sort(old.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    middle = len(old.points) + which.reshape(-1, 3)  # [M, 3] new vertex on each edge
    a, b, c = old.triangles.T
    ab, bc, ca = middle.T
    triangles = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]).transpose(2, 0, 1).reshape(-1, 3)
    source, weight = _midpoints(old, unique)
    return Surface(
        np.concatenate([old.points, old.points[unique].mean(1)]),
        triangles,
        np.repeat(old.part, 4),
        np.concatenate([old.source, source]),
        np.concatenate([old.weight, weight]),
    )


def remesh(dense: Surface, spacing: np.ndarray, rounds: int, seed: int) -> Remesh:
    """New mesh with about `spacing` [N] between neighbours, relaxed for `rounds`."""
    area = _vertex_areas(dense)
    neighbours = _neighbours(dense.triangles, len(dense.points))
    fixed, curve_label = _curve_sites(dense, spacing)
    inner = _scatter(dense, spacing, fixed, curve_label, np.random.default_rng(seed))
    site = np.concatenate([fixed, inner])  # [S] point of every site
    label = _spread(site, curve_label, neighbours)
    density = area / spacing**4
    place = dense.points[site]
    for _ in range(rounds):
        label = _relabel(dense.points, place, label, curve_label, neighbours)
        place[len(fixed) :] = _centroids(dense.points, density, label, len(site), place)[len(fixed) :]
    site[len(fixed) :] = _nearest_in_cell(dense.points, place, label)[len(fixed) :]
    triangles, part = _dual(dense, label)
    return _compact(Remesh(dense.source[site], dense.weight[site], triangles, part))


def vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals, area-weighted over the triangles around each vertex. [N, 3]"""
    p = points[triangles]
    face = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    normal = np.stack([np.bincount(triangles.ravel(), np.repeat(face[:, k], 3), len(points)) for k in range(3)], 1)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def _midpoints(old: Surface, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Source corners and weights of edge midpoints, both ends merged onto one source triangle."""
    names = old.source[edges].reshape(len(edges), 6)
    shares = old.weight[edges].reshape(len(edges), 6) / 2
    shares = np.where(shares > 0, shares, 0)
    source, weight = np.zeros((len(edges), 3), np.int64), np.zeros((len(edges), 3))
    left = shares.copy()
    for k in range(3):
        pick = left.argmax(1)
        name = names[np.arange(len(edges)), pick]
        same = (names == name[:, None]) & (left > 0)
        source[:, k], weight[:, k] = name, (shares * same).sum(1)
        left[same] = 0
    return source, weight


def _vertex_areas(dense: Surface) -> np.ndarray:
    p = dense.points[dense.triangles]
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 6
    return np.bincount(dense.triangles.ravel(), np.repeat(area, 3), len(dense.points))


def _neighbours(triangles: np.ndarray, count: int) -> np.ndarray:
    """Neighbours of every vertex, padded with itself. [N, widest]"""
    pairs = triangles[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
    pairs = np.unique(pairs, axis=0)
    degree = np.bincount(pairs[:, 0], minlength=count)
    start = np.concatenate([[0], degree.cumsum()[:-1]])
    table = np.repeat(np.arange(count)[:, None], degree.max(), 1)
    table[pairs[:, 0], np.arange(len(pairs)) - start[pairs[:, 0]]] = pairs[:, 1]
    return table


def _curve_edges(dense: Surface) -> np.ndarray:
    """Edges on open borders and between parts. [E, 2]"""
    edges = np.sort(dense.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    which = which.ravel()
    part = np.repeat(dense.part, 3)
    high, low = np.full(len(unique), -1), np.full(len(unique), 1 << 20)
    np.maximum.at(high, which, part)
    np.minimum.at(low, which, part)
    return unique[(np.bincount(which) == 1) | (high != low)]


def _curve_sites(dense: Surface, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced sites on all curves [C], and for every vertex its curve site or -1 [N]."""
    label = np.full(len(dense.points), -1)
    sites: list[int] = []
    for chain in _chains(_curve_edges(dense)):
        points = dense.points[chain]
        step = np.linalg.norm(np.diff(points, axis=0), axis=1)
        along = np.concatenate([[0], (step / ((spacing[chain][1:] + spacing[chain][:-1]) / 2)).cumsum()])
        count = max(round(along[-1]), 3 if chain[0] == chain[-1] else 1)
        wanted = np.linspace(0, along[-1], count + 1)
        own = [chain[np.abs(along - w).argmin()] for w in wanted]
        index = []
        for vertex in own:
            if vertex not in sites:
                sites.append(vertex)
            index.append(sites.index(vertex))
        nearest = np.abs(along[:, None] - wanted).argmin(1)
        label[chain] = np.array(index)[nearest]
    sites_array = np.array(sites, np.int64)
    label[sites_array] = np.arange(len(sites_array))
    return sites_array, label


def _chains(edges: np.ndarray) -> list[np.ndarray]:
    """Curves as vertex lists, cut where three or more meet; a closed curve repeats its first vertex."""
    adjacent: dict[int, list[int]] = {}
    for a, b in edges.tolist():
        adjacent.setdefault(a, []).append(b)
        adjacent.setdefault(b, []).append(a)
    unused = {tuple(sorted(edge)) for edge in edges.tolist()}
    corners = [v for v, near in adjacent.items() if len(near) != 2]
    chains = []
    for start in [*corners, *adjacent]:
        for second in adjacent[start]:
            if tuple(sorted((start, second))) not in unused:
                continue
            chain = [start, second]
            unused.discard(tuple(sorted((start, second))))
            while len(adjacent[chain[-1]]) == 2 and chain[-1] != start:
                near = adjacent[chain[-1]]
                chain.append(near[0] if near[1] == chain[-2] else near[1])
                unused.discard(tuple(sorted(chain[-2:])))
            chains.append(np.array(chain))
    return chains


def _scatter(
    dense: Surface, spacing: np.ndarray, fixed: np.ndarray, curve_label: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Inner sites by dart throwing; opposite surfaces, such as two lips, do not see each other."""
    normal = vertex_normals(dense.points, dense.triangles)
    position, direction, own = (np.empty((len(dense.points), k)) for k in (3, 3, 1))
    count = len(fixed)
    # Only as many darts as it takes to fill the surface several times over.
    chance = DARTS * _vertex_areas(dense) / spacing**2
    tried = np.nonzero((curve_label < 0) & (rng.random(len(chance)) < chance))[0]
    position[:count], direction[:count], own[:count, 0] = dense.points[fixed], normal[fixed], spacing[fixed]
    found = []
    for k in rng.permutation(tried):
        reach = 0.78 * (spacing[k] + own[:count, 0]) / 2
        apart = np.square(position[:count] - dense.points[k]).sum(1)
        apart += np.square(direction[:count] - normal[k]).sum(1) * (0.5 * spacing[k]) ** 2
        if (apart < reach**2).any():
            continue
        position[count], direction[count], own[count] = dense.points[k], normal[k], spacing[k]
        count += 1
        found.append(k)
    return np.array(found, np.int64)


def _spread(site: np.ndarray, curve_label: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """First labels: every vertex takes the site that reaches it first along edges. [N]"""
    label = curve_label.copy()
    label[site] = np.arange(len(site))
    while (label < 0).any():
        offered = label[neighbours].max(1)
        if not ((label < 0) & (offered >= 0)).any():
            raise ValueError(f"{(label < 0).sum()} points are reached by no site: spacing is larger than a loose piece")
        label = np.where(label < 0, offered, label)
    return label


def _relabel(
    points: np.ndarray, place: np.ndarray, label: np.ndarray, curve_label: np.ndarray, neighbours: np.ndarray
) -> np.ndarray:
    """Each vertex moves to the nearest site among those of its neighbours; curve vertices stay."""
    around = label[neighbours]
    border = np.nonzero((around != label[:, None]).any(1) & (curve_label < 0))[0]
    offered = np.concatenate([label[border, None], around[border]], 1)
    apart = np.square(place[offered] - points[border, None]).sum(-1)
    new = label.copy()
    new[border] = offered[np.arange(len(border)), apart.argmin(1)]
    return new


def _centroids(points: np.ndarray, density: np.ndarray, label: np.ndarray, count: int, old: np.ndarray) -> np.ndarray:
    mass = np.bincount(label, density, count)
    mean = np.stack([np.bincount(label, density * points[:, k], count) for k in range(3)], 1)
    return np.where(mass[:, None] > 0, mean / np.maximum(mass, 1e-30)[:, None], old)


def _nearest_in_cell(points: np.ndarray, place: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The cell's own vertex nearest to its centroid. [S]"""
    apart = np.square(points - place[label]).sum(1)
    order = np.lexsort((apart, label))
    first = np.concatenate([[True], label[order][1:] != label[order][:-1]])
    nearest = np.full(len(place), -1)
    nearest[label[order][first]] = order[first]
    return nearest


def _dual(dense: Surface, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of the new mesh: places where three cells meet; each once, no edge with more than two."""
    corner = label[dense.triangles]
    meets = (corner[:, 0] != corner[:, 1]) & (corner[:, 1] != corner[:, 2]) & (corner[:, 2] != corner[:, 0])
    corner, part = corner[meets], dense.part[meets]
    _, first = np.unique(np.sort(corner, 1), axis=0, return_index=True)
    corner, part = corner[np.sort(first)], part[np.sort(first)]
    seen: set[tuple[int, int]] = set()
    keep = []
    for k, (a, b, c) in enumerate(corner.tolist()):
        sides = {(a, b), (b, c), (c, a)}  # directed: a manifold uses each direction once
        if not sides & seen:
            seen |= sides
            keep.append(k)
    return corner[keep], part[keep]


def _compact(mesh: Remesh) -> Remesh:
    """Without sites that no triangle uses."""
    used, flat = np.unique(mesh.triangles, return_inverse=True)
    return Remesh(mesh.source[used], mesh.weight[used], flat.reshape(-1, 3), mesh.part)
