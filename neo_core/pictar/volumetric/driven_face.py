"""A face of a photo that VOCAL's motion drives through a public renderer: 63 numbers in, frames of the photo out.

motion -> bridge -> driving -> keypoints, stitched -> deform, translate -> pasted back
"""

import logging
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...data_types import InputError
from ...geometry.camera import Camera
from ...geometry.head_model import HeadModel
from ...governance import Grant
from ...runtime.grid_sampling import lacks_kernels
from ..crop import Framing
from ..head_crop import HeadCrop
from ..paste_back import find_seat, paste_back, rim_mask
from ..squares import Squares
from . import openness
from .deform import deform
from .driving import (
    KEYPOINTS,
    Rules,
    drive,
    eye_ratios,
    lip_ratio,
    retargeted_eyes,
    retargeted_lips,
    stitched,
)
from .dynamic_roi import Focus
from .family import Renderer
from .keypoints import FaceMotion, place
from .lift import Volume, lift
from .motion_bridge import Bridge, Sight, look_at, to_driving
from .stitching import Stitching
from .translate import Finish, pack, render, translate

log = logging.getLogger(__name__)
NEAR = torch.tensor([0.5, 0.5])  # of the two eye centres: the depth at which the renderer has the middle of a face


@dataclass(frozen=True)
class DrivenFace:
    """A portrait ready to be moved. Only what the crop covers ever changes."""

    shown: Framing  # of the frames
    crop: HeadCrop
    volume: Volume
    source: FaceMotion  # what the renderer reads of the photo, on the CPU as everything up to the keypoints is
    stitching: Stitching
    bridge: Bridge
    sight: Sight
    reference: Tensor  # [63] the photo's own motion vector
    ratios: Tensor  # [3] how far the photo's eyes are open, then its lips
    rules: Rules
    retargeted: tuple[str, ...]  # `openness.PARTS`
    focus: Focus | None = None  # compute eyes and mouth more often than the rest

    def __repr__(self) -> str:
        return f"DrivenFace({self.photo.shape[1]} x {self.photo.shape[0]} pixels)"

    @property
    def photo(self) -> Tensor:
        """The frame without any motion. u8 [H, W, 3]"""
        return self.shown.image

    @property
    def grant(self) -> Grant:
        return self.volume.grant

    @cached_property
    def square(self) -> Squares:
        """Where the crop lies in the frames."""
        center = self.shown.to_frame(self.crop.square.center)
        return Squares(center, self.crop.square.side * self.shown.scale[0], self.crop.square.tilt)

    @cached_property
    def reach(self) -> Tensor:
        """1 where the frame may change. [H, W]"""
        pasted = paste_back(torch.zeros_like(self.photo), torch.ones(3, 2, 2), self.square, torch.ones(2, 2))
        return (pasted[..., 0] > 0).float()

    @property
    def region(self) -> float:
        """Share of the frame that may move."""
        return float(self.reach.mean())

    @property
    def begun(self) -> Tensor:
        """[63] what a performance is measured from: the photo's own vector; rest, where driving is absolute."""
        return self.reference if self.rules.relative else torch.zeros_like(self.reference)

    @torch.no_grad()
    def keypoints(self, motion: Tensor) -> Tensor:
        """Where a performance has them. [T, 63] -> [T, K, 3]"""
        still = place(self.source)
        left = openness.handed_over(motion, self.begun, self.retargeted)
        moves, anchor = (to_driving(self.bridge, self.sight, x) for x in (left, self.begun[None]))
        moved = drive(self.source, moves, anchor, self.rules)
        for part in self.retargeted:
            moved = moved + self._opened(part, still, left, motion)
        return stitched(self.stitching, still, moved, self.rules)

    def _opened(self, part: str, still: Tensor, left: Tensor, motion: Tensor) -> Tensor:
        """What leads from where the motion `left` to the bridge opens a part to where the whole motion does."""
        own = self.ratios[:2] if part == "eyes" else self.ratios[2:]
        begun = openness.wanted(part, own.mean(), self.begun[None], self.reference)[0]  # relative driving: own
        reached, wanted = (openness.wanted(part, begun, moves, self.begun) for moves in (left, motion))
        change = retargeted_eyes if part == "eyes" else retargeted_lips
        return change(self.stitching, still, own, reached, wanted)


