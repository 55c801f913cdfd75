"""Driving: what happens to the keypoints of a portrait when a performance drives it.

    driving, anchor -> relative or absolute, one region or all -> + retargeting -> stitched once -> multiplied

The rules are the published ones (`reference/pictar.md` 5), save for two that people complain about. The anchor, which
relative driving measures from, may be any frame: the first need not be neutral. And retargeting adds to the motion; it
does not take its place. The published "expression-friendly" factor is left out: in relative driving it compares the
source with itself and is one. Numbers of keypoints are those of the public checkpoints.

Letters: T frames, K keypoints.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ...data_types import InputError
from .keypoints import FaceMotion, rotation
from .stitching import Stitching

LIPS = (6, 12, 14, 17, 19, 20)
EYES = (11, 13, 15, 16, 18)
BROWS = (1, 2)
FACE = (1, 2, 6, *range(11, 21))  # whole; of some others parts, below: the rest says where the head is
FACE_PARTS = {3: (1,), 4: (1,), 5: (2,), 8: (2,), 9: (1, 2)}  # keypoint: axes
KEYPOINTS = 21
REGIONS = ("all", "expression", "pose", "lips", "eyes")
RELATIONS = {
    "relative": "what changes since the anchor is added to what the photo shows",
    "absolute": "expression and direction of the performance take the place of the photo's",
}
MOVING = {"eyes": ("all", "expression", "eyes"), "lips": ("all", "expression", "lips")}  # part: regions that move it
OPEN_LIPS = 0.03  # ratio from which lips count as parted
AWAKE = 0.8  # share of their usual ratio from which eyes count as open
WIDEST = 0.8  # ratio up to which the public networks for eyes and lips are asked


@dataclass(frozen=True)
class Driving:
    """T frames of a performance, in the renderer's own numbers."""

    rotation: Tensor  # [T, 3, 3] transposed, as `keypoints.rotation` has them
    expression: Tensor  # [T, K, 3]
    scale: Tensor  # [T]
    translation: Tensor  # [T, 3]

    def __getitem__(self, chosen: slice) -> "Driving":
        return Driving(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.scale)

    def __repr__(self) -> str:
        return f"Driving({len(self)} frames)"


@dataclass(frozen=True)
class Rules:
    """How a performance drives a portrait."""

    relative: bool = True  # the performance's changes; else its own expression and pose
    region: str = "all"  # one of `REGIONS`
    multiplier: float = 1.0  # of all that moves
    stitch: bool = True  # keep neck and shoulders where the picture has them
    resize: bool = True  # relative: the face grows and shrinks with the driver's; without, sizes cannot wobble

    def __post_init__(self) -> None:
        if self.region not in REGIONS:
            raise InputError(f"region {self.region!r:.40} is unknown, expected one of {', '.join(REGIONS)}")


def require_moved(region: str, parts: Iterable[str]) -> None:
    """Raise InputError where parts are to be retargeted that a region leaves as they are."""
    for part in parts:
        if region not in MOVING[part]:
            raise InputError(
                f"{part} to be retargeted found with region {region}, which leaves them as photographed; expected a "
                f"region with them ({', '.join(MOVING[part])}), or no retargeting of the {part}"
            )


def driving_of(face: FaceMotion) -> Driving:
    """What the motion extractor reads of T faces, as driving."""
    turned = rotation(face.pitch, face.yaw, face.roll)
    return Driving(turned, face.expression, face.scale, face.translation)


def region_mask(region: str, relative: bool) -> Tensor:
    """The coordinates of keypoints whose expression a region takes from the performance. bool [21, 3]

    Absolute driving leaves those out that hold the place of the face and not its expression.
    """
    mask = torch.zeros(KEYPOINTS, 3, dtype=torch.bool)
    if region in ("lips", "eyes"):
        mask[list(LIPS if region == "lips" else EYES)] = True
    elif region != "pose":
        mask[list(FACE)] = True
        for keypoint, axes in FACE_PARTS.items():
            mask[keypoint, list(axes)] = True
        mask |= torch.tensor(relative)
    return mask


def driven(source: FaceMotion, driving: Driving, anchor: Driving, rules: Rules) -> Driving:
    """Where a source [1 face] goes: a performance's changes since its `anchor` [1 frame], or what it does itself."""
    frames = len(driving)
    own = driving_of(source)
    mask = region_mask(rules.region, rules.relative).to(own.expression.device)
    wanted = _changed(own, driving, anchor) if rules.relative else replace(driving, scale=own.scale.expand(frames))
    posed = rules.region in ("all", "pose")
    resized = rules.relative and rules.resize and rules.region == "all"
    return Driving(
        wanted.rotation if posed else own.rotation.expand(frames, -1, -1),
        torch.where(mask, wanted.expression, own.expression),
        wanted.scale if resized else own.scale.expand(frames),
        wanted.translation if posed else own.translation.expand(frames, -1),
    )


