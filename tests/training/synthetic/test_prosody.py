"""The reading of an utterance: pitch, loudness, phrases, accents from the sound itself."""

import numpy as np
import torch

from neo_core.training.synthetic import prosody
from neo_core.training.synthetic.prosody import read_score
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance


def test_pitch_of_a_buzz_is_found():
    time = np.arange(RATE) / RATE
    for hertz in (90.0, 140.0, 230.0, 350.0):
        buzz = np.sign(np.sin(2 * np.pi * hertz * time)) * 0.2
        found = prosody._pitch(buzz)[10:-10]
        assert np.isfinite(found).mean() > 0.95
        assert np.allclose(np.nanmedian(found), hertz, rtol=0.03)


def test_phrases_and_speaking(spoken):
    score = read_score(spoken)
    assert len(score.phrases) == 2
    assert np.isclose(score.phrases[0][0], 0.9)
    assert score.speaking[:20].max() == 0
    assert score.speaking[int(1.2 * 25)] == 1


def test_the_loud_long_vowel_is_the_accent():
    names = ["SIL", *["T", "AH"] * 3, "T", "AA", *["T", "AH"] * 2, "SIL"]
    lengths = [0.3, *[0.07, 0.08] * 3, 0.07, 0.22, *[0.07, 0.08] * 2, 0.4]
    ends = np.cumsum(lengths)
    phones = tuple(Phone(s, float(b - d), float(b)) for s, d, b in zip(names, lengths, ends, strict=True))
    time = np.arange(int(ends[-1] * RATE)) / RATE
    stressed = (time >= phones[8].start) & (time < phones[8].end)
    voiced = sum(((time >= p.start) & (time < p.end)) for p in phones if p.symbol in ("AH", "AA"))
    sound = np.sign(np.sin(2 * np.pi * np.where(stressed, 160, 120) * time)) * voiced * np.where(stressed, 0.3, 0.05)
    score = read_score(Utterance(torch.from_numpy(sound).float(), phones, (), "test/buzz/0", ""))
    assert np.argmax(score.stress) == 8
    strongest = max(score.accents, key=lambda accent: accent[1])
    assert phones[8].start < strongest[0] < phones[8].end


def test_silence_can_be_read():
    score = read_score(Utterance(torch.zeros(RATE), (Phone("SIL", 0.0, 1.0),), (), "room", ""))
    assert score.frames == 25
    assert score.accents == score.phrases == ()
    assert np.isfinite(score.level).all()
    assert np.isfinite(score.pitch).all()


def test_laughter_is_three_ha_in_a_row(utter):
    laugh = utter("SIL HH AA HH AA HH AA SIL OW SIL", (0.3, *[0.08, 0.12] * 3, 0.3, 0.2, 0.3))
    twice = utter("SIL HH AA HH AA SIL AE T SIL", (0.3, *[0.08, 0.12] * 2, 0.3, 0.1, 0.06, 0.3))
    (start, end), *others = read_score(laugh).laughs
    assert np.isclose((start, end), (0.3, 0.9)).all()
    assert not others
    assert read_score(twice).laughs == ()


def test_a_higher_and_louder_voice_is_more_excited(utter):
    score = read_score(utter())
    high = score.pitch > 1
    assert 0 <= score.arousal.min() <= score.arousal.max() <= 1
    assert score.arousal[high].mean() > score.arousal[~high].mean()
