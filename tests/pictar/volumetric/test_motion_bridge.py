"""From 63 numbers to keypoints and back."""

import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model
from neo_core.motion_space import INDEX, POSE
from neo_core.pictar.volumetric import motion_bridge
from neo_core.pictar.volumetric.driving import Driving, Rules, driven, driving_of, placed
from neo_core.pictar.volumetric.keypoints import FaceMotion, rotation
from neo_core.pictar.volumetric.motion_bridge import (
    Bridge,
    beyond_geometry,
    expression_of,
    look_at,
    slider_bridge,
    to_driving,
    to_motion,
    turn_since,
    weights_of,
)

PHOTO = 800  # pixels


def performance(seed: int, count: int = 5) -> torch.Tensor:
    dice = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(motion_space.LOW), torch.tensor(motion_space.HIGH)
    motion = low + (high - low) * torch.rand(count, 63, generator=dice)
    motion[:, POSE] *= 0.7
    return motion


@pytest.fixture
def camera():
    """A head that looks up and aside a little, off the middle of the photo."""
    turn = rotation_matrix(*torch.tensor([-5.0, 8.0, 3.0]))
    return Camera(torch.tensor(1500.0), torch.tensor([400.0, 400.0]), turn, torch.tensor([2.0, -1.0, -62.0]))


@pytest.fixture
def to_square():
    """A square of 420 pixels around the face, tilted by 4 degrees."""
    angle = torch.deg2rad(torch.tensor(4.0))
    turn = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    scale = turn * (2 / 420)
    return torch.cat([scale, -(scale @ torch.tensor([450.0, 410.0]))[:, None]], 1)


@pytest.fixture
def sight(camera, to_square):
    head = load_head_model()
    return look_at(camera, to_square, torch.tensor([-0.05, 0.08]), head.eye_center.mean(0), head.pivot)


PUBLISHED = {  # `reference/pictar.md` 10: channels at their ends: what a slider at this value adds, keypoint.axis
    "jawOpen": "19.y 120, 19.z 12, 17.y -12",  # aaa 120
    "mouthClose": "19.y -110, 19.z -11, 17.y 11",
    "jawLeft": "19.x 50",  # pouting
    "mouthLeft": "19.x 90",
    "mouthRight": "19.x -90",
    "mouthSmile": "20.y -10, 14.y -20, 17.y 6.5, 17.z 3, 13.y -2.75, 16.y -2.75, 3.y -3.5, 7.y -3.5",  # smile 1
    "mouthFrown": "20.y 3, 14.y 6, 17.y -1.95, 17.z -0.9",  # smile -0.3, without the cheeks
    "cheekSquint": "13.y -2.75, 16.y -2.75, 3.y -3.5, 7.y -3.5",
    "mouthPucker": "14.y 15, 3.y -7.5, 7.y -7.5, 17.z -7.5",  # woo 15
    "mouthStretch": "20.z -15, 20.y -15, 14.y -15",  # eee 15
    "mouthUpperUp": "20.z -15, 20.y -15, 14.y -15",
    "eyeBlink": "11.y 20, 13.y -6, 15.y 20, 16.y -6, 1.y 5, 2.y -5",  # blink -20
    "eyeWide": "11.y -5, 13.y 1.5, 15.y -5, 16.y 1.5, 1.y -1.25, 2.y 1.25",  # blink 5
    "browInnerUp": "1.y 7.5, 2.y -7.5",  # eyebrow 15 with both halves of a brow
    "browOuterUp": "1.y 7.5, 2.y -7.5",
    "browDown": "1.x 10, 2.x -10, 1.y -3, 2.y 3",  # eyebrow -10
    "gaze_yaw": "11.x 12.75, 15.x 12.75",  # pupil_x 15, inwards and outwards as one
    "gaze_pitch": "11.y 7.5, 13.y 2.25, 15.y 7.5, 16.y 2.25",  # pupil_y -15, which lowers the lids by half: looks down
}


@pytest.mark.parametrize("stem", PUBLISHED)
def test_directions_are_the_published_sliders(stem):
    motion, expected = torch.zeros(1, 63), torch.zeros(21, 3)
    sides = [name for name in (stem, f"{stem}_L", f"{stem}_R") if name in INDEX]
    motion[0, [INDEX[name] for name in sides]] = torch.tensor([motion_space.HIGH[INDEX[name]] for name in sides])
    for entry in PUBLISHED[stem].split(", "):
        place, amount = entry.split()
        k, axis = place.split(".")
        expected[int(k), "xyz".index(axis)] = float(amount) / 1000
    torch.testing.assert_close(expression_of(slider_bridge(), motion)[0], expected)


def test_sides_are_the_subjects():
    bridge, motion = slider_bridge(), torch.zeros(2, 63)
    motion[0, INDEX["eyeBlink_L"]] = motion[1, INDEX["eyeBlink_R"]] = 1.0
    left, right = expression_of(bridge, motion)
    assert (left[15, 1], right[11, 1]) == (0.02, 0.02)
    assert not left[[11, 13]].any()
    assert not right[[15, 16]].any()


