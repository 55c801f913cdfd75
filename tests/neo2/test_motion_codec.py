"""The codec between codes and latents: what is zero, what stays apart, where it looks, and that it learns."""

import math

import pytest
import torch
from torch import Tensor, nn

from neo_core.neo2.anchor_warp import at_every_pixel, warp
from neo_core.neo2.latent_space import CELL, COARSE, latent_shape
from neo_core.neo2.loading import load_video_vae
from neo_core.neo2.motion_codec import MotionCodec

B, T, C, SIDE = 2, 3, 5, 8  # of a code; latents have a quarter of the side


@pytest.fixture
def codec() -> MotionCodec:
    """With weights everywhere, so that nothing is zero by accident."""
    torch.manual_seed(0)
    codec = MotionCodec(C, width=16, depth=2).eval().requires_grad_(False)
    for parameter in codec.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    codec.scale.uniform_(0.5, 2)
    codec.shift_kernel += 0.05 * torch.randn(codec.shift_kernel.shape)
    codec.shift_level.normal_(std=0.1)
    return codec


@pytest.fixture
def anchor() -> torch.Tensor:
    return torch.randn(B, C, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def codes(anchor) -> torch.Tensor:
    return anchor[:, None] + torch.randn(B, T, C, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


def test_a_moment_that_is_the_anchor_has_latents_of_zeros(codec, anchor, codes):
    """Not almost: it goes the same way beside its anchor, among whatever other moments."""
    codes[:, 1] = anchor
    latents = codec.encode(codes, anchor)
    assert latents.shape == (B, T, C, SIDE // COARSE, SIDE // COARSE)
    assert not latents[:, 1].any()
    assert not codec.encode(anchor[:, None].expand_as(codes), anchor).any()
    assert latents[:, [0, 2]].abs().mean() > 0.03


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 12), (32, 32)])
def test_any_picture_of_whole_cells_comes_back_at_its_size(codec, height, width):
    codes, anchor = torch.randn(1, 2, C, height, width), torch.randn(1, C, height, width)
    latents = codec.encode(codes, anchor)
    assert latents.shape == (1, 2, *latent_shape(anchor.shape))
    assert latents[0, 0].numel() * COARSE**2 == codes[0, 0].numel()
    made, flow = codec.decode(latents, anchor)
    assert made.shape == codes.shape
    assert flow.shape == (1, 2, 2, height, width)
    assert made.dtype == flow.dtype == torch.float32


