"""The codec between codes and latents: what is zero, what stays apart, and what a fresh one does."""

import pytest
import torch

from neo_core.neo2.motion_codec import MotionCodec

B, T, C, SIDE = 2, 3, 5, 8  # of a code; latents have half the side


@pytest.fixture
def codec() -> MotionCodec:
    """With weights everywhere, so that nothing is zero by accident."""
    torch.manual_seed(0)
    codec = MotionCodec(C, width=12, fine=8, depth=1).eval().requires_grad_(False)
    for parameter in codec.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    codec.scale.uniform_(0.5, 2)
    return codec


@pytest.fixture
def anchor() -> torch.Tensor:
    return torch.randn(B, C, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def codes(anchor) -> torch.Tensor:
    return anchor[:, None] + torch.randn(B, T, C, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


def test_a_moment_that_is_the_anchor_has_latents_of_zeros(codec, anchor, codes):
    codes[:, 1] = anchor
    latents = codec.encode(codes, anchor)
    assert latents.shape == (B, T, C, SIDE // 2, SIDE // 2)
    torch.testing.assert_close(latents[:, 1], torch.zeros_like(latents[:, 1]), atol=1e-5, rtol=0)
    assert latents[:, [0, 2]].abs().mean() > 0.03


def test_latents_are_in_units_of_the_scale(codec, anchor, codes):
    expected = codec.difference(codes, anchor) / codec.scale[:, None, None]
    torch.testing.assert_close(codec.encode(codes, anchor), expected)
    before = codec.encode(codes, anchor)
    codec.scale.mul_(4)
    torch.testing.assert_close(codec.encode(codes, anchor), before / 4)


def test_moments_and_videos_stay_apart(codec, anchor, codes):
    latents = codec.encode(codes, anchor)
    made, flow = codec.decode(latents, anchor)
    assert made.shape == codes.shape
    assert flow.shape == (B, T, 2, SIDE, SIDE)
    for b in range(B):
        for k in range(T):
            alone = codec.encode(codes[b : b + 1, k : k + 1], anchor[b : b + 1])
            torch.testing.assert_close(alone[0, 0], latents[b, k], atol=1e-5, rtol=1e-5)
            for whole, part in zip((made, flow), codec.decode(alone, anchor[b : b + 1]), strict=True):
                torch.testing.assert_close(part[0, 0], whole[b, k], atol=1e-4, rtol=1e-4)


def test_a_fresh_one_shows_the_anchor_whatever_the_latents(anchor):
    codec = MotionCodec(C, width=12, fine=8, depth=1).eval()
    with torch.no_grad():
        made, flow = codec.decode(torch.randn(B, T, C, SIDE // 2, SIDE // 2), anchor)
    torch.testing.assert_close(made, anchor[:, None].expand_as(made), atol=1e-5, rtol=1e-5)
    assert not flow.any()


def test_latents_are_seen_and_so_is_the_anchor(codec, anchor):
    latents = torch.randn(B, T, C, SIDE // 2, SIDE // 2, generator=torch.Generator().manual_seed(3))
    made, flow = codec.decode(latents, anchor)
    for other_latents, other_anchor in ((latents.flip(1), anchor), (latents, anchor.flip(0))):
        others = codec.decode(other_latents, other_anchor)
        assert (others[0] - made).abs().mean() > 0.01
        assert (others[1] - flow).abs().mean() > 0.01