def test_mirrored_performances_close_mirrored_lids():
    """Of the keypoints with a side, the two of a pair change places when the performance does."""
    one = expression_of(slider_bridge(), performance(3))
    other = expression_of(slider_bridge(), motion_space.mirror(performance(3)))
    pairs, mirrored = [11, 13, 15, 16, 3, 7], [15, 16, 11, 13, 7, 3]
    torch.testing.assert_close(one[:, pairs, 1], other[:, mirrored, 1])
    torch.testing.assert_close(one[:, pairs, 0], -other[:, mirrored, 0])


def test_rest_is_no_driving(sight):
    moves = to_driving(slider_bridge(), sight, torch.zeros(1, 63))
    torch.testing.assert_close(moves.rotation[0], torch.eye(3))
    torch.testing.assert_close(moves.scale, torch.ones(1))
    torch.testing.assert_close(moves.translation[0], torch.tensor([-0.05, 0.08, 0.0]), atol=1e-5, rtol=0)
    assert not moves.expression.any()


def test_an_expression_makes_no_head_grow_shift_or_turn(sight):
    """Sizes that an extractor reads off a face grow and shrink with what the mouth does."""
    motion = performance(7, 20)
    motion[:, POSE] = 0
    moves = to_driving(slider_bridge(), sight, motion)
    assert moves.expression.abs().max() > 0.05
    torch.testing.assert_close(moves.scale, torch.ones(20))
    torch.testing.assert_close(moves.rotation, torch.eye(3).expand(20, 3, 3))
    torch.testing.assert_close(moves.translation, moves.translation[:1].expand(20, -1))


def test_a_glance_aside_moves_no_lid():
    motion = torch.zeros(2, 63)
    motion[:, [INDEX["gaze_yaw_L"], INDEX["gaze_yaw_R"]]] = torch.tensor([[25.0], [-25.0]])
    added = expression_of(slider_bridge(), motion)
    assert (added[:, [11, 15], 0].abs() > 0.005).all()
    assert not added[..., 1:].any()


def test_signs_of_the_angles(sight):
    """Pitch stays, yaw and roll change sides: ours turn to the subject's left and tip the crown to their right."""
    motion = torch.zeros(3, 63)
    motion[0, POSE.start], motion[1, POSE.start + 1], motion[2, POSE.start + 2] = 10.0, 10.0, 10.0
    moves = to_driving(slider_bridge(), sight, motion)
    angles = (torch.tensor([10.0, 0, 0]), torch.tensor([0.0, -10, 0]), torch.tensor([0.0, 0, -10]))
    torch.testing.assert_close(moves.rotation, rotation(*angles))


def test_keypoints_move_as_the_head_does_before_the_camera(camera, to_square, sight):
    """Landmarks of a head, lifted as the renderer lifts keypoints and driven, against the head itself, photographed.

    The renderer knows no perspective: what is left of it is small against the movement.
    """
    head = load_head_model()
    points = landmarks(head, head.template)[:68]
    unit = camera.focal / project(camera, sight.origin)[2] * to_square[:, :2].det().sqrt()
    tilt = torch.tensor([4.0])
    turned = camera.rotation * torch.tensor([[1.0, -1, -1], [-1, 1, 1], [-1, 1, 1]])
    in_square = rotation(torch.zeros(1), torch.zeros(1), -tilt)[0].T @ turned
    flat = torch.tensor([1.0, -1.0, -1.0])
    source = FaceMotion(
        ((points - sight.origin) * flat * unit)[None],
        *(torch.zeros(1) for _ in range(3)),
        torch.tensor([[-0.05, 0.08, 0.0]]),
        torch.zeros(1, 68, 3),
        torch.ones(1),
    )
    motion = torch.zeros(12, 63)
    motion[:, POSE] = performance(1, 12)[:, POSE] * torch.tensor([0.5, 0.5, 0.5, 1, 1, 1])
    bridge = Bridge(torch.zeros(63, 68, 3))
    moves, still = (to_driving(bridge, sight, x) for x in (motion, torch.zeros(1, 63)))
    own = Driving(in_square.T[None], source.expression, source.scale, source.translation)
    changed = moves.rotation @ still.rotation.mT @ own.rotation
    moved = placed(source, Driving(changed, moves.expression, moves.scale, moves.translation))
    before = placed(source, own)
    for vector, at in zip(motion, moved, strict=True):
        turn = rotation_matrix(*vector[POSE][:3])
        real = (points - head.pivot) @ turn.T + head.pivot + vector[POSE][3:]
        seen, was = (project(camera, x)[:, :2] @ to_square[:, :2].T + to_square[:, 2] for x in (real, points))
        miss = ((at - before[0])[:, :2] - (seen - was)).norm(dim=1).mean()
        assert miss < 0.12 * (seen - was).norm(dim=1).mean()


def test_there_and_back(sight):
    """Pose exactly; an expression to another one that moves the keypoints alike."""
    bridge, motion = slider_bridge(), performance(2)
    moves = to_driving(bridge, sight, motion)
    back = to_motion(bridge, sight, moves, to_driving(bridge, sight, torch.zeros(1, 63)), torch.zeros(63))
    torch.testing.assert_close(back[:, POSE], motion[:, POSE], atol=2e-3, rtol=0)
    again = expression_of(bridge, back)
    assert (again - moves.expression).norm() < 0.02 * moves.expression.norm()
    assert torch.equal(motion_space.clamp(back), back)


