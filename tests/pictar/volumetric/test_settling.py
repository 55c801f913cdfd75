"""Folding and settling change how a network computes, never what."""

import pytest
import torch
from torch import nn

from neo_core.pictar.volumetric.settling import ConvNorm, fold_norm, fold_norms, settle


def worn(norm):
    """A norm that has seen something."""
    for x in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(x)
    nn.init.uniform_(norm.running_var, 0.2, 3.0)
    return norm.eval()


@pytest.mark.parametrize(
    ("conv", "norm", "x"),
    [
        (nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), torch.randn(2, 3, 8, 8)),
        (nn.Conv3d(3, 5, 3), nn.BatchNorm3d(5), torch.randn(2, 3, 4, 8, 8)),
    ],
    ids=["pictures", "volumes"],
)
def test_folding_a_norm_is_exact(conv, norm, x):
    worn(norm)
    expected = norm(conv(x))
    before = conv.weight.clone()
    kept = conv.weight
    fold_norm(conv, norm)
    assert torch.allclose(conv(x), expected, atol=1e-5)
    assert torch.equal(kept, before)  # whoever gave the weights still has them


def test_a_norm_that_learns_is_left_alone():
    block = ConvNorm(nn.Conv2d(2, 3, 3), 3).train()
    out = block(torch.randn(8, 2, 9, 9))
    assert out.mean((0, 2, 3)).abs().max() < 1e-5  # of the batch, not of what was stored


def test_networks_say_the_same_folded_and_settled(learner, picture):
    with torch.no_grad():
        expected = learner.appearance(picture)
        for step in (fold_norms, settle, settle):
            step(learner)
            assert torch.allclose(learner.appearance(picture), expected, atol=1e-5)
    norms = [m for m in learner.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 6  # those that a ReLU parts from the convolution after them


def test_every_weight_learns(learner, picture, faces):
    """Kernels are made from weights anew, so gradients reach all of them before a network is settled."""
    learner.requires_grad_(True)
    source = learner.warping.know(learner.appearance(picture), faces[0])
    learner.generator(learner.warping(source, faces[1]).features).sum().backward()
    parts = (learner.appearance, learner.warping, learner.generator)
    without = [name for part in parts for name, x in part.named_parameters() if x.grad is None or not x.grad.any()]
    constant = [name for name in without if name.endswith("conv_0.bias")]  # the norm after it takes it out
    assert without == constant
