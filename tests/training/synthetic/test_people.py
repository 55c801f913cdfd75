"""People: the same seed is the same person, brows move with their landmarks, faces stay inside the motion space."""

import numpy as np
import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.head_model import load_head_model
from neo_core.training.synthetic.people import deformed, look, pose, random_expression, random_motion, sample_person
from neo_core.training.synthetic.posing import person_landmarks
from neo_core.training.synthetic.traits import sample_traits


@pytest.fixture(scope="module")
def head():
    return load_head_model()


def test_a_seed_is_a_person(head):
    first, again, other = (sample_person(seed, head) for seed in (5, 5, 6))
    assert torch.equal(first.identity, again.identity)
    assert torch.equal(first.skin.image, again.skin.image)
    assert all(torch.equal(a.points, b.points) for a, b in zip(first.hair, again.hair, strict=True))
    assert first.traits == again.traits
    assert not torch.equal(first.identity, other.identity)
    assert first.traits != other.traits


def test_detail_keeps_the_person(head):
    small, large = sample_person(7, head, 192), sample_person(7, head, 512)
    assert small.traits == large.traits
    assert torch.equal(small.rest, large.rest)
    fewer = small.hair[0].points.shape[0]
    assert fewer < large.hair[0].points.shape[0]


def test_plain_people_hide_nothing():
    worn = [sample_traits(np.random.default_rng(seed), plain) for plain in (True, False) for seed in range(60)]
    hidden = [(t.hat, t.glasses) != ("none", "none") or t.neckline == "scarf" for t in worn]
    assert not any(hidden[:60])
    assert 5 < sum(hidden[60:]) < 35


def test_brow_landmarks_lie_on_the_drawn_brow(head):
    person = sample_person(3, head)
    (brows,) = (growth for growth in person.hair if growth.kind == "brow")
    marks = person_landmarks(person, person.rest)
    apart = torch.cdist(marks[17:27], brows.points[:, 0]).amin(-1)
    assert float(apart.max()) < 1.0  # cm; the bone's own brow may be further away
    untouched = torch.arange(27, 68)
    assert torch.equal(person.landmark_triangle[untouched], head.landmark_triangle[untouched])


def test_expressions_stay_in_range_and_use_every_channel():
    rng = np.random.default_rng(0)
    faces = torch.stack([random_expression(rng) for _ in range(400)])
    assert faces.min() >= 0
    assert faces.max() <= 1
    looks = torch.tensor([name.startswith("eyeLook") for name in motion_space.EXPRESSION_NAMES])
    assert (faces[:, ~looks].amax(0) > 0.3).all()
    jaw, close = faces[:, motion_space.INDEX["jawOpen"]], faces[:, motion_space.INDEX["mouthClose"]]
    assert jaw.max() > 0.9
    assert (close <= jaw * 1.6 + 1e-6).all()


def test_motions_stay_in_the_motion_space():
    rng = np.random.default_rng(1)
    for _ in range(50):
        motion = random_motion(rng)
        assert torch.equal(motion_space.clamp(motion), motion)


def test_lids_follow_the_glance():
    motion = motion_space.rest()
    motion[motion_space.INDEX["gaze_yaw_L"]] = 20.0
    motion[motion_space.INDEX["gaze_pitch_R"]] = -15.0
    seen = look(motion)
    assert seen[motion_space.INDEX["eyeLookOut_L"]] > 0.5
    assert seen[motion_space.INDEX["eyeLookUp_R"]] > 0.4
    assert seen[motion_space.INDEX["eyeLookIn_L"]] == 0


def test_pose_turns_about_the_pivot_and_spares_the_shoulders():
    motion = motion_space.rest()
    motion[53:56] = torch.tensor([10.0, 20.0, -5.0])
    pivot = torch.tensor([0.0, -5.0, -1.0])
    points = torch.stack([pivot, pivot + 3, pivot + 3])
    turned = pose(points, torch.tensor([1.0, 1.0, 0.0]), motion, pivot)
    assert torch.allclose(turned[0], pivot)
    assert torch.allclose((turned[1] - pivot).norm(), torch.tensor(27.0).sqrt())
    assert torch.equal(turned[2], points[2])
    assert not torch.allclose(turned[1], points[1], atol=0.1)


def test_an_open_jaw_lowers_the_chin(head):
    person = sample_person(8, head)
    motion = motion_space.rest()
    motion[motion_space.INDEX["jawOpen"]] = 0.7
    shut, opened = (person_landmarks(person, deformed(person, m)) for m in (motion_space.rest(), motion))
    assert float(shut[8, 1] - opened[8, 1]) > 0.8
