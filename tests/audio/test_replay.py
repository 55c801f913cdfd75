"""States that another program made of a sound: on our clock, for that sound only."""

import pytest
import torch

from neo_core.audio.encoder import encode, of_unit_size, retimed
from neo_core.audio.replay import Replay
from neo_core.data_types import InputError, Waveform
from neo_core.training.vocal_features import GRAIN, packed

RATE = 16000


def ramp(frames, first):
    """States that say when they were heard, in ms, beside a constant. [2, T, 3]"""
    moment = first + 20.0 * torch.arange(frames)
    return torch.stack((moment, torch.zeros(frames), torch.full((frames,), 1000.0)), -1).expand(2, -1, -1)


@pytest.mark.parametrize(("frames", "first"), [(99, 12.5), (1500, 0.0)])
def test_states_are_moved_to_the_middle_of_their_frames(frames, first):
    replay = Replay("wav2vec2", ramp(frames, first), 2 * RATE, first)
    assert replay.hidden.shape == (2, 100, 3)
    inside = slice(1, 98)
    expected = 10.0 + 20.0 * torch.arange(100.0)
    assert torch.allclose(replay.hidden[0, inside, 0], expected[inside], atol=1e-3)
    assert replay.hidden[0, :, 0].diff().min() >= 0  # what is missing at an end is held


def test_it_takes_the_place_of_an_encoder():
    replay = Replay("wav2vec2", list(torch.randn(3, 99, 8)), 2 * RATE, 12.5)
    features = encode(replay, Waveform(torch.zeros(1, 88200), 44100))
    assert features.encoder == "wav2vec2"
    assert features.hidden_states.shape == (3, 100, 8)
    assert features.hidden_states.std(-1).sub(1).abs().max() < 0.1
    assert (replay.layers, replay.width) == (3, 8)


def test_another_sound_is_refused():
    replay = Replay("wav2vec2", list(torch.randn(3, 99, 8)), 2 * RATE, 12.5)
    with pytest.raises(InputError, match=r"lasts 3.00 s and the encoded one 2.00 s; expected the sound"):
        encode(replay, Waveform(torch.zeros(1, 3 * RATE), RATE))


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_between_frames_states_are_blended_and_held_at_the_ends(frames):
    hidden = torch.arange(float(frames))[None, :, None]
    position = torch.tensor([-3.0, 0.0, 0.25, frames - 1.0, frames + 5.0])
    expected = position.clamp(0, frames - 1)
    assert torch.allclose(retimed(hidden, position)[0, :, 0], expected)


def test_training_remembers_what_is_heard_even_of_channels_that_are_far_out():
    """Some channels of the public models are hundreds of times as large as the others."""
    hidden = torch.randn(2, 30, 768)
    hidden[:, :, 5] = 300.0
    heard = of_unit_size(hidden)
    assert heard.max() > 10
    assert (GRAIN * packed(heard).float() - heard).abs().max() <= 0.51 * GRAIN
