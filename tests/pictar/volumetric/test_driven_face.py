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


def test_absolute_lips_are_retargeted_from_where_rest_has_them(portrait):
    """A neutral face has its lips closed, whatever the photo's: to that nothing is added, to an open jaw what leads
    there."""
    plain, asked = portrait(ABSOLUTE, (), 0.3, smiling()), portrait(ABSOLUTE, ("lips",), 0.3, smiling())
    motion = torch.zeros(2, 63)
    motion[1, INDEX["jawOpen"]] = 0.4
    change = asked.keypoints(motion) - plain.keypoints(motion * 0)
    opened = openness.openness("lips", motion)
    assert not change[0].any()
    to, since = (
        plain.stitching.lip_change(place(plain.source), torch.stack([torch.tensor(0.3), ratio])[None])
        for ratio in opened.flip(0)
    )
    torch.testing.assert_close(change[1], (to - since)[0], atol=1e-5, rtol=0)
