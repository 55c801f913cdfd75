"""What a portrait's keypoints make of our motion."""

import pytest
import torch

from neo_core.motion_space import INDEX, POSE
from neo_core.pictar.volumetric import openness
from neo_core.pictar.volumetric.driving import Rules, region_mask
from neo_core.pictar.volumetric.keypoints import place, rotation
from neo_core.pictar.volumetric.motion_bridge import expression_of

PLAIN, ABSOLUTE = Rules(stitch=False), Rules(stitch=False, relative=False)


def smiling() -> torch.Tensor:
    own = torch.zeros(63)
    own[[INDEX["mouthSmile_L"], INDEX["mouthSmile_R"]]] = 0.8
    return own


@pytest.mark.parametrize("parts", [("eyes",), ("lips",), openness.PARTS], ids=str)
@pytest.mark.parametrize(
    ("channel", "value"),
    [("mouthFunnel", 1.0), ("mouthRollLower", 1), ("mouthPress_L", 1.0), ("gaze_pitch_L", 20), ("noseSneer_R", 1.0)],
)
def test_what_the_bridge_opens_is_not_opened_again(portrait, parts, channel, value):
    """Whatever moves lips or lids and is left to the bridge."""
    plain, asked = portrait(PLAIN, (), 0.1), portrait(PLAIN, parts, 0.1)
    motion = torch.zeros(1, 63)
    motion[0, INDEX[channel]] = value
    assert torch.equal(plain.keypoints(motion), asked.keypoints(motion))
    assert (plain.keypoints(motion) - place(plain.source)).abs().max() > 1e-3
    if "lips" in parts:
        motion[0, INDEX["jawOpen"]] = 0.4
        assert (plain.keypoints(motion) - asked.keypoints(motion)).abs().max() > 1e-3


# --- absolute driving -------------------------------------------------------------------------------------------------


def test_absolute_driving_shows_what_is_performed_whatever_the_photo_does(portrait):
    """At rest: no expression and no turn, at the photo's own size and place. A smile in the photo does not count."""
    head = portrait(ABSOLUTE, own=smiling())
    rest = head.keypoints(torch.zeros(1, 63))
    shown = head.source.expression.where(~region_mask("all", relative=False), 0)
    expected = (head.source.keypoints + shown) * head.source.scale
    seen = rest - torch.cat([head.source.translation[:, :2], torch.zeros(1, 1)], 1)
    flat = seen - seen.mean(1, keepdim=True)  # the place is the test camera's
    torch.testing.assert_close(flat, expected - expected.mean(1, keepdim=True), atol=1e-5, rtol=0)
    assert torch.equal(rest, portrait(ABSOLUTE).keypoints(torch.zeros(1, 63)))
    assert not torch.equal(rest, portrait(PLAIN, own=smiling()).keypoints(torch.zeros(1, 63)))


def test_absolute_driving_takes_expression_and_turn_as_they_are(portrait):
    head, motion = portrait(ABSOLUTE, own=smiling()), torch.zeros(1, 63)
    motion[0, INDEX["jawOpen"]], motion[0, POSE.start + 1] = 0.5, 15.0
    moved, aside = head.keypoints(motion), rotation(torch.zeros(1), torch.tensor([-15.0]), torch.zeros(1))
    mask = region_mask("all", relative=False)
    expression = torch.where(mask, expression_of(head.bridge, motion), head.source.expression)
    expected = (head.source.keypoints @ aside + expression) * head.source.scale
    shift = (moved - expected)[0, :, :2]
    torch.testing.assert_close(shift, shift[:1].expand_as(shift), atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[..., 2], expected[..., 2], atol=1e-5, rtol=0)


def test_absolute_parts_are_retargeted_from_where_rest_has_them(portrait):
    """A neutral face has its lips closed and its eyes open, whatever the photo's are: to that nothing is added, to an
    open jaw and a blink what leads there."""
    own = torch.zeros(63)
    own[[INDEX[name] for name in ("jawOpen", "eyeBlink_L", "eyeBlink_R")]] = torch.tensor([0.3, 0.5, 0.5])
    plain, *asked = (portrait(ABSOLUTE, parts, 0.3, own) for parts in ((), ("lips",), ("eyes",)))
    motion, still = torch.zeros(3, 63), place(plain.source)
    motion[1, INDEX["jawOpen"]] = 0.4
    motion[2, [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = 1.0
    spoken, blinked = (one.keypoints(motion) - plain.keypoints(motion * 0) for one in asked)
    assert not spoken[0].any()
    assert not blinked[0].any()
    lips = float(openness.wanted("lips", torch.tensor(0.3), motion[:1] * 0, own))
    eyes = float(openness.wanted("eyes", torch.tensor(0.31), motion[:1] * 0, own))
    assert lips < 0.03  # of parted ones
    assert eyes > 0.4  # of half closed ones
    opened = lips + float(openness.openness("lips", motion)[1])
    asks = [plain.stitching.lip_change(still, torch.tensor([[0.3, ratio]])) for ratio in (opened, lips)]
    torch.testing.assert_close(spoken[1], (asks[0] - asks[1])[0], atol=1e-4, rtol=0)
    shut = [plain.stitching.eye_change(still, torch.tensor([[0.3, 0.32, ratio]])) for ratio in (0.02 * eyes, eyes)]
    torch.testing.assert_close(blinked[2], (shut[0] - shut[1])[0], atol=1e-2, rtol=0)
    assert (shut[0] - shut[1]).abs().max() > 0.03
