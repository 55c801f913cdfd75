"""What the sizes of the family cost, counted without computing anything."""

import pytest
import torch

from neo_core.evaluation.pictar_speed import multiplications
from neo_core.pictar.volumetric.family import FAMILY

FEATURES = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(4))


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


@pytest.mark.parametrize("speed", ["faster", "slower"])
def test_compiled_networks_are_used_where_they_are_faster(renderer, monkeypatch, speed):
    """A stand-in for the compiler, which counts calls; what it makes is told to be faster or slower."""
    seconds = [1.0, 0.5] if speed == "faster" else [0.5, 1.0]
    monkeypatch.setattr("neo_core.runtime.compilation._medians", lambda *_: seconds)
    calls = []
    with torch.no_grad():
        expected = renderer.paint(FEATURES)
        renderer.compile_where_it_pays(lambda function: lambda x: calls.append(function) or function(x))
        assert len(calls) == 2
        assert torch.equal(renderer.paint(FEATURES), expected)
    assert len(calls) == (3 if speed == "faster" else 2)
    assert renderer.generator(FEATURES).shape == expected.shape  # windows go on reading the network itself


def test_the_networks_are_one_graph_each(renderer):
    """Nothing in them makes a compiler stop half way."""
    with torch.no_grad():
        traced = torch.compile(renderer.generator.forward, backend="eager", fullgraph=True, dynamic=False)
        assert torch.allclose(traced(FEATURES), renderer.generator(FEATURES), atol=1e-5)
        seen = torch.randn(1, renderer.warping.hourglass.down[0].conv.in_channels, 4, 16, 16)
        traced = torch.compile(renderer.warping.hourglass.forward, backend="eager", fullgraph=True, dynamic=False)
        assert torch.allclose(traced(seen), renderer.warping.hourglass(seen), atol=1e-5)
