"""What a motion extractor should read: of a head that is turned, moved, enlarged, and speaks."""

import pytest
import torch

from neo_core.geometry.camera import rotation_matrix
from neo_core.geometry.head_model import landmarks, shape
from neo_core.motion_space import INDEX, POSE, rest
from neo_core.pictar.squares import Squares
from neo_core.pictar.volumetric.driving import BROWS, EYES, KEYPOINTS, LIPS
from neo_core.pictar.volumetric.keypoints import place
from neo_core.pictar.volumetric.motion_bridge import expression_of
from neo_core.training.head_keypoints import GAZE_WITH, MEANS, UNIT, face_motion, head_bridge, similarity

SQUARE = Squares(torch.tensor([[50.0, 40.0]]), torch.tensor([80.0]), torch.tensor([0.0]))
PIXELS = 2.0  # of a centimetre
RIGIDLY = [k for k in range(KEYPOINTS) if k not in GAZE_WITH]  # an iris lies deeper than the lid that it goes with


@pytest.fixture(scope="module")
def points(head):
    return landmarks(head, head.template)[None]


def seen(points, angles=(0.0, 0.0, 0.0), aside=0.0):
    """Points in pixels, right, down and inwards, without perspective."""
    turned = points @ rotation_matrix(*angles).T
    return turned * torch.tensor([PIXELS, -PIXELS, -PIXELS]) + torch.tensor([50.0 + aside, 45.0, 0.0])


def test_points_are_led_to_where_they_came_from():
    dice = torch.Generator().manual_seed(0)
    start = torch.randn(2, 6, 3, generator=dice)
    turn = rotation_matrix(torch.tensor([10.0, -50.0]), torch.tensor([30.0, 5.0]), torch.tensor([-7.0, 100.0]))
    scale, shift = torch.tensor([0.5, 3.0]), torch.randn(2, 3, generator=dice)
    found = similarity(start, scale[:, None, None] * (start @ turn) + shift[:, None])
    for value, expected in zip(found, (turn, scale, shift), strict=True):
        assert (value - expected).abs().max() < 1e-5


def test_a_flat_cloud_is_turned_and_never_mirrored():
    start = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([1, 1, 1e-3])
    turn, _, _ = similarity(start, start * torch.tensor([1, 1, -1]))
    assert torch.det(turn) == pytest.approx(1, abs=1e-5)


def test_turns_are_read_as_the_renderer_means_them(points):
    """Pitch keeps its sign; yaw and roll change theirs between the head's axes and the renderer's."""
    motion = face_motion(seen(points, (8.0, 15.0, -5.0)), points, SQUARE)
    found = [float(x) for x in (motion.pitch, motion.yaw, motion.roll)]
    assert found == pytest.approx([8.0, -15.0, 5.0], abs=1e-3)
    assert motion.expression[0, RIGIDLY].abs().max() < 1e-5
    assert motion.expression.abs().max() < 0.005
    assert float(motion.scale) == pytest.approx(UNIT * PIXELS * 2 / 80, rel=1e-5)


def test_a_tilted_crop_takes_the_roll_away(points):
    tilted = Squares(SQUARE.center, SQUARE.side, torch.tensor([5.0]))
    motion = face_motion(seen(points, (0.0, 0.0, -5.0)), points, tilted)
    assert float(motion.roll) == pytest.approx(0, abs=1e-3)


def test_keypoints_are_placed_where_the_picture_has_them(points):
    speaking = points.clone()
    speaking[:, 66, 1] -= 1.5  # the lower lip
    pixels = seen(speaking, (3.0, -12.0, 2.0), aside=6.0)
    motion = face_motion(pixels, points, SQUARE)
    there = torch.stack([pixels[0, list(group), :2].mean(0) for group in MEANS])
    found = place(motion)[0, :, :2] * 40 + SQUARE.center
    assert (found - there)[RIGIDLY[1:]].abs().max() < 1e-3  # the crown is no landmark
    moved = motion.expression[0].norm(dim=1)
    assert moved[19] > 0.05
    assert moved[[k for k in RIGIDLY if k != 19]].max() < 1e-5


def test_numbers_mean_what_they_mean_in_driving(points):
    """Brows above the eyes, lips below them, each side on its own."""
    still = face_motion(seen(points), points, SQUARE).keypoints[0]
    assert len(still) == KEYPOINTS == len(MEANS)
    assert still[list(BROWS), 1].max() < still[list(EYES), 1].min()
    assert still[list(EYES), 1].max() < still[list(LIPS), 1].min()
    assert all(still[k, 0] < 0 for k in (1, 3, 8, 11, 13, 14))
    assert all(still[k, 0] > 0 for k in (2, 7, 9, 15, 16, 20))
    assert still[0, 1] < still[list(BROWS), 1].min() - 0.2  # the crown


def test_gazes_move_upper_lids_across(points):
    aside = points.clone()
    aside[:, [280, 281], 0] += 0.4
    moved = face_motion(seen(aside), points, SQUARE).expression[0]
    assert all(moved[k, 0] > 0.01 for k in (11, 15, 18))
    assert moved[[13, 16, 1, 2]].abs().max() < 1e-5


def test_the_bridge_says_what_channels_do(head):
    """A head that shows something else than the probes lands where the bridge says."""
    bridge = head_bridge(head)
    motion = rest()
    for name, amount in (("jawOpen", 0.4), ("eyeBlink_L", 0.6), ("eyeBlink_R", 0.6), ("mouthSmile_L", 0.5)):
        motion[INDEX[name]] = amount
    identity = torch.zeros(1, 60)
    moved, still = (landmarks(head, shape(head, identity, x[None, :53])) for x in (motion, rest()))
    true = face_motion(seen(moved), still, SQUARE).expression[0]
    said = expression_of(bridge, (motion - rest())[None])[0]
    assert (said - true).norm() < 0.15 * true.norm()
    assert true[19, 1] > 0.02  # the lower lip goes down
    assert bridge.calibrated
    assert not bridge.directions[POSE].any()
