"""What the sizes of the family cost, counted without computing anything."""

import pytest
import torch

from neo_core.evaluation.pictar_speed import multiplications
from neo_core.pictar.volumetric.family import FAMILY


def test_a_fifth_fewer_multiplications_than_the_formulas():
    """At least 1.15x fewer was asked for."""
    ours, plain = multiplications(FAMILY["liveportrait"])
    assert plain == pytest.approx(616.8e9, rel=1e-3)  # as the reference counts W and G
    assert plain / ours > 1.24


def test_the_mini_renderer_costs_20_gflop_at_most():
    ours, _ = multiplications(FAMILY["mini"])
    assert 2 * ours <= 20e9
    assert FAMILY["mini"].side == FAMILY["liveportrait"].side == 512
    assert FAMILY["mini"].appearance.side == 256


def test_nothing_is_allocated_to_count():
    before = torch.get_default_device()
    multiplications(FAMILY["mini"])
    assert torch.get_default_device() == before
