"""The six states: nothing at strength 0, what each is known by, and lips that still articulate."""

import pytest
import torch

from neo_core.data_types import EMOTIONS, GEOMETRY_SIZE, STYLE_SIZE, Emotion
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.motion_space import EXPRESSION, INDEX, POSE, REGIONS, rest
from neo_core.training.synthetic.emotion import LIVELY, heard_arousal, roused
from neo_core.training.synthetic.gestures import planned_frame
from neo_core.training.synthetic.performance import perform
from neo_core.training.synthetic.phones import BILABIALS
from neo_core.training.synthetic.prosody import read_score
from neo_core.training.synthetic.speakers import Speaker, sample_reference, sample_speaker

MOUTH = list(REGIONS["mouth"])
AVERAGE = Speaker(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE))


def means(motion: torch.Tensor) -> dict[str, float]:
    return {name: float(motion[:, k].mean()) for name, k in INDEX.items()}


@pytest.fixture(scope="module")
def quiet(utter):
    return utter("SIL", (8.0,))


@pytest.fixture(scope="module")
def idling(quiet):
    """state -> six performances of silence, one after the other"""
    return {e: torch.cat([perform(quiet, AVERAGE, k, rest(), Emotion(e)) for k in range(6)]) for e in EMOTIONS}


@pytest.mark.parametrize("state", EMOTIONS)
def test_at_strength_0_all_is_as_without_a_state(spoken, state):
    speaker, reference = sample_speaker(3), sample_reference(4)
    assert torch.equal(
        perform(spoken, speaker, 5, reference, Emotion(state, 0)), perform(spoken, speaker, 5, reference)
    )


@pytest.mark.parametrize("state", EMOTIONS)
def test_a_stronger_state_is_further_away(spoken, state):
    plain, weak, strong = (perform(spoken, AVERAGE, 1, rest(), Emotion(state, s)) for s in (0.0, 0.4, 1.0))
    assert 0 < (weak - plain).square().mean() < (strong - plain).square().mean()


@pytest.mark.parametrize("state", EMOTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_lips_meet_on_every_bilabial_in_every_state(spoken, state, seed):
    speaker = sample_speaker(seed)
    motion = perform(spoken, speaker, seed, sample_reference(seed), Emotion(state))
    head = load_head_model()
    points = landmarks(head, shape(head, speaker.geometry.expand(len(motion), -1), motion[:, EXPRESSION]))
    gap = points[:, 62, 1] - points[:, 66, 1]
    assert max(gap[planned_frame(phone)] for phone in spoken.phones if phone.symbol in BILABIALS) < 0.02


@pytest.mark.parametrize("state", EMOTIONS)
def test_the_seed_leaves_the_lips_and_the_start_alone(spoken, state):
    first, second = (perform(spoken, AVERAGE, seed, rest(), Emotion(state)) for seed in (1, 2))
    assert torch.equal(first[:, MOUTH], second[:, MOUTH])
    assert (first[:, POSE] - second[:, POSE]).abs().max() > 0.3
    assert first[0, POSE].abs().max() < 0.1


def test_a_smile_lifts_cheeks_and_narrows_eyes(idling):
    happy, neutral = means(idling["happy"]), means(idling["neutral"])
    for name in ("mouthSmile_L", "cheekSquint_R", "eyeSquint_L"):
        assert happy[name] > neutral[name] + 0.2


def test_the_serious_frown_and_hold_still(idling):
    serious, happy = idling["serious"], idling["happy"]
    assert means(serious)["browDown_L"] > 0.4
    assert means(serious)["mouthSmile_L"] < 0.03
    assert serious[:, POSE].std(0)[:3].norm() < 0.6 * happy[:, POSE].std(0)[:3].norm()
    assert serious[:, INDEX["gaze_yaw_L"]].std() < happy[:, INDEX["gaze_yaw_L"]].std()


def test_surprise_opens_eyes_and_mouth(idling):
    found, neutral = means(idling["surprised"]), means(idling["neutral"])
    for name in ("browInnerUp_L", "browOuterUp_R", "eyeWide_L"):
        assert found[name] > neutral[name] + 0.4
    assert found["jawOpen"] > neutral["jawOpen"] + 0.15


def test_explaining_nods_and_tilts(idling):
    found, neutral = idling["explaining"], idling["neutral"]
    for name in ("pitch", "roll"):
        assert found[:, INDEX[name]].diff().abs().mean() > 2 * neutral[:, INDEX[name]].diff().abs().mean()
    assert means(found)["z"] > 0.7  # leaning in


def test_laughter_bares_teeth_and_tilts_the_head_back(idling):
    found, neutral = means(idling["laughing"]), means(idling["neutral"])
    assert found["pitch"] < neutral["pitch"] - 6
    assert found["mouthUpperUp_L"] > 0.3
    assert found["jawOpen"] > neutral["jawOpen"] + 0.1


def test_laughter_comes_in_pulses_four_to_five_a_second(quiet):
    motion = perform(quiet, AVERAGE, 0, rest(), Emotion("laughing"))
    for channel in ("jawOpen", "y"):
        moved = motion[:, INDEX[channel]].diff()
        power = torch.fft.rfft(moved - moved.mean()).abs().square()
        rate = torch.fft.rfftfreq(len(moved), 1 / 25)
        assert 4.0 < rate[power.argmax()] < 5.4


def test_laughter_fills_the_pause_between_phrases(utter):
    motion = perform(utter("SIL M AA M SIL M AA M SIL", (0.4, 0.1, 0.2, 0.1, 2.2, 0.1, 0.2, 0.1, 0.4)), AVERAGE, 0,
                     rest(), Emotion("laughing"))  # fmt: skip
    jaw = motion[:, INDEX["jawOpen"]]
    assert jaw[26:60].max() > jaw[26:60].min() + 0.12


@pytest.mark.parametrize("state", EMOTIONS)
def test_nothing_moves_faster_than_people_do(spoken, state):
    motion = perform(spoken, sample_speaker(7), 11, sample_reference(1), Emotion(state))
    assert motion[:, POSE].diff(dim=0)[:, :3].abs().max() < 5.0  # 125 degrees per second
    assert motion[:, MOUTH].diff(dim=0).abs().max() < 0.6


def test_a_lively_voice_is_heard_and_moves_its_speaker(utter):
    sounds = "SIL " + "B AA " * 8 + "SIL"
    calm, lively = (read_score(utter(sounds, (0.4, *[0.05, length] * 8, 0.4), 120.0)) for length in (0.3, 0.1))
    assert heard_arousal(calm) < heard_arousal(lively)
    assert heard_arousal(read_score(utter("SIL", (3.0,)))) == 0
    assert (roused(AVERAGE, 1.0).style > roused(AVERAGE, -1.0).style).sum() == len(LIVELY)
