"""The rows of the video autoencoder, on a small one."""

import pytest
import torch

from neo_core.evaluation import video_vae_speed
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig


@pytest.fixture
def vae(monkeypatch):
    monkeypatch.setattr(video_vae_speed, "SIZE", 48)
    monkeypatch.setattr(video_vae_speed, "TILE", 5)
    monkeypatch.setattr(video_vae_speed, "ROUNDS", 1)
    torch.manual_seed(0)
    vae = VideoVAE(VideoVAEConfig(decoder_width=16, decoder_depth=1, fine_width=8, fine_depth=1)).eval()
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return vae


def test_rows_of_the_bench(vae):
    rows = video_vae_speed.on_cpu(vae)
    assert rows["decoding in time slices"] <= 1e-5
    assert rows["decoding in tiles"] <= 1e-4
    assert rows["work of tiles"] <= 1.001
    assert rows["RMSNorm over its eager twin"] > 0
    assert rows["chosen memory layout"] > 0


def test_a_cache_that_forgets_is_seen(vae, monkeypatch):
    monkeypatch.setattr(
        video_vae_speed,
        "decode_slices",
        lambda vae, anchor, pieces: (vae.decode(piece[None], anchor[None])[0] for piece in pieces),
    )
    assert video_vae_speed.exactness(vae)["decoding in time slices"] > 1e-3
