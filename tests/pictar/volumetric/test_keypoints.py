"""The conventions of implicit keypoints, in numbers."""

from dataclasses import replace

import pytest
import torch

from neo_core.pictar.volumetric.keypoints import FaceMotion, degrees, place, rotation

ZERO = torch.zeros(1)


def still(count=4):
    points = torch.randn(1, count, 3, generator=torch.Generator().manual_seed(5))
    return FaceMotion(points, ZERO, ZERO, ZERO, torch.zeros(1, 3), torch.zeros(1, count, 3), torch.ones(1))


def angle(value):
    return torch.tensor([float(value)])


def test_a_certain_bin_is_its_angle():
    logits = torch.full((3, 66), -100.0)
    logits[0, 0] = logits[1, 65] = logits[2, 32] = logits[2, 33] = 0.0
    assert torch.allclose(degrees(logits), torch.tensor([-97.5, 97.5, 0.0]), atol=1e-4)


@pytest.mark.parametrize(
    ("turn", "row", "becomes"),
    [
        ((90, 0, 0), (0, 1, 0), (0, 0, 1)),  # a right-handed turn about x: y to z
        ((0, 90, 0), (0, 0, 1), (1, 0, 0)),
        ((0, 0, 90), (1, 0, 0), (0, 1, 0)),
        ((90, 0, 90), (0, 1, 0), (0, 0, 1)),  # pitch first, roll last
        ((90, 90, 0), (0, 1, 0), (1, 0, 0)),
    ],
)
def test_row_vectors_meet_a_transposed_matrix(turn, row, becomes):
    matrix = rotation(*map(angle, turn))[0]
    assert torch.allclose(torch.tensor(row, dtype=torch.float32) @ matrix, torch.tensor(becomes).float(), atol=1e-6)


def test_rotations_keep_lengths_and_hands():
    matrix = rotation(*torch.randn(3, 6) * 60)
    assert torch.allclose(matrix @ matrix.transpose(1, 2), torch.eye(3).expand(6, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(matrix), torch.ones(6), atol=1e-5)


def test_the_expression_does_not_turn_with_the_head():
    motion = still()
    change = torch.randn(1, 4, 3)
    for turn in (0.0, 40.0):
        turned = replace(motion, yaw=angle(turn))
        assert torch.allclose(place(replace(turned, expression=change)) - place(turned), change, atol=1e-6)


def test_the_scale_holds_for_the_expression_but_not_for_the_shift():
    change, shift = torch.randn(1, 4, 3), torch.tensor([[0.2, -0.1, 7.0]])
    motion = replace(still(), expression=change, translation=shift)
    expected = 2 * (motion.keypoints + change) + torch.tensor([0.2, -0.1, 0.0])  # the shift in depth is dropped
    assert torch.allclose(place(replace(motion, scale=torch.full((1,), 2.0))), expected, atol=1e-6)


def test_some_faces_of_many():
    many = FaceMotion(*(torch.cat([x, x + 1]) for x in vars(still()).values()))
    assert torch.equal(place(many[1:]), place(many)[1:])
    assert repr(many) == "FaceMotion(2 faces)"
