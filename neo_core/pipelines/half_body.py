"""The framing NEO 2 was trained on: a person down to the waist, seen from the front.

The head, from crown to chin, takes three tenths of the picture and the crown lies a little below its upper edge. Eyes
lie halfway down a head, so chin and eyes tell where it is, whatever the hair does. What the square shows beyond the
photo repeats its edge: a cut-off jacket goes on downwards.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ..data_types import InputError
from ..pictar.analysis import Face
from ..pictar.crop import scaled

HEADS = 3.3  # side of the picture over the height of the head: the middle of what films show
CLOSEST = 3.05  # the same of the closest films: a photo that ends a little early is seen from nearer
AIR = 0.06  # of the picture's side that lies above the crown
MOST_MISSING = 0.45  # of the picture's height that may lie below the photo
EYES, CHIN = slice(36, 48), 8  # Multi-PIE


@dataclass(frozen=True)
class HalfBody:
    """A person as NEO 2 knows them."""

    picture: Tensor  # u8 [size, size, 3]
    missing: float  # 0..1, of its height that lies below the photo and is made up

    def __repr__(self) -> str:
        return f"HalfBody({self.picture.shape[1]} x {self.picture.shape[0]} pixels)"


def frame_half_body(photo: Tensor, face: Face, size: int) -> HalfBody:
    """The person with this `face` of a photo u8 [H, W, 3], in a square of `size` pixels.

    Raises InputError when so much of the body is missing that most of it would be made up.
    """
    height, width = photo.shape[:2]
    left, top, side = square(face.landmarks68, height)
    missing = max(0.0, (top + side - height) / side)
    if missing > MOST_MISSING:
        raise InputError(
            f"the photo ends {(height - top) / side * HEADS:.1f} head heights below its crown; expected a person down "
            f"to the waist, at least {(1 - MOST_MISSING) * HEADS:.1f} head heights"
        )
    rows = torch.arange(top, top + side).clamp(0, height - 1)
    columns = torch.arange(left, left + side).clamp(0, width - 1)
    shown = rearrange(photo[rows][:, columns].float(), "h w c -> 1 c h w")
    picture = scaled(shown, (size, size)).round().clamp(0, 255).to(torch.uint8)
    return HalfBody(rearrange(picture, "1 c h w -> h w c").contiguous(), missing)


def square(landmarks68: Tensor, height: int) -> tuple[int, int, int]:
    """(left, top, side) of the square around a person in a photo of `height` pixels; it may reach beyond. [68, 2]"""
    eyes, chin = landmarks68[EYES].mean(0), landmarks68[CHIN]
    head = 2 * float((chin - eyes).norm())
    crown = 2 * eyes - chin
    reach = (height - float(crown[1])) / (1 - AIR)
    side = max(1, round(min(HEADS * head, max(CLOSEST * head, reach))))
    middle = float((crown[0] + chin[0]) / 2)
    return round(middle - side / 2), round(float(crown[1]) - AIR * side), side
