"""The embedded audio encoder: no seams, no dependence on level or rate, bounded memory."""

import pytest
import torch

from neo_core.audio import features
from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder, save_audio_encoder
from neo_core.audio.encoder import encode, encode_stream
from neo_core.audio.features import Voice, clip_voice
from neo_core.audio.loading import load_audio_encoder
from neo_core.data_types import Waveform
from neo_core.timebase import FEATURE_RATE

RATE = features.RATE
VOICE = Voice(torch.tensor(1e-3), torch.tensor(150.0))
TINY = AudioEncoderConfig(width=16, inner=8, dilations=(1, 2, 1))


@pytest.fixture(scope="module")
def encoder() -> EmbeddedEncoder:
    torch.manual_seed(0)
    return EmbeddedEncoder(TINY).eval()


def speech_like(seconds: float, rate: int = RATE) -> torch.Tensor:
    """Harmonics that come and go: enough structure for pitch, pauses and loudness."""
    time = torch.arange(int(seconds * rate)) / rate
    buzz = sum(torch.sin(2 * torch.pi * 130 * k * time) / k for k in range(1, 12))
    return 0.1 * buzz * (torch.sin(2 * torch.pi * 1.3 * time) > -0.3)


@pytest.mark.parametrize(("piece", "block"), [(7, 1000), (50, 333), (64, 16000), (1000, 7)])
def test_pieces_join_without_a_seam(encoder, piece, block):
    sound = speech_like(3.017)
    whole = encode(encoder, Waveform(sound[None], RATE)).hidden_states
    pieces = list(encode_stream(encoder, sound.split(block), clip_voice(sound.split(block)), piece))
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("count", [1, 7999, 44100, 60001])
def test_two_feature_frames_per_motion_frame(encoder, rate, count):
    hidden = encode(encoder, Waveform(torch.zeros(2, count), rate)).hidden_states
    assert hidden.shape == (TINY.layers, features.feature_count(count, rate), TINY.width)
    assert hidden.isfinite().all()


def test_level_does_not_matter(encoder):
    sound = speech_like(2.0)
    loud, soft = (encode(encoder, Waveform(gain * sound[None], RATE)).hidden_states for gain in (3.0, 0.01))
    assert torch.allclose(loud, soft, atol=5e-3)


def test_nothing_is_heard_beyond_the_reach(encoder):
    sound, changed = speech_like(3.0), speech_like(3.0)
    changed[2 * RATE :] *= 0.5
    one, other = (torch.cat(list(encode_stream(encoder, [x], VOICE)), 1) for x in (sound, changed))
    border = 2 * FEATURE_RATE - encoder.config.reach - 1
    assert torch.equal(one[:, :border], other[:, :border])
    assert not torch.allclose(one[:, border:], other[:, border:])


def test_memory_is_bounded_by_the_piece(encoder):
    """A stream gives out its first piece long before the sound ends."""
    taken = 0

    def blocks():
        nonlocal taken
        for _ in range(60):
            taken += 1
            yield torch.zeros(RATE)

    next(encode_stream(encoder, blocks(), VOICE, piece=50))
    assert taken <= 3


def test_a_saved_encoder_hears_the_same(encoder, tmp_path):
    save_audio_encoder(encoder.half().float(), tmp_path / "audio.safetensors", {"seed": 0})
    loaded = load_audio_encoder(tmp_path / "audio.safetensors")
    waveform = Waveform(speech_like(1.0)[None], RATE)
    assert torch.equal(encode(loaded, waveform).hidden_states, encode(encoder, waveform).hidden_states)


def test_heads_listen_to_a_mixture_of_all_layers(encoder):
    hidden = torch.randn(TINY.layers, 5, TINY.width, requires_grad=True)
    encoder.read(hidden, "phones").sum().backward()
    assert (hidden.grad.abs().sum((1, 2)) > 0).all()
    assert encoder.read(hidden, "articulation").shape == (5, 4)
