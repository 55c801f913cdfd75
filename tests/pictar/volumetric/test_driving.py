"""What a performance may and may not do to a portrait's keypoints."""

from dataclasses import replace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.pictar.volumetric import driving
from neo_core.pictar.volumetric.driving import Driving, Rules, drive, driven, driving_of, placed, region_mask
from neo_core.pictar.volumetric.keypoints import FaceMotion, place, rotation
from neo_core.pictar.volumetric.stitching import Stitching, StitchingConfig

K = 21


def face(count: int, seed: int) -> FaceMotion:
    dice = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=dice) * 2 - 1

    turns = (20 * draw() for _ in range(3))
    translation = 0.1 * draw(3)
    return FaceMotion(0.6 * draw(K, 3), *turns, translation, 0.05 * draw(K, 3), 1.4 + 0.2 * draw())


@pytest.fixture
def source():
    return face(1, 1)


@pytest.fixture
def performance():
    return driving_of(face(6, 2))


@pytest.fixture
def stitching():
    """Random networks whose answers are not nothing."""
    torch.manual_seed(5)
    return Stitching(StitchingConfig(K, (16, 16), (16, 8), (16, 16, 8)))


def test_the_anchor_frame_leaves_the_source_as_it_is(source, performance):
    for frame in range(6):
        moved = drive(source, performance, performance[frame : frame + 1], Rules())
        torch.testing.assert_close(moved[frame], place(source)[0], atol=1e-6, rtol=0)
        assert (moved[frame - 1] - place(source)[0]).abs().max() > 0.1


def test_relative_driving_as_published(source, performance):
    """Frame by frame and number by number, as the reference writes it."""
    moved = drive(source, performance, performance[:1], Rules())
    own = rotation(source.pitch, source.yaw, source.roll)[0]
    for f in range(6):
        turn = performance.rotation[f] @ performance.rotation[0].T @ own
        expression = source.expression[0] + performance.expression[f] - performance.expression[0]
        scale = source.scale[0] * performance.scale[f] / performance.scale[0]
        shift = source.translation[0] + performance.translation[f] - performance.translation[0]
        expected = scale * (source.keypoints[0] @ turn + expression) + shift * torch.tensor([1.0, 1, 0])
        torch.testing.assert_close(moved[f], expected, atol=1e-6, rtol=0)


def test_what_is_constant_in_a_performance_does_not_matter(source, performance):
    """Another face drives with another expression at rest, another size and place; only changes count."""
    dice = torch.Generator().manual_seed(3)
    other = Driving(
        performance.rotation,
        performance.expression + 0.1 * torch.rand(1, K, 3, generator=dice),
        1.3 * performance.scale,
        performance.translation + torch.tensor([0.2, -0.1, 0.0]),
    )
    one, two = (drive(source, moves, moves[2:3], Rules()) for moves in (performance, other))
    torch.testing.assert_close(one, two, atol=1e-6, rtol=0)
    absolute = [drive(source, moves, moves[2:3], Rules(relative=False)) for moves in (performance, other)]
    assert (absolute[0] - absolute[1]).abs().max() > 0.1


def test_a_driver_who_looks_aside_from_the_start_turns_nobody(source, performance):
    """Relative turns are those since the anchor, in the axes of the anchor's own head."""
    turned = rotation(torch.tensor([10.0]), torch.tensor([-25.0]), torch.tensor([5.0]))
    aside = replace(performance, rotation=performance.rotation @ turned)
    one, two = (drive(source, moves, moves[:1], Rules()) for moves in (performance, aside))
    torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


def test_absolute_driving_takes_pose_and_expression_but_no_size(source, performance):
    moved = driven(source, performance, performance[:1], Rules(relative=False))
    face_only = region_mask("all", relative=False)
    assert torch.equal(moved.rotation, performance.rotation)
    assert torch.equal(moved.translation, performance.translation)
    assert torch.equal(moved.scale, source.scale.expand(6))
    assert torch.equal(moved.expression[:, face_only], performance.expression[:, face_only])
    assert torch.equal(moved.expression[:, ~face_only], source.expression[:, ~face_only].expand(6, -1))


