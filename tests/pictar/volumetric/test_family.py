"""What the sizes of the family cost, counted without computing anything."""

import pytest
import torch

from neo_core.evaluation.pictar_speed import multiplications
from neo_core.pictar.volumetric import family
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.runtime.compilation import Tolerance

from .tiny_renderer import TINY

FEATURES = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(4))


def test_a_fifth_fewer_multiplications_than_the_formulas():
    """At least 1.15x fewer was asked for."""
    ours, plain = multiplications(FAMILY["liveportrait"])
    assert plain == pytest.approx(616.8e9, rel=1e-3)  # as the reference counts W and G
    assert plain / ours > 1.24


def test_the_small_renderer_costs_20_gflop_at_most():
    ours, _ = multiplications(FAMILY["small"])
    assert 2 * ours <= 20e9
    assert FAMILY["small"].side == FAMILY["liveportrait"].side == 512
    assert FAMILY["small"].appearance.side == 256


def test_nothing_is_allocated_to_count():
    before = torch.get_default_device()
    multiplications(FAMILY["small"])
    assert torch.get_default_device() == before


@pytest.mark.parametrize("speed", ["faster", "slower"])
def test_compiled_networks_are_used_where_they_are_faster(renderer, monkeypatch, speed):
    """A stand-in for the compiler, which counts calls; what it makes is told to be faster or slower."""
    seconds = [1.0, 0.5] if speed == "faster" else [0.5, 1.0]
    monkeypatch.setattr("neo_core.runtime.compilation.medians", lambda *_: seconds)
    calls = []
    with torch.no_grad():
        expected = renderer.paint(FEATURES)
        renderer.compile_where_it_pays(lambda function: lambda x: calls.append(function) or function(x))
        assert len(calls) == 2
        assert torch.equal(renderer.paint(FEATURES), expected)
    assert len(calls) == (3 if speed == "faster" else 2)
    assert renderer.generator(FEATURES).shape == expected.shape  # windows go on reading the network itself


def test_who_draws_windows_compiles_no_generator(renderer, monkeypatch):
    """Windows read it layer by layer, and keyframes are to be what a frame without windows is."""
    monkeypatch.setattr("neo_core.runtime.compilation.medians", lambda *_: [1.0, 0.5])
    compiled = []
    renderer.compile_where_it_pays(lambda function: compiled.append(function) or function, windows=True)
    assert len(compiled) == 1
    assert renderer._painter is None


@pytest.mark.parametrize(("dtype", "narrow"), [(torch.float32, ""), (torch.bfloat16, "g"), (torch.float16, "hg")])
def test_compiled_networks_may_be_off_as_rewrites_and_precisions_may(tensors, monkeypatch, dtype, narrow):
    """2e-4 anywhere in float32, half a level of 255 in the mean in less; in bfloat16 only the generator is less."""
    asked = {}
    monkeypatch.setattr(family, "faster", lambda name, *given: asked.update({name[len("the ")]: given[2]}))
    build_renderer(TINY, tensors, FILES).ready(dtype).compile_where_it_pays()
    exact, half = Tolerance(most=2e-4), Tolerance(mean=0.5 / 255)
    assert asked == {network: half if network in narrow else exact for network in "hg"}


def test_a_renderer_for_tensor_cores_may_wait_on_a_cpu(tensors):
    plain, waiting = (build_renderer(TINY, tensors, FILES).ready(tensor_cores=x) for x in (None, True))
    seen = [x.warping.hourglass.down[0].conv.in_channels for x in (plain, waiting)]
    assert seen[0] % 8 != 0
    assert seen[1] % 8 == 0


def test_the_networks_are_one_graph_each(renderer):
    """Nothing in them makes a compiler stop half way."""
    with torch.no_grad():
        traced = torch.compile(renderer.generator.forward, backend="eager", fullgraph=True, dynamic=False)
        assert torch.allclose(traced(FEATURES), renderer.generator(FEATURES), atol=1e-5)
        seen = torch.randn(1, renderer.warping.hourglass.down[0].conv.in_channels, 4, 16, 16)
        traced = torch.compile(renderer.warping.hourglass.forward, backend="eager", fullgraph=True, dynamic=False)
        assert torch.allclose(traced(seen), renderer.warping.hourglass(seen), atol=1e-5)
