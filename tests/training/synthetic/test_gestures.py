"""Articulator tracks: least effort, contact in the planned frame, rest in silence, coarticulation."""

import numpy as np
import pytest

from neo_core.training.synthetic.gestures import CONTACT, REACH, articulate, least_effort, planned_frame
from neo_core.training.synthetic.phones import PHONES
from neo_core.training.synthetic.utterance import Phone
from neo_core.training.synthetic.visemes import GESTURES, INDEX, REST


def spoken(text: str, lengths: list[float]) -> list[Phone]:
    """Phones back to back."""
    ends = np.cumsum(lengths)
    starts = [0.0, *ends[:-1]]
    return [Phone(s, float(a), float(b)) for s, a, b in zip(text.split(), starts, ends, strict=True)]


def perform(text: str, lengths: list[float]) -> tuple[list[Phone], np.ndarray]:
    phones = spoken(text, lengths)
    frames = int(np.ceil(phones[-1].end * 25 - 1e-9))
    return phones, articulate(phones, np.ones(len(phones)), frames)


def test_every_phone_has_gestures():
    assert set(GESTURES) == set(PHONES) - {"SIL"}


def test_least_effort_solves_the_normal_equations():
    rng = np.random.default_rng(0)
    target, care = rng.normal(size=(60, 8)), rng.uniform(0.02, 3, size=(60, 8))
    found = least_effort(target, care, REACH**4)
    curve = np.diff(np.eye(60), 2, axis=0)
    for k in range(8):
        system = np.diag(care[:, k]) + REACH[k] ** 4 * curve.T @ curve
        assert np.allclose(system @ found[:, k], care[:, k] * target[:, k], atol=1e-4)


@pytest.mark.parametrize("length", [0.03, 0.04, 0.06, 0.1])
@pytest.mark.parametrize("offset", [0.0, 0.013, 0.027])
@pytest.mark.parametrize("sound", ["P", "B", "M"])
def test_lips_close_in_the_middle_of_every_bilabial(sound, length, offset):
    phones, tracks = perform(f"SIL AA {sound} AE SIL", [0.3 + offset, 0.12, length, 0.12, 0.3])
    assert tracks[planned_frame(phones[2]), INDEX["close"]] >= CONTACT - 1e-6
    assert tracks[planned_frame(phones[1]), INDEX["close"]] < 0.7


def test_lower_lip_meets_the_teeth():
    phones, tracks = perform("SIL AA F AA V AA SIL", [0.3, 0.1, 0.05, 0.1, 0.04, 0.1, 0.3])
    for k in (2, 4):
        assert tracks[planned_frame(phones[k]), INDEX["tuck"]] >= 1


def test_the_mouth_rests_until_shortly_before_speech():
    _, tracks = perform("SIL AA SIL", [1.0, 0.2, 1.0])
    still = np.r_[0:12, 41:55]  # 0..0.5 s and 0.44 s after the vowel
    assert np.abs(tracks[still] - REST.target)[:, [INDEX["jaw"], INDEX["close"]]].max() < 0.03
    assert tracks[18:21, INDEX["close"]].max() < 0.6  # one breathes in
    assert tracks[27, INDEX["jaw"]] > 0.2


def test_lips_stay_parted_in_a_short_pause_and_meet_in_a_long_one():
    _, short = perform("SIL AA SIL AA SIL", [0.3, 0.2, 0.7, 0.2, 0.3])
    _, long = perform("SIL AA SIL AA SIL", [0.3, 0.2, 1.6, 0.2, 0.3])
    assert short[13:27, INDEX["close"]].max() < 0.6
    assert long[13:45, INDEX["close"]].max() > REST.target[INDEX["close"]] - 0.03
    assert short[13:27, INDEX["jaw"]].min() > 1.5 * REST.target[INDEX["jaw"]]


def test_rounding_is_anticipated_through_indifferent_consonants():
    _, rounded = perform("SIL AH S T UW SIL", [0.3, 0.1, 0.08, 0.06, 0.15, 0.3])
    _, spread = perform("SIL AH S T IY SIL", [0.3, 0.1, 0.08, 0.06, 0.15, 0.3])
    during_s = 11
    assert rounded[during_s, INDEX["round"]] > spread[during_s, INDEX["round"]] + 0.05
    assert spread[during_s, INDEX["spread"]] > rounded[during_s, INDEX["spread"]] + 0.05


def test_fast_speech_moves_less():
    slow = perform("SIL T AA T SIL", [0.4, 0.1, 0.25, 0.1, 0.4])[1]
    fast = perform("SIL T AA T SIL", [0.4, 0.04, 0.07, 0.04, 0.4])[1]
    assert fast[:, INDEX["jaw"]].max() < 0.9 * slow[:, INDEX["jaw"]].max()


def test_stress_opens_the_mouth():
    phones = spoken("SIL T AA T SIL", [0.4, 0.08, 0.15, 0.08, 0.4])
    gain = np.array([1, 1, 1.3, 1, 1])
    plain, strong = (articulate(phones, g, 30)[:, INDEX["jaw"]].max() for g in (np.ones(5), gain))
    assert strong > 1.15 * plain
