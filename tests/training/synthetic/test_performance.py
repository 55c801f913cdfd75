"""Performances: what depends on the seed and what does not, rest, contact on real geometry, human speeds."""

import math

import pytest
import torch

from neo_core.data_types import GEOMETRY_SIZE, STYLE_SIZE
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.motion_space import EXPRESSION, GAZE, HIGH, INDEX, LOW, POSE, REGIONS, SIZE, rest
from neo_core.training.synthetic.gestures import planned_frame
from neo_core.training.synthetic.performance import perform, perform_score
from neo_core.training.synthetic.phones import BILABIALS, VOWELS
from neo_core.training.synthetic.prosody import read_score
from neo_core.training.synthetic.speakers import STYLE_NAMES, Speaker, sample_reference, sample_speaker

MOUTH = list(REGIONS["mouth"])
AVERAGE = Speaker(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE))


@pytest.fixture(scope="module")
def score(spoken):
    return read_score(spoken)


def lip_gap(motion: torch.Tensor, speaker: Speaker) -> torch.Tensor:
    """Middle inner lips on the head model's own mesh, head units. [T]"""
    head = load_head_model()
    points = landmarks(head, shape(head, speaker.geometry.expand(len(motion), -1), motion[:, EXPRESSION]))
    return points[:, 62, 1] - points[:, 66, 1]


def test_length_and_ranges(spoken):
    motion = perform(spoken, sample_speaker(3), 5, sample_reference(4))
    assert motion.shape == (math.ceil(spoken.samples.shape[0] * 25 / 16000), SIZE)
    assert torch.isfinite(motion).all()
    assert (motion >= torch.tensor(LOW)).all()
    assert (motion <= torch.tensor(HIGH)).all()


def test_seeds_change_the_head_and_leave_the_lips(spoken):
    speaker, reference = sample_speaker(1), sample_reference(2)
    first, second = (perform(spoken, speaker, seed, reference) for seed in (1, 2))
    assert torch.equal(first[:, MOUTH], second[:, MOUTH])
    assert (first[:, POSE] - second[:, POSE]).abs().max() > 0.5
    assert not torch.equal(first[:, GAZE], second[:, GAZE])
    assert torch.equal(first, perform(spoken, speaker, 1, reference))


@pytest.mark.parametrize("seed", range(6))
def test_lips_meet_on_every_bilabial_and_part_on_vowels(spoken, seed):
    speaker = sample_speaker(seed)
    reference = rest() if seed % 2 else sample_reference(seed)
    gap = lip_gap(perform(spoken, speaker, seed, reference), speaker)
    for phone in spoken.phones:
        if phone.symbol in BILABIALS:
            assert gap[planned_frame(phone)] < 0.02
    open_gap = torch.stack([gap[planned_frame(p)] for p in spoken.phones if p.symbol in VOWELS and p.symbol != "UW"])
    assert open_gap.median() > 0.3


def test_rounded_vowels_are_narrower_than_spread_ones(spoken):
    motion = perform(spoken, AVERAGE, 0, rest())
    pucker = {p.symbol: motion[planned_frame(p), INDEX["mouthPucker"]] for p in spoken.phones}
    stretch = {p.symbol: motion[planned_frame(p), INDEX["mouthStretch_L"]] for p in spoken.phones}
    assert pucker["UW"] > 0.4 > 0.1 > pucker["IY"]
    assert stretch["IY"] > stretch["UW"] + 0.15


def test_silence_is_at_rest_but_alive(spoken):
    motion = perform(spoken, AVERAGE, 3, rest())
    still = motion[:16]  # 0.64 s before anything is said
    assert still[:, MOUTH].diff(dim=0).abs().max() < 0.01
    assert lip_gap(still, AVERAGE).abs().max() < 0.06
    assert motion[:, POSE].diff(dim=0).abs().sum(1).min() > 1e-4


def test_the_performance_starts_at_the_portrait(spoken):
    reference = sample_reference(9)
    motion = perform(spoken, sample_speaker(9), 1, reference)
    assert motion[0, POSE].abs().max() < 1e-4
    assert (motion[0, GAZE] - reference[GAZE]).abs().max() < 4


def test_nothing_moves_faster_than_people_do(spoken):
    motion = perform(spoken, sample_speaker(7), 11, sample_reference(1))
    head = motion[:, POSE]
    assert head.diff(dim=0)[:, :3].abs().max() < 4.0  # 100 degrees per second
    assert head.diff(n=2, dim=0)[:, :3].abs().max() < 1.5
    assert motion[:, MOUTH].diff(dim=0).abs().max() < 0.6


MOUTH_HABITS = {
    "jaw_range": "jawOpen",
    "lip_spread": "mouthStretch_L",
    "lip_rounding": "mouthPucker",
    "closure_firmness": "mouthPress_L",
    "smile_rest": "mouthSmile_L",
    "upper_lip": "mouthUpperUp_R",
    "mouth_asymmetry": "mouthLowerDown_L",
}
OTHER_HABITS = {  # habit: (channel, by its mean or its spread)
    "squint_rest": ("eyeSquint_L", "mean"),
    "tilt_bias": ("roll", "mean"),
    "nod_gain": ("pitch", "std"),
    "sway_range": ("yaw", "std"),
    "brow_gain": ("browInnerUp_L", "mean"),
    "blink_rate": ("eyeBlink_L", "mean"),
    "gaze_wander": ("gaze_yaw_L", "std"),
}


