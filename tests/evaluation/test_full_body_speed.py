import pytest
import torch

from neo_core.evaluation import full_body_speed
from neo_core.evaluation.full_body_actor import HEARD, SYNC, Actor, reconstructed, span_of
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.latent_space import CHANNELS, SIZE
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig

SMALL = DiTConfig(
    audio_layers=2, audio_width=8, width=16, depth=1, heads=2, side_width=8, rotary_time=4, rotary_place=2, text_width=6
)

SMALL_VAE = VideoVAEConfig(
    encoder_width=4, encoder_depth=1, decoder_width=8, decoder_depth=1, anchor_depth=1, fine_width=4, fine_depth=1
)


@pytest.fixture(scope="module")
def actor():
    torch.manual_seed(0)
    dit = DiT(SMALL).eval()
    for weight in dit.parameters():  # a fresh one answers with the anchor whatever it is asked
        torch.nn.init.normal_(weight, std=0.1)
    return Actor(VideoVAE(SMALL_VAE).eval(), dit)


def test_a_span_has_zeros_beyond_both_ends():
    sound = span_of(torch.ones(2, 2 * HEARD, 3))
    assert sound(-1, 3).sum(dim=(0, 2)).tolist() == [0] * HEARD + [6] * 2 * HEARD + [0] * HEARD
    assert sound(5, 6).shape == (2, HEARD, 3)


def test_one_chunk_and_many_come_out_as_long_as_asked(actor):
    anchor = torch.zeros(CHANNELS, 32, 32)
    for total in (5, SYNC.chunk, 2 * SYNC.chunk + 1):
        hidden = torch.randn(SMALL.audio_layers, HEARD * total, SMALL.audio_width)
        assert actor.perform(anchor, hidden, "a man speaks", total).shape == (total, CHANNELS, 32, 32)


def test_frames_are_pictures_and_a_reconstruction_is_as_long_as_its_film(actor):
    film = torch.randint(0, 256, (8, SIZE, SIZE, 3), dtype=torch.uint8)
    anchor = actor.anchor(film[0])
    assert actor.encode(film).shape == (2, CHANNELS, 32, 32)
    assert reconstructed(actor, film, anchor).shape == film.shape
    assert actor.show(actor.encode(film), anchor).dtype == torch.uint8


def test_a_chunk_is_timed_with_its_decoding(actor, monkeypatch):
    asked = []
    monkeypatch.setattr(Actor, "show", lambda *_: asked.append(1))
    assert full_body_speed.chunk(actor)["one chunk of 25 frames"] > 0
    assert len(asked) == full_body_speed.RUNS


def test_processes_agree_with_each_other(actor):
    threads = torch.get_num_threads()
    found = full_body_speed.processes(actor)
    assert found["2 processes and 1, difference"] <= 1e-4
    assert found["2 processes over 1, time"] > 0
    assert torch.get_num_threads() == threads


def test_a_process_that_computes_something_else_is_found(actor, monkeypatch):
    def perform(*_, executor):
        return torch.full((1,), float(executor.count))

    monkeypatch.setattr(Actor, "perform", perform)
    assert full_body_speed.processes(actor)["2 processes and 1, difference"] == 1
