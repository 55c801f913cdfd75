"""Remeshing: a manifold with its own vertices, the wanted spacing, and the borders it was given."""

import numpy as np
import pytest

from neo_core.training.remesh import remesh, subdivide, surface


def plate(side=9):
    """A flat square of 2 x 2 with a part border in the middle."""
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    points = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + side, corner + 1], 1),
            np.stack([corner + 1, corner + side, corner + side + 1], 1),
        ]
    )
    part = (points[triangles].mean(1)[:, 0] > 0).astype(int)
    return points, triangles, part


@pytest.fixture(scope="module")
def made():
    points, triangles, part = plate()
    dense = subdivide(subdivide(surface(points, triangles, part)))
    mesh = remesh(dense, np.full(len(dense.points), 0.2), 30, seed=0)
    return points, mesh, np.einsum("vcd,vc->vd", points[mesh.source], mesh.weight)


def areas(places, triangles):
    a, b, c = (places[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)[:, 2] / 2


def test_every_vertex_is_a_point_of_the_source(made):
    _, mesh, places = made
    assert np.allclose(mesh.weight.sum(1), 1)
    assert (mesh.weight >= 0).all()
    assert (np.abs(places) <= 1 + 1e-9).all()


def test_the_surface_is_covered_once(made):
    _, mesh, places = made
    size = areas(places, mesh.triangles)
    assert (size > 0).all()  # orientation kept
    assert np.isclose(size.sum(), 4, rtol=0.02)
    edges = mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert len(np.unique(edges, axis=0)) == len(edges)


def test_parts_keep_their_border(made):
    _, mesh, places = made
    size = areas(places, mesh.triangles)
    assert np.isclose(size[mesh.part == 0].sum(), 2, rtol=0.05)
    border = np.intersect1d(mesh.triangles[mesh.part == 0], mesh.triangles[mesh.part == 1])
    assert len(border) >= 8
    assert np.abs(places[border, 0]).max() < 0.05


def test_spacing_is_respected(made):
    _, mesh, places = made
    edges = np.unique(np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    length = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
    assert 0.14 < length.mean() < 0.27
    assert length.min() > 0.04


def test_the_same_seed_gives_the_same_mesh(made):
    points, mesh, _ = made
    again = plate()
    dense = subdivide(subdivide(surface(*again)))
    repeated = remesh(dense, np.full(len(dense.points), 0.2), 30, seed=0)
    assert np.array_equal(points, again[0])
    assert np.array_equal(repeated.triangles, mesh.triangles)