def lift_face(
    renderer: Renderer,
    bridge: Bridge,
    shown: Framing,
    crop: HeadCrop,
    landmarks68: Tensor,
    camera: Camera,
    reference: Tensor,
    head: HeadModel,
    *,
    grant: Grant,
    rules: Rules,
    retargeted: tuple[str, ...],
    focus: Focus | None = None,
) -> DrivenFace:
    """Enrol a photo whose head was fitted: `camera` and `landmarks68` [68, 2] are in its pixels, `reference` [63] is
    its own motion vector. Raises InputError for a renderer without the public keypoints, and for one in half precision
    that makes no picture of the photo even when it computes in float32."""
    if renderer.config.motion.keypoints != KEYPOINTS:
        found = renderer.config.motion.keypoints
        raise InputError(f"a renderer with {found} keypoints found; expected one with {KEYPOINTS}, as published")
    volume = lift(renderer, crop, crop.to_frame(landmarks68), grant=grant)
    half = _half(renderer)
    if half and not _in_numbers(volume):  # what `lift` computes is never narrowed: the volume stays
        _compute_in(renderer, torch.float32)
        if not _in_numbers(volume):  # weights that overflowed when they were rounded stay so
            _compute_in(renderer, half)  # who tries it again is told again
            raise InputError("weights found that make no picture in half precision; expected --precision float32")
        log.warning("half precision makes no picture on this device; computing in float32 from here on")
    source = on_cpu(volume.motion)
    sight = look_at(camera, crop.to_square, source.translation[0, :2], NEAR @ head.eye_center, head.pivot)
    ratios = torch.cat([eye_ratios(landmarks68), lip_ratio(landmarks68)[None]])
    stitching = deepcopy(renderer.stitching).cpu()
    return DrivenFace(
        shown, crop, volume, source, stitching, bridge, sight, reference, ratios, rules, tuple(retargeted), focus
    )


def _half(renderer: Renderer) -> torch.dtype | None:
    """The half precision that anything in it is in, if there is any."""
    return next((weight.dtype for weight in renderer.parameters() if weight.dtype is not torch.float32), None)


def _compute_in(renderer: Renderer, dtype: torch.dtype) -> None:
    renderer.warping.narrow(dtype)
    renderer.generator.narrow(dtype)


def _in_numbers(volume: Volume) -> bool:
    """Whether the photo is drawn as it is. What overflows is no number, and black: some cards do so in float16."""
    return bool(translate(volume, deform(volume, volume.keypoints)).isfinite().all())


def on_cpu(face: FaceMotion) -> FaceMotion:
    """What the extractor read, where the rules of driving are worked out."""
    return FaceMotion(*(x.cpu().float() for x in vars(face).values()))


def render_face(face: DrivenFace, motion: Iterable[Tensor]) -> Iterator[Tensor]:
    """Frames u8 [H, W, 3], one per motion vector [63], made as they are asked for, or as far ahead as the focus wants.

    They are pasted where the renderer is: on a GPU only whole frames leave it.
    """
    keypoints = (face.keypoints(x[None])[0] for x in motion)
    yield from render(face.volume, keypoints, focus=face.focus, finish=pasting(face))


def pasting(face: DrivenFace) -> Finish:
    """What puts a picture into the photo, u8 [H, W, 3], where the renderer is or, if that lacks what it takes, on the
    CPU."""
    device = face.volume.source.volume.device
    device = torch.device("cpu") if lacks_kernels(device) else device
    seat = find_seat(face.photo.shape[:2], face.square, rim_mask(face.crop.size[0])).to(device)
    photo = face.photo.to(device)
    return lambda picture: seat.filled(photo, pack(picture).to(device).permute(2, 0, 1).float() / 255)
