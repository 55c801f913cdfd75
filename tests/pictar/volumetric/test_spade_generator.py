"""The generator equals its formulas, however its convolutions are merged and split."""

from dataclasses import replace

import pytest
import torch

from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.spade_generator import standardised

from .oracle import Oracle
from .tiny_renderer import TINY


@pytest.fixture
def features():
    return torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("state", ["learner", "renderer"])
def test_it_is_what_the_formulas_say(request, state, oracle, features):
    with torch.no_grad():
        found = request.getfixturevalue(state).generator(features)
        expected = oracle.generator(features)
    assert found.shape == (2, 3, 64, 64)
    assert (found - expected).abs().max() < 2e-4
    assert expected.std() > 0.1


@pytest.mark.parametrize("rising", [(8,), (24, 16, 8)], ids=["doubled once", "doubled three times"])
def test_any_number_of_doublings(rising, features):
    config = replace(TINY, generator=replace(TINY.generator, blocks=1, rising=rising))
    tensors = random_tensors(config, 3)
    with torch.no_grad():
        found = build_renderer(config, tensors, FILES).ready().generator(features)
        expected = Oracle(config, tensors).generator(features)
    assert found.shape[2] == 8 * 2 ** len(rising) * 2
    assert (found - expected).abs().max() < 2e-4


def test_a_norm_is_over_each_picture_and_channel():
    x = 3 * torch.randn(2, 5, 6, 7) + 40
    found, mean, variance = standardised(x)
    assert torch.allclose(found, torch.nn.functional.instance_norm(x), atol=1e-4)
    assert torch.allclose((x - mean) * torch.rsqrt(variance + 1e-5), found)


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.bfloat16, 0.5 / 255), (torch.float16, 0.2 / 255)], ids=["bfloat16", "float16"]
)
def test_narrow_numbers_hardly_show(tensors, renderer, features, dtype, error):
    narrow = build_renderer(TINY, tensors, FILES).ready(dtype)
    found, expected = narrow.generator(features), renderer.generator(features)
    assert found.dtype == torch.float32
    assert 1e-6 < (found - expected).abs().mean() < error
