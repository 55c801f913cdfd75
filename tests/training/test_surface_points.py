"""Points on a mesh: nearest points, mirror images, lines along edges, handles that are hit exactly."""

import numpy as np

from neo_core.training.surface_points import along_edges, at_vertices, join, mirrored, nearest, smooth_handles

POINTS = np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0], [-1, 1, 0], [0, 1, 0], [1, 1, 0]])
TRIANGLES = np.array([[0, 1, 4], [0, 4, 3], [2, 4, 1], [2, 5, 4]])
MIRROR = np.array([2, 1, 0, 5, 4, 3])


def test_nearest_points_lie_inside_and_on_borders():
    wanted = np.array([[0.5, 0.4, 0.7], [3.0, 0.5, 0.0], [-0.2, -2.0, 0.0]])
    found = nearest(wanted, POINTS, TRIANGLES, np.arange(4)).on(TRIANGLES, POINTS)
    assert np.allclose(found, [[0.5, 0.4, 0], [1, 0.5, 0], [-0.2, 0, 0]])


def test_mirrored_points_are_mirror_images():
    found = nearest(np.array([[0.3, 0.2, 0.0], [0.9, 0.7, 0.0]]), POINTS, TRIANGLES, np.arange(4))
    other = mirrored(found, TRIANGLES, MIRROR).on(TRIANGLES, POINTS)
    assert np.allclose(other, found.on(TRIANGLES, POINTS) * [-1, 1, 1])


def test_lines_along_edges_hit_their_stations():
    edges = np.array([[0, 1], [1, 2], [3, 4], [4, 5]])
    stations = np.array([-0.75, 0.1, 0.6])
    line = along_edges(edges, TRIANGLES, POINTS[:, 0], POINTS[:, 1], stations).on(TRIANGLES, POINTS)
    assert np.allclose(line, np.stack([stations, np.ones(3), np.zeros(3)], 1))


def test_handles_move_by_exactly_their_offset():
    region = np.arange(6)
    handles = join(at_vertices([0], TRIANGLES), nearest(np.array([[0.6, 0.6, 0.0]]), POINTS, TRIANGLES, np.arange(4)))
    weights = smooth_handles(handles, POINTS, TRIANGLES, region, 2.0)
    offset = np.array([[0.0, 0.1, 0.2], [0.3, 0.0, -0.1]])
    moved = POINTS.copy()
    moved[region] += weights @ offset
    change = handles.on(TRIANGLES, moved) - handles.on(TRIANGLES, POINTS)
    assert np.allclose(change, offset)
