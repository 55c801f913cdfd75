"""Crops for the audio encoder: targets follow the sound, augmentation stays finite."""

import pytest
import torch

from neo_core.training.sound_batches import AugmentConfig, SpeechStore, articulation_table
from neo_core.training.synthetic.phones import INDEX, SIL
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance, Word

PLAIN = AugmentConfig(frames=50, speed=0.0, reverb=0, noise=0, clipping=0, narrow=0, empty=0)


def utterance(voice: str) -> Utterance:
    """Two seconds of silence, then two of a vowel that is also heard."""
    time = torch.arange(2 * RATE) / RATE
    buzz = sum(torch.sin(2 * torch.pi * 120 * k * time) / k for k in range(1, 10)) * 0.1
    phones = (Phone("SIL", 0.0, 2.0), Phone("AA", 2.0, 4.0, 0.5))
    return Utterance(torch.cat([torch.zeros(2 * RATE), buzz]), phones, (Word("a", 2.0, 4.0),), voice, "a", "en", 0.5)


@pytest.fixture(scope="module")
def store() -> SpeechStore:
    torch.manual_seed(0)
    return SpeechStore([utterance("librispeech/1/a"), utterance("espeak/gmw/en")])


def test_targets_follow_the_sound_at_any_speed(store):
    for speed in (0.0, 0.14):
        batch = store.draw(12, AugmentConfig(50, speed, 0, 0, 0, 0, 0))
        loud = batch.melody[..., 1] > -1
        vowel = batch.phones[..., INDEX["AA"]] > 0.5
        assert (loud == vowel).float().mean() > 0.97
        assert (
            (batch.heard[0].mean(-1).unflatten(1, (-1, 2)).mean(-1) > -0.6) == vowel
        ).float().mean() > 0.85  # some frames are hidden
        assert batch.trust[vowel].max() == pytest.approx(0.25)
        assert batch.pause[vowel].max() == 0


def test_shapes_and_finite_values_with_everything_on(store):
    batch = store.draw(8, AugmentConfig(frames=40, reverb=1, noise=1, clipping=1, narrow=1, empty=0.5))
    for mel, prosody in (batch.heard, batch.clean):
        assert mel.shape == (8, 80, 80)
        assert prosody.shape == (8, 40, 3)
        assert mel.isfinite().all()
        assert prosody.isfinite().all()
    assert not torch.equal(batch.heard[0], batch.clean[0])
    assert torch.allclose(batch.phones.sum(-1), torch.ones(8, 40))


def test_noise_alone_is_silence(store):
    batch = store.draw(6, AugmentConfig(frames=30, empty=1.0))
    assert (batch.phones.argmax(-1) == SIL).all()
    assert batch.pause.min() == 1
    assert (batch.trust == 1).all()


def test_most_of_the_crops_are_recordings(store):
    torch.manual_seed(1)
    which = store._choose(4000, PLAIN)
    assert store.real[which].float().mean() == pytest.approx(PLAIN.real, abs=0.05)


def test_the_articulation_table_covers_all_phones():
    table = articulation_table()
    assert table.shape == (40, 4)
    assert table[INDEX["M"], 0] == 1
    assert table[INDEX["UW"], 1] == 1