def test_the_coordinates_that_absolute_driving_takes():
    """Reference 4.2: all of 1, 2, 6, 11 to 20; y of 3 and 4; z of 5 and 8; y and z of 9."""
    mask = region_mask("expression", relative=False)
    assert int(mask.sum()) == 3 * 13 + 2 + 2 + 2
    assert not mask[[0, 7, 10]].any()
    assert mask[[3, 5, 9]].tolist() == [[False, True, False], [False, False, True], [False, True, True]]
    assert region_mask("all", relative=True).all()


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize(("region", "indices"), [("lips", driving.LIPS), ("eyes", driving.EYES)])
def test_regions_touch_only_their_keypoints(source, performance, region, indices, relative):
    still = place(source)[0]
    moved = drive(source, performance, performance[:1], Rules(relative=relative, region=region))[3]
    others = [k for k in range(K) if k not in indices]
    assert torch.allclose(moved[others], still[others], atol=1e-6)
    assert (moved[list(indices)] - still[list(indices)]).abs().amin() > 1e-5


@pytest.mark.parametrize("relative", [True, False])
def test_pose_and_expression_are_apart(source, performance, relative):
    def chosen(region: str) -> Driving:
        return driven(source, performance, performance[:1], Rules(relative=relative, region=region))

    own, whole, pose, expression = driving_of(source), *(chosen(region) for region in ("all", "pose", "expression"))
    assert torch.equal(pose.rotation, whole.rotation)
    assert torch.equal(pose.translation, whole.translation)
    assert torch.equal(pose.expression, own.expression.expand(6, -1, -1))
    assert torch.equal(expression.expression, whole.expression)
    assert torch.equal(expression.rotation, own.rotation.expand(6, -1, -1))
    assert torch.equal(expression.translation, own.translation.expand(6, -1))
    for part in (pose, expression):
        assert torch.equal(part.scale, own.scale.expand(6))


def test_without_resizing_a_face_keeps_its_size(source, performance):
    assert torch.equal(driven(source, performance, performance[:1], Rules(resize=False)).scale, source.scale.expand(6))


def test_a_region_that_there_is_not():
    with pytest.raises(InputError, match="region 'nose' is unknown, expected one of all, expression"):
        Rules(region="nose")


# --- where to measure from --------------------------------------------------------------------------------------------


def test_the_first_frame_need_not_be_neutral(source):
    """A clip that begins with an open mouth: the frame at rest is found wherever it lies."""
    rest, spoken = torch.zeros(1, K, 3), torch.zeros(20, K, 3)
    lips = torch.full((20,), 0.3)
    spoken[:, 19, 1] = 0.06  # open from the start, and mostly
    spoken[[7, 12, 15], 19, 1] = 0.0
    lips[[7, 12, 15]] = 0.0
    spoken[12, 2] = 0.2  # ... with the brows up
    count = torch.ones(20)
    performance = Driving(torch.eye(3).expand(20, 3, 3), spoken, count, torch.zeros(20, 3))
    eyes = torch.full((20,), 0.3)
    eyes[7] = 0.05  # ... or in a blink
    frame = driving.quiet_frame(performance, eyes, lips)
    assert frame == 15
    moved = driven(source, performance, performance[frame : frame + 1], Rules())
    torch.testing.assert_close(moved.expression[7] - source.expression[0], rest[0])
    assert driving.quiet_frame(performance, eyes, torch.zeros(20)) not in (7, 12, 15)  # the most usual frame


def test_the_order_of_the_frames_does_not_choose_the_anchor(performance):
    lips = torch.tensor([0.3, 0.02, 0.2, 0.01, 0.4, 0.0])
    eyes = torch.tensor([0.3, 0.3, 0.31, 0.29, 0.3, 0.0])
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    frame = driving.quiet_frame(performance, eyes, lips)
    assert frame in (1, 3)
    assert int(order[driving.quiet_frame(performance[order], eyes[order], lips[order])]) == frame


def test_sleepers_have_a_quiet_frame(performance):
    """All eyes closed, and the lips closed only where one of them is tighter still."""
    frame = driving.quiet_frame(
        performance, torch.tensor([0.02, 0.02, 0.0, 0.02, 0.02, 0.02]), torch.tensor([0.3, 0.1, 0.0, 0.3, 0.3, 0.3])
    )
    assert frame == 1


# --- stitching and the multiplier -------------------------------------------------------------------------------------


def test_stitching_happens_once(stitching, source, performance):
    still, moved = place(source), drive(source, performance, performance[:1], Rules())
    once = stitching.stitch(still.expand_as(moved), moved)
    assert torch.equal(driving.stitched(stitching, still, moved, Rules()), still + (once - still))
    assert torch.equal(driving.stitched(stitching, still, moved, Rules(stitch=False)), still + (moved - still))


