"""Norms and modulation."""

import pytest
import torch

from neo_core.nn.norm import ChannelRMSNorm, Modulation, RMSNorm, eager_channel_norm, modulate


def test_rms_norm_gives_unit_mean_square_at_any_scale():
    norm = RMSNorm(16)
    x = torch.randn(4, 16)
    for scale in (1.0, 300.0):
        torch.testing.assert_close(norm(scale * x).square().mean(-1), torch.ones(4), atol=1e-4, rtol=0)


def test_modulation_is_nothing_at_the_start():
    parts = Modulation(8, 3)(torch.randn(2, 8))
    assert [tuple(part.shape) for part in parts] == [(2, 1, 8)] * 3
    assert not any(part.any() for part in parts)


def test_modulate_is_shift_and_scale_of_the_normed():
    x, shift, scale = torch.randn(2, 5, 8), torch.randn(2, 1, 8), torch.randn(2, 1, 8)
    normed = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()
    torch.testing.assert_close(modulate(x, shift, scale), shift + (1 + scale) * normed, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_channel_norm_equals_its_eager_twin(layout):
    norm = ChannelRMSNorm(24)
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(2, 24, 3, 5, 6).contiguous(memory_format=layout)
    torch.testing.assert_close(norm(x), eager_channel_norm(x, norm.weight), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_channel_norm_is_the_same_in_training(layout):
    norm = ChannelRMSNorm(24)
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(2, 24, 3, 5, 6).contiguous(memory_format=layout)
    x[:, :, 0] = 0  # nothing to norm
    trained, kept = norm(x), x.clone()
    with torch.no_grad():
        torch.testing.assert_close(norm(x), trained, atol=1e-6, rtol=1e-5)
    assert torch.equal(x, kept)


def test_channel_norm_of_pictures_is_that_of_video():
    norm, x = ChannelRMSNorm(24), torch.randn(2, 24, 5, 6)
    with torch.no_grad():
        torch.testing.assert_close(norm(x), norm(x[:, :, None])[:, :, 0])


def test_channel_norm_keeps_channels_last():
    x = torch.randn(2, 24, 3, 5, 6).contiguous(memory_format=torch.channels_last_3d)
    assert ChannelRMSNorm(24)(x).is_contiguous(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        assert ChannelRMSNorm(24)(x).is_contiguous(memory_format=torch.channels_last_3d)


def test_without_gradients_channel_norm_keeps_plain_layouts():
    with torch.no_grad():
        assert ChannelRMSNorm(24)(torch.randn(2, 24, 3, 5, 6)).is_contiguous()
