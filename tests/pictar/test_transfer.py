"""A driving head's motion on a portrait: which parts, against what, and how far."""

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError
from neo_core.geometry.camera import rotation_angles, rotation_matrix
from neo_core.motion_space import EXPRESSION, GAZE, INDEX, POSE, REGIONS
from neo_core.pictar.expression import SHUT, lip_gap
from neo_core.pictar.transfer import REGION, RELATIONS, ROOM, Transfer, at_rest, transferred

JAW, SMILE = INDEX["jawOpen"], INDEX["mouthSmile_L"]


def portrait(**weights) -> torch.Tensor:
    reference = motion_space.rest()
    for name, weight in {"mouthSmile_L": 0.2, "mouthSmile_R": 0.2, "gaze_yaw_L": 3.0, **weights}.items():
        reference[INDEX[name]] = weight
    return reference


def seen(angles=(0.0, 0.0, 0.0), place=(0.0, 0.0, -90.0), gaze=0.0, **weights) -> torch.Tensor:
    sighting = motion_space.rest()
    sighting[POSE] = torch.tensor([*angles, *place])
    sighting[GAZE] = gaze
    for name, weight in weights.items():
        sighting[INDEX[name]] = weight
    return sighting


def transfer(region="all", relation="mixed", **weights) -> Transfer:
    return Transfer(portrait(**weights), rotation_matrix(2.0, -8.0, 3.0), region, relation)


@pytest.mark.parametrize("relation", ["mixed", "relative"])
def test_the_first_frame_leaves_the_head_where_it_is(relation):
    first = seen((5.0, 12.0, -4.0), (1.0, 2.0, -80.0), gaze=6.0, jawOpen=0.3)
    motion = transferred(transfer(relation=relation), first, first)
    assert motion[POSE].abs().max() < 1e-4
    assert torch.allclose(motion[GAZE], portrait()[GAZE], atol=1e-5)


def test_relative_to_the_first_frame_the_first_frame_is_the_photo():
    first = seen((5.0, 12.0, -4.0), gaze=6.0, jawOpen=0.3, browDown_L=0.2)
    assert torch.allclose(transferred(transfer(relation="relative"), first, first), portrait(), atol=1e-4)


def test_absolute_is_what_is_seen():
    now = seen((5.0, 12.0, -4.0), gaze=6.0, jawOpen=0.3)
    moved = transfer(relation="absolute")
    motion = transferred(moved, seen((1.0, 1.0, 1.0)), now)
    assert torch.allclose(motion[EXPRESSION], now[EXPRESSION], atol=1e-6)
    assert torch.allclose(motion[GAZE], now[GAZE])
    shown = moved.turned @ rotation_matrix(*motion[POSE][:3])
    assert torch.allclose(rotation_angles(shown), now[POSE][:3], atol=1e-3)


def test_absolute_shifts_as_it_is_seen():
    """Before the lens, whichever way the driver began and the photo faces."""
    moved = transfer(relation="absolute")
    first, now = seen((4.0, 30.0, 0.0)), seen((4.0, 30.0, 0.0), (1.5, -0.5, -89.0))
    shift = moved.turned @ transferred(moved, first, now)[POSE][3:]
    assert torch.allclose(shift, torch.tensor([1.5, -0.5, 1.0]), atol=1e-3)


