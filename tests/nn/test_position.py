"""Partial rotary positions: only distances count, and identity has no place."""

import torch

from neo_core.nn.position import no_place, rotary_table, rotate


def scores(positions, x, y, rotary=6):
    table = rotary_table(positions, rotary, 100.0)
    return torch.einsum("bhqe,bhke->bhqk", rotate(x, table), rotate(y, table))


def test_scores_depend_on_distance_only():
    x, y = torch.randn(2, 2, 3, 5, 8).double()
    moments = torch.arange(5)
    torch.testing.assert_close(scores(moments, x, y), scores(moments + 1000, x, y), atol=2e-4, rtol=0)
    assert (scores(moments, x, y) - scores(moments * 2, x, y)).abs().max() > 0.1


def test_turning_keeps_lengths_and_leaves_the_rest():
    x = torch.randn(2, 3, 5, 8)
    turned = rotate(x, rotary_table(torch.arange(5), 6, 100.0))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[..., 6:], x[..., 6:])


def test_no_place_hides_the_turning_part():
    table = rotary_table(torch.arange(5), 6, 100.0)
    hidden = rotate(torch.randn(2, 3, 4, 8), no_place(4, table))
    assert not hidden[..., :6].any()
    assert hidden[..., 6:].any()
