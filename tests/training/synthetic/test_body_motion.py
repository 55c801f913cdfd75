from dataclasses import replace

import numpy as np
import pytest
import torch

from neo_core.training.synthetic import body_motion
from neo_core.training.synthetic.body_motion import at_rest, gestures, plan_strokes, prosody_energy, units
from neo_core.training.synthetic.hand_shapes import MANNERS
from neo_core.training.synthetic.prosody import Score

from .tiny_rig import tiny_body

BODY = tiny_body()
WRISTS = [BODY.bone(f"wrist.{side}") for side in "LR"]
SECONDS = 40


def score_of(loud) -> Score:
    """Forty seconds of speech in phrases of 4 s, each as loud as `loud` says (0: a pause), with accents by loudness."""
    times = (np.arange(SECONDS * 25) + 0.5) / 25
    loudness = np.repeat(loud, 100)
    rng = np.random.default_rng(1)
    phrases = tuple((4.0 * k, 4.0 * k + 4) for k, level in enumerate(loud) if level)
    accents = tuple(
        (float(t), float(np.clip(loudness[int(t * 25)] * rng.uniform(0.7, 1.1), 0.3, 1)))
        for t in np.arange(0.3, SECONDS - 0.3, 0.55)
        if loudness[int(t * 25)]
    )
    level = loudness * (0.75 + 0.25 * np.sin(2 * np.pi * 4 * times))
    return Score((), len(times), np.zeros(0), accents, phrases, level, 3.0 * loudness)


LOUD = (0.0, 0.9, 0.3, 1.0, 0.0, 0.4, 1.0, 0.0, 0.5, 0.9)
SPOKEN = score_of(LOUD)
SILENT = replace(score_of((0.0,) * 10), accents=())


def wrists(score, manner, seed=3):
    """Where both wrists are. [T, 2, 3]"""
    return BODY.skeleton(torch.from_numpy(gestures(score, BODY, manner, seed))).head[:, WRISTS].numpy()


def amplitude(score, manner):
    """How far hands go from where they mostly are, over a few seeds."""
    return np.mean([wrists(score, manner, seed).std(0).sum() for seed in range(4)])


def windows(track, frames=50):
    return track[: len(track) // frames * frames].reshape(-1, frames).mean(1)


def test_the_same_seed_gives_the_same_gestures():
    first, again = (gestures(SPOKEN, BODY, "neutral", 5) for _ in range(2))
    assert first.shape == (SPOKEN.frames, len(BODY.bones), 3, 3)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - gestures(SPOKEN, BODY, "neutral", 6)).max() > 0.1


def test_emphatic_gestures_are_far_larger_and_faster_than_calm_ones():
    assert amplitude(SPOKEN, "emphatic") > 1.8 * amplitude(SPOKEN, "calm")
    speed = {m: np.percentile(np.linalg.norm(np.diff(wrists(SPOKEN, m), axis=0), axis=-1), 95) for m in MANNERS}
    assert speed["emphatic"] > 2 * speed["calm"]
    assert speed["calm"] < speed["neutral"] < speed["emphatic"]


@pytest.mark.parametrize("manner", ["neutral", "explaining", "emphatic"])
def test_gestures_follow_the_voice(manner):
    energy, voice = [], windows(prosody_energy(SPOKEN))
    for seed in range(3):
        moved = np.linalg.norm(np.diff(wrists(SPOKEN, manner, seed), axis=0, prepend=0), axis=-1).sum(1)
        moved[0] = moved[1]
        energy.append(windows(moved))
    assert np.corrcoef(np.concatenate(energy), np.tile(voice, 3))[0, 1] > 0.6


def test_silence_is_rest():
    still = wrists(SILENT, "emphatic")
    assert np.linalg.norm(still - still.mean(0), axis=-1).max() < 0.5
    assert np.linalg.norm(np.diff(still, axis=0), axis=-1).max() < 0.1
    assert still.std(0).max() > 1e-3  # but nobody is a statue


def test_the_anchor_rests_where_the_gestures_rest():
    for seed in range(6):
        rest = BODY.skeleton(torch.from_numpy(at_rest(BODY, seed))).head[WRISTS].numpy()
        assert np.linalg.norm(rest - wrists(SILENT, "calm", seed).mean(0), axis=-1).max() < 0.6


def test_hands_return_to_rest_in_long_pauses():
    moved, rest = wrists(SPOKEN, "explaining"), wrists(SILENT, "explaining").mean(0)
    pauses = [k for k, level in enumerate(LOUD) if level == 0 and k]
    ends = [100 * k + 80 for k in pauses]
    assert np.linalg.norm(moved[ends] - rest, axis=-1).max() < 0.7


def test_hands_stay_out_of_the_trunk_and_on_their_sides():
    figure = body_motion.read_figure(BODY)
    for manner in MANNERS:
        place = wrists(SPOKEN, manner)
        near = np.abs(place[..., 0]) < 1.2
        assert place[..., 2][near].min() > figure.front
        assert place[:, 0, 0].min() > 0 > place[:, 1, 0].max()


def test_movement_is_smooth():
    speed = np.diff(wrists(SPOKEN, "emphatic"), axis=0)
    assert np.linalg.norm(speed, axis=-1).max() < 1.2  # dm per frame: 3 m/s
    assert np.linalg.norm(np.diff(speed, axis=0), axis=-1).max() < 0.6


def test_rotations_turn_and_never_stretch():
    turned = gestures(SPOKEN, BODY, "emphatic", 2).reshape(-1, 3, 3)
    np.testing.assert_allclose(turned @ turned.transpose(0, 2, 1), np.tile(np.eye(3), (len(turned), 1, 1)), atol=1e-5)


def test_strokes_keep_their_distance_and_fall_on_accents():
    manner = MANNERS["explaining"]
    strokes = plan_strokes(SPOKEN, manner, np.random.default_rng(0))
    times = np.array([stroke.time for stroke in strokes])
    accents = np.array([time for time, _ in SPOKEN.accents])
    assert np.diff(times).min() >= manner.spacing - 1e-6
    assert np.abs(times[:, None] - accents).min(1).max() < 0.05


def test_a_pause_parts_units():
    strokes = plan_strokes(SPOKEN, MANNERS["explaining"], np.random.default_rng(0))
    for unit in units(strokes, SPOKEN, MANNERS["explaining"]):
        assert not any(unit[0].time < 4.0 * k < unit[-1].time for k, level in enumerate(LOUD) if level == 0 and k)
