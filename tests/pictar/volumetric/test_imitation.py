"""A portrait that imitates what a checkpoint's own extractor reads of another head."""

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.motion_space import EXPRESSION, INDEX, POSE
from neo_core.pictar.volumetric.driving import Rules, closed_lips, drive, driving_of, stitched
from neo_core.pictar.volumetric.imitation import NOBODY, halfway, imitator, pack, unpack
from neo_core.pictar.volumetric.keypoints import place
from neo_core.pictar.volumetric.motion_bridge import to_driving

from .test_driving import face


@pytest.fixture
def readings():
    """Six frames of another head; the lips are closed in the fourth only."""
    eyes, lips = torch.tensor([0.3, 0.0, 0.2, 0.31, 0.3, 0.3]), torch.tensor([0.2, 0.3, 0.1, 0.0, 0.25, 0.4])
    return pack(driving_of(face(6, 2)), eyes, lips)


def test_readings_are_rows_of_numbers(readings):
    driving, eyes, lips = unpack(readings)
    assert readings.shape == (6, 78)
    assert torch.equal(pack(driving, eyes, lips), readings)
    assert torch.equal(driving.expression, driving_of(face(6, 2)).expression)


@pytest.mark.parametrize(("anchor", "frame"), [("first", 0), ("quiet", 3)])
def test_it_is_measured_from_a_frame(portrait, readings, anchor, frame):
    mirror = imitator(portrait(Rules(stitch=False)), readings, anchor)
    moved = mirror.keypoints(readings)
    torch.testing.assert_close(moved[frame], place(mirror.source)[0], atol=1e-5, rtol=0)
    expected = drive(mirror.source, unpack(readings)[0], unpack(readings[frame : frame + 1])[0], mirror.rules)
    torch.testing.assert_close(moved, expected, atol=1e-6, rtol=0)


def test_rules_reach_it(portrait, readings):
    rules = Rules(relative=False, region="lips", multiplier=0.5)
    mirror = imitator(portrait(rules), readings, "first")
    moves, still = unpack(readings)[0], place(mirror.source)
    expected = stitched(mirror.stitching, still, drive(mirror.source, moves, moves[:1], rules), rules)
    torch.testing.assert_close(mirror.keypoints(readings), expected)


def test_parted_lips_of_a_photo_are_closed_first(portrait, readings):
    """... where the driver's are closed in the frame that is measured from, and the lips are driven at all."""
    shut, parted = (imitator(portrait(Rules(), lips=lips), readings, "quiet") for lips in (0.0, 0.2))
    change = parted.keypoints(readings) - shut.keypoints(readings)
    expected = closed_lips(parted.stitching, place(parted.source), torch.tensor([0.2]))
    torch.testing.assert_close(change, expected.expand_as(change), atol=1e-5, rtol=0)
    for rules, anchor in ((Rules(region="eyes"), "quiet"), (Rules(relative=False), "quiet"), (Rules(), "first")):
        one, other = (imitator(portrait(rules, lips=lips), readings, anchor) for lips in (0.0, 0.2))
        assert torch.equal(one.keypoints(readings), other.keypoints(readings))


def test_retargeted_parts_open_as_the_drivers(portrait, readings):
    """Eyes in proportion to how the driver's usually are, so that shut ones shut; lips as far as the driver's. What is
    added leads there from where the motion by itself would."""
    readings[1, -2], readings[3, -2] = 0.33, 0.27
    plain, asked = (
        imitator(portrait(Rules(stitch=False), parts, lips=0.1), readings, "quiet")
        for parts in (("lips",), ("eyes", "lips"))
    )
    change = asked.keypoints(readings) - plain.keypoints(readings)
    still, own = place(plain.source), plain.ratios

    def eye(ratio: float) -> torch.Tensor:
        return plain.stitching.eye_change(still, torch.cat([own[:2], torch.tensor([ratio])])[None])[0]

    torch.testing.assert_close(change[3], eye(0.31 * 0.9) - eye(0.31), atol=3e-4, rtol=0)  # its eyes a little less open
    torch.testing.assert_close(change[0], torch.zeros(21, 3) + eye(0.31) - eye(0.34), atol=3e-4, rtol=0)
    torch.testing.assert_close(change[2], eye(0.31 * 0.2 / 0.3) - eye(0.31 + 0.2 - 0.27), atol=3e-4, rtol=0)
    assert change[2].abs().max() > 1e-3
    bare = imitator(portrait(Rules(stitch=False)), readings, "quiet")  # without parted lips, which would be closed
    lips = (plain.keypoints(readings) - bare.keypoints(readings))[2]

    def lip(ratio: float) -> torch.Tensor:
        return plain.stitching.lip_change(still, torch.tensor([[0.1, ratio]]))[0]

    torch.testing.assert_close(lips, lip(0.1) - lip(0.2), atol=3e-4, rtol=0)


