"""The anchor between its cells: what the linear half of an autoencoder makes of a moved picture."""

import pytest
import torch
from einops import repeat
from torch import Tensor

from neo_core.neo2.anchor_warp import at_every_pixel, identity_kernel, shift_kernel, warp
from neo_core.neo2.latent_space import CELL, CHANNELS, FRAMES
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig, fold, unfold

SIDE = 6  # cells


@pytest.fixture
def vae() -> VideoVAE:
    """Linear maps that are no inverses of each other, and channels of different size and mean."""
    torch.manual_seed(0)
    vae = VideoVAE(VideoVAEConfig(encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, fine_width=4))
    vae.mean.normal_()
    vae.std.uniform_(0.5, 2)
    return vae.eval()


def latents() -> Tensor:
    return torch.randn(2, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def encoded_from(vae: VideoVAE, anchor: Tensor, down: int, right: int) -> Tensor:
    """The picture that the linear map decodes, encoded again by it from some pixels on: [B, C, h - 1, w - 1]."""
    picture = unfold(vae.linear_decoder(vae.plain(anchor[:, None])), FRAMES, CELL)
    window = picture[..., down : down + CELL * (SIDE - 1), right : right + CELL * (SIDE - 1)]
    raw = vae.linear_encoder(fold(window, FRAMES, CELL))[:, :, 0]
    return (raw - vae.mean[:, None, None]) / vae.std[:, None, None]


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 3), (2, 0), (3, 2)])
def test_between_cells_lies_what_the_moved_picture_is(vae, down, right):
    fine = at_every_pixel(latents(), *shift_kernel(vae))
    wanted = encoded_from(vae, latents(), down, right)
    found = fine[:, :, down::CELL, right::CELL][..., : SIDE - 1, : SIDE - 1]
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_no_flow_is_the_anchor_itself(vae):
    anchor = latents()
    fine = at_every_pixel(anchor, *shift_kernel(vae))
    still = warp(anchor, fine, torch.zeros(2, 3, 2, SIDE, SIDE))
    torch.testing.assert_close(still, anchor[:, None].expand_as(still), atol=1e-5, rtol=0)


def test_flow_looks_down_and_right_each_cell_on_its_own():
    anchor = latents()
    fine = repeat(anchor, "b c y x -> b c (y p) (x q)", p=CELL, q=CELL)
    assert torch.equal(at_every_pixel(anchor, *identity_kernel(CHANNELS)), fine)
    flow = torch.zeros(2, 2, 2, SIDE, SIDE)
    flow[:, 1, 0, 2, 3], flow[:, 1, 1, 2, 3] = CELL, 2 * CELL
    moved = warp(anchor, fine, flow)
    torch.testing.assert_close(moved[:, 1, :, 2, 3], anchor[:, :, 3, 5])
    torch.testing.assert_close(moved[:, 0], anchor)
    assert ((moved[:, 1] - anchor).abs().amax((0, 1)) > 1e-4).sum() == 1


def test_a_flow_can_be_learned():
    """Down the slope of the error, from a pixel away, where there is anything to see."""
    smooth = torch.sin(torch.arange(CELL * SIDE) / 5.0)
    fine = (smooth[:, None] + smooth).expand(1, CHANNELS, -1, -1)
    anchor = fine[..., ::CELL, ::CELL]
    flow = torch.zeros(1, 1, 2, SIDE, SIDE, requires_grad=True)
    wanted = warp(anchor, fine, torch.full((1, 1, 2, SIDE, SIDE), 1.0))
    for _ in range(60):
        error = (warp(anchor, fine, flow) - wanted).square().sum()
        (slope,) = torch.autograd.grad(error, flow)
        flow = (flow - 0.2 * slope).detach().requires_grad_()
    assert error < 0.2 * (anchor[:, None] - wanted).square().sum()
