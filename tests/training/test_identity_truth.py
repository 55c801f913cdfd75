"""The examination of heads and habits tells who follows a speaker from who does not."""

from itertools import product

import numpy as np
import pytest
import torch

from neo_core.data_types import GEOMETRY_SIZE, STYLE_SIZE, AudioFeatures
from neo_core.motion_space import INDEX, rest
from neo_core.training import identity_truth
from neo_core.training.identity_truth import (
    BEFORE,
    CONTACT,
    HABITS,
    HEADS,
    RANGE,
    Followed,
    Sentence,
    blinks,
    by_rules,
    emphasis,
    follow,
    gap_range,
    left_gap,
    lively,
    mouth_only,
    nods,
    raised_lip,
    response,
    rises,
    table,
    takes,
)
from neo_core.training.synthetic.face_measures import embedded_measures
from neo_core.training.synthetic.gestures import planned_frame
from neo_core.training.synthetic.prosody import Score
from neo_core.training.synthetic.speakers import Speaker, sample_speaker
from neo_core.training.synthetic.utterance import Phone

FRAMES = 250
AVERAGE = Speaker(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE))
PHONES = tuple(Phone(("P", "AA", "M", "IY")[k % 4], 0.2 * k, 0.2 * k + 0.2) for k in range(50))


def score(pitch=None):
    """Ten seconds of syllables, every other vowel stressed."""
    stress = np.array([{1: 1.5, 3: -1.0}.get(k % 4, 0.0) for k in range(len(PHONES))])
    accents = tuple((phone.start + 0.1, 0.8) for phone in PHONES[1::4])
    tone = np.zeros(FRAMES) if pitch is None else pitch
    return Score(PHONES, FRAMES, stress, accents, ((0.0, 10.0),), np.full(FRAMES, 0.7), tone)


def sentences(count):
    return [Sentence(score(), AudioFeatures(torch.zeros(1, 2 * FRAMES, 1), 160_000, 16_000))] * count


def moving(channel, values):
    motion = rest().repeat(FRAMES, 1)
    motion[:, INDEX[channel]] = torch.as_tensor(values, dtype=torch.float32)
    return [(score(), motion)]


def test_the_rules_follow_every_head_and_habit_and_a_stranger_none():
    speakers = [sample_speaker(seed) for seed in range(6)]
    heads = [Speaker(mouth_only(s.geometry), AVERAGE.style) for s in speakers]

    def acted(perform):
        return lambda speaker: takes(perform, sentences(1), speaker)

    for measures, people in ((HEADS, heads), (HABITS, speakers)):
        same = follow(measures, people, acted(by_rules), acted(by_rules))
        assert all(row.correlation > 0.99 for row in same if row.rules.std() > 1e-6)
        deaf = follow(measures, people, acted(lambda said, _, seed: by_rules(said, AVERAGE, seed)), acted(by_rules))
        assert all(abs(row.correlation) < 1e-6 for row in deaf if row.name != CONTACT)
        assert len(table(same).splitlines()) == 2 + len(measures)


def test_only_the_jaw_and_the_lips_are_kept_of_a_head():
    geometry = sample_speaker(3).geometry
    kept, neutral = mouth_only(geometry), np.zeros(53)
    face = embedded_measures()
    for name in ("lip_gap", "mouth_width", "upper_lip", "lower_lip", "lower_face"):
        length = getattr(face, name)
        assert length.of(kept.double().numpy(), neutral) == pytest.approx(
            length.of(geometry.numpy(), neutral), abs=1e-3
        )
    assert kept.norm() < 0.7 * geometry.norm()
    assert torch.allclose(mouth_only(kept), kept, atol=1e-5)


def test_lips_are_looked_at_in_the_middle_of_bilabials():
    shut = np.zeros(FRAMES)
    shut[[planned_frame(phone) for phone in PHONES[::2]]] = 0.6
    assert raised_lip(AVERAGE, moving("mouthClose", shut)) == pytest.approx(0.6)