def perform_habit(score, habit: str, value: float, seeds: int = 1) -> torch.Tensor:
    """Performances of an average speaker with one habit. [seeds, T, 63]"""
    style = torch.zeros(len(STYLE_NAMES))
    style[STYLE_NAMES.index(habit)] = value
    speaker = Speaker(torch.zeros(60), style)
    return torch.stack([perform_score(score, speaker, seed, rest()) for seed in range(seeds)])


@pytest.mark.parametrize("habit", MOUTH_HABITS)
def test_habits_of_the_mouth_do_what_they_say(score, habit):
    channel = INDEX[MOUTH_HABITS[habit]]
    low, middle, high = (perform_habit(score, habit, value)[..., channel].max() for value in (-1.5, 0.0, 1.5))
    assert low < middle < high


@pytest.mark.parametrize("habit", OTHER_HABITS)
def test_habits_of_head_and_eyes_do_what_they_say(score, habit):
    name, measure = OTHER_HABITS[habit]
    values = [perform_habit(score, habit, value, seeds=14)[..., INDEX[name]] for value in (-2.0, 2.0)]
    low, high = (v.mean() if measure == "mean" else v.std(dim=1).mean() for v in values)
    assert low < high


def test_emphasis_parts_the_stressed_from_the_unstressed(score):
    vowels = [k for k, phone in enumerate(score.phones) if phone.symbol in VOWELS]
    frames = [planned_frame(score.phones[pick(vowels, key=lambda k: score.stress[k])]) for pick in (max, min)]

    def contrast(value: float) -> float:
        jaw = perform_habit(score, "emphasis_gain", value)[0, :, INDEX["jawOpen"]]
        return float(jaw[frames[0]] / jaw[frames[1]])

    assert contrast(-1.5) < contrast(0.0) < contrast(1.5)


def test_slow_articulators_smooth_the_mouth(score):
    def effort(value: float) -> float:
        return float(perform_habit(score, "tempo_lag", value)[0][:, MOUTH].diff(n=2, dim=0).square().mean())

    assert effort(-1.5) > effort(0.0) > effort(1.5)


def test_blinks_close_fully_and_are_short(utter):
    quiet = utter("SIL", (60.0,))
    lids = perform(quiet, AVERAGE, 0, rest())[:, INDEX["eyeBlink_L"]]
    shut = lids > 0.5
    starts = torch.nonzero(shut[1:] & ~shut[:-1])[:, 0]
    ends = torch.nonzero(~shut[1:] & shut[:-1])[:, 0]
    lengths = (ends[: len(starts)] - starts[: len(ends)]) / 25
    assert 7 <= len(starts) <= 32
    assert 0.08 <= lengths.float().median() <= 0.24
    depth = torch.stack([lids[s : s + 6].max() for s in starts])
    assert (depth > 0.95).float().mean() > 0.8


def test_eyes_stay_on_the_camera_while_the_head_turns(spoken):
    motion = torch.cat([perform(spoken, AVERAGE, seed, rest()) for seed in range(10)])
    yaw, eyes = motion[:, INDEX["yaw"]], motion[:, INDEX["gaze_yaw_L"]]
    assert torch.corrcoef(torch.stack([yaw, eyes]))[0, 1] < -0.4


def test_laughter_shows_in_mouth_cheeks_and_head(utter):
    line = "SIL HH AA HH AA HH AA HH AA SIL"
    motion = perform(utter(line, (0.6, *[0.08, 0.12] * 4, 1.4)), AVERAGE, 0, rest())
    laughing, later = slice(18, 34), slice(-8, None)
    for name in ("mouthSmile_L", "cheekSquint_L", "eyeSquint_R"):
        assert motion[laughing, INDEX[name]].max() > motion[later, INDEX[name]].max() + 0.2
    assert motion[laughing, INDEX["pitch"]].mean() < motion[later, INDEX["pitch"]].mean()  # the head goes back


def test_a_held_vowel_opens_wider_than_a_hurried_one(utter):
    held, plain, hurried = (
        perform(utter("SIL B AA B SIL", (0.5, 0.08, length, 0.08, 0.5)), AVERAGE, 0, rest())[:, INDEX["jawOpen"]].max()
        for length in (0.6, 0.2, 0.06)
    )
    assert held > 1.15 * plain > 1.3 * hurried


def test_listeners_nod(utter):
    """Over many seeds the head moves more in the middle of a long pause than in that of a short one."""
    speaker = Speaker(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE))
    long = utter("SIL AA SIL AA SIL", (0.3, 0.2, 6.0, 0.2, 0.3))
    speed = torch.stack([perform(long, speaker, k, rest())[:, INDEX["pitch"]].diff().abs() for k in range(12)]).mean(0)
    assert speed[50:130].mean() > 0.05
