"""The rows of the video autoencoder, on a small one."""

import time

import pytest
import torch
from torch import nn

from neo_core.evaluation import video_vae_speed
from neo_core.evaluation.video_vae_speed import exactness, layout_gain, norm_speed, on_cpu
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig

LAST = torch.channels_last_3d


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


def test_decoding_piece_by_piece_is_exact_and_no_more_work(vae):
    rows = exactness(vae)
    assert rows["decoding in time slices"] <= 1e-5
    assert rows["decoding in tiles"] <= 1e-4
    assert rows["work of tiles"] <= 1.001


def test_every_row_has_a_value(vae, monkeypatch):
    monkeypatch.setattr(video_vae_speed, "norm_speed", lambda _: 2.0)
    monkeypatch.setattr(video_vae_speed, "layout_gain", lambda _: 1.1)
    rows = on_cpu(vae)
    assert rows["RMSNorm over its eager twin"] == 2
    assert rows["chosen memory layout"] == 1.1
    assert len(rows) == 5


def test_a_cache_that_forgets_is_seen(vae, monkeypatch):
    monkeypatch.setattr(
        video_vae_speed,
        "decode_slices",
        lambda vae, anchor, pieces: (vae.decode(piece[None], anchor[None])[0] for piece in pieces),
    )
    assert exactness(vae)["decoding in time slices"] > 1e-3


def waste(seconds):
    """Take so much of the processor's time."""
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        pass


def test_norm_and_twin_get_the_same_numbers_in_the_same_layout(vae, monkeypatch):
    given = {"norm": [], "twin": []}

    def twin(x, _):
        given["twin"].append((x.shape, x.stride()))
        waste(0.02)

    def norm(_, x):
        given["norm"].append((x.shape, x.stride()))
        waste(0.01)
        return x

    decoding = video_vae_speed._normed(vae)
    monkeypatch.setattr(video_vae_speed, "_normed", lambda _: decoding)
    monkeypatch.setattr(video_vae_speed, "eager_channel_norm", twin)
    monkeypatch.setattr(video_vae_speed.ChannelRMSNorm, "forward", norm)
    assert norm_speed(vae) == pytest.approx(2, rel=0.2)
    assert set(given["norm"]) == set(given["twin"])


def test_the_norms_of_the_decoder_are_met_where_they_ship(vae):
    sizes = {(shape[1], shape[-1]) for shape, _ in video_vae_speed._normed(vae)}
    decoder = {(16, 12), (8, 24)}  # channels and side, of codes and of half the size of pictures
    motion = {
        (vae.config.motion_width, 3),
        (vae.config.motion_width // 2, 6),
        (vae.config.motion_width // 4, 12),
    }  # of latents and of codes
    assert sizes == decoder | motion
    assert all(not norm._forward_pre_hooks for norm in vae.modules())


class Slow(nn.Module):
    """Takes longer for what lies plain in memory; `remember` and `decode` are all that is asked of it."""

    def __init__(self, plain, last):
        super().__init__()
        self.convolution = nn.Conv3d(4, 4, 1)
        self.seconds = {False: plain, True: last}
        self.shipped = 0.01

    def decode(self, latents, _):
        x = latents.transpose(1, 2)
        if not self.convolution._forward_pre_hooks:
            return waste(self.shipped)
        x = self.convolution._forward_pre_hooks[next(iter(self.convolution._forward_pre_hooks))](None, (x,))[0]
        return waste(self.seconds[x.is_contiguous(memory_format=LAST)])


@pytest.mark.parametrize(("plain", "last", "gain"), [(0.03, 0.02, 2), (0.005, 0.02, 0.5), (0.02, 0.005, 0.5)])
def test_layouts_that_ship_are_compared_with_the_faster_of_the_others(monkeypatch, plain, last, gain):
    latents = torch.randn(1, 3, 4, 5, 5)
    monkeypatch.setattr(video_vae_speed, "_noise", lambda _: (latents, latents[:, 0]))
    net = Slow(plain, last)
    before = net.convolution.weight.clone()
    assert layout_gain(net) == pytest.approx(gain, rel=0.2)
    assert torch.equal(net.convolution.weight, before)
    assert not net.convolution._forward_pre_hooks


def test_other_layouts_change_no_result(vae):
    latents, anchor = video_vae_speed._noise(vae)
    with torch.no_grad():
        before = vae.decode(latents, anchor)
        for layouts in (video_vae_speed.PLAIN, video_vae_speed.LAST):
            with video_vae_speed._laid_out(vae, layouts):
                torch.testing.assert_close(vae.decode(latents, anchor), before, atol=1e-5, rtol=1e-4)
