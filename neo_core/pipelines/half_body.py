"""The framing NEO 2 was trained on: a person down to the waist, seen from the front.

The head, from crown to chin, takes three tenths of the picture and the crown lies a little below its upper edge. Eyes
lie halfway down a head, so chin and eyes tell where it is, whatever the hair does. What the square shows beyond the
photo repeats its edge, at the sides as below: a cut-off jacket goes on, and so does a wall.
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
MOST_BESIDE = 0.4  # of its width that may lie beside the photo: less is narrower than shoulders
EYES, CHIN = slice(36, 48), 8  # Multi-PIE


@dataclass(frozen=True)
class HalfBody:
    """A person as NEO 2 knows them."""

    picture: Tensor  # u8 [size, size, 3]
    missing: float  # 0..1, of its area that lies beyond the photo and is made up

    def __repr__(self) -> str:
        return f"HalfBody({self.picture.shape[1]} x {self.picture.shape[0]} pixels)"


def frame_half_body(photo: Tensor, face: Face, size: int) -> HalfBody:
    """The person with this `face` of a photo u8 [H, W, 3], in a square of `size` pixels.

    Raises InputError when so much of the body is missing, below or at the sides, that most of it would be made up.
    """
    height, width = photo.shape[:2]
    left, top, side = square(face.landmarks68, height)
    tall, wide = _shared(top, side, height), _shared(left, side, width)
    if top + side - height > MOST_MISSING * side:
        raise InputError(
            f"the photo ends {(height - top) / side * HEADS:.1f} head heights below its crown; expected a person down "
            f"to the waist, at least {(1 - MOST_MISSING) * HEADS:.1f} head heights: use one that shows more of the body"
        )
    if wide < 1 - MOST_BESIDE:
        raise InputError(
            f"the photo shows {wide * HEADS:.1f} head heights across around the person; expected both shoulders and "
            f"arms, at least {(1 - MOST_BESIDE) * HEADS:.1f} head heights: use one that is cut less narrowly"
        )
    rows = torch.arange(top, top + side).clamp(0, height - 1)
    columns = torch.arange(left, left + side).clamp(0, width - 1)
    shown = rearrange(photo[rows][:, columns].float(), "h w c -> 1 c h w")
    picture = scaled(shown, (size, size)).round().clamp(0, 255).to(torch.uint8)
    return HalfBody(rearrange(picture, "1 c h w -> h w c").contiguous(), 1 - tall * wide)


def _shared(first: int, side: int, length: int) -> float:
    """The share of `side` pixels from `first` on that lie among the `length` pixels of the photo."""
    return max(0, min(first + side, length) - max(first, 0)) / side


def square(landmarks68: Tensor, height: int) -> tuple[int, int, int]:
    """(left, top, side) of the square around a person in a photo of `height` pixels; it may reach beyond. [68, 2]"""
    eyes, chin = landmarks68[EYES].mean(0), landmarks68[CHIN]
    head = 2 * float((chin - eyes).norm())
    crown = 2 * eyes - chin
    reach = (height - float(crown[1])) / (1 - AIR)
    side = max(1, round(min(HEADS * head, max(CLOSEST * head, reach))))
    middle = float((crown[0] + chin[0]) / 2)
    return round(middle - side / 2), round(float(crown[1]) - AIR * side), side
