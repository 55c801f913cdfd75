"""Expressions on top of a performance: presets, sliders, key-frames, and how far each part of the face moves.

    motion -> amplitude: reference + a (motion - reference) -> offset: key-frames or preset, then sliders -> clamp

An offset never leaves the channels' ranges and never costs a closure: lips that meet in speech (p, b, m) still meet
under a laugh, and a blink still closes wide eyes. An offset of zero and an amplitude of one are exactly the input.

Letters: T frames, P pairs of points on opposite lips.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import motion_space
from ..data_types import InputError, MotionLatents
from ..geometry.head_model import load_head_model
from ..motion_space import EXPRESSION, GAZE, INDEX, POSE, REGIONS, SIZE
from .geometric.follow import smoothstep

SLIDERS = {  # what an edit adds: (lowest, highest); 0 adds nothing
    "head_pitch": (-20.0, 20.0),
    "head_yaw": (-20.0, 20.0),
    "head_roll": (-20.0, 20.0),
    "gaze_yaw": (-25.0, 25.0),
    "gaze_pitch": (-25.0, 25.0),
    "brows": (-1.0, 1.0),
    "lids": (-1.0, 1.0),
    "smile": (-1.0, 1.0),
    "jaw": (0.0, 1.0),
}
STRENGTH = (0.0, 1.5)
AMPLITUDE = (0.0, 2.0)
LOOKS = tuple(k for k, name in enumerate(motion_space.NAMES) if name.startswith("eyeLook"))
PARTS = {  # the channels whose movement each amplitude scales; lids follow the gaze, so that is where those are
    "head": REGIONS["pose"],
    "gaze": (*REGIONS["gaze"], *LOOKS),
    "brows": REGIONS["brows"],
    "lids": tuple(k for k in REGIONS["eyes"] if k not in LOOKS),
    "mouth": REGIONS["mouth"],
}
COMPENSATION = 0.92  # share of a head turn that the eyes undo to stay on what they look at
OPENING = [INDEX[name] for name in ("jawOpen", "mouthFunnel", *(  # what parts the lips
    f"{name}_{side}" for name in ("mouthUpperUp", "mouthLowerDown", "noseSneer") for side in "LR"
))]  # fmt: skip
SPREADING = [INDEX[f"{name}_{side}"] for name in ("mouthSmile", "mouthStretch", "mouthDimple") for side in "LR"]
CHANNELS = {name.lower(): name for name in (*SLIDERS, *INDEX)}  # how key-frames find them
SCALED = {name.lower(): name for name in (*PARTS, *INDEX)}  # how amplitudes do
FULL_WIDTH = str.maketrans("：，", ":,")  # as Chinese and Japanese keyboards write them
ROUND = 0.7  # share of a spread mouth that gives way to rounded lips
SHUT, APART = 0.08, 0.25  # gaps between the lips, head units, that count as closed and as open
AROUND = 0.2  # seconds: lips that part within them are speaking
EASE = 0.05  # seconds over which a closure comes and goes


def _face(pose: tuple[float, float, float] = (0, 0, 0), gaze: tuple[float, float] = (0, 0), **weights: float) -> Tensor:
    """An offset [63] from head pitch, yaw, roll, gaze yaw, pitch, and weights; a name without side is both sides."""
    offset = torch.zeros(SIZE)
    offset[POSE][:3] = torch.tensor(pose, dtype=torch.float32)
    offset[GAZE] = torch.tensor(gaze * 2, dtype=torch.float32)
    for name, weight in weights.items():
        for channel in _sides(name):
            offset[INDEX[channel]] = weight
    return offset


def _sides(stem: str) -> tuple[str, ...]:
    """The channels of a name without its side."""
    return (stem,) if stem in INDEX else (f"{stem}_L", f"{stem}_R")


PRESETS = {
    "neutral": _face(),
    "happy": _face(
        (-2, 0, 2), mouthSmile=0.85, mouthDimple=0.15, mouthUpperUp=0.2, mouthLowerDown=0.12, jawOpen=0.04,
        cheekSquint=0.4, eyeWide=0.2, browOuterUp=0.3,
    ),
    "serious": _face(
        (4, 0, 0), (0, -4), browDown=0.9, browInnerUp=-1, browOuterUp=-0.5, eyeSquint=0.3, mouthPress=0.4,
        mouthFrown=0.25, mouthShrugLower=0.1, mouthRollUpper=0.1, mouthSmile=-1,
    ),
    "surprised": _face(
        (-4, 0, 0), (0, 3), browInnerUp=1, browOuterUp=1, eyeWide=1, jawOpen=0.38, mouthFunnel=0.1,
    ),
    "explaining": _face(
        (2, 5, -4), (-5, -2), browInnerUp=0.6, browOuterUp=0.65, eyeWide=0.35, mouthSmile=0.3, jawOpen=0.12,
        mouthUpperUp=0.1, mouthLowerDown=0.15,
    ),
    "laughing": _face(
        (-10, 0, 3), (0, 3), mouthSmile=0.9, mouthStretch=0.1, mouthUpperUp=0.22, mouthLowerDown=0.15, jawOpen=0.34,
        cheekSquint=0.7, eyeSquint=0.4, noseSneer=0.06, browInnerUp=0.25, browOuterUp=0.3,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Keyframe:
    """An expression at a moment: a preset, sliders by name, and any channel of the motion space by name."""

    seconds: float
    preset: str = "neutral"
    strength: float = 1.0
    channels: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class ExpressionEdit:
    """What to do to a performance; as it stands here, nothing. Key-frames take the place of preset and strength."""

    preset: str = "neutral"
    strength: float = 1.0
    head_pitch: float = 0.0  # degrees, as are the next four; signs as in `motion_space`
    head_yaw: float = 0.0
    head_roll: float = 0.0
    gaze_yaw: float = 0.0
    gaze_pitch: float = 0.0
    brows: float = 0.0  # -1 knit, 1 raised
    lids: float = 0.0  # -1 closed, 1 wide
    smile: float = 0.0  # -1 corners down, 1 corners up
    jaw: float = 0.0
    amplitude_head: float = 1.0
    amplitude_gaze: float = 1.0
    amplitude_brows: float = 1.0
    amplitude_lids: float = 1.0
    amplitude_mouth: float = 1.0
    amplitudes: tuple[tuple[str, float], ...] = ()  # of single channels by name, on top of their part's
    keyframes: tuple[Keyframe, ...] = ()


def edit_expression(motion: MotionLatents, edit: ExpressionEdit) -> MotionLatents:
    """The performance with another expression; frames, rate and reference stay.

    Raises InputError when a value of the edit is outside its range, or the motion has no frames.
    """
    _check(edit)
    if not len(motion.motion):
        raise InputError("the motion has no frames; expected at least one")
    parts = ((part, getattr(edit, f"amplitude_{part}")) for part in PARTS)
    scaled = amplified(motion.motion, motion.reference, (*parts, *edit.amplitudes))
    offset = _offsets(edit, len(scaled), motion.fps)
    return replace(motion, motion=_laid_over(scaled, offset, motion.fps))


def amplify(motion: MotionLatents, amplitudes: Iterable[tuple[str, float]]) -> MotionLatents:
    """The performance with parts (`PARTS`) or single channels moving less or more: the one step that may follow VOCAL.

    Raises InputError for a name or an amplitude that there is not.
    """
    scaled = amplified(motion.motion, motion.reference, check_amplitudes(amplitudes))
    return replace(motion, motion=motion_space.clamp(scaled))


def amplified(motion: Tensor, reference: Tensor, amplitudes: Iterable[tuple[str, float]]) -> Tensor:
    """reference + a (motion - reference), frame by frame; the amplitudes of a channel and its part multiply. [T, 63]

    The gap between the lips follows the mouth's amplitude: lips that the portrait has closed still meet. Eyes undo the
    turns of their head; where the head moves less, they have less to undo.
    """
    amplitude = torch.ones(SIZE)
    for name, value in amplitudes:
        amplitude[list(PARTS[name]) if name in PARTS else INDEX[name]] *= value
    if (amplitude == 1).all():
        return motion
    moved = motion.clone()
    turn = slice(POSE.start, POSE.start + 2)  # pitch, yaw
    undone = COMPENSATION * (1 - amplitude[turn]) * (moved[:, turn] - reference[turn])
    moved[:, GAZE] += undone[:, [1, 0, 1, 0]]
    return torch.lerp(reference.expand_as(moved), moved, amplitude)


def parse_amplitudes(text: str) -> tuple[tuple[str, float], ...]:
    """Amplitudes from text such as `head 0.8, jawOpen 1.2`: parts (`PARTS`) or channels of the motion space, by name;
    capitals do not matter. Raises InputError for what cannot be read."""
    wishes = [words for part in text.translate(FULL_WIDTH).split(",") if (words := part.split())]
    if fault := next((words for words in wishes if len(words) != 2), None):
        raise InputError(f"amplitudes have {' '.join(fault)!r:.60} between commas; expected a name and a number")
    return check_amplitudes(
        (SCALED.get(name.lower(), name), _number(value, f"amplitude of {name:.60}")) for name, value in wishes
    )


def check_amplitudes(amplitudes: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """The same. Raises InputError for a name or a value that there is not."""
    checked = tuple(amplitudes)
    for name, value in checked:
        if name not in PARTS and name not in INDEX:
            raise InputError(
                f"amplitude of {name!r:.60} found; expected one of {', '.join(PARTS)}, or a channel of the motion space"
            )
        _check_range(value, AMPLITUDE, f"amplitude of {name}")
    return checked


def parse_keyframes(text: str) -> tuple[Keyframe, ...]:
    """Key-frames in order of time from lines such as `1.5: happy 0.8, head_yaw 10  # comment`.

    After the preset and its strength come sliders (`SLIDERS`) or channels of the motion space, by name; capitals do not
    matter. Raises InputError naming the line, what was found and what was expected.
    """
    keyframes = [
        _parse_line(number, content)
        for number, line in enumerate(text.splitlines(), 1)
        if (content := line.split("#")[0].strip())
    ]
    return tuple(sorted(keyframes, key=lambda keyframe: keyframe.seconds))


def _parse_line(number: int, content: str) -> Keyframe:
    where = f"line {number} of the key-frames"
    moment, colon, rest = content.translate(FULL_WIDTH).rpartition(":")
    if not colon:
        raise InputError(f"{where} is {content!r:.60}; expected SECONDS: preset [strength] [, channel value]...")
    first, *others = (part.split() for part in rest.split(","))
    if not 1 <= len(first) <= 2:
        raise InputError(
            f"{where} has {' '.join(first) or 'nothing'!r:.60} after the colon; expected a preset and a strength"
        )
    strength = _number(first[1], f"strength in {where}") if len(first) == 2 else 1.0
    channels = tuple(_parse_channel(words, where) for words in others)
    seconds = _number(moment, f"time in {where}", "seconds, such as 75 for 1:15")
    keyframe = Keyframe(seconds, first[0].lower(), strength, channels)
    _check_keyframe(keyframe, where)
    return keyframe


def _parse_channel(words: list[str], where: str) -> tuple[str, float]:
    if len(words) != 2:
        raise InputError(f"{where} has {' '.join(words)!r:.60} between commas; expected a channel and its value")
    return CHANNELS.get(words[0].lower(), words[0]), _number(words[1], f"{words[0]:.60} in {where}")


def _number(text: str, what: str, expected: str = "a number") -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{what} is {text.strip()!r:.60}; expected {expected}") from error


def _check(edit: ExpressionEdit) -> None:
    _check_preset(edit.preset, "preset")
    _check_range(edit.strength, STRENGTH, "strength")
    for name, limits in SLIDERS.items():
        _check_range(getattr(edit, name), limits, name)
    for name in PARTS:
        _check_range(getattr(edit, f"amplitude_{name}"), AMPLITUDE, f"amplitude_{name}")
    check_amplitudes(edit.amplitudes)
    for keyframe in edit.keyframes:
        _check_keyframe(keyframe, f"the key-frame at {keyframe.seconds:g} s")


def _check_keyframe(keyframe: Keyframe, where: str) -> None:
    _check_range(keyframe.seconds, (0.0, math.inf), f"time in {where}")
    _check_preset(keyframe.preset, f"preset in {where}")
    _check_range(keyframe.strength, STRENGTH, f"strength in {where}")
    for name, value in keyframe.channels:
        if name not in SLIDERS and name not in INDEX:
            raise InputError(
                f"{where} names channel {name!r:.60}; expected one of {', '.join(SLIDERS)}, or of the motion space"
            )
        _check_range(value, SLIDERS.get(name) or _reach(INDEX[name]), f"{name} in {where}")


def _check_preset(name: str, what: str) -> None:
    if name not in PRESETS:
        raise InputError(f"{what} is {name!r:.60}; expected one of {', '.join(PRESETS)}")


def _check_range(value: float, limits: tuple[float, float], what: str) -> None:
    if not limits[0] <= value <= limits[1] or math.isinf(value):
        raise InputError(f"{what} is {value:g}; expected {limits[0]:g} to {limits[1]:g}")


def _reach(channel: int) -> tuple[float, float]:
    """What may be added to a channel: weights may be taken away too."""
    return min(motion_space.LOW[channel], -motion_space.HIGH[channel]), motion_space.HIGH[channel]


def _offsets(edit: ExpressionEdit, frames: int, fps: Fraction) -> Tensor:
    """What the edit adds to every frame. [T, 63]"""
    sliders = slider_offset((name, getattr(edit, name)) for name in SLIDERS)
    if not edit.keyframes:
        return (edit.strength * PRESETS[edit.preset] + sliders).expand(frames, -1)
    times = (torch.arange(frames) + 0.5) / float(fps)
    return _between(edit.keyframes, times) + sliders


def slider_offset(values: Iterable[tuple[str, float]]) -> Tensor:
    """The offset of sliders and channels by name. [63]"""
    offset = torch.zeros(SIZE)
    for name, value in values:
        for channel, share in _lever(name, value).items():
            offset[INDEX[channel]] += share * abs(value)
    return offset


def _lever(name: str, value: float) -> dict[str, float]:
    """The channels a slider pulls towards the side of `value`, each with its share of it."""
    up = value > 0
    sign = 1.0 if up else -1.0
    if name in ("gaze_yaw", "gaze_pitch"):
        return {f"{name}_L": sign, f"{name}_R": sign}
    if name.startswith("head_"):
        return {name.removeprefix("head_"): sign}
    if name not in SLIDERS:
        return {name: sign}
    shares = {
        "brows": {"browInnerUp": 0.9, "browOuterUp": 1.0} if up else {"browDown": 1.0},
        "lids": {"eyeWide": 1.0} if up else {"eyeBlink": 1.0},
        "smile": {"mouthSmile": 0.9, "cheekSquint": 0.5} if up else {"mouthFrown": 0.9, "mouthShrugLower": 0.2},
        "jaw": {"jawOpen": 1.0},
    }[name]
    return {channel: share for stem, share in shares.items() for channel in _sides(stem)}


def _between(keyframes: tuple[Keyframe, ...], times: Tensor) -> Tensor:
    """Key-frames blended over time by half a cosine, held before the first and after the last. times [T] -> [T, 63]

    Two at one moment are a cut.
    """
    ordered = sorted(keyframes, key=lambda keyframe: keyframe.seconds)
    values = torch.stack([k.strength * PRESETS[k.preset] + slider_offset(k.channels) for k in ordered])
    moments = torch.tensor([k.seconds for k in ordered])
    after = torch.searchsorted(moments, times, right=True).clamp(max=len(ordered) - 1)
    before = (after - 1).clamp(min=0)
    share = ((times - moments[before]) / (moments[after] - moments[before]).clamp(min=1e-6)).clamp(0, 1)
    return torch.lerp(values[before], values[after], (0.5 - 0.5 * torch.cos(torch.pi * share))[:, None])


def _laid_over(base: Tensor, offset: Tensor, fps: Fraction) -> Tensor:
    """A performance with an offset on it, inside its ranges. [T, 63]"""
    blink = base[:, [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]]
    hold = _closure(base, fps)
    offset = offset.clone()
    offset[:, [INDEX["eyeWide_L"], INDEX["eyeWide_R"]]] *= 1 - blink
    offset[:, OPENING] *= 1 - hold[:, None]
    offset[:, SPREADING] *= 1 - ROUND * base[:, [INDEX["mouthPucker"]]]
    face, extra = base[:, EXPRESSION], offset[:, EXPRESSION].clamp(-1, 1)
    out = base + offset
    out[:, EXPRESSION] = face + torch.where(extra > 0, extra * (1 - face), extra * face)
    out[:, LOOKS] += _lids_of(out[:, GAZE]) - _lids_of(base[:, GAZE])
    return motion_space.clamp(closed_as(base, out, hold))


def _lids_of(gaze: Tensor) -> Tensor:
    """The eyeLook channels of a gaze [T, 4], in the order of `LOOKS`: lids follow the eyeball. [T, 8]"""
    left_yaw, left_pitch, right_yaw, right_pitch = gaze.unbind(1)
    down, inward = (left_pitch / 30, right_pitch / 30), (-left_yaw / 35, right_yaw / 35)
    out, up = (-inward[0], -inward[1]), (-down[0], -down[1])
    return torch.stack([*down, *inward, *out, *up], 1).clamp(0, 1)


@cache
def _lip_gaps() -> tuple[Tensor, Tensor]:
    """The gap between the lips of the mean head, at rest [P] and per unit of every expression [53, P]; head units."""
    model = load_head_model()
    upper, lower = (list(model.landmark_groups[f"lips_inner_{name}"]) for name in ("upper", "lower"))

    def gap(vertices: Tensor) -> Tensor:
        corners = vertices[..., model.triangles[model.landmark_triangle], 1]  # [..., K, 3]
        height = (corners * model.landmark_weight).sum(-1)
        return height[..., upper] - height[..., lower]

    return gap(model.template), gap(model.expression)


def lip_gap(motion: Tensor) -> Tensor:
    """The gap between the lips of the mean head, head units. [T, 63] -> [T, P]"""
    rest, per_unit = _lip_gaps()
    return rest + motion[:, EXPRESSION] @ per_unit


def _closure(motion: Tensor, fps: Fraction) -> Tensor:
    """How far speech, not rest, holds the lips closed: 1 while they touch between open moments. [T]"""
    gap = lip_gap(motion).amax(1)
    near = max(1, round(AROUND * float(fps)))
    speaking = _mean(smoothstep(_most(gap, near), SHUT, APART), near // 2)
    ease = max(1, round(EASE * float(fps)))  # widened first, so that no closure is averaged away
    return _mean(_most(speaking * (1 - smoothstep(gap, SHUT, APART)), ease), ease)


def _most(values: Tensor, reach: int) -> Tensor:
    """The largest of each value and `reach` neighbours on either side. [T]"""
    return F.max_pool1d(values[None], 2 * reach + 1, 1, reach)[0]


def _mean(values: Tensor, reach: int) -> Tensor:
    """The mean of each value and `reach` neighbours on either side. [T]"""
    return F.avg_pool1d(values[None], 2 * reach + 1, 1, reach, count_include_pad=False)[0]


def closed_as(base: Tensor, out: Tensor, hold: Tensor) -> Tensor:
    """Lips brought back together as far as speech holds them closed. [T, 63]"""
    excess = (lip_gap(out) - lip_gap(base)).clamp(min=0) * hold[:, None]
    per_unit = -_lip_gaps()[1][INDEX["mouthClose"]]  # [P] all positive
    out[:, INDEX["mouthClose"]] += (excess / per_unit).amax(1)
    return out
