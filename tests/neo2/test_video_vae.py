"""The video autoencoder: what a latent may know, what a frame may know, and what a still picture is."""

import pytest
import torch
from einops import rearrange

from neo_core.neo2.latent_space import CELL, CHANNELS, COARSE, FRAMES, frame_count, latent_count, latent_shape
from neo_core.neo2.video_vae import VideoVAE, fold, unfold

LATENTS, CELLS = 5, 8  # cells of a code
LARGEST_FILE = 20e6  # bytes, as the manifest of the embedded weights allows


def draw(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def video():
    return draw(1, 3, frame_count(LATENTS), CELLS * CELL, CELLS * CELL)


@pytest.fixture
def latents():
    return draw(1, LATENTS, 5, CELLS // COARSE, CELLS // COARSE)


@pytest.fixture
def anchor():
    return draw(1, 5, CELLS, CELLS)


def test_counts_of_latents_and_frames():
    assert [latent_count(frames) for frames in (0, 1, 4, 5, 28)] == [0, 1, 1, 2, 7]
    assert frame_count(latent_count(25)) == 28


def test_shapes_of_what_ships():
    vae = VideoVAE().eval()
    video = torch.zeros(1, 3, 2 * FRAMES, 16, 32)
    anchor = vae.encode_still(video[:, :, 0])
    assert anchor.shape == (1, CHANNELS, 4, 8)
    assert vae.codes(video).shape == (1, 2, CHANNELS, 4, 8)
    latents = vae.encode(video, anchor)
    assert latents.shape == (1, 2, CHANNELS, 1, 2)
    assert latents.shape[2:] == latent_shape(anchor.shape)
    assert vae.decode(latents, anchor).shape == vae.show(anchor[:, None].repeat(1, 2, 1, 1, 1), anchor).shape
    assert vae.decode(latents, anchor).shape == video.shape
    assert 2 * sum(value.numel() for value in vae.state_dict().values()) < LARGEST_FILE


@pytest.mark.parametrize("frame", [0, 7, 8, frame_count(LATENTS) - 1])
def test_a_latent_knows_no_later_frame(vae, video, anchor, frame):
    """Nor does a code."""
    changed = video.clone()
    changed[:, :, frame] += 0.5
    for coded in (vae.codes, lambda video: vae.encode(video, anchor)):
        difference = (coded(changed) - coded(video)).abs().amax(dim=(0, 2, 3, 4))
        assert not difference[: frame // FRAMES].any()
        assert difference[frame // FRAMES] > 1e-3


@pytest.mark.parametrize("latent", range(LATENTS))
def test_a_frame_knows_no_latent_after_the_next(vae, latents, anchor, latent):
    """What is painted knows none after its own."""
    changed = latents.clone()
    changed[:, latent] += 0.5
    difference = (vae.decode(changed, anchor) - vae.decode(latents, anchor)).abs().amax(dim=(0, 1, 3, 4))
    before = FRAMES * max(0, latent - 1)
    assert not difference[:before].any()
    assert latent == 0 or difference[before : FRAMES * latent].any(), "the next one is seen"
    assert (difference[FRAMES * latent :][:FRAMES] > 1e-3).all()
    painted = [vae.show(vae.motion.decode(some, anchor)[0], anchor) for some in (changed, latents)]
    assert not (painted[0] - painted[1])[:, :, : FRAMES * latent].any()


def test_the_anchor_is_seen_in_every_frame(vae, latents, anchor):
    difference = (vae.decode(latents, anchor + 1) - vae.decode(latents, anchor)).abs().amax(dim=(0, 1, 3, 4))
    assert (difference > 1e-3).all()


def test_a_still_is_a_standing_video(vae, video):
    picture = video[:, :, 0]
    standing = picture[:, :, None].expand_as(video)
    still, codes = vae.encode_still(picture), vae.codes(standing)
    torch.testing.assert_close(codes, still[:, None].expand_as(codes), atol=1e-5, rtol=1e-5)
    assert vae.encode(standing, still).abs().max() < 1e-4  # it is the anchor
    assert vae.encode(video, still)[:, 1:].abs().max() > 0.1


def test_codes_are_normalised_by_their_statistics(vae, video):
    vae.std.fill_(1), vae.mean.fill_(0)
    plain = vae.codes(video)
    vae.mean.copy_(plain.mean((0, 1, 3, 4))), vae.std.copy_(plain.std((0, 1, 3, 4)))
    codes = vae.codes(video)
    torch.testing.assert_close(codes.mean((0, 1, 3, 4)), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.std((0, 1, 3, 4)), torch.ones(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(vae.plain(codes), plain.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_latents_go_through_the_codes(vae, video, latents, anchor):
    """Video to codes to latents, and the same way back: neither half knows what the other does."""
    assert torch.equal(vae.encode(video, anchor), vae.motion.encode(vae.codes(video), anchor))
    codes, flow = vae.motion.decode(latents, anchor)
    painted = vae.show(codes, anchor)
    assert torch.equal(vae.decode(latents, anchor), vae.move(codes, flow, anchor, painted))


def test_networks_begin_silent(vae, video):
    fresh = VideoVAE(vae.config).eval()
    codes = fresh.codes(video)
    linear = fresh.linear_encoder(fold(video, FRAMES, CELL)).transpose(1, 2)
    assert torch.equal(codes, linear)
    painted = unfold(fresh.linear_decoder(linear.transpose(1, 2)), FRAMES, CELL)
    assert torch.equal(fresh.show(codes, codes[:, 0]), painted.clamp(-1, 1))
    first = unfold(fresh.linear_decoder(linear[:, :1].transpose(1, 2)), FRAMES, CELL).clamp(-1, 1)
    found, _ = fresh.motion.decode(fresh.encode(video, codes[:, 0]), codes[:, 0])  # the anchor at all times
    shown = fresh.show(found, codes[:, 0])
    torch.testing.assert_close(shown, first.repeat(1, 1, LATENTS, 1, 1), atol=1e-5, rtol=0)


def test_blocks_of_pixels_and_back(video):
    blocks = fold(video, FRAMES, CELL)
    assert torch.equal(unfold(blocks, FRAMES, CELL), video)
    first = rearrange(video[0, :, :FRAMES, :CELL, :CELL], "c f p q -> (f p q c)")
    assert torch.equal(blocks[0, :, 0, 0, 0], first)
