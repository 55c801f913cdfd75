"""Log-mel, loudness, pitch and sample rates."""

import gc
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neo_core.audio import features
from neo_core.audio.features import MARGIN, MEL_HOP, PITCH_MARGIN, RATE, clip_voice
from neo_core.data_types import Waveform


def tone(hertz: float, rate: int, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(int(rate * seconds)) / rate)


def voice(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return sum(tone(k * hertz, RATE, seconds) / k for k in range(1, 9)) * 0.1


@pytest.mark.parametrize("rate", [8000, 11127, 22050, 44100, 48000, 192000])
def test_resampling_keeps_a_tone_in_place(rate):
    heard = features.resample(tone(440, rate), rate)
    assert heard.shape == (RATE,)
    assert (heard - tone(440, RATE))[200:-200].abs().max() < 0.01


@given(st.sampled_from([8000, 11127, 22050, 44100, 48000]), st.integers(-50, 9000), st.integers(1, 5000))
@settings(max_examples=20, deadline=None)
def test_resampling_a_part_is_a_part_of_resampling(rate, start, length):
    sound = torch.randn(rate // 2, generator=torch.Generator().manual_seed(1))
    whole = features.resample(sound, rate, -100, 16000)
    part = features.resample(sound, rate, start, start + length)
    assert torch.allclose(part, whole[start + 100 : start + 100 + length], atol=1e-5)


def test_resampling_removes_what_the_new_rate_cannot_carry():
    assert features.resample(tone(11000, 48000), 48000)[500:-500].abs().max() < 0.01


@pytest.mark.parametrize("hertz", [75, 120, 210, 330])
def test_pitch_of_a_voice(hertz):
    f0, voiced = features.pitch(voice(hertz))
    assert (f0 / hertz - 1).abs().max() < 0.02
    assert voiced.min() > 0.9


def test_noise_and_silence_have_no_pitch():
    hiss = torch.randn(RATE, generator=torch.Generator().manual_seed(2))
    assert features.pitch(hiss)[1].median() < 0.5
    assert features.prosody(torch.zeros(RATE)).voiced.max() == 0


def test_every_mel_frame_is_centred_on_its_own_ten_milliseconds():
    click = torch.zeros(40 * MEL_HOP + 2 * MARGIN)
    click[MARGIN + 20 * MEL_HOP + MEL_HOP // 2] = 1
    assert features.mel_energy(click).sum(-1).argmax() == 20


def test_a_constant_offset_is_no_sound():
    sound = voice(150)
    assert torch.allclose(features.mel_energy(sound), features.mel_energy(sound + 0.5), rtol=0.05, atol=1e-7)


def test_loudness_ignores_pauses_and_scales_with_power():
    speech = features.mel_energy(voice(150)).mean(-1)
    gaps = torch.cat([speech, torch.zeros_like(speech)])
    assert torch.allclose(features.loudness(gaps), features.loudness(speech), rtol=0.02)
    assert torch.allclose(features.loudness(speech * 100), features.loudness(speech) * 100, rtol=1e-3)
    assert features.loudness(torch.zeros(5)) == features.QUIETEST


@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_the_voice_of_a_clip_does_not_depend_on_the_blocks(sizes):
    sound = voice(140)[: sum(sizes)]
    whole, pieces = features.clip_voice([sound]), features.clip_voice(sound.split(sizes))
    assert torch.allclose(whole.loudness, pieces.loudness, rtol=1e-4)
    assert torch.allclose(whole.pitch, pieces.pitch, rtol=1e-4)


@pytest.mark.parametrize("hertz", [90, 150, 230])
def test_a_melody_reads_the_same_in_a_low_and_a_high_voice(hertz):
    """Two thirds of the clip at the voice's own pitch, the rest a fourth higher."""
    sound = torch.cat([voice(hertz, 0.8), voice(hertz * 4 / 3, 0.4)])
    f0, voiced, power = features.tracks(torch.nn.functional.pad(sound, (PITCH_MARGIN, PITCH_MARGIN)))
    middle = features.voice_of(f0, voiced, power)
    assert middle.pitch.item() == pytest.approx(hertz, rel=0.03)
    melody = features.prosody_inputs(f0, voiced, power, middle)[:, 0]
    assert melody[5:35].abs().max() < 0.05
    assert melody[45:55].mean() == pytest.approx(0.415, abs=0.03)  # octaves


def test_where_no_voice_is_heard_the_usual_pitch_stands():
    assert features.clip_voice([torch.zeros(RATE)]).pitch == features.USUAL_PITCH


def test_prosody_has_two_frames_per_motion_frame():
    prosody = features.prosody(voice(200, 1.01))
    assert prosody.f0.shape == prosody.energy.shape == prosody.voiced.shape == (52,)
    assert features.feature_count(16160, RATE) == 52
    assert PITCH_MARGIN > MARGIN


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (torch.zeros(1, 0), 16000, "expected"),
        (torch.zeros(100), 16000, "expected"),
        (torch.full((1, 100), float("nan")), 16000, "NaN"),
        (torch.zeros(1, 100), 4000, "4000 Hz"),
    ],
)
def test_unusable_sound_is_refused(samples, rate, message):
    with pytest.raises(ValueError, match=message):
        features.mono(Waveform(samples, rate))


def test_a_long_sound_leaves_no_heap_of_little_tensors():
    """What a pass keeps of each second would pin the large passing blocks around it: the heap grew with the sound."""
    alive = []

    def seconds():
        for _ in range(12):
            gc.collect()
            alive.append(sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()))
            yield torch.rand(RATE)

    clip_voice(seconds())
    assert len(set(alive[2:])) == 1