def test_the_multiplier_scales_what_moves(stitching, source, performance):
    still, moved = place(source), drive(source, performance, performance[:1], Rules())
    whole, half, none = (
        driving.stitched(stitching, still, moved, Rules(multiplier=share)) - still for share in (1.0, 0.5, 0.0)
    )
    torch.testing.assert_close(half, whole / 2, atol=1e-6, rtol=0)
    assert not none.any()
    lips = 0.01 * torch.ones(1, K, 3)
    added = driving.stitched(stitching, still, moved, Rules(multiplier=0.5), lips) - still
    torch.testing.assert_close(added, half + lips / 2, atol=1e-5, rtol=0)
    assert not (driving.stitched(stitching, still, moved, Rules(multiplier=0.0), lips) - still).any()


# --- retargeting ------------------------------------------------------------------------------------------------------


def test_retargeting_to_what_is_reached_changes_nothing(stitching, source):
    """Whatever the networks answer: at the ratios that the motion gives by itself there is nothing to add."""
    still, open_to = place(source), torch.tensor([0.31, 0.1])
    eyes = driving.retargeted_eyes(stitching, still, torch.tensor([0.3, 0.32]), open_to, open_to)
    lips = driving.retargeted_lips(stitching, still, torch.tensor([0.1]), open_to, open_to)
    assert not eyes.any()
    assert not lips.any()


def test_retargeting_adds_to_the_motion(stitching, source, performance):
    """The published rule put it in the motion's place. What is asked of an eye is the same whatever else moves."""
    still = place(source)
    moved = drive(source, performance, performance[:1], Rules())
    own, reached, shut = torch.tensor([0.3, 0.32]), torch.full((6,), 0.3), torch.zeros(6)
    change = driving.retargeted_eyes(stitching, still, own, reached, shut)
    torch.testing.assert_close(driving.retargeted_eyes(stitching, still, own, reached, shut - 1), change)
    asked = (driving.retargeted_eyes(stitching, still, own, reached, shut + wide) for wide in (0.8, 3.0))
    assert torch.equal(*asked)  # no more than the networks know
    expected = stitching.eye_change(still, torch.tensor([[0.3, 0.32, 0.0]]))
    expected = expected - stitching.eye_change(still, torch.tensor([[0.3, 0.32, 0.3]]))
    torch.testing.assert_close(change, expected.expand_as(moved))
    assert change.abs().max() > 1e-3
    spread = (moved + change).std(0), moved.std(0)
    torch.testing.assert_close(*spread)  # of the motion nothing is lost


def test_networks_that_answer_nothing_change_nothing(stitching, source):
    for parameter in stitching.parameters():
        parameter.data.zero_()
    still, ratios = place(source), torch.tensor([0.4, 0.0])
    assert not driving.retargeted_eyes(stitching, still, torch.tensor([0.3, 0.3]), ratios, ratios.flip(0)).any()
    assert not driving.closed_lips(stitching, still, torch.tensor([0.5])).any()
    moved = still.expand(2, -1, -1)
    assert torch.equal(driving.stitched(stitching, still, moved, Rules()), moved)


def test_only_parted_lips_are_closed(stitching, source):
    still = place(source)
    assert not driving.closed_lips(stitching, still, torch.tensor([0.029])).any()
    expected = stitching.lip_change(still, torch.tensor([[0.2, 0.0]]))
    assert torch.equal(driving.closed_lips(stitching, still, torch.tensor([0.2])), expected)


def test_ratios_of_eyes_and_lips():
    points = torch.zeros(68, 2)
    points[36:42] = torch.tensor([[0.0, 0], [1, -1], [2, -1], [3, 0], [2, 1], [1, 1]])  # 3 wide, 2 high
    points[42:48] = torch.tensor([[5.0, 0], [6, 0], [7, 0], [8, 0], [7, 0], [6, 0]])  # shut
    points[[48, 54]] = torch.tensor([[0.0, 5], [4, 5]])
    points[[62, 66]] = torch.tensor([[2.0, 4.5], [2, 5.5]])
    torch.testing.assert_close(driving.eye_ratios(points), torch.tensor([2 / 3, 0.0]))
    torch.testing.assert_close(driving.lip_ratio(points), torch.tensor(0.25))


def test_placing_a_source_as_it_is(source):
    torch.testing.assert_close(placed(source, driving_of(source)), place(source), atol=1e-6, rtol=0)


def test_a_performance_tells_its_length_only(performance):
    assert repr(performance) == "Driving(6 frames)"
    assert len(performance[1:4]) == 3
