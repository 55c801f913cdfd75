import math

import pytest
import torch

from neo_core.geometry.camera import rotation_matrix
from neo_core.training.synthetic.body_pose import aim_arm, axis_rotation, before_body, relaxed

from .tiny_rig import tiny_body


@pytest.fixture(scope="module")
def body():
    return tiny_body()


def test_without_rotation_nothing_moves(body):
    assert torch.allclose(body.pose(body.still()), body.rest, atol=1e-5)


def test_a_forearm_turns_the_hand_rigidly_about_the_elbow(body):
    turn, elbow = rotation_matrix(20.0, -35.0, 50.0), body.bone("lowerarm01.L")
    rotations = body.still()
    rotations[elbow] = turn
    moved = body.pose(rotations)
    below = [k for k, name in enumerate(body.bones) if name.startswith(("finger", "wrist")) and name.endswith(".L")]
    expected = (body.rest[below] - body.head[elbow]) @ turn.T + body.head[elbow]
    assert torch.allclose(moved[below], expected, atol=1e-5)
    others = [k for k, name in enumerate(body.bones) if name.endswith(".R") or name in ("head", "spine01")]
    assert torch.allclose(moved[others], body.rest[others], atol=1e-5)


def test_a_child_turns_in_the_axes_of_its_turned_parent(body):
    rotations = body.still()
    rotations[body.bone("upperarm01.L")] = rotation_matrix(0.0, 0.0, 90.0)
    rotations[body.bone("lowerarm01.L")] = rotation_matrix(30.0, 0.0, 0.0)
    world = body.skeleton(rotations).rotation[body.bone("wrist.L")]
    assert torch.allclose(world, rotation_matrix(0.0, 0.0, 90.0) @ rotation_matrix(30.0, 0.0, 0.0), atol=1e-6)


def test_frames_of_a_clip_pose_at_once_as_one_by_one(body):
    dice = torch.Generator().manual_seed(0)
    angles = 40 * torch.randn(3, 5, len(body.bones), generator=dice)
    rotations = rotation_matrix(*angles)
    together = body.pose(rotations)
    alone = torch.stack([body.pose(one) for one in rotations])
    assert torch.allclose(together, alone, atol=1e-4)


def test_arms_point_where_they_are_aimed(body):
    upper, fore = torch.tensor([0.3, -1.0, 0.1]), torch.tensor([-0.4, 0.1, 1.0])
    rotations = aim_arm(body, body.still(), "L", upper, fore, torch.tensor([-1.0, 0.5, 0.0]))
    joint = body.skeleton(rotations).head
    shoulder, elbow, wrist = (joint[body.bone(f"{n}.L")] for n in ("upperarm01", "lowerarm01", "wrist"))
    for reach, wanted in ((elbow - shoulder, upper), (wrist - elbow, fore)):
        assert torch.nn.functional.cosine_similarity(reach, wanted, dim=0) > 0.9999


@pytest.mark.parametrize("pose", [relaxed, before_body])
def test_poses_are_rotations_and_mirror_images(body, pose):
    rotations = pose(body)
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3).expand_as(rotations), atol=1e-5)
    joint = body.skeleton(rotations).head
    left, right = joint[body.bone("wrist.L")], joint[body.bone("wrist.R")]
    assert torch.allclose(left * torch.tensor([-1.0, 1.0, 1.0]), right, atol=1e-4)
    assert left[1] < joint[body.bone("upperarm01.L"), 1] - 1


def test_axis_rotation_turns_right_handed():
    turned = axis_rotation(torch.tensor([0.0, 0.0, 2.0]), torch.tensor(math.pi / 2)) @ torch.tensor([1.0, 0.0, 0.0])
    assert torch.allclose(turned, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
