"""The row of languages: held out indeed, and the judge is asked about the mouth that was made."""

import sys

import numpy as np
import pytest
import torch

from neo_core.evaluation.bench import CouldNotRun
from neo_core.geometry.head_model import load_head_model
from neo_core.motion_space import INDEX
from neo_core.training.language_truth import CLIPS, SHIFTS, UNHEARD, bench, mouth_tracks, spectral_scores
from neo_core.training.synthetic.sentences import OTHER_LANGUAGES

JUDGE = """
import numpy as np
MAX_LAG, SPECTRAL_TABLE, WEIGHTS = 15, [[1.0, 0, 0, 0, 0]], [1.0]
def lag_curve(heard, mouth, weights):
    a, b = heard[:, 0] - heard[:, 0].mean(), mouth[:, 0] - mouth[:, 0].mean()
    return np.array([(np.roll(a, lag) * b).sum() for lag in range(-MAX_LAG, MAX_LAG + 1)])
"""
SIGNALS = """
import numpy as np
STEP = 0.04
def log_mel(sound):
    return sound.astype(float)
def spectral_features(mel, times):
    return np.array([[np.abs(mel[int(t * 16000) : int(t * 16000) + 640]).mean()] for t in times])
"""


def test_the_languages_are_held_out_and_have_enough_to_say():
    assert len(UNHEARD) == 3
    assert not UNHEARD.keys() & OTHER_LANGUAGES.keys()
    assert all(len(text.strip().splitlines()) >= 2 * CLIPS for text in UNHEARD.values())
    assert 1 + len(OTHER_LANGUAGES) >= 15


def test_the_tracks_of_the_mouth_are_those_the_judge_measures():
    motion = torch.zeros(3, 63)
    motion[1, INDEX["jawOpen"]] = 0.8
    motion[2, INDEX["mouthPucker"]] = 0.8
    rest, opened, rounded = mouth_tracks(load_head_model(), torch.zeros(60), motion)
    assert opened[0] > rest[0] + 0.1  # gap
    assert opened[2] > rest[2] + 0.1  # chin
    assert rounded[1] < rest[1] - 0.1  # width


def test_the_judge_hears_the_sound_under_the_mouth(tmp_path):
    (tmp_path / "lipcheck.py").write_text(JUDGE)
    (tmp_path / "signals.py").write_text(SIGNALS)
    level = np.abs(np.sin(np.arange(60) / 3.0))
    sound = torch.from_numpy(np.repeat(level, 640)).float() * torch.sign(torch.randn(60 * 640))
    mouth = np.stack([level] * 5, axis=1)
    scores = spectral_scores(f"{sys.executable} {tmp_path / 'lipcheck.py'}", mouth, sound)
    assert set(scores) == set(SHIFTS)
    assert max(scores, key=scores.get) == 0


def test_without_a_judge_there_is_no_row():
    with pytest.raises(CouldNotRun, match="--lipcheck"):
        bench("")
