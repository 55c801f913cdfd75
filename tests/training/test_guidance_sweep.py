"""The sweep of the sliders tells what moves its signal's effect from what does not."""

import math

import numpy as np
import pytest
import torch

from neo_core.data_types import GEOMETRY_SIZE, AudioFeatures
from neo_core.flow.guidance import Guidance
from neo_core.motion_space import INDEX, POSE, rest
from neo_core.training import guidance_sweep
from neo_core.training.guidance_sweep import (
    EVERY,
    SLIDERS,
    Scene,
    face_points,
    habit_distances,
    is_monotone,
    plot,
    reference_distance,
    still_points,
    table,
    wrong_over_right,
)
from neo_core.training.identity_truth import Sentence, by_rules
from neo_core.training.synthetic.performance import perform_score
from neo_core.training.synthetic.prosody import Score
from neo_core.training.synthetic.speakers import Speaker, sample_reference, sample_speaker
from neo_core.training.synthetic.utterance import Phone

FRAMES = 150


def sentence(vowel):
    phones = tuple(Phone(("P", vowel)[k % 2], 0.2 * k, 0.2 * k + 0.2) for k in range(30))
    stress = np.where(np.arange(30) % 4 == 1, 1.0, 0.0)
    level, pitch = np.full(FRAMES, 0.7), np.zeros(FRAMES)
    accents = tuple((phone.start + 0.1, 0.8) for phone in phones[1::4])
    score = Score(phones, FRAMES, stress, accents, ((0.0, 6.0),), level, pitch)
    return Sentence(score, AudioFeatures(torch.zeros(1, 2 * FRAMES, 1), 96_000, 16_000))


@pytest.fixture(scope="module")
def scenes():
    said, other = sentence("AA"), sentence("UW")
    return [Scene(sample_speaker(k), sample_reference(k), said, other, k) for k in range(2)]


@pytest.mark.parametrize(
    ("values", "ways"), [((1, 2, 3), {1}), ((3, 2, 1), {-1}), ((1, 2, 2), set()), ((1, 3, 2), set())]
)
def test_monotone_is_the_right_way_all_along(values, ways):
    assert {way for way in (1, -1) if is_monotone(values, way)} == ways


@pytest.mark.parametrize("turned", [None, "audio", "identity", "reference"])
def test_an_effect_that_moves_the_wrong_way_is_not_counted(monkeypatch, turned):
    effects = {name: [way * k for k in range(5)] for name, way in (("audio", 1), ("identity", -1), ("reference", -1))}
    if turned:
        effects[turned].reverse()
    for name in ("held_out_sentences", "load_audio_encoder", "load_vocal", "stage_of"):
        monkeypatch.setattr(guidance_sweep, name, lambda *_, **__: None)
    monkeypatch.setattr(guidance_sweep, "sweep", lambda *_: effects)
    assert guidance_sweep.bench(None) == {"guidance that is monotone": 3 if turned is None else 2}
    assert table(effects).count("| yes |") == (3 if turned is None else 2)


def test_lips_that_listen_more_are_worse_off_with_the_wrong_sound(scenes):
    def stage(reference, guidance):
        def perform(heard, speaker, seed):
            half = perform_score(scenes[0].sentence.score, speaker, seed + 9, reference) * 0.5  # knows half by heart
            return guidance.audio / 4 * perform_score(heard.score, speaker, seed, reference) + half

        return perform

    ratios = [wrong_over_right(stage, scenes, Guidance(audio=weight)) for weight in (0.5, 1.0, 1.5)]
    assert is_monotone(ratios, 1)
    assert ratios[-1] > 1.2 * ratios[0] > 1


def test_habits_that_are_the_speakers_own_are_nearest():
    speakers = [sample_speaker(k) for k in range(3)]

    def stage(_, guidance):
        def perform(said, speaker, seed):
            return by_rules(said, Speaker(speaker.geometry, guidance.identity * speaker.style), seed)

        return perform

    distances = habit_distances(stage, [sentence("AA")] * 8, speakers)
    none, own, caricature = map(distances, (0.0, 1.0, 3.0))
    for kind in (0, 1):  # the named habits, every habit
        assert own[kind] < none[kind]
        assert own[kind] < caricature[kind]


def test_a_face_that_keeps_to_the_portrait_is_near_it(scenes):
    def stage(reference, guidance):
        return lambda said, speaker, seed: reference + (2 - guidance.reference) * by_rules(said, speaker, seed)

    distances = [reference_distance(stage, scenes, Guidance(reference=weight)) for weight in SLIDERS]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-5


def test_points_of_a_posed_head_turn_and_shift():
    speaker = Speaker(torch.zeros(GEOMETRY_SIZE), torch.zeros(16))
    motion = rest().repeat(2, 1)
    motion[1, POSE] = torch.tensor([0.0, 90.0, 0.0, 1.0, 2.0, 3.0])
    motion[1, INDEX["jawOpen"]] = 0.5
    (still, turned), (_, mouth) = face_points(speaker, motion), still_points(speaker, motion)
    assert torch.allclose(turned[:, 0] - 1, mouth[:, 2], atol=1e-4)  # yaw: the face's front now looks along x
    assert torch.allclose(turned[:, 1] - 2, mouth[:, 1], atol=1e-4)
    assert (mouth - still)[48:].abs().max() > 0.3


def test_table_and_plot_show_every_slider():
    effects = {name: [math.sin(k) for k in range(len(SLIDERS))] for name in ("audio", "identity", "reference", EVERY)}
    assert all(name in table(effects) for name in effects)
    assert plot(effects).shape[1] % 3 == 0
