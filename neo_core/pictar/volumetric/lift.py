"""Lift: a square picture becomes a volume of features and the keypoints of its face.

Everything that does not depend on the motion is computed here, once.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data_types import InputError
from ...governance import TALKING_HEAD, Grant
from ..crop import Framing
from ..head_crop import HeadCrop
from .family import Renderer
from .keypoints import FaceMotion, place
from .warping_module import WarpSource


@dataclass(frozen=True)
class Volume:
    """A portrait ready to be moved."""

    framing: Framing | HeadCrop  # of the square that is rendered
    grant: Grant
    renderer: Renderer
    motion: FaceMotion  # what the picture shows: one face
    source: WarpSource
    landmarks68: Tensor  # [68, 2] of the face, from -1 to 1 across and down the frame

    def __repr__(self) -> str:
        return f"Volume({' x '.join(map(str, self.source.volume.shape[1:]))})"

    @property
    def keypoints(self) -> Tensor:
        """Where the picture has them: moved to these, it is drawn as it is. [K, 3]"""
        return self.source.keypoints[0]


@torch.no_grad()
def lift(renderer: Renderer, framing: Framing | HeadCrop, landmarks68: Tensor, *, grant: Grant) -> Volume:
    """Enrol a square frame of a photo; `landmarks68` [68, 2] of its face, in the frame's pixels.

    The grant must be for the photo that was framed and for this face. Raises InputError when the frame is no square of
    the pixels that the renderer reads, or a multiple of them.
    """
    grant.require(TALKING_HEAD)
    grant.require_portrait(framing.photo, framing.to_photo(landmarks68))
    picture = read_picture(framing.image, renderer.config.appearance.side)
    picture = picture.to(next(renderer.appearance.parameters()).device)
    motion = renderer.motion(picture)
    source = renderer.warping.know(renderer.appearance(picture), place(motion))
    extent = landmarks68.new_tensor([framing.size[1], framing.size[0]])
    return Volume(framing, grant, renderer, motion, source, landmarks68 / extent * 2 - 1)


def read_picture(image: Tensor, side: int) -> Tensor:
    """Pixels u8 [H, W, 3] as the extractors see them: averaged down, whole steps of 1 / 255. [1, 3, side, side]"""
    height, width = image.shape[:2]
    if height != width or height % side:
        raise InputError(f"the frame is {width} x {height} pixels; expected a square of {side} or a multiple of it")
    pixels = image.permute(2, 0, 1)[None].float()
    if height > side:
        pixels = (F.avg_pool2d(pixels, height // side) + 0.5).floor()
    return pixels / 255
