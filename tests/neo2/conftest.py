"""A tiny video autoencoder with random weights everywhere, so that nothing is zero by accident."""

import pytest
import torch

from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig

TINY_VAE = VideoVAEConfig(
    channels=5, encoder_width=12, encoder_depth=2, decoder_width=10, decoder_depth=2, anchor_depth=1, fine_width=6
)


@pytest.fixture
def vae() -> VideoVAE:
    torch.manual_seed(0)
    vae = VideoVAE(TINY_VAE).eval().requires_grad_(False)
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    vae.mean.normal_(std=0.3)
    vae.std.uniform_(0.5, 1.5)
    return vae