def test_what_a_checkpoint_reads_of_a_turn_is_drawn_and_taken_back(sight):
    """... on top of the geometry: a head that is read to turn less and to stay nearer to its place."""
    turns = torch.zeros(3, 6)
    turns[0, 0], turns[1, 1], turns[1, 0], turns[1, 3], turns[0, 4], turns[2, 5] = -0.2, 0.1, 0.05, 0.004, -0.002, 1e-3
    bridge, motion = Bridge(slider_bridge().directions, turns), performance(2)
    motion[:, POSE] *= 0.5
    moves, plain = (to_driving(one, sight, motion) for one in (bridge, slider_bridge()))
    yaw, pitch = motion[:, INDEX["yaw"]], motion[:, INDEX["pitch"]]
    torch.testing.assert_close((moves.translation - plain.translation)[:, 0], 0.004 * yaw, atol=1e-5, rtol=0)
    torch.testing.assert_close((moves.translation - plain.translation)[:, 1], -0.002 * pitch, atol=1e-5, rtol=0)
    rest = to_driving(bridge, sight, torch.zeros(1, 63))
    torch.testing.assert_close(turn_since(moves, rest)[:, 1], 1.1 * yaw, atol=1e-3, rtol=0)
    torch.testing.assert_close(turn_since(moves, rest)[:, 0], 0.8 * pitch + 0.05 * yaw, atol=1e-3, rtol=0)
    back = to_motion(bridge, sight, moves, rest, torch.zeros(63))
    torch.testing.assert_close(back[:, POSE], motion[:, POSE], atol=3e-3, rtol=0)
    beyond = beyond_geometry(sight, motion, moves, rest)
    torch.testing.assert_close(beyond, motion[:, POSE][:, :3] @ turns, atol=1e-3, rtol=0)


def test_long_performances_are_told_in_blocks(monkeypatch):
    """An hour of them at once would take gigabytes."""
    seen, whole = [], motion_bridge._weights
    expression = expression_of(slider_bridge(), performance(5, 10))
    expected = weights_of(slider_bridge(), expression, torch.zeros(63))
    monkeypatch.setattr(motion_bridge, "BLOCK", 4)
    monkeypatch.setattr(motion_bridge, "_weights", lambda *x: seen.append(len(x[1])) or whole(*x))
    torch.testing.assert_close(weights_of(slider_bridge(), expression, torch.zeros(63)), expected, atol=1e-3, rtol=0)
    assert seen == [4, 4, 2]


def test_back_from_an_anchor_that_is_not_at_rest(sight):
    """A driver who is read against a frame in which they smile already."""
    bridge, motion = slider_bridge(), performance(4)
    motion[:, POSE] = 0
    reference = torch.zeros(63)
    reference[[INDEX["mouthSmile_L"], INDEX["mouthSmile_R"], INDEX["jawOpen"]]] = torch.tensor([0.6, 0.6, 0.2])
    anchor, moves = (to_driving(bridge, sight, x) for x in (reference[None], motion))
    back = to_motion(bridge, sight, moves, anchor, reference)
    assert (expression_of(bridge, back) - moves.expression).norm() < 0.02 * moves.expression.norm()


@pytest.mark.parametrize("name", ["jawOpen", "eyeBlink_L", "mouthPucker", "gaze_yaw_R", "mouthLeft"])
def test_single_channels_come_back_as_themselves(name):
    bridge, motion = slider_bridge(), torch.zeros(1, 63)
    motion[0, INDEX[name]] = 20.0 if name.startswith("gaze") else 0.6
    back = weights_of(bridge, expression_of(bridge, motion), torch.zeros(63))[0]
    assert back[INDEX[name]] > 0.55 * motion[0, INDEX[name]]
    assert int((back.abs() / torch.tensor(motion_space.HIGH)).argmax()) == INDEX[name]


def test_a_portrait_at_its_own_vector_stays(sight):
    """Relative driving from the photo's own vector: an open mouth in the photo is not opened once more."""
    dice = torch.Generator().manual_seed(9)
    source = FaceMotion(
        torch.rand(1, 21, 3, generator=dice),
        *torch.tensor([[3.0], [-4.0], [1.0]]),
        torch.tensor([[-0.05, 0.08, 0.0]]),
        torch.rand(1, 21, 3, generator=dice) * 0.05,
        torch.tensor([1.4]),
    )
    reference = performance(6, 1)
    reference[:, POSE] = 0
    moves = to_driving(slider_bridge(), sight, torch.cat([reference, torch.zeros(1, 63)]))
    moved = driven(source, moves, moves[:1], Rules())
    still = driving_of(source)
    torch.testing.assert_close(moved.expression[0], still.expression[0])
    torch.testing.assert_close(moved.rotation[0], still.rotation[0])
    assert not torch.allclose(moved.expression[1], still.expression[0])
