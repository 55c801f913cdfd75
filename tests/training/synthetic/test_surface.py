"""The chart covers the face without tearing, and distances and curves are what they say."""

import numpy as np
import torch

from neo_core.geometry.head_model import load_head_model
from neo_core.training.synthetic.surface import chart, curve, distance, lookup, noise, smoothstep, surface_of


def test_a_vertex_finds_its_own_position_in_the_chart():
    surface = surface_of(load_head_model(), 96)
    front = surface.landmarks[torch.arange(27, 48)]
    found = lookup(surface.position.permute(2, 0, 1), front)
    assert float((found - front).norm(dim=-1).max()) < 0.4


def test_the_chart_has_the_nose_in_the_middle():
    around, down = chart(torch.tensor([0.0, 1.0, 12.0]))
    assert torch.allclose(around, torch.tensor(0.5))
    assert torch.allclose(down, torch.tensor(0.5))


def test_lips_and_sky_are_where_they_belong():
    surface = surface_of(load_head_model(), 96)
    mouth = surface.landmarks[48:60].mean(0)
    assert lookup(surface.lips[None], mouth[None])[0, 0] > 0.7
    assert lookup(surface.lips[None], surface.landmarks[30:31])[0, 0] < 0.05
    shut, opened = surface.occlusion
    socket = surface.head.vertex_part == 2
    assert opened[socket].mean() > shut[socket].mean()
    assert shut[surface.head.vertex_part == 0].mean() > 0.6 > 0.3 > shut[socket].mean()


def test_curves_pass_through_their_points():
    points = torch.tensor([[0.0, 0, 0], [1.0, 2, 0], [3.0, 1, 1], [4.0, 0, 0]])
    dense = curve(points, 301)
    assert torch.cdist(points, dense).amin(-1).max() < 0.02
    apart, along = distance(points[1:2] + 0.1, dense, 1.0)
    assert 0.05 < float(apart) < 0.2
    assert 0.2 < float(along) < 0.5
    assert torch.isinf(distance(points[:1] + 50, dense, 1.0)[0]).all()


def test_noise_depends_on_place_and_seed_only():
    place = torch.rand(6, 5, 3) * 10
    first, again = (noise(np.random.default_rng(1), place, 0.7, 2) for _ in range(2))
    assert torch.equal(first, again)
    turned = noise(np.random.default_rng(1), place.flip(0), 0.7, 2)
    assert torch.allclose(turned.flip(1), first)
    assert first.std() > 0.2


def test_smoothstep_rises_and_falls():
    x = torch.linspace(-1, 2, 50)
    up, down = smoothstep(x, 0, 1), smoothstep(x, 1, 0)
    assert (up.diff() >= 0).all()
    assert torch.allclose(up + down, torch.ones(50), atol=1e-6)
