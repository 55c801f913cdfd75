"""The framing NEO 2 was trained on: a person down to the waist, seen from the front.

The head, from crown to chin, takes three tenths of the picture and the crown lies a little below its upper edge. Eyes
lie halfway down a head, so chin and eyes tell where it is, whatever the hair does. What the square shows beyond the
photo repeats its edge, at the sides as below: a cut-off jacket goes on, and so does a wall.

How much of that is bearable was seen, on crops of one photo and on paintings: up to 3 % nobody notices. Without a
seventh of the height hands are cut into streaks, without a fifth they are gone and the jacket still looks like one;
without a quarter all of the body is streaks. At the sides a third is a band of streaks behind a person who is whole,
with two fifths missing arms are smeared along it.
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
MOST_BELOW = 0.2  # of the picture's height that may lie below the photo
MOST_BESIDE = 0.35  # of its width that may lie beside the photo: a little more than that of a photo 2 : 3
LITTLE = 0.05  # of the picture that is made up: not worth a word
FRONTAL = 11.0  # degrees to a side: 95 of 100 frames of the films are within it, anchors within 5
EYES, CHIN = slice(36, 48), 8  # Multi-PIE


@dataclass(frozen=True)
class HalfBody:
    """A person as NEO 2 knows them."""

    picture: Tensor  # u8 [size, size, 3]
    missing: float  # 0..1, of its area that lies beyond the photo and is made up

    def __repr__(self) -> str:
        return f"HalfBody({self.picture.shape[1]} x {self.picture.shape[0]} pixels)"


def frame_half_body(photo: Tensor, face: Face, size: int) -> HalfBody:
    """The person with this `face` of a photo u8 [H, W, 3], in a square of `size` pixels. Raises InputError as
    `missing_share` does."""
    missing = missing_share(photo, face)
    height, width = photo.shape[:2]
    left, top, side = square(face.landmarks68, height)
    rows = torch.arange(top, top + side).clamp(0, height - 1)
    columns = torch.arange(left, left + side).clamp(0, width - 1)
    shown = rearrange(photo[rows][:, columns].float(), "h w c -> 1 c h w")
    picture = scaled(shown, (size, size)).round().clamp(0, 255).to(torch.uint8)
    return HalfBody(rearrange(picture, "1 c h w -> h w c").contiguous(), missing)


def missing_share(photo: Tensor, face: Face) -> float:
    """How much of the square around a person, 0..1, lies beyond the photo u8 [H, W, 3] and will be made up.

    Raises InputError when so much of the body is missing, below or at the sides, that nothing good can come of it.
    """
    height, width = photo.shape[:2]
    left, top, side = square(face.landmarks68, height)
    heads = side / _head(face.landmarks68)
    tall, wide = _shared(top, side, height), _shared(left, side, width)
    below, missing = (top + side - height) / side, 1 - tall * wide
    if below > MOST_BELOW:
        raise InputError(
            f"the photo ends {(1 - AIR - below) * heads:.1f} head heights below the crown, and {missing:.0%} of the "
            "picture would be made up; expected a person from head to waist, at least "
            f"{(1 - AIR - MOST_BELOW) * heads:.1f} head heights: use a photo that shows more of the body, best with "
            "both hands in it"
        )
    if wide < 1 - MOST_BESIDE:
        raise InputError(
            f"the photo shows {wide * heads:.1f} head heights across around the person, and {missing:.0%} of the "
            "picture would be made up; expected both shoulders and arms, at least "
            f"{(1 - MOST_BESIDE) * heads:.1f} head heights: use one that is cut less narrowly"
        )
    return missing


def made_up(missing: float) -> str | None:
    """What to tell a user of the share of the picture that is made up; None where it is too little to be seen."""
    if missing < LITTLE:
        return None
    return (
        f"{missing:.0%} of the picture lies beyond the photo and is made up by repeating its edge; a photo that shows "
        "the person from head to waist, with both arms and some room beside them, will look better"
    )


def turned_away(face: Face) -> str | None:
    """What to tell a user of a head that is turned to a side further than what NEO 2 has seen; None of one that is not.
    A nod is not judged: heads are read as nodding more easily than as turned."""
    yaw = abs(float(face.pose[1]))
    if yaw <= FRONTAL:
        return None
    return (
        f"the head is turned by {yaw:.0f} degrees to a side, and NEO 2 has hardly seen more than {FRONTAL:.0f}: the "
        "face may be lost; a photo from the front will look better"
    )


def _shared(first: int, side: int, length: int) -> float:
    """The share of `side` pixels from `first` on that lie among the `length` pixels of the photo."""
    return max(0, min(first + side, length) - max(first, 0)) / side


def square(landmarks68: Tensor, height: int) -> tuple[int, int, int]:
    """(left, top, side) of the square around a person in a photo of `height` pixels; it may reach beyond. [68, 2]"""
    eyes, chin = landmarks68[EYES].mean(0), landmarks68[CHIN]
    head = _head(landmarks68)
    crown = 2 * eyes - chin
    reach = (height - float(crown[1])) / (1 - AIR)
    side = max(1, round(min(HEADS * head, max(CLOSEST * head, reach))))
    middle = float((crown[0] + chin[0]) / 2)
    return round(middle - side / 2), round(float(crown[1]) - AIR * side), side


def _head(landmarks68: Tensor) -> float:
    """Pixels from crown to chin. [68, 2]"""
    return 2 * float((landmarks68[CHIN] - landmarks68[EYES].mean(0)).norm())
