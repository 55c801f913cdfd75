"""Every backend against the float32 reference."""

import pytest
import torch

from neo_core.runtime.attention import attention
from neo_core.runtime.attention.dispatch import BACKENDS


def inputs(value_width: int, dtype=torch.float32):
    dice = torch.Generator().manual_seed(0)
    shapes = (2, 3, 17, 8), (2, 3, 23, 8), (2, 3, 23, value_width)
    return [torch.randn(shape, generator=dice).to(dtype) for shape in shapes]


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("value_width", [4, 8, 16])
@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("masked", [False, True])
def test_backends_agree(backend, value_width, scale, masked):
    q, k, v = inputs(value_width)
    mask = torch.arange(23)[None, None, None] < torch.tensor([11, 23])[:, None, None, None] if masked else None
    scores = torch.einsum("bhqe,bhke->bhqk", q, k).double() * (8**-0.5 if scale is None else scale)
    if masked:
        scores = scores.masked_fill(~mask, float("-inf"))
    expected = (scores.exp() / scores.exp().sum(-1, keepdim=True)) @ v.double()
    result = attention(q, k, v, mask=mask, scale=scale, backend=backend)
    torch.testing.assert_close(result, expected.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_stays_close_and_keeps_its_dtype(backend):
    q, k, v = inputs(8, torch.bfloat16)
    exact = attention(q.float(), k.float(), v.float(), backend="reference")
    result = attention(q, k, v, backend=backend)
    assert result.dtype == torch.bfloat16
    assert (result.float() - exact).abs().max() < 0.03


def test_a_backend_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="telepathy"):
        attention(*inputs(8), backend="telepathy")
