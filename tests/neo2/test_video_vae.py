"""The video autoencoder: what a latent may know, what a frame may know, and what a still picture is."""

import pytest
import torch
from einops import rearrange

from neo_core.neo2.latent_space import CELL, CHANNELS, FRAMES, frame_count, latent_count
from neo_core.neo2.video_vae import VideoVAE, fold, unfold

LATENTS, CELLS = 5, 6


def draw(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def video():
    return draw(1, 3, frame_count(LATENTS), CELLS * CELL, CELLS * CELL)


@pytest.fixture
def latents():
    return draw(1, LATENTS, 5, CELLS, CELLS)


@pytest.fixture
def anchor():
    return draw(1, 5, CELLS, CELLS)


def test_counts_of_latents_and_frames():
    assert [latent_count(frames) for frames in (0, 1, 4, 5, 28)] == [0, 1, 1, 2, 7]
    assert frame_count(latent_count(25)) == 28


def test_shapes_of_what_ships():
    vae = VideoVAE().eval()
    latents = vae.encode(torch.zeros(1, 3, 2 * FRAMES, 16, 24))
    assert latents.shape == (1, 2, CHANNELS, 4, 6)
    assert vae.decode(latents, latents[:, 0]).shape == (1, 3, 2 * FRAMES, 16, 24)
    assert sum(p.numel() for p in vae.parameters()) * 2 < 7.5e6  # bytes in the file


@pytest.mark.parametrize("frame", [0, 7, 8, frame_count(LATENTS) - 1])
def test_a_latent_knows_no_later_frame(vae, video, frame):
    changed = video.clone()
    changed[:, :, frame] += 0.5
    difference = (vae.encode(changed) - vae.encode(video)).abs().amax(dim=(0, 2, 3, 4))
    assert not difference[: frame // FRAMES].any()
    assert difference[frame // FRAMES] > 1e-3


@pytest.mark.parametrize("latent", range(LATENTS))
def test_a_frame_knows_no_later_latent(vae, latents, anchor, latent):
    changed = latents.clone()
    changed[:, latent] += 0.5
    difference = (vae.decode(changed, anchor) - vae.decode(latents, anchor)).abs().amax(dim=(0, 1, 3, 4))
    assert not difference[: FRAMES * latent].any()
    assert (difference[FRAMES * latent :][:FRAMES] > 1e-3).all()


def test_the_anchor_is_seen_in_every_frame(vae, latents, anchor):
    difference = (vae.decode(latents, anchor + 1) - vae.decode(latents, anchor)).abs().amax(dim=(0, 1, 3, 4))
    assert (difference > 1e-3).all()


def test_a_still_is_a_standing_video(vae, video):
    picture = video[:, :, 0]
    standing = vae.encode(picture[:, :, None].expand_as(video))
    still = vae.encode_still(picture)
    torch.testing.assert_close(standing, still[:, None].expand_as(standing), atol=1e-5, rtol=1e-5)


def test_latents_are_normalised_by_their_statistics(vae, video):
    vae.std.fill_(1), vae.mean.fill_(0)
    plain = vae.encode(video)
    vae.mean.copy_(plain.mean((0, 1, 3, 4))), vae.std.copy_(plain.std((0, 1, 3, 4)))
    latents = vae.encode(video)
    torch.testing.assert_close(latents.mean((0, 1, 3, 4)), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 1, 3, 4)), torch.ones(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(vae.plain(latents), plain.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_networks_begin_silent(vae, video):
    fresh = VideoVAE(vae.config).eval()
    latents = fresh.encode(video)
    linear = fresh.linear_encoder(fold(video, FRAMES, CELL)).transpose(1, 2)
    assert torch.equal(latents, linear)
    painted = unfold(fresh.linear_decoder(linear.transpose(1, 2)), FRAMES, CELL)
    assert torch.equal(fresh.decode(latents, latents[:, 0]), painted.clamp(-1, 1))


def test_blocks_of_pixels_and_back(video):
    blocks = fold(video, FRAMES, CELL)
    assert torch.equal(unfold(blocks, FRAMES, CELL), video)
    first = rearrange(video[0, :, :FRAMES, :CELL, :CELL], "c f p q -> (f p q c)")
    assert torch.equal(blocks[0, :, 0, 0, 0], first)
