import numpy as np
import pytest
import torch

from neo_core.geometry.head_model import load_head_model
from neo_core.training.synthetic import plain_heads


@pytest.fixture(scope="module")
def frames():
    head, dice = load_head_model(), np.random.default_rng(0)
    return [plain_heads.frame(head, dice, 64) for _ in range(6)]


def test_frames_have_the_shards_format(frames):
    one = frames[0]
    assert one["image"].shape == (64, 64, 3)
    assert one["image"].dtype == torch.uint8
    assert one["mask"].shape == (64, 64)
    assert one["expression"].shape == (53,)
    assert one["gaze"].shape == (4,)
    assert one["pose"].shape == (3,)


def test_landmarks_lie_on_the_person(frames):
    for one in frames:
        at = one["landmarks"].long()
        inside = ((at >= 0) & (at < 64)).all(1)
        at = at[inside]
        assert (one["mask"][at[:, 1], at[:, 0]] > 100).float().mean() > 0.9


def test_faces_fill_a_good_part_of_the_frame(frames):
    spans = torch.stack([one["landmarks"].amax(0) - one["landmarks"].amin(0) for one in frames])
    assert spans.amax(1).min() > 64 / 4


def test_same_seed_same_frame():
    head = load_head_model()
    first, again = (plain_heads.frame(head, np.random.default_rng(7), 48) for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)