def test_a_latent_knows_no_other_moment(codec, anchor, codes):
    """Its decoder knows no other latent."""
    latents = codec.encode(codes, anchor)
    shown = codec.decode(latents, anchor)
    for k in range(T):
        other_codes, other_latents = codes.clone(), latents.clone()
        other_codes[:, k] += 0.5
        other_latents[:, k] += 0.5
        rest = [moment for moment in range(T) if moment != k]
        again = codec.encode(other_codes, anchor)
        torch.testing.assert_close(again[:, rest], latents[:, rest], atol=1e-6, rtol=0)
        assert (again[:, k] - latents[:, k]).abs().max() > 1e-2
        for before, after in zip(shown, codec.decode(other_latents, anchor), strict=True):
            torch.testing.assert_close(after[:, rest], before[:, rest], atol=1e-6, rtol=0)
            assert (after[:, k] - before[:, k]).abs().max() > 1e-2


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
    codec = MotionCodec(C, width=16, depth=2).eval()
    with torch.no_grad():
        made, flow = codec.decode(torch.randn(B, T, C, SIDE // COARSE, SIDE // COARSE), anchor)
    torch.testing.assert_close(made, anchor[:, None].expand_as(made), atol=1e-5, rtol=1e-5)
    assert not flow.any()


def test_latents_are_seen_and_so_is_the_anchor(codec, anchor):
    latents = torch.randn(B, T, C, SIDE // COARSE, SIDE // COARSE, generator=torch.Generator().manual_seed(3))
    made, flow = codec.decode(latents, anchor)
    for other_latents, other_anchor in ((latents.flip(1), anchor), (latents, anchor.flip(0))):
        others = codec.decode(other_latents, other_anchor)
        assert (others[0] - made).abs().mean() > 0.01
        assert (others[1] - flow).abs().mean() > 0.01


@pytest.mark.parametrize("way", [(4.0, 0.0), (0.0, -8.0), (2.0, 3.0), (-1.5, 0.5)])
def test_where_it_says_that_things_lie_it_looks(codec, anchor, way):
    """The flow is in pixels down and right, and what it finds is all of the answer as long as nothing is added."""
    for layer in (codec.decoder.flow[2], codec.decoder.head[2]):
        nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    codec.decoder.flow[2].bias.copy_(torch.tensor(way))
    latents = torch.randn(B, T, C, SIDE // COARSE, SIDE // COARSE)
    made, flow = codec.decode(latents, anchor)
    wanted = torch.tensor(way)[:, None, None].expand_as(flow)
    assert torch.equal(flow, wanted)
    fine = at_every_pixel(anchor, codec.shift_kernel, codec.shift_level)
    torch.testing.assert_close(made, warp(anchor, fine, wanted), atol=1e-6, rtol=0)
    codec.decoder.head[2].bias.fill_(0.25)  # what the anchor lacks comes on top
    torch.testing.assert_close(codec.decode(latents, anchor)[0], made + 0.25, atol=1e-6, rtol=0)


def test_a_cell_away_the_anchor_is_seen_as_it_is():
    """By a fresh kernel, for which a cell is the same all over."""
    codec = MotionCodec(C, width=16, depth=2).eval().requires_grad_(False)
    codec.decoder.flow[2].bias.copy_(torch.tensor([CELL, -CELL]))
    anchor = torch.randn(1, C, SIDE, SIDE)
    made = codec.decode(torch.randn(1, 1, C, SIDE // COARSE, SIDE // COARSE), anchor)[0][0, 0]
    torch.testing.assert_close(made[:, :-1, 1:], anchor[0, :, 1:, :-1], atol=1e-5, rtol=0)


def test_half_precision_is_for_the_networks_alone(codec, anchor, codes):
    """The anchor goes through as it is, and a moment like it has latents of zeros still."""
    codes[:, 1] = anchor
    for layer in (codec.decoder.flow[2], codec.decoder.head[2]):
        nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    with torch.autocast("cpu", torch.bfloat16):
        latents = codec.encode(codes, anchor)
        made, flow = codec.decode(latents, anchor)
    assert latents.dtype == made.dtype == flow.dtype == torch.float32
    assert not latents[:, 1].any()
    torch.testing.assert_close(made, anchor[:, None].expand_as(made), atol=1e-6, rtol=0)


def waves(count: int) -> tuple[Tensor, Tensor]:
    """Patterns that travel over pictures, and the anchors from which they set out: what comes is partly elsewhere in
    the anchor, partly new. [N, T, C, h, w], [N, C, h, w]"""
    dice = torch.Generator().manual_seed(5)
    place = torch.arange(SIDE) / SIDE
    turns = torch.rand(count, C, 1, 1, generator=dice)
    speed, amount = (torch.rand(count, 1, 1, 1, 1, generator=dice) - 0.5 for _ in "ab")
    time = torch.arange(1, T + 1.0)[:, None, None, None]
    ramp = place[:, None] + 0.5 * place
    anchor = torch.sin(2 * math.pi * (ramp + turns))
    shifted = torch.sin(2 * math.pi * (ramp + turns[:, None] + 0.3 * speed * time))
    return shifted + amount * time * place, anchor


@pytest.mark.parametrize(("noise", "left"), [(0.0, 0.1), (0.5, 0.2)])
def test_a_few_steps_beat_the_anchor(noise, left):
    """Also when latents are read through noise of half their size."""
    torch.manual_seed(0)
    codec, (codes, anchor) = MotionCodec(C, width=24, depth=2), waves(16)
    optimiser = torch.optim.Adam(codec.parameters(), lr=1e-2)
    unmoved = (codes - anchor[:, None]).square().mean()

    def lost() -> Tensor:
        latents = codec.difference(codes, anchor)
        latents = latents / latents.square().mean().sqrt().clamp(min=1e-3)
        made, _ = codec.decode(latents + noise * torch.randn(latents.shape), anchor)
        return (made - codes).square().mean()

    assert lost().item() == pytest.approx(unmoved.item(), rel=1e-3)
    for _ in range(60):
        optimiser.zero_grad()
        lost().backward()
        optimiser.step()
    assert lost() < left * unmoved


def test_a_fresh_one_learns_in_all_its_parts():
    """After a first step, for the last layers begin silent; and where a cell is not the same all over."""
    torch.manual_seed(0)
    codec, (codes, anchor) = MotionCodec(C, width=16, depth=2), waves(4)
    codec.shift_kernel += 0.05 * torch.randn(codec.shift_kernel.shape)
    optimiser = torch.optim.Adam(codec.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        (codec.decode(codec.encode(codes, anchor), anchor)[0] - codes).square().mean().backward()
        optimiser.step()
    still = [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
    assert set(still) <= {"encoder.head.2.bias"}, still  # a difference has no level


@torch.no_grad()
def test_a_latent_alone_comes_out_as_beside_others():
    """On what ships: its sizes are those at which kernels differ."""
    codec, dice = load_video_vae().motion, torch.Generator().manual_seed(0)
    latents, anchor = torch.randn(1, 3, 16, 8, 8, generator=dice), torch.randn(1, 16, 32, 32, generator=dice)
    together = codec.decode(latents[:, :2], anchor)
    for whole, part in zip(together, codec.decode(latents[:, :1], anchor), strict=True):
        torch.testing.assert_close(part, whole[:, :1], atol=1e-6, rtol=0)
