"""Leave-one-out guidance."""

import pytest
import torch

from neo_core.flow.guidance import SIGNALS, Guidance, combine, passes


def test_a_pass_per_weight_that_is_not_one():
    assert passes(Guidance()) == ((None, 1.0),)
    assert [name for name, _ in passes(Guidance(audio=2))] == [None, "audio"]
    assert len(passes(Guidance(2, 3, 0.5))) == 4


@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 1), (0, 1, 3), (1.5, 0.2, 4)])
def test_coefficients_sum_to_one(weights):
    assert sum(c for _, c in passes(Guidance(*weights))) == pytest.approx(1)


def test_the_equation():
    guidance = Guidance(audio=2.5, identity=1.0, reference=0.25)
    v = {name: torch.randn(2, 3, 4) for name in (None, *SIGNALS)}
    expected = v[None] + 1.5 * (v[None] - v["audio"]) - 0.75 * (v[None] - v["reference"])
    names, coefficients = zip(*passes(guidance), strict=True)
    torch.testing.assert_close(combine(torch.stack([v[name] for name in names]), coefficients), expected)


def test_zero_forgets_the_signal():
    names, coefficients = zip(*passes(Guidance(audio=0)), strict=True)
    full, without = torch.randn(2, 2, 3, 4)
    torch.testing.assert_close(combine(torch.stack((full, without)), coefficients), without)
    assert names == (None, "audio")


def test_one_pass_comes_back_untouched():
    only = torch.randn(1, 2, 3, 4)
    assert torch.equal(combine(only, (1.0,)), only[0])


@pytest.mark.parametrize("weight", [-0.1, 11, float("nan"), float("inf")])
def test_nonsense_weights_are_refused(weight):
    with pytest.raises(ValueError, match="guidance audio"):
        Guidance(audio=weight)
