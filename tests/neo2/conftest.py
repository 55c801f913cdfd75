"""A tiny video autoencoder with random weights everywhere, so that nothing is zero by accident."""

import pytest
import torch

from neo_core.neo2.anchor_warp import shift_kernel
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig

TINY_VAE = VideoVAEConfig(
    channels=5, encoder_width=12, encoder_depth=2, decoder_width=10, decoder_depth=2, anchor_depth=1, fine_width=6,
    motion_width=12, motion_depth=2, interpolation_width=8,
)  # fmt: skip


@pytest.fixture
def vae() -> VideoVAE:
    torch.manual_seed(0)
    vae = VideoVAE(TINY_VAE).eval().requires_grad_(False)
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    vae.mean.normal_(std=0.3)
    vae.std.uniform_(0.5, 1.5)
    vae.motion.scale.uniform_(0.5, 1.5)
    for name, value in zip(("shift_kernel", "shift_level"), shift_kernel(vae), strict=True):
        vae.motion.get_buffer(name).copy_(value)
    return vae
