"""Rasteriser: parity with a per-pixel oracle, no holes on shared edges, large and clipped triangles, gradients."""

import pytest
import torch

from neo_core.geometry import rasteriser
from neo_core.geometry.rasteriser import interpolate, rasterise


def oracle(screen, triangles, height, width):
    """Every triangle against every pixel in float64: nearest depth and its triangle."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    at = torch.stack([x, y], -1).double()
    best = torch.full((height, width), torch.inf, dtype=torch.float64)
    owner = torch.full((height, width), -1)
    for index, corner in enumerate(screen[triangles].double()):
        edges = []
        for k in range(3):
            a, b = corner[(k + 1) % 3, :2], corner[(k + 2) % 3, :2]
            edges.append((b[0] - a[0]) * (at[..., 1] - a[1]) - (b[1] - a[1]) * (at[..., 0] - a[0]))
        weight = torch.stack(edges, -1)
        weight = weight / weight.sum(-1, keepdim=True)
        depth = 1 / (weight / corner[:, 2]).sum(-1)
        nearer = (weight >= 0).all(-1) & (depth < best)
        best, owner = torch.where(nearer, depth, best), torch.where(nearer, index, owner)
    return owner, best


def soup(count, size, spread, seed):
    generator = torch.Generator().manual_seed(seed)
    middle = torch.rand(count, 1, 2, generator=generator) * size
    corners = middle + (torch.rand(count, 3, 2, generator=generator) - 0.5) * spread
    depth = 1 + torch.rand(count, 3, 1, generator=generator)
    return torch.cat([corners, depth], -1).view(-1, 3), torch.arange(3 * count).view(-1, 3)


@pytest.mark.parametrize("spread", [3.0, 20.0, 300.0])
def test_agrees_with_the_oracle(spread):
    screen, triangles = soup(60, 48, spread, seed=int(spread))
    fragments = rasterise(screen, triangles, 40, 48)
    owner, depth = oracle(screen, triangles, 40, 48)
    assert (fragments.triangle == owner).float().mean() > 0.998  # ties on edges may fall either way
    both = (owner >= 0) & (fragments.triangle >= 0)
    assert torch.allclose(fragments.depth[both].double(), depth[both], rtol=1e-4)


def test_no_holes_on_shared_edges():
    side = 23
    generator = torch.Generator().manual_seed(1)
    grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"), -1).float() * 4 - 3
    grid[1:-1, 1:-1] += (torch.rand(side - 2, side - 2, 2, generator=generator) - 0.5) * 2.5
    screen = torch.cat([grid.view(-1, 2), torch.ones(side * side, 1)], 1)
    corner = (torch.arange(side - 1)[:, None] * side + torch.arange(side - 1)).flatten()
    triangles = torch.cat(
        [
            torch.stack([corner, corner + 1, corner + side], 1),
            torch.stack([corner + 1, corner + side + 1, corner + side], 1),
        ]
    )
    assert (rasterise(screen, triangles, 80, 80).triangle >= 0).all()


def test_both_windings_and_order_do_not_matter():
    screen, triangles = soup(40, 32, 15, seed=5)
    first = rasterise(screen, triangles, 32, 32)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    second = rasterise(screen, triangles[order].flip(1), 32, 32)
    named = torch.where(second.triangle >= 0, order[second.triangle], -1)
    assert (named == first.triangle).float().mean() > 0.998


def test_a_triangle_larger_than_the_picture_covers_it():
    screen = torch.tensor([[-5000.0, -4000.0, 2.0], [6000.0, -4000.0, 2.0], [0.0, 9000.0, 2.0]])
    fragments = rasterise(screen, torch.tensor([[0, 1, 2]]), 300, 400)
    assert (fragments.triangle == 0).all()
    assert torch.allclose(fragments.depth, torch.tensor(2.0), rtol=1e-4)


def test_nothing_behind_the_lens_and_no_flat_triangles():
    behind = torch.tensor([[0.0, 0.0, -1.0], [30.0, 0.0, 1.0], [0.0, 30.0, 1.0]])
    flat = torch.tensor([[1.0, 1.0, 1.0], [9.0, 9.0, 1.0], [17.0, 17.0, 1.0]])
    for screen in (behind, flat):
        fragments = rasterise(screen, torch.tensor([[0, 1, 2]]), 20, 20)
        assert (fragments.triangle == -1).all()
        assert torch.isinf(fragments.depth).all()


def test_interpolation_is_perspective_correct():
    camera_points = torch.tensor([[-2.0, -1.0, 3.0], [4.0, -1.0, 9.0], [0.0, 3.0, 5.0]])
    screen = torch.cat([camera_points[:, :2] / camera_points[:, 2:] * 40 + 32, camera_points[:, 2:]], 1)
    triangles = torch.tensor([[0, 1, 2]])
    fragments = rasterise(screen, triangles, 64, 64)
    place = interpolate(fragments, triangles, camera_points)
    covered = fragments.triangle >= 0
    y, x = torch.nonzero(covered, as_tuple=True)
    seen = place[covered]
    assert len(x) > 50
    assert torch.allclose(seen[:, 0] / seen[:, 2] * 40 + 32, x + 0.5, atol=1e-3)
    assert torch.allclose(seen[:, 1] / seen[:, 2] * 40 + 32, y + 0.5, atol=1e-3)
    assert torch.allclose(seen[:, 2], fragments.depth[covered], rtol=1e-5)


def test_gradients_reach_the_vertices():
    screen, triangles = soup(10, 24, 20, seed=2)
    screen.requires_grad_()
    fragments = rasterise(screen, triangles, 24, 24)
    fragments.barycentric.square().sum().backward()
    assert torch.isfinite(screen.grad).all()
    assert screen.grad[:, :2].abs().sum() > 0


def test_drawing_in_many_chunks_changes_nothing(monkeypatch):
    screen, triangles = soup(60, 48, 20.0, seed=9)
    whole = rasterise(screen, triangles, 40, 48)
    monkeypatch.setattr(rasteriser, "CHUNK", 37)
    assert torch.equal(rasterise(screen, triangles, 40, 48).triangle, whole.triangle)


def test_a_hole_shows_what_lies_behind():
    near, far = torch.tensor([[0, 1, 2]]), torch.tensor([[3, 4, 5]])
    corners = torch.tensor([[-20.0, -20.0], [40.0, -20.0], [-20.0, 40.0]])
    screen = torch.cat([torch.cat([corners, torch.full((3, 1), depth)], 1) for depth in (1.0, 2.0)])

    def cutout(triangle, pixel):
        return (triangle == 1) | (pixel % 2 == 0)

    seen = rasterise(screen, torch.cat([near, far]), 8, 8, cutout).triangle.view(-1)
    assert seen.tolist() == [0, 1] * 32