def test_contact_and_range_are_of_the_lips_on_that_head():
    """The head model's lips, not a channel: whatever opens them counts."""
    gap, heads = embedded_measures().lip_gap, [AVERAGE, Speaker(mouth_only(sample_speaker(3).geometry), AVERAGE.style)]
    for head, channel in product(heads, ("jawOpen", "mouthLowerDown_L")):
        shut = gap.of(head.geometry.double().numpy(), np.zeros(53))
        acted, per_unit = moving(channel, np.linspace(0, 0.4, FRAMES)), gap.expression[INDEX[channel]]
        opened = np.mean([0.4 * planned_frame(phone) / (FRAMES - 1) for phone in PHONES[::2]])
        assert per_unit > 0.05
        assert left_gap(head, acted) == pytest.approx(shut + opened * per_unit, abs=1e-5)
        assert gap_range(head, acted) == pytest.approx(0.9 * 0.4 * per_unit, rel=1e-4)


def test_the_bench_counts_the_lip_gap_and_no_coefficient(monkeypatch):
    """A performer whose channels follow the head while its gaps do not is not told that they do."""
    rows = {name: k / 100 for k, name in enumerate([*HEADS, *HABITS])}
    told = [Followed(name, torch.tensor([1.0, -1.0, 0.0]), torch.zeros(3)) for name in rows]
    monkeypatch.setattr(Followed, "correlation", property(lambda row: rows[row.name]))
    monkeypatch.setattr(identity_truth, "examine", lambda *_: (told[: len(HEADS)], told[len(HEADS) :]))
    for name in ("held_out_sentences", "load_audio_encoder", "load_vocal", "by_vocal"):
        monkeypatch.setattr(identity_truth, name, lambda *_: None)
    found = identity_truth.bench(None)
    assert found["contact follows the head"] == rows[CONTACT]
    assert found["range follows the head"] == rows[RANGE]


def test_blinks_are_counted_once_each():
    lid = np.zeros(FRAMES)
    lid[10:14] = lid[100:103] = 1.0
    lid[200:210] = 0.4  # not shut
    assert blinks(AVERAGE, moving("eyeBlink_L", lid)) == pytest.approx(12)


def test_nods_are_quick():
    time = np.arange(FRAMES) / 25
    quick, slow = (nods(AVERAGE, moving("pitch", 2 * np.sin(2 * np.pi * f * time))) for f in (2.0, 0.1))
    assert quick > 1.2
    assert slow < 0.1


@pytest.mark.parametrize("gain", [-0.5, 0.0, 0.5])
def test_emphasis_is_the_opening_that_stress_adds(gain):
    jaw = np.zeros(FRAMES)
    for phone, stress in zip(PHONES, score().stress, strict=True):
        jaw[round(phone.start * 25) : round(phone.end * 25)] = 0.3 * (1 + gain * (stress - 0.25))
    assert emphasis(AVERAGE, moving("jawOpen", jaw)) == pytest.approx(gain, abs=0.02)


def test_a_rise_is_found_where_the_voice_climbs():
    pitch = np.concatenate([np.zeros(100), np.linspace(0, 6, 10), np.full(140, 6.0)])
    assert rises(score(pitch)) == pytest.approx([100], abs=2)
    assert rises(score()) == []


def test_a_response_starts_from_where_brows_and_head_are():
    pitch = np.concatenate([np.zeros(100), np.linspace(0, 6, 10), np.full(140, 6.0)])
    motion = rest().repeat(FRAMES, 1)
    motion[:, INDEX["browInnerUp_L"]] = 0.3
    motion[105:, INDEX["browInnerUp_L"]] = 0.5
    course = response([(score(pitch), motion)])
    assert course.brows[BEFORE] == 0
    assert course.brows[-1] == pytest.approx(0.2, abs=1e-5)
    assert course.head.abs().max() == 0


def test_the_lively_speaker_answers_more_than_the_calm_one_by_the_rules():
    pitch = np.tile(np.concatenate([np.zeros(25), np.linspace(0, 6, 10), np.full(15, 6.0)]), 5)
    said = [Sentence(score(pitch), sentences(1)[0].features)]
    strong, weak = (response(takes(by_rules, said, lively(amount), seeds=4)).brows.amax() for amount in (2, -2))
    assert strong > 2 * weak > 0
