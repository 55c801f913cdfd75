"""Synthetic speakers and portraits: deterministic, in range, about N(0, 1)."""

import torch

from neo_core.data_types import GEOMETRY_SIZE, STYLE_SIZE
from neo_core.motion_space import HIGH, LOW, POSE
from neo_core.training.synthetic import speakers
from neo_core.training.synthetic.speakers import STYLE_NAMES, sample_reference, sample_speaker


def test_habits_are_named_and_documented():
    assert len(STYLE_NAMES) == len(set(STYLE_NAMES)) == STYLE_SIZE
    for name in STYLE_NAMES:
        assert f"\n    {name} " in speakers.__doc__


def test_speakers_follow_their_seed():
    one, same, other = sample_speaker(4), sample_speaker(4), sample_speaker(5)
    assert torch.equal(one.geometry, same.geometry)
    assert torch.equal(one.style, same.style)
    assert not torch.equal(one.style, other.style)
    assert one.geometry.shape == (GEOMETRY_SIZE,)
    assert one.habit("nod_gain") == float(one.style[STYLE_NAMES.index("nod_gain")])


def test_habits_are_standard_normal():
    style = torch.stack([sample_speaker(k).style for k in range(400)])
    assert style.mean(0).abs().max() < 0.25
    assert (style.std(0) - 0.95).abs().max() < 0.15


def test_references_are_portraits():
    references = torch.stack([sample_reference(k) for k in range(300)])
    assert (references >= torch.tensor(LOW)).all()
    assert (references <= torch.tensor(HIGH)).all()
    assert references[:, POSE].abs().max() == 0
    smiling = (references[:, speakers.INDEX["mouthSmile_L"]] > 0.15).float().mean()
    assert 0.1 < smiling < 0.5
