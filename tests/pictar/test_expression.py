"""Expressions: nothing where nothing is asked, still where it is asked, closed lips and lids whatever is asked."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neo_core import motion_space
from neo_core.data_types import InputError, MotionLatents
from neo_core.geometry.head_model import load_head_model, shape
from neo_core.motion_space import INDEX
from neo_core.pictar.expression import (
    CHANNELS,
    PARTS,
    PRESETS,
    SLIDERS,
    ExpressionEdit,
    Keyframe,
    amplify,
    edit_expression,
    lip_gap,
    parse_amplitudes,
    parse_keyframes,
)

FPS = Fraction(25)
HEAD = [INDEX[name] for name in ("pitch", "yaw", "roll")]
LIVELY = ("happy", "surprised", "explaining", "laughing")  # presets that part the lips


def performance(frames=50, seed=0):
    """Any motion inside the ranges, around a reference that is not rest."""
    generator = torch.Generator().manual_seed(seed)
    motion = motion_space.clamp(torch.randn(frames, 63, generator=generator) * torch.tensor([0.4] * 53 + [8.0] * 10))
    return MotionLatents(motion, FPS, motion[0].clone())


def talking(closed=(24, 25, 26)):
    """A jaw that goes up and down twice a second, lips shut in some frames in between."""
    time = torch.arange(50) / 25
    motion = torch.zeros(50, 63)
    motion[:, INDEX["jawOpen"]] = 0.2 + 0.1 * torch.cos(4 * torch.pi * time)
    motion[list(closed), INDEX["jawOpen"]] = 0.0
    return MotionLatents(motion, FPS)


def at_rest(frames=25):
    return MotionLatents(torch.zeros(frames, 63), FPS)


def edited(motion, **changes):
    return edit_expression(motion, ExpressionEdit(**changes)).motion


def gap(motion):
    return lip_gap(motion).amax(1)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_strength_is_exactly_the_input(preset):
    motion = performance()
    assert torch.equal(edited(motion, preset=preset, strength=0.0), motion.motion)


def test_an_edit_of_nothing_is_exactly_the_input():
    motion = performance()
    result = edit_expression(motion, ExpressionEdit(keyframes=(Keyframe(1.0),)))
    assert torch.equal(result.motion, motion.motion)
    assert torch.equal(result.reference, motion.reference)
    assert result.fps == motion.fps


@pytest.mark.parametrize("part", PARTS)
def test_amplitude_nought_is_exactly_still(part):
    motion = performance()
    result = edited(motion, **{f"amplitude_{part}": 0.0})
    own = list(PARTS[part])
    assert torch.equal(result[:, own], motion.reference[own].expand(len(result), -1))
    others = [k for k in range(63) if k not in own and k not in PARTS["gaze"]]
    assert torch.equal(result[:, others], motion.motion[:, others])


def lids(motion):
    """The vertices of the lids on the mean head. [T, L, 3]"""
    model = load_head_model()
    return shape(model, torch.zeros(60), motion[:, motion_space.EXPRESSION])[:, model.lid_vertex]


def test_without_blinks_lids_follow_the_gaze_and_nothing_else():
    channels = [*PARTS["lids"], *PARTS["gaze"]]
    motion = torch.zeros(50, 63)
    motion[:, channels] = performance().motion[:, channels]
    looking = MotionLatents(motion, FPS)
    assert lids(edited(looking, amplitude_lids=0.0)).diff(dim=0).abs().max() > 0.05
    assert lids(edited(looking, amplitude_lids=0.0, amplitude_gaze=0.0)).diff(dim=0).abs().max() < 1e-6
    motion[:, list(PARTS["gaze"])] = motion[0, list(PARTS["gaze"])]  # now it is steady
    assert lids(edited(MotionLatents(motion, FPS), amplitude_lids=0.0)).diff(dim=0).abs().max() < 1e-6


def test_all_amplitudes_nought_leave_a_still_preset():
    result = edited(performance(), preset="laughing", **{f"amplitude_{part}": 0.0 for part in PARTS})
    assert torch.equal(result, result[:1].expand_as(result))


def test_parts_hold_every_channel_once():
    assert sorted(channel for part in PARTS.values() for channel in part) == list(range(63))


def test_amplitude_scales_about_the_reference():
    motion = MotionLatents(0.1 * performance().motion, FPS, 0.1 * performance().reference)
    doubled = edited(motion, amplitude_brows=2.0)[:, list(PARTS["brows"])]
    around = motion.reference[list(PARTS["brows"])]
    wanted = (around + 2 * (motion.motion[:, list(PARTS["brows"])] - around)).clamp(0, 1)
    assert torch.allclose(doubled, wanted, atol=1e-6)


def test_a_single_channel_is_scaled_alone_and_within_its_part():
    motion = performance()
    jaw, brow = INDEX["jawOpen"], INDEX["browDown_L"]
    alone = amplify(motion, (("jawOpen", 0.5),))
    around = motion.reference[jaw]
    assert torch.allclose(alone.motion[:, jaw], around + 0.5 * (motion.motion[:, jaw] - around), atol=1e-6)
    others = [k for k in range(63) if k != jaw]
    assert torch.equal(alone.motion[:, others], motion.motion[:, others])
    both = edited(motion, amplitude_brows=0.5, amplitudes=(("browDown_L", 0.5),))
    around = motion.reference[brow]
    assert torch.allclose(both[:, brow], around + 0.25 * (motion.motion[:, brow] - around), atol=1e-6)


def test_no_amplitude_is_exactly_the_input():
    motion = performance()
    assert torch.equal(amplify(motion, ()).motion, motion.motion)
    assert torch.equal(amplify(motion, (("mouth", 1.0), ("yaw", 1.0))).motion, motion.motion)


def test_a_performance_in_pieces_is_scaled_like_the_whole():
    motion, wish = performance(), (("head", 0.3), ("mouth", 1.4))
    whole = amplify(motion, wish).motion
    pieces = [amplify(replace(motion, motion=piece), wish).motion for piece in motion.motion.split(7)]
    assert torch.equal(torch.cat(pieces), whole)


def test_lips_that_meet_still_meet_when_the_mouth_moves_less_or_more():
    """On a portrait with closed lips."""
    closed = torch.zeros(3, 63)
    closed[:, INDEX["jawOpen"]] = torch.tensor([0.1, 0.2, 0.3])
    per_unit = lip_gap(torch.eye(63))[INDEX["mouthClose"]] - lip_gap(torch.zeros(1, 63))[0]
    closed[:, INDEX["mouthClose"]] = (lip_gap(closed) / -per_unit).amax(1)  # every point of the lips together
    for factor in (0.3, 1.5):
        moved = amplify(MotionLatents(closed, FPS, torch.zeros(63)), (("mouth", factor),)).motion
        assert lip_gap(moved).max() < 0.02


def test_amplitudes_are_read():
    assert parse_amplitudes("HEAD 0.8, jawopen 1.2，BROWS 0") == (("head", 0.8), ("jawOpen", 1.2), ("brows", 0.0))
    assert parse_amplitudes(" ") == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [("head", "'head' between commas"), ("head 3", "amplitude of head is 3"), ("ears 1", "amplitude of 'ears' found"),
     ("jaw 1", "'jaw' found"), ("head much", "'much'"), ("head nan", "nan")],
)  # fmt: skip
def test_unreadable_amplitudes_are_told(text, found):
    with pytest.raises(InputError, match=found):
        parse_amplitudes(text)


def test_eyes_stay_on_their_target_when_the_head_is_held():
    """Eyes that undo a turn of the head have nothing to undo when it does not turn."""
    motion = torch.zeros(50, 63)
    motion[:, INDEX["yaw"]] = torch.linspace(-8, 8, 50)
    motion[:, [INDEX["gaze_yaw_L"], INDEX["gaze_yaw_R"]]] = -0.92 * motion[:, [INDEX["yaw"]]]
    held = edited(MotionLatents(motion, FPS), amplitude_head=0.0)
    assert held[:, motion_space.GAZE].abs().max() < 1e-5


@given(
    preset=st.sampled_from(list(PRESETS)),
    strength=st.floats(0, 1.5),
    sliders=st.fixed_dictionaries({name: st.floats(*limits) for name, limits in SLIDERS.items()}),
    amplitude=st.floats(0, 2),
    seed=st.integers(0, 99),
)
def test_every_edit_stays_inside_the_ranges(preset, strength, sliders, amplitude, seed):
    amplitudes = {f"amplitude_{part}": amplitude for part in PARTS}
    result = edited(performance(12, seed), preset=preset, strength=strength, **sliders, **amplitudes)
    assert torch.equal(result, motion_space.clamp(result))


@pytest.mark.parametrize("fps", [24, 25, 60])
@pytest.mark.parametrize("preset", LIVELY)
@pytest.mark.parametrize("strength", [1.0, 1.5])
def test_lips_that_meet_in_speech_meet_under_an_expression(preset, fps, strength):
    motion = talking()
    motion = MotionLatents(motion.motion.repeat_interleave(2, 0) if fps == 60 else motion.motion, Fraction(fps))
    shut = gap(motion.motion) < 0.03
    assert shut.any()
    result = edited(motion, preset=preset, strength=strength, jaw=0.3)
    assert gap(result)[shut].max() <= gap(motion.motion)[shut].max() + 1e-3
    assert gap(result)[~shut].mean() > gap(motion.motion)[~shut].mean() + 0.05


def test_closures_come_and_go_smoothly():
    result = gap(edited(talking(), preset="laughing"))
    plain = gap(talking().motion)
    assert (result - plain).diff().abs().max() < 0.75 * (result - plain).max()


@pytest.mark.parametrize(("preset", "least"), [("laughing", 0.8), ("surprised", 0.8), ("happy", 0.15)])
def test_lips_part_at_rest(preset, least):
    assert gap(edited(at_rest(), preset=preset)).min() > least


def test_a_blink_closes_wide_eyes():
    motion = at_rest()
    blink = [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]
    motion.motion[10, blink] = 1.0
    result = edited(motion, preset="surprised", lids=1.0)
    wide = [INDEX["eyeWide_L"], INDEX["eyeWide_R"]]
    assert (result[10, blink] == 1).all()
    assert (result[10, wide] == 0).all()
    assert (result[0, wide] > 0.9).all()


def test_presets_mean_what_they_say():
    faces = {name: edited(at_rest(1), preset=name)[0] for name in PRESETS}

    def weight(name, channel):
        return float(faces[name][INDEX[channel]])

    assert faces["laughing"][INDEX["pitch"]] < -5  # the head tips back
    for name in ("happy", "laughing"):
        assert weight(name, "mouthSmile_L") > 0.7
    for name in ("surprised", "explaining"):
        assert weight(name, "browOuterUp_L") > 0.5
        assert weight(name, "eyeWide_L") > 0.2
    assert weight("serious", "browDown_L") > 0.5
    assert (faces["neutral"] == 0).all()


def test_serious_takes_the_portraits_smile_away():
    motion = at_rest()
    motion.motion[:, [INDEX["mouthSmile_L"], INDEX["mouthSmile_R"]]] = 0.4
    assert edited(motion, preset="serious")[:, INDEX["mouthSmile_L"]].max() == 0


@pytest.mark.parametrize(
    ("slider", "value", "channel", "expected"),
    [
        ("head_yaw", -12.0, "yaw", -12.0),
        ("gaze_yaw", 20.0, "gaze_yaw_R", 20.0),
        ("gaze_yaw", 17.5, "eyeLookOut_L", 0.5),
        ("gaze_yaw", 17.5, "eyeLookIn_R", 0.5),
        ("gaze_pitch", 15.0, "eyeLookDown_L", 0.5),
        ("gaze_pitch", -15.0, "eyeLookUp_R", 0.5),
        ("lids", -1.0, "eyeBlink_R", 1.0),
        ("lids", 1.0, "eyeWide_L", 1.0),
        ("brows", -0.5, "browDown_L", 0.5),
        ("jaw", 0.25, "jawOpen", 0.25),
    ],
)
def test_sliders_move_their_channels(slider, value, channel, expected):
    result = edited(at_rest(3), **{slider: value})
    assert result[:, INDEX[channel]] == pytest.approx(torch.full((3,), expected), abs=1e-5)


def test_keyframes_hold_and_blend_by_half_a_cosine():
    frames = parse_keyframes("0.5: neutral, head_yaw -10\n1.5: neutral, head_yaw 10")
    yaw = edited(at_rest(51), keyframes=frames)[:, INDEX["yaw"]]
    assert (yaw[:12] == -10).all()  # frame 12 shows 0.5 s
    assert (yaw[38:] == 10).all()
    assert yaw[24:26].mean() == pytest.approx(0, abs=0.7)
    quarter = yaw[18]  # 0.74 s: 24 hundredths of the way
    assert quarter == pytest.approx(-10 * float(torch.cos(torch.tensor(torch.pi * 0.24))), abs=1e-3)
    assert (yaw.diff() >= 0).all()
    assert yaw.diff()[13] < 0.3 * yaw.diff().max()  # it sets off softly


def test_two_keyframes_at_one_moment_are_a_cut():
    frames = parse_keyframes("0: neutral\n0.5: neutral\n0.5: happy\n1: happy")
    smile = edited(at_rest(), keyframes=frames)[:, INDEX["mouthSmile_L"]]
    assert (smile[:12] == 0).all()
    assert (smile[13:] == PRESETS["happy"][INDEX["mouthSmile_L"]]).all()


def test_keyframes_replace_the_preset_and_keep_the_sliders():
    frames = parse_keyframes("0: laughing 0.5")
    result = edited(at_rest(), preset="surprised", head_yaw=7.0, keyframes=frames)
    assert torch.equal(result, edited(at_rest(), preset="laughing", strength=0.5, head_yaw=7.0))


def test_keyframes_are_read():
    text = "# a smile\n\n 2.5 : happy 0.8 , head_yaw -10, eyeBlink_L 1  # a wink\n0: neutral"
    assert parse_keyframes(text) == (
        Keyframe(0.0, "neutral"),
        Keyframe(2.5, "happy", 0.8, (("head_yaw", -10.0), ("eyeBlink_L", 1.0))),
    )
    assert parse_keyframes("") == ()


def test_keyframes_are_read_from_other_keyboards_and_in_capitals():
    assert parse_keyframes("1.5： Happy 0.8， HEAD_YAW 10，eyeblink_l 1") == parse_keyframes(
        "1.5: happy 0.8, head_yaw 10, eyeBlink_L 1"
    )
    assert len(CHANNELS) == len(SLIDERS) + len(INDEX)  # no two names differ in capitals only


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0: happy\nhappy 1", "line 2 .*'happy 1'"),
        ("x: happy", "line 1 .*'x'"),
        ("0:01: happy", "line 1 .*'0:01'; (?=expected seconds, such as 75 for 1:15)"),
        ("-1: happy", "line 1 .*-1"),
        ("nan: happy", "line 1 .*nan"),
        ("inf: happy", "line 1 .*inf"),
        ("1:", "line 1 .*'nothing'"),
        ("1: sad", "line 1 .*'sad'"),
        ("1: happy lots", "line 1 .*'lots'"),
        ("1: happy 2", "line 1 .* is 2"),
        ("1: happy 1 2", "line 1 .*'happy 1 2'"),
        ("1: happy, ear 1", "line 1 .*'ear'"),
        ("1: happy, head_yaw", "line 1 .*'head_yaw'"),
        ("1: happy, head_yaw 90", "line 1 .* is 90"),
        ("1: happy,", "line 1 .*''"),
    ],
)
def test_unreadable_keyframes_name_the_line(text, found):
    with pytest.raises(InputError, match=f"(?s){found}.*expected") as refusal:
        parse_keyframes(text)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [{"preset": "sad"}, {"strength": 1.6}, {"lids": -1.1}, {"head_yaw": float("nan")}, {"amplitude_mouth": 3.0}],
)
def test_an_edit_outside_its_ranges_is_refused(change):
    with pytest.raises(InputError, match=f"{next(iter(change))} is .*expected"):
        edit_expression(at_rest(), ExpressionEdit(**change))


def test_a_motion_without_frames_is_refused():
    with pytest.raises(InputError, match="no frames; expected at least one"):
        edited(at_rest(0), preset="happy")
