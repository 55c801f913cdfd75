"""The exam of the states: it tells rule-made states apart, and it notices when nothing tells them apart."""

import pytest
import torch

from neo_core.data_types import EMOTIONS
from neo_core.training import emotion_exam
from neo_core.training.emotion_exam import WINDOW, accuracy, by_rules, confusion, describe, learn, silent_score, table

OTHERS = range(9_700_000, 9_700_004)


@pytest.fixture(scope="module")
def classifier():
    return learn(by_rules([silent_score()], range(9_600_000, 9_600_010)))


def test_states_of_other_speakers_are_named(classifier):
    assert accuracy(confusion(classifier, by_rules([silent_score()], OTHERS))) >= 0.9


def test_without_strength_there_is_nothing_to_name(classifier):
    shares = confusion(classifier, by_rules([silent_score()], OTHERS, strength=0.0))
    assert accuracy(shares) == pytest.approx(1 / len(EMOTIONS), abs=0.01)  # whatever it says, it says of all six


def test_a_row_is_what_was_asked_for(classifier):
    laughing = [(5, motion) for state, motion in by_rules([silent_score()], OTHERS) if state == 5]
    shares = confusion(classifier, laughing)
    assert shares[5].sum() == pytest.approx(1)
    assert not shares[:5].any()
    assert "| laughing | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 1.00 |" in table(shares)


def test_whole_windows_are_described():
    assert describe(torch.randn(2 * WINDOW + 9, 63)).shape == (2, 189)


def test_nobody_else_draws_its_speakers():
    taught, examined = (set(seeds) for seeds in (emotion_exam.TAUGHT, emotion_exam.EXAMINED))
    assert not taught & examined