def _changed(own: Driving, driving: Driving, anchor: Driving) -> Driving:
    return Driving(
        driving.rotation @ anchor.rotation.transpose(1, 2) @ own.rotation,
        own.expression + (driving.expression - anchor.expression),
        own.scale * (driving.scale / anchor.scale),
        own.translation + (driving.translation - anchor.translation),
    )


def placed(source: FaceMotion, moved: Driving) -> Tensor:
    """The source's keypoints [1 face] where a driving has them. [T, K, 3]"""
    shift = torch.cat([moved.translation[:, :2], torch.zeros_like(moved.translation[:, 2:])], 1)
    turned = source.keypoints @ moved.rotation + moved.expression
    return turned * moved.scale[:, None, None] + shift[:, None]


def drive(source: FaceMotion, driving: Driving, anchor: Driving, rules: Rules) -> Tensor:
    """Keypoints of a source for every frame, before anything is retargeted or stitched. [T, K, 3]"""
    return placed(source, driven(source, driving, anchor, rules))


def quiet_frame(driving: Driving, eyes: Tensor, lips: Tensor) -> int:
    """The frame to measure from when a performance does not begin at rest: the most usual one of those in which no eye
    blinks and the lips are as closed as they get, whatever the order of the frames. eyes, lips [T]: ratios."""
    awake = eyes >= AWAKE * eyes.median()
    near = torch.nonzero(awake & (lips <= lips[awake].min() + OPEN_LIPS))[:, 0]
    far = sum((x - x.median(0).values).flatten(1).norm(dim=1) for x in (driving.expression, driving.rotation))
    return int(near[far[near].argmin()])


def stitched(
    stitching: Stitching, source: Tensor, moved: Tensor, rules: Rules, besides: Tensor | float = 0.0
) -> Tensor:
    """Keypoints ready to be rendered: fitted to the still shoulders, once; with what is added `besides`; multiplied.
    [1, K, 3], [T, K, 3] -> [T, K, 3]"""
    fitted = stitching.stitch(source.expand_as(moved), moved) if rules.stitch else moved
    return source + (fitted + besides - source) * rules.multiplier


# --- retargeting: eyes and lips opened by so much ---------------------------------------------------------------------


def retargeted_eyes(stitching: Stitching, source: Tensor, own: Tensor, reached: Tensor, wanted: Tensor) -> Tensor:
    """What brings the eyes from `reached` [T], which the motion opens them to by itself, to `wanted` [T]. [T, K, 3]

    source [1, K, 3], own [2]: the ratios of the picture's eyes (`eye_ratios`). Nothing where both are the same.
    """
    return _change(stitching.eye_change, source, own, reached, wanted)


def retargeted_lips(stitching: Stitching, source: Tensor, own: Tensor, reached: Tensor, wanted: Tensor) -> Tensor:
    """The same for the lips; own [1] (`lip_ratio`)."""
    return _change(stitching.lip_change, source, own, reached, wanted)


def closed_lips(stitching: Stitching, source: Tensor, own: Tensor) -> Tensor:
    """What closes parted lips of a source [1, K, 3] before anything drives them; own [1]. [1, K, 3]"""
    if float(own) < OPEN_LIPS:
        return torch.zeros_like(source)
    return stitching.lip_change(source, torch.stack([own, torch.zeros_like(own)], 1))


def _change(
    network: Callable[[Tensor, Tensor], Tensor], source: Tensor, own: Tensor, reached: Tensor, wanted: Tensor
) -> Tensor:
    """The difference of two answers: a network need not answer nothing when it is asked for nothing. It is asked for
    ratios that it knows."""
    faces, ratios = source.expand(len(wanted), -1, -1), own.expand(len(wanted), -1)
    asked = (to.clamp(0, WIDEST)[:, None] for to in (wanted, reached))
    one, other = (network(faces, torch.cat([ratios, to], 1)) for to in asked)
    return one - other


def eye_ratios(landmarks68: Tensor) -> Tensor:
    """How far the eyes are open over their width: the picture's left one, then the right. [..., 68, 2] -> [..., 2]

    That is the order of the public networks, which call them left and right.
    """
    return torch.stack([_opening(landmarks68, first, (1, 5), (2, 4), 3) for first in (36, 42)], -1)


def lip_ratio(landmarks68: Tensor) -> Tensor:
    """How far the lips are parted over the mouth's width. [..., 68, 2] -> [...]"""
    return _distance(landmarks68, 62, 66) / _distance(landmarks68, 48, 54)


def _opening(points: Tensor, first: int, *ends: tuple[int, int] | int) -> Tensor:
    *lids, corner = ends
    high = sum(_distance(points, first + upper, first + lower) for upper, lower in lids) / len(lids)
    return high / _distance(points, first, first + corner)


def _distance(points: Tensor, one: int, other: int) -> Tensor:
    return (points[..., one, :] - points[..., other, :]).norm(dim=-1)
