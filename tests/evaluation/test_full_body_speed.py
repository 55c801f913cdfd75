"""What the bench lets perform is the product, and what it times is what it says."""

import time
from types import SimpleNamespace

import pytest
import torch

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.data_types import AudioFeatures
from neo_core.evaluation import full_body_speed
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.full_body_actor import SYNC, Actor, reconstructed
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.latent_space import CHANNELS, HEARD, SIZE, latent_shape
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.pipelines import full_body

SMALL = DiTConfig(
    audio_layers=3,
    audio_width=8,
    width=16,
    depth=1,
    heads=2,
    side_width=8,
    rotary_time=4,
    rotary_place=2,
    text_width=6,
    local_width=8,
)

SMALL_VAE = VideoVAEConfig(
    encoder_width=4, encoder_depth=1, decoder_width=8, decoder_depth=1, anchor_depth=1, fine_width=4, fine_depth=1
)


@pytest.fixture(scope="module")
def actor():
    torch.manual_seed(0)
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=8, inner=8, dilations=(1, 2)))
    dit = DiT(SMALL)
    for weight in dit.parameters():  # a fresh one answers with the anchor whatever it is asked
        torch.nn.init.normal_(weight, std=0.1)
    return Actor(full_body.joined(None, encoder.eval(), VideoVAE(SMALL_VAE), dit))


def test_a_performance_is_that_of_the_product(actor, grant_for):
    picture = torch.randint(0, 256, (SIZE, SIZE, 3), dtype=torch.uint8)
    grant, latent = grant_for(picture, torch.rand(68, 2) * SIZE, "full-body"), actor.anchor(picture)
    anchor = full_body.Anchor(latent, picture, 0.0, grant, grant.stamp(latent, picture))
    hidden = torch.randn(SMALL.audio_layers, HEARD * 13, SMALL.audio_width)
    features = AudioFeatures(hidden, 13 * 4 * 640, 16000, actor.models.audio_encoder.name)
    made = full_body.continuum_latents(actor.models, anchor, features, "a man", full_body.FullBodySettings())
    assert torch.equal(actor.perform(latent, hidden, "a man", 13), made.latents)


def test_one_chunk_and_many_come_out_as_long_as_asked(actor):
    anchor = torch.zeros(CHANNELS, 32, 32)
    for total in (5, SYNC.chunk, 2 * SYNC.chunk + 1):
        hidden = torch.randn(SMALL.audio_layers, HEARD * total, SMALL.audio_width)
        assert actor.perform(anchor, hidden, "a man speaks", total).shape == (total, *latent_shape(anchor.shape))


def test_frames_are_pictures_and_a_reconstruction_is_as_long_as_its_film(actor):
    film = torch.randint(0, 256, (8, SIZE, SIZE, 3), dtype=torch.uint8)
    anchor = actor.anchor(film[0])
    assert actor.encode(film, anchor).shape == (2, *latent_shape(anchor.shape))
    assert reconstructed(actor, film, anchor).shape == film.shape
    assert actor.show(actor.encode(film, anchor), anchor).dtype == torch.uint8


class Slow:
    """Takes so many seconds for each stage, and counts them."""

    def __init__(self, **seconds):
        self.seconds, self.asked = seconds, []
        self.models = SimpleNamespace(dit=SimpleNamespace(config=SMALL))

    def _take(self, stage):
        self.asked.append((stage, torch.get_num_threads()))
        time.sleep(self.seconds[stage])

    def anchor(self, picture):
        self._take("anchor")
        return picture

    def perform(self, _, hidden, __, total, *___):
        assert hidden.shape[1] == HEARD * total == HEARD * 7, "25 frames take 7 latents"
        self._take("perform")

    def show(self, *_):
        self._take("show")


def test_a_chunk_is_timed_with_its_decoding():
    slow = Slow(anchor=0.01, perform=0.02, show=0.05)
    assert full_body_speed.chunk(slow)["one chunk of 25 frames"] == pytest.approx(0.08, rel=0.3)
    stages = [("anchor", 2), ("perform", 2), ("show", 2)]
    assert slow.asked == stages * full_body_speed.RUNS


def test_processes_agree_with_each_other(actor):
    threads = torch.get_num_threads()
    assert full_body_speed.processes(actor)["2 processes and 1, difference"] <= 1e-4
    assert torch.get_num_threads() == threads


def test_the_time_of_two_processes_is_told_over_that_of_one(actor, monkeypatch):
    def perform(*_, executor):
        time.sleep(0.04 / executor.count)
        return torch.zeros(1)

    monkeypatch.setattr(Actor, "perform", perform)
    assert full_body_speed.processes(actor)["2 processes over 1, time"] == pytest.approx(0.5, rel=0.2)


def test_a_single_core_is_not_enough(actor, monkeypatch):
    monkeypatch.setattr(full_body_speed, "CORES", 4096)
    for row in (full_body_speed.chunk, full_body_speed.processes):
        with pytest.raises(CouldNotRun, match="expected 4096"):
            row(actor)


def test_a_process_that_computes_something_else_is_found(actor, monkeypatch):
    def perform(*_, executor):
        return torch.full((1,), float(executor.count))

    monkeypatch.setattr(Actor, "perform", perform)
    assert full_body_speed.processes(actor)["2 processes and 1, difference"] == 1