def driver(frames: int = 200) -> torch.Tensor:
    """Somebody who laughs in the first third, speaks, looks about, and is measured with noise and a crooked mouth."""
    dice = torch.Generator().manual_seed(4)
    track = seen((3.0, -6.0, 1.0), gaze=2.0, mouthRight=0.08, browDown_L=0.05).repeat(frames, 1)
    track[: frames // 3, [SMILE, INDEX["mouthSmile_R"]]] = 0.7
    track[: frames // 3, INDEX["yaw"]] = 20.0
    time = torch.arange(frames) / 25
    track[:, JAW] = (0.4 * torch.sin(2 * torch.pi * 3 * time)).clamp(min=0)
    track[::9, [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = 0.9
    noise = torch.tensor([0.01] * 53 + [0.2] * 3 + [0.05] * 3 + [0.3] * 4)
    track = track + noise * torch.randn(track.shape, generator=dice)
    track[:, EXPRESSION].clamp_(0, 1)
    return track


def test_a_face_at_rest_is_found_wherever_it_is():
    """Neither the expression that a video begins with nor the one it mostly shows counts, nor do blinks and words; a
    mouth that is measured as crooked is so at rest, too."""
    track, rest = driver(), seen((3.0, -6.0, 1.0), gaze=2.0, mouthRight=0.08, browDown_L=0.05)
    found = at_rest(track)
    assert (found - rest)[EXPRESSION].abs().max() < 0.02
    assert (found - rest)[POSE].abs().max() < 1.0
    assert (found - rest)[GAZE].abs().max() < 0.3
    shuffled = track[torch.randperm(len(track), generator=torch.Generator().manual_seed(1))]
    assert torch.equal(at_rest(shuffled), found)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_few_frames_are_a_video_too(frames):
    assert torch.isfinite(at_rest(driver()[:frames])).all()


def test_measured_from_a_face_at_rest_a_laugh_at_first_biases_nothing():
    track = driver()
    quiet, calm = at_rest(track), track[len(track) // 3 :]
    by = transfer(relation="relative")
    bias = {}
    for name, anchor in (("quiet", quiet), ("first", track[0])):
        moved = torch.stack([transferred(by, anchor, one) for one in calm])
        bias[name] = (moved.median(0).values - portrait()).abs()
    assert bias["quiet"][[SMILE, INDEX["mouthSmile_R"]]].max() < 0.02 < 0.15 < bias["first"][SMILE]
    assert bias["quiet"][INDEX["yaw"]] < 1 < 20 < bias["first"][INDEX["yaw"]]


def test_a_nod_stays_a_nod_whichever_way_the_driver_faces():
    for yaw in (-25.0, 0.0, 25.0):
        start = rotation_matrix(4.0, yaw, 6.0)
        nodded = rotation_angles(start @ rotation_matrix(9.0, 0.0, 0.0))
        motion = transferred(transfer(), seen((4.0, yaw, 6.0)), seen(nodded.tolist()))
        assert torch.allclose(motion[POSE][:3], torch.tensor([9.0, 0.0, 0.0]), atol=1e-3)


@pytest.mark.parametrize("region", list(REGION))
def test_only_the_chosen_part_moves(region):
    first = seen()
    now = seen((5.0, 9.0, 2.0), (1.0, 0.5, -89.0), 7.0, jawOpen=0.4, eyeBlink_L=0.7, browDown_L=0.5)
    motion = transferred(transfer(region), first, now)
    moved = (motion - portrait()).abs() > 1e-5
    chosen = torch.zeros(motion_space.SIZE, dtype=torch.bool)
    chosen[list(REGION[region])] = True
    assert not moved[~chosen].any()
    names = {"all": "jawOpen", "expression": "browDown_L", "pose": "yaw", "lips": "jawOpen", "eyes": "eyeBlink_L"}
    assert moved[INDEX[names[region]]]


@pytest.mark.parametrize("region", ["all", "expression", "lips"])
@pytest.mark.parametrize("relation", list(RELATIONS))
def test_lips_meet_where_the_driving_lips_do(region, relation):
    """Also when the video began with a smile or an open mouth, or the photo shows one."""
    moved = transfer(region, relation, jawOpen=0.25, mouthLowerDown_L=0.2)
    for first in (seen(jawOpen=0.3), seen(mouthFrown_L=0.5, mouthSmile_L=0.5), seen()):
        motion = transferred(moved, first, seen())
        assert lip_gap(motion[None]).amax() < SHUT + 0.02


@pytest.mark.parametrize("relation", list(RELATIONS))
def test_a_mouth_opens_as_far_as_the_drivers(relation):
    """No less because the video begins in the middle of a word, and no more tightly shut."""
    jaws = [0.5, 0.3, 0.1, *[0.0] * 6, 0.2, 0.4, 0.6]
    track = torch.stack([seen(jawOpen=jaw) for jaw in jaws])
    anchor, moved = at_rest(track), transfer(relation=relation, jawOpen=0.0)
    motion = torch.stack([transferred(moved, anchor, one) for one in track])
    assert torch.allclose(motion[:, JAW], torch.tensor(jaws), atol=1e-3)
    assert lip_gap(motion).amax(1).min() > lip_gap(portrait()[None]).amax() - SHUT


def test_a_head_never_leaves_its_room_nor_stops_with_a_jolt():
    steps = torch.arange(0.0, 20.0, 0.05)
    places = torch.stack([transferred(transfer(), seen(), seen(place=(float(x), 0, -90)))[POSE][3] for x in steps])
    assert places.max() <= ROOM
    assert torch.allclose(places[steps < 2], steps[steps < 2], atol=1e-4)
    speed = places.diff() / 0.05
    assert (speed >= -1e-4).all()
    assert speed.diff().abs().max() < 0.1


def test_an_unknown_choice_is_refused():
    with pytest.raises(InputError, match="expected one of all, expression"):
        transfer("nose")
    with pytest.raises(InputError, match="expected one of mixed"):
        transfer(relation="sideways")


def test_regions_cover_the_face():
    parts = set(REGION["lips"]) | set(REGION["eyes"]) | set(REGIONS["brows"])
    assert parts | {INDEX["jawOpen"]} == set(REGION["expression"])
