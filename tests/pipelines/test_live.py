"""The live performance, with the shipped weights: how little of the future it needs."""

from dataclasses import replace

import pytest
import torch

from neo_core import motion_space
from neo_core.audio.loading import load_audio_encoder
from neo_core.data_types import Emotion, Identity, InputError
from neo_core.motion_space import rest
from neo_core.pipelines.live import LATENCY, LivePerformance
from neo_core.timebase import MOTION_RATE
from neo_core.vocal import load_vocal

IDENTITY = Identity(torch.zeros(60), torch.zeros(16), rest())


@pytest.fixture(scope="module")
def networks():
    return load_audio_encoder(), load_vocal()


def speech_like(seconds: float, rate: int) -> torch.Tensor:
    time = torch.arange(int(seconds * rate)) / rate
    buzz = sum(torch.sin(2 * torch.pi * 140 * k * time) / k for k in range(1, 12))
    return 0.1 * buzz * (torch.sin(2 * torch.pi * 2.2 * time) > -0.4)


def perform(networks, sound, rate, block=1000, **options):
    live = LivePerformance(*networks, IDENTITY, rate, steps=1, **options)
    return torch.cat([*(live.hear(part) for part in sound.split(block)), live.finish()])


def test_the_promise_is_a_quarter_of_a_second():
    assert LATENCY < 0.25


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_sound_after_the_latency_cannot_change_motion(networks, rate):
    sound = speech_like(1.6, rate)
    before = perform(networks, sound, rate)
    dice = torch.Generator().manual_seed(0)
    for moment in (0.45, 0.71, 1.0):  # seconds
        cut = round(moment * rate)
        other = torch.cat((sound[:cut], 0.3 * torch.randn(len(sound) - cut, generator=dice)))
        changed = (perform(networks, other, rate) != before).any(-1)
        first = int(changed.long().argmax()) / MOTION_RATE
        assert changed.any()
        assert moment - LATENCY < first < moment + 0.1


def test_a_frame_is_out_as_soon_as_its_sound_is_there(networks):
    live = LivePerformance(*networks, IDENTITY, 16000, steps=1)
    given = 0
    for block, part in enumerate(speech_like(1.2, 16000).split(160), start=1):
        given += len(live.hear(part))
        assert given >= (block * 0.01 - LATENCY) * MOTION_RATE - 1e-6


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.1, 0.52, 1.0])
def test_every_length_is_covered_and_pieces_do_not_matter(networks, seconds):
    sound = speech_like(seconds, 16000)
    whole = perform(networks, sound, 16000, block=max(1, len(sound)))
    assert len(whole) == -(-len(sound) * MOTION_RATE // 16000)
    assert torch.equal(whole, perform(networks, sound, 16000, block=123))


def test_channels_are_mixed(networks):
    sound = speech_like(0.4, 16000)
    live = LivePerformance(*networks, IDENTITY, 16000, steps=1)
    both = torch.cat([live.hear(torch.stack((2 * sound, 0 * sound))), live.finish()])
    torch.testing.assert_close(both, perform(networks, sound, 16000))


def test_what_cannot_be_heard_is_refused(networks):
    with pytest.raises(InputError, match="expected 8000 to 192000"):
        LivePerformance(*networks, IDENTITY, 4000)
    live = LivePerformance(*networks, IDENTITY, 16000)
    with pytest.raises(InputError, match="expected finite"):
        live.hear(torch.tensor([0.0, float("nan")]))
    with pytest.raises(InputError, match="int16 samples"):
        live.hear(torch.zeros(160, dtype=torch.int16))
    live.finish()
    with pytest.raises(InputError, match="after finish"):
        live.hear(torch.zeros(160))


def test_an_encoder_that_needs_the_whole_recording_is_refused(networks):
    class Other(torch.nn.Module):
        name = "whisper/1"

    with pytest.raises(InputError, match="expected the embedded one"):
        LivePerformance(Other(), networks[1], IDENTITY, 16000)


@pytest.mark.parametrize(
    ("name", "wish", "told"),
    [
        ("amplitudes", (("nose", 1.0),), "amplitude of 'nose' found; expected one of"),
        ("amplitudes", (("head", float("nan")),), "amplitude of head is nan"),
        ("emotion", "happy", "emotion is 'happy', expected an Emotion"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_when_it_is_made(networks, name, wish, told):
    live = LivePerformance(*networks, IDENTITY, 16000, steps=1)
    before = getattr(live, name)
    with pytest.raises(InputError, match=told):
        setattr(live, name, wish)
    assert getattr(live, name) == before


def test_a_state_that_the_weights_do_not_know_is_refused_while_it_goes_on(networks, monkeypatch):
    live = LivePerformance(*networks, IDENTITY, 16000, steps=1)
    monkeypatch.setattr(networks[1], "config", replace(networks[1].config, emotions=0))
    with pytest.raises(InputError, match="know no emotions"):
        live.emotion = Emotion("happy")


def test_parts_can_be_held_back_while_it_goes_on(networks):
    live = LivePerformance(*networks, IDENTITY, 16000, steps=1)
    free = live.hear(speech_like(0.6, 16000))
    live.amplitudes = (("head", 0.0),)
    held = live.hear(speech_like(0.6, 16000))
    assert free[:, motion_space.POSE].abs().amax(0).min() > 0
    assert held[:, motion_space.POSE].eq(0).all()
    assert held[:, motion_space.EXPRESSION].std(0).max() > 0
