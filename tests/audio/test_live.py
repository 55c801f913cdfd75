"""Sound that goes on: what is heard of it does not depend on its pieces, and hardly on its future."""

import pytest
import torch

from neo_core.audio import features
from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.audio.encoder import encode_stream
from neo_core.audio.features import FRAME, PITCH_MARGIN, RATE, Voice, clip_voice
from neo_core.audio.live import LiveEar, LiveResampler, VoiceSoFar, measure
from neo_core.timebase import PAIR

VOICE = Voice(torch.tensor(1e-3), torch.tensor(150.0))
TINY = AudioEncoderConfig(width=16, inner=8, dilations=(1, 2, 1))


class OneVoice(VoiceSoFar):
    """Known from the start."""

    def after(self, _new) -> Voice:
        return VOICE


@pytest.fixture(scope="module")
def encoder() -> EmbeddedEncoder:
    torch.manual_seed(0)
    return EmbeddedEncoder(TINY).eval()


def speech_like(seconds: float, level: float = 0.1, rate: int = RATE) -> torch.Tensor:
    time = torch.arange(int(seconds * rate)) / rate
    buzz = sum(torch.sin(2 * torch.pi * 130 * k * time) / k for k in range(1, 12))
    return level * buzz * (torch.sin(2 * torch.pi * 1.3 * time) > -0.3)


def heard(encoder, sound, block, hop=3, ahead=2, span=20, voice=None):
    ear = LiveEar(encoder, hop, ahead, span, voice or OneVoice())
    said = [hop for part in sound.split(block) for hop in ear.hear(part)]
    return [*said, ear.rest()]


def test_it_says_what_the_encoder_makes_of_the_sound_so_far(encoder):
    sound = speech_like(3.017)
    for frames, hidden in heard(encoder, sound, 999)[:-1:4]:
        assert hidden.shape == (TINY.layers, PAIR * min(frames, 20), TINY.width)
        until = measure(torch.cat((torch.zeros(PITCH_MARGIN), sound[: PAIR * frames * FRAME + PITCH_MARGIN])))
        mel = features.log_mel(until.mel, VOICE.loudness)
        prosody = features.prosody_inputs(until.f0, until.voiced, until.power, VOICE)
        with torch.no_grad():
            whole = encoder(mel[None], prosody[None])[:, 0, -PAIR * 20 :]
        torch.testing.assert_close(hidden, whole, atol=1e-4, rtol=1e-4)


def test_what_has_settled_is_what_the_whole_recording_gives(encoder):
    sound = speech_like(3.0)
    whole = torch.cat(list(encode_stream(encoder, [sound], VOICE)), 1)
    for frames, hidden in heard(encoder, sound, 1000, span=40)[:-1]:
        settled = PAIR * frames - encoder.reach
        first = PAIR * frames - hidden.shape[1]
        torch.testing.assert_close(hidden[:, : settled - first], whole[:, first:settled], atol=1e-4, rtol=1e-4)
    frames, hidden = heard(encoder, sound, 1000, span=40)[-1]
    torch.testing.assert_close(hidden, whole[:, -hidden.shape[1] :], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("block", [1, 37, 640, 5000, 10**6])
def test_pieces_of_any_length_are_heard_alike(encoder, block):
    sound = speech_like(0.9)
    for (a, one), (b, other) in zip(
        heard(encoder, sound, 1600, voice=VoiceSoFar()), heard(encoder, sound, block, voice=VoiceSoFar()), strict=True
    ):
        assert a == b
        assert torch.equal(one, other)


def test_it_holds_no_more_than_it_needs(encoder):
    ear = LiveEar(encoder, 3, 2, 20, VoiceSoFar())
    for _ in range(40):
        for _ in ear.hear(speech_like(0.5)):
            pass
        assert len(ear._sound) < RATE // 5
        assert len(ear._tracks.f0) <= 2 * encoder.reach + PAIR * 6
        assert ear._hidden.shape[1] <= PAIR * 20


@pytest.mark.parametrize("level", [0.003, 0.1, 0.6])
def test_the_voice_is_learned_from_what_is_said(level):
    sound = speech_like(8.0, level)
    expected, voice = clip_voice([sound]), VoiceSoFar()
    for part in sound.split(10 * FRAME)[:-1]:
        found = voice.after(measure(torch.nn.functional.pad(part, (PITCH_MARGIN, PITCH_MARGIN))))
    assert found.loudness.log10().sub(expected.loudness.log10()).abs() < 0.15
    assert found.pitch == pytest.approx(expected.pitch.item(), rel=0.03)


def test_before_anybody_speaks_hiss_is_not_taken_for_speech():
    hiss = 3e-4 * torch.randn(50 * FRAME + 2 * PITCH_MARGIN, generator=torch.Generator().manual_seed(0))
    voice, alone = VoiceSoFar().after(measure(hiss)), clip_voice([hiss])
    assert voice.loudness > 100 * alone.loudness


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("block", [1, 441, 4000])
def test_another_rate_is_the_same_sound_sample_for_sample(rate, block):
    sound = speech_like(0.2 if block == 1 else 1.0, rate=rate)
    live = LiveResampler(rate)
    parts = [live.take(part) for part in sound.split(block)]
    torch.testing.assert_close(torch.cat([*parts, live.rest()]), features.resample(sound, rate), atol=1e-6, rtol=1e-5)
    assert len(live._kept) < block + rate // 50
