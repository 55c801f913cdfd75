"""A frame of a clip with another mouth: the rest of its pixels stays as it was filmed, bit by bit.

The frame's own head is lifted in an upright crop of the face, its mouth moved by the geometric renderer, and what the
mask of the lower face covers is pasted back. Everything in the crop counts as the person: the skin goes on into what
lies beside it like a sheet, so no outline is cut out anew in every frame, which would flicker.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..geometry.camera import Camera, rotation_matrix
from ..geometry.head_model import HeadModel
from ..governance import Grant
from ..motion_space import REGIONS
from .fit import HeadFit
from .geometric.bust import build_bust
from .geometric.deform import deform
from .geometric.follow import smoothstep
from .geometric.lift import Volume, dress
from .geometric.matte import DRAWN
from .geometric.mouth import CLEAR
from .geometric.palette import Palette
from .geometric.refine import Refiner
from .geometric.translate import translate
from .head_crop import HeadCrop
from .head_track import Head
from .paste_back import paste_back
from .squares import crop_grid, frame_head

MARGIN, RISE = 1.7, 0.0  # side of the crop over the extent of the landmarks, and how far it is moved up
DETAIL = 512  # pixels of a crop, at most, unless more are asked for: twice as many take four times as long
NOSE, CHIN, CHEEKS = 33, 8, (3, 13)  # of the Multi-PIE 68: under the nose, and where the face ends
BELOW = 0.35  # of the way from nose to chin that the mask reaches beyond the chin
SOFT = 0.7  # share of the mask's radius from which on it fades


@dataclass(frozen=True)
class Means:
    """What a frame is drawn with."""

    model: HeadModel
    refiner: Refiner
    detail: int = DETAIL  # pixels of a crop, at most
    allowed: Tensor | None = None  # [H, W] 0..1 how far each pixel of a frame may change; without it, all may

    def __repr__(self) -> str:
        return f"Means(detail={self.detail})"


@dataclass(frozen=True)
class Inside:
    """What stands between the lips of a clip's person, the same in every frame: paint, since each frame shows another
    part of the real thing, or none."""

    white: Tensor  # [3]
    palette: Palette
    light: Tensor  # [9]

    def __repr__(self) -> str:
        return "Inside()"


@torch.no_grad()
def look_inside(frame: Tensor, head: Head, means: Means, *, grant: Grant) -> Inside:
    """The colours that a frame u8 [H, W, 3] gives teeth and tongue; of its own teeth, where it shows some."""
    mouth = _lifted(frame, head, means, grant)[1].mouth
    return Inside(mouth.white, mouth.palette, mouth.light)


@torch.no_grad()
def redrawn(frame: Tensor, head: Head, motion: Tensor, inside: Inside, means: Means, *, grant: Grant) -> Tensor:
    """The frame u8 [H, W, 3] with the mouth of a motion vector [63]. The head is in its pixels, and the grant must be
    for this frame."""
    crop, volume = _lifted(frame, head, means, grant)
    mouth = list(REGIONS["mouth"])
    moved = volume.reference.clone()
    moved[mouth] = motion[mouth]
    painted = replace(
        volume.mouth, **vars(inside), seen=torch.zeros_like(volume.mouth.seen), opening=torch.tensor(CLEAR[1])
    )
    drawn = translate(replace(volume, mouth=painted), deform(volume, moved)).permute(2, 0, 1).float() / 255
    mask = mouth_mask(crop.to_frame(head.face.landmarks68), crop.size[0])
    return paste_back(frame, drawn, crop.square, mask, means.allowed)


def crop_of(frame: Tensor, head: Head, means: Means) -> HeadCrop:
    """What of a frame u8 [H, W, 3] is drawn anew before it is pasted back."""
    square = frame_head(head.face.landmarks68[None], MARGIN, RISE)
    size = min(means.detail, 2 * round(float(square.side[0]) / 2))
    return HeadCrop(frame, square, (size, size))


def _lifted(frame: Tensor, head: Head, means: Means, grant: Grant) -> tuple[HeadCrop, Volume]:
    crop = crop_of(frame, head, means)
    size = crop.size[0]
    bust = build_bust(means.model, in_crop(head.fit, crop))
    return crop, dress(bust, bust, crop, torch.ones(size, size), grant, means.refiner, DRAWN)


def in_crop(fit: HeadFit, crop: HeadCrop) -> HeadFit:
    """A fit in the pixels of a crop: a lens that is rolled and longer sees just that."""
    scale = crop.size[0] / crop.square.side[0]
    roll = rotation_matrix(0.0, 0.0, crop.square.tilt[0])
    camera = Camera(
        fit.camera.focal * scale,
        crop.to_frame(fit.camera.center[None])[0],
        roll @ fit.camera.rotation,
        roll @ fit.camera.translation,
    )
    upward = fit.residual.new_tensor([1.0, -1.0])
    residual = scale * ((fit.residual * upward) @ roll[:2, :2].T) * upward
    return HeadFit(fit.identity, fit.expression, fit.gaze, camera, residual, scale * fit.error)


def mouth_mask(landmarks68: Tensor, size: int) -> Tensor:
    """1 on mouth and chin, falling to 0 below the nose, beside the cheeks and on the neck. [n, n]"""
    top, bottom = landmarks68[NOSE, 1], landmarks68[CHIN, 1]
    low = bottom + BELOW * (bottom - top)
    left, right = (landmarks68[k, 0] for k in CHEEKS)
    centre = torch.stack([(left + right) / 2, (top + low) / 2])
    radius = torch.stack([(right - left) / 2, (low - top) / 2]).clamp(min=1)
    pixels = (crop_grid(size)[0] + 1) * (size / 2)
    away = ((pixels - centre) / radius).abs().pow(2.5).sum(-1)
    return smoothstep(-away.view(size, size), -1.0, -SOFT)