def test_a_clip_that_begins_in_a_blink_makes_nobody_stare(portrait, readings):
    """Measured from the blink, too, eyes are asked to open as far as they usually are: never beyond."""
    readings[:2, -2] = torch.tensor([0.02, 0.3])
    plain, asked = (imitator(portrait(Rules(stitch=False), parts), readings, "first") for parts in ((), ("eyes",)))
    still, own = place(plain.source), plain.ratios[:2]

    def eye(ratio: float) -> torch.Tensor:
        return plain.stitching.eye_change(still, torch.cat([own, torch.tensor([ratio])])[None])[0]

    change = asked.keypoints(readings) - plain.keypoints(readings)
    torch.testing.assert_close(change[4], eye(0.31) - eye(0.31 + 0.3 - 0.02), atol=3e-4, rtol=0)


def test_lips_that_absolute_driving_opens_by_itself_are_not_retargeted(portrait, readings):
    absolute = Rules(relative=False)
    with pytest.raises(InputError, match="absolute driving found with lips retargeted, which open as far as the dri"):
        imitator(portrait(absolute, ("eyes", "lips")), readings, "quiet")
    imitator(portrait(absolute, ("eyes",)), readings, "quiet")


def test_half_of_the_movement_closes_lips_half(portrait, readings):
    """The multiplier is of all that is added to the photo: at nothing, it is the photo."""
    whole, half, none = (
        imitator(portrait(Rules(multiplier=much), lips=0.2), readings, "quiet") for much in (1.0, 0.5, 0.0)
    )
    still = place(whole.source)
    change = whole.keypoints(readings) - still
    torch.testing.assert_close(half.keypoints(readings) - still, change / 2, atol=1e-5, rtol=0)
    torch.testing.assert_close(none.keypoints(readings), still.expand(6, -1, -1), atol=0, rtol=0)


@pytest.mark.parametrize("anchor", ["first", "quiet"])
def test_where_nobody_was_seen_is_the_photo(portrait, readings, anchor):
    """And nobody is no frame to measure from."""
    gap = torch.full((1, readings.shape[1]), NOBODY)
    for rules in (Rules(), Rules(relative=False)):
        mirror = imitator(portrait(rules, lips=0.2), torch.cat([gap, readings, gap]), anchor)
        plain = imitator(portrait(rules, lips=0.2), readings, anchor)
        moved = mirror.keypoints(torch.cat([gap, readings, gap]))
        assert torch.equal(moved[[0, -1]], place(mirror.source).expand(2, -1, -1))
        torch.testing.assert_close(moved[1:-1], plain.keypoints(readings), atol=0, rtol=0)
        assert torch.equal(mirror.motion(gap)[0], mirror.reference)


def test_halfway_between_two_turns_is_a_turn():
    """A mean of two would shorten the head, by a seventh at 60 degrees."""
    one, other = (face(1, seed) for seed in (2, 3))
    one.yaw[:], other.yaw[:] = -30.0, 30.0
    before, after = (pack(driving_of(x), torch.ones(1), torch.ones(1))[0] for x in (one, other))
    for share in (0.0, 0.5, 1.0):
        turn = unpack(halfway(before, after, torch.tensor(share))[None])[0].rotation[0]
        torch.testing.assert_close(turn @ turn.T, torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(halfway(before, after, torch.tensor(1.0)), after, atol=1e-5, rtol=0)


@pytest.mark.parametrize("region", ["lips", "pose"])
def test_what_is_told_is_what_was_drawn(portrait, readings, region):
    """A region that stays as photographed does so in the motion, too."""
    said = imitator(portrait(Rules(region=region)), readings, "first")
    moved = (said.motion(readings) - said.reference).abs().amax(0)
    assert (moved[POSE].max() > 1e-2) == (region == "pose")
    assert (moved[EXPRESSION].max() > 1e-2) == (region == "lips")


def test_it_can_be_told_as_our_motion(portrait):
    """What the bridge makes of our motion comes back as motion, and as the same keypoints."""
    mirror = portrait(Rules(stitch=False))
    motion = torch.zeros(3, 63)
    motion[1, INDEX["jawOpen"]], motion[2, INDEX["yaw"]] = 0.4, 10.0
    moves = to_driving(mirror.bridge, mirror.sight, motion)
    readings = pack(moves, torch.full((3,), 0.3), torch.zeros(3))
    back = imitator(mirror, readings, "first")
    said = back.motion(readings)
    torch.testing.assert_close(said[:, INDEX["yaw"]], motion[:, INDEX["yaw"]], atol=1e-3, rtol=0)
    assert said[1, INDEX["jawOpen"]] > 0.3
    assert said[0].abs().max() < 1e-3
    torch.testing.assert_close(back.keypoints(readings), mirror.keypoints(motion), atol=1e-5, rtol=0)
