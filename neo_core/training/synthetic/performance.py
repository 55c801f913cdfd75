"""A rule-made performance: an utterance, a speaker and a portrait become 63 numbers per frame.

The lips depend on the utterance, the speaker and the portrait alone; the seed decides when the head turns, the eyes
blink and wander and the brows rise. So a model trained on performances learns what the sound settles and what it
leaves open. These rules are for training only: nothing adds or scales motion after VOCAL.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...data_types import Emotion
from ...motion_space import EXPRESSION, GAZE, INDEX, POSE, SIZE, clamp
from .blinks import blink
from .brows import laughter, move_brows
from .curves import smooth
from .emotion import Manner, acting, carry, composed, held_eyes, held_mouth, laugh_tracks, manner_of, silence
from .face_measures import FaceMeasures, embedded_measures
from .gaze import lid_channels, move_gaze
from .gestures import articulate
from .head_motion import move_head
from .mouth import rest_mouth, shape_mouth
from .phones import VOWELS
from .prosody import Score, read_score
from .speakers import Speaker

EYES = [k for name, k in INDEX.items() if name.startswith(("brow", "eye", "cheekSquint"))]
FULL_CLOSURE = 1.0
WIDEST_OPEN_LID = 0.3  # a portrait's half-closed eyes open this far while speaking


def perform(utterance, speaker: Speaker, seed: int, reference: Tensor, emotion: Emotion | None = None) -> Tensor:
    """Perform an utterance (samples at 16 kHz, phones) at 25 fps; frame m shows the time (m + 0.5) / 25 s.

    reference [63] is the portrait's motion vector: its smile, brows and gaze are where the performance rests.
    Returns [T, 63], T = frames that cover the sound.
    """
    return perform_score(read_score(utterance), speaker, seed, reference, emotion)


def perform_score(
    score: Score, speaker: Speaker, seed: int, reference: Tensor, emotion: Emotion | None = None
) -> Tensor:
    """`perform` for an utterance that has been read already (the reading is the same for every speaker)."""
    face, manner = embedded_measures(), manner_of(emotion)
    portrait, speaker = composed(reference.double().numpy(), manner), acting(speaker, manner)
    motion = np.zeros((score.frames, SIZE))
    motion[:, EXPRESSION] = move_mouth(score, speaker, portrait, face, manner)
    _move_the_rest(motion, score, speaker, seed, portrait, manner)
    return clamp(torch.from_numpy(motion).float())


def move_mouth(score: Score, speaker: Speaker, portrait: np.ndarray, face: FaceMeasures, manner: Manner) -> np.ndarray:
    """The mouth's channels, the same for every seed. [T, 53]"""
    emphasis = 0.3 * np.exp(0.45 * speaker.habit("emphasis_gain"))
    gain = np.exp(np.clip(emphasis * score.stress, -0.9, 0.5) + _length_gain(score.phones))
    sluggishness = np.exp(0.07 * speaker.habit("tempo_lag"))
    tracks = articulate(score.phones, gain, score.frames, sluggishness, silence(manner))
    warmth = 0.06 * (smooth(score.level, 0.6) - 0.5) * score.speaking.max() + 0.5 * laughter(score)
    rest = held_mouth(rest_mouth(speaker, portrait), manner, score)
    return shape_mouth(laugh_tracks(tracks, manner, score), speaker, rest, warmth, face)


def _length_gain(phones: Sequence) -> np.ndarray:
    """How a vowel's length changes its openness, as a logarithm: hurried ones are reduced, sung ones open wide. [P]"""
    length = np.array([phone.end - phone.start if phone.symbol in VOWELS else 0.15 for phone in phones])
    return 0.45 * np.clip((length - 0.22) / 0.3, 0, 1) - 1.2 * np.clip((0.12 - length) / 0.07, 0, 1)


def _move_the_rest(
    motion: np.ndarray, score: Score, speaker: Speaker, seed: int, portrait: np.ndarray, manner: Manner
) -> None:
    """Head, gaze, lids and brows, each with its own random stream."""
    streams = [np.random.default_rng([seed, k]) for k in range(6)]
    motion[:, POSE] = move_head(score, speaker, streams[0]) + carry(score, manner, streams[4])
    motion[:, GAZE], jumps = move_gaze(score, speaker, motion[:, 53:56], portrait[GAZE], streams[1])
    expression = motion[:, EXPRESSION]
    expression[:, EYES] = held_eyes(_resting_eyes(speaker, portrait), manner, score, streams[5])[:, EYES]
    expression += move_brows(score, speaker, streams[2]) + lid_channels(motion[:, GAZE])
    _close_lids(expression, blink(score, speaker, jumps, streams[3]))


def _resting_eyes(speaker: Speaker, portrait: np.ndarray) -> np.ndarray:
    """Brows, lids and cheeks between movements: the portrait's, with the speaker's squint. [53]"""
    rest = portrait[EXPRESSION].copy()
    for side in ("L", "R"):
        rest[INDEX[f"eyeSquint_{side}"]] += max(0.04 + 0.04 * speaker.habit("squint_rest"), 0.0)
        rest[INDEX[f"eyeBlink_{side}"]] = min(rest[INDEX[f"eyeBlink_{side}"]], WIDEST_OPEN_LID)
        for way in ("Down", "Up", "In", "Out"):
            rest[INDEX[f"eyeLook{way}_{side}"]] = 0.0  # these follow the gaze
    return rest


def _close_lids(expression: np.ndarray, closure: np.ndarray) -> None:
    """Lids close from wherever they rest; wide eyes and raised lids give way, the brows dip a little."""
    for side in ("L", "R"):
        lid = INDEX[f"eyeBlink_{side}"]
        expression[:, lid] += closure * (FULL_CLOSURE - expression[:, lid])
        expression[:, INDEX[f"eyeWide_{side}"]] *= 1 - closure
        expression[:, INDEX[f"eyeLookUp_{side}"]] *= 1 - 0.8 * closure
        expression[:, INDEX[f"eyeLookDown_{side}"]] *= 1 - 0.8 * closure
        expression[:, INDEX[f"eyeSquint_{side}"]] += 0.12 * closure
        expression[:, INDEX[f"browDown_{side}"]] += 0.06 * closure
