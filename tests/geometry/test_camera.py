"""Camera: directions on the picture, rotation round trip."""

import pytest
import torch

from neo_core.geometry.camera import Camera, project, rotation_angles, rotation_matrix


def camera(rotation):
    return Camera(torch.tensor(800.0), torch.tensor([256.0, 200.0]), rotation, torch.tensor([0.0, 0.0, -80.0]))


def test_axes_of_the_picture():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    origin, left, up, front = project(camera(torch.eye(3)), points)
    assert torch.allclose(origin, torch.tensor([256.0, 200.0, 80.0]))
    assert left[0] > origin[0]  # the subject's left is on the right of the picture
    assert up[1] < origin[1]  # rows grow downwards
    assert front[2] < origin[2]


@pytest.mark.parametrize(
    ("angle", "axis", "sign"),
    [("yaw", 0, 1), ("pitch", 1, -1)],
)
def test_nose_follows_yaw_and_pitch(angle, axis, sign):
    turn = {"pitch": 0.0, "yaw": 0.0, "roll": 0.0} | {angle: 20.0}
    nose = rotation_matrix(**turn) @ torch.tensor([0.0, 0.0, 1.0])
    assert nose[axis] * sign > 0.3


def test_roll_tips_the_crown_to_the_subjects_right():
    crown = rotation_matrix(0.0, 0.0, 20.0) @ torch.tensor([0.0, 1.0, 0.0])
    assert crown[0] < -0.3


def test_angles_invert_the_matrix():
    angles = (torch.rand(64, 3) - 0.5) * torch.tensor([120.0, 150.0, 300.0])
    matrix = rotation_matrix(*angles.unbind(-1))
    assert torch.allclose(rotation_angles(matrix), angles, atol=1e-2)
    assert torch.allclose(matrix @ matrix.mT, torch.eye(3).expand(64, 3, 3), atol=1e-5)
