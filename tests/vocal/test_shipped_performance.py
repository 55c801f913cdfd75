"""What the shipped VOCAL does with three seconds of the bundled speech: "Hello! My name is Mabel. I ..." """

import pytest
import torch

from neo_core.audio.encoder import encode
from neo_core.data_types import Waveform
from neo_core.evaluation.motion import lip_gap, shipped
from neo_core.evaluation.talking_head import SAMPLES
from neo_core.media.audio import read_waveform
from neo_core.motion_space import GAZE, INDEX, POSE
from neo_core.training.synthetic.phones import PHONES, VISEMES

SECONDS, SEEDS = 3, 3


@pytest.fixture(scope="module")
def features():
    speech = read_waveform(SAMPLES / "speech.flac")
    return encode(shipped().encoder, Waveform(speech.samples[:, : SECONDS * speech.sample_rate], speech.sample_rate))


@pytest.fixture(scope="module")
def performances(features):
    """[seeds, T, 63]"""
    return torch.stack([shipped().perform(features, seed) for seed in range(SEEDS)])


@pytest.fixture(scope="module")
def shapes(features):
    """shapes(name) -> [T] in which frames of motion the encoder is sure to hear a sound of that shape."""
    likely = shipped().encoder.read(features.hidden_states, "phones").softmax(-1).unflatten(0, (-1, 2)).mean(1)
    return lambda name: likely[:, [PHONES.index(phone) for phone in VISEMES[name].split()]].sum(1) > 0.6


def test_lips_close_round_and_open_with_the_sounds_that_ask_for_it(performances, shapes):
    motion, performer = performances[0], shipped()
    gap = lip_gap(performer.head, performer.identity.geometry, motion)
    bilabial, rounded, wide = (shapes(name) for name in ("bilabial", "rounded", "open"))
    assert min(map(int, (bilabial.sum(), rounded.sum(), wide.sum()))) > 3
    assert gap[bilabial].max() < 0.03
    assert gap[wide].mean() > 0.1
    pucker = motion[:, INDEX["mouthPucker"]]
    assert pucker[rounded].mean() > 0.5 > 0.1 > pucker[bilabial | wide].mean()


def test_a_clip_of_three_seconds_has_blinks(performances):
    lids = performances[..., [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]].amin(-1)
    assert (lids.amax(1) > 0.9).sum() >= 2  # of three performances
    assert (lids < 0.1).float().mean() > 0.6


def test_head_and_eyes_move_moderately_and_smoothly(performances):
    turn, gaze = performances[..., POSE][..., :3], performances[..., GAZE]
    assert 1 < turn.abs().max() < 12
    assert gaze.abs().max() < 15
    steps = turn.diff(dim=1).abs()
    assert steps.max() < 4  # degrees in a 25th of a second
    assert steps.quantile(0.95) < 1
