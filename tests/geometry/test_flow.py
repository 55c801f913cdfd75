"""Projected flow: exact on a moved plane, blind where the source hides the surface."""

import torch

from neo_core.geometry.flow import backward_flow

QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])


def square(x, y, side, depth):
    return torch.tensor([[x, y, depth], [x + side, y, depth], [x + side, y + side, depth], [x, y + side, depth]])


def test_a_shifted_plane_flows_back_by_its_shift():
    source = square(10.0, 12.0, 30.0, 5.0)
    target = source + torch.tensor([7.0, -4.0, 0.0])
    flow = backward_flow(source, target, QUAD, (64, 64), (64, 64))
    y, x = torch.nonzero(flow.visible, as_tuple=True)
    assert len(x) == 900
    moved = torch.stack([x + 0.5, y + 0.5], -1) - flow.source[y, x]
    assert torch.allclose(moved, torch.tensor([7.0, -4.0]), atol=1e-3)


def test_what_lay_behind_something_is_not_visible():
    back, front = square(10.0, 10.0, 40.0, 9.0), square(10.0, 10.0, 20.0, 5.0)
    aside = front + torch.tensor([100.0, 0.0, 0.0])
    triangles = torch.cat([QUAD, QUAD + 4])
    flow = backward_flow(torch.cat([back, front]), torch.cat([back, aside]), triangles, (64, 64), (64, 64))
    assert not flow.visible[12:28, 12:28].any()
    assert flow.visible[34:48, 34:48].all()
    assert (flow.target.triangle[12:48, 12:48] >= 0).all()


def test_points_outside_the_source_are_not_visible():
    source = square(-30.0, 0.0, 40.0, 5.0)
    flow = backward_flow(source, source + torch.tensor([30.0, 0.0, 0.0]), QUAD, (64, 64), (64, 64))
    assert not flow.visible[5:35, :29].any()
    assert flow.visible[5:35, 31:39].all()
