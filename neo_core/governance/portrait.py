"""What a consent record knows of a portrait: its exact pixels, a perceptual hash, and the geometry of the face.

A record covers one face of a picture: the geometry of the face must agree, and the pixels must be the same or those of
a copy that was encoded or scaled again (perceptual hash). A crop or another photo of the person needs a record of its
own, and so does a second person in the same photo.
"""

import hashlib
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

HASH_BITS_APART = 8  # of 64
TEMPLATE_APART = 0.05  # mean landmark distance over the distance of the eye centres
GREY = torch.tensor([0.299, 0.587, 0.114])
LIKENESS_APART = 0.28  # of two likenesses of one person, made from different moments
TEMPLATE_STEP = 64  # template units per eye distance


@dataclass(frozen=True)
class Portrait:
    pixels_sha256: str
    perceptual_hash: int  # 64 bits
    face_template: tuple[int, ...]  # 136 numbers, 1/64 of the eye distance

    def __repr__(self) -> str:
        return "Portrait()"  # a fingerprint tells whose face it is to everyone who has the picture

    def covers(self, other: "Portrait") -> bool:
        """True when `other` is this face in this picture, or in a copy that was scaled or encoded again."""
        bits = (self.perceptual_hash ^ other.perceptual_hash).bit_count()
        same_picture = self.pixels_sha256 == other.pixels_sha256 or bits <= HASH_BITS_APART
        return same_picture and template_distance(self.face_template, other.face_template) <= TEMPLATE_APART


def pixels_sha256(image: Tensor) -> str:
    """Hash of the picture's size and RGB bytes, whatever file it came in. `image` u8 [H, W, 3]"""
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"portrait has type {image.dtype} and shape {tuple(image.shape)}; expected uint8 [H, W, 3]")
    digest = hashlib.sha256(f"{image.shape[0]}x{image.shape[1]}:".encode())
    digest.update(image.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def fingerprint(image: Tensor, landmarks68: Tensor) -> Portrait:
    """Everything a record stores of a picture. `image` u8 [H, W, 3], `landmarks68` [68, 2] pixels."""
    return Portrait(pixels_sha256(image), difference_hash(image), face_template(landmarks68))


def difference_hash(image: Tensor) -> int:
    """64 bits: is each cell of a 9 x 8 grey thumbnail brighter than its right neighbour?"""
    rows = torch.arange(image.shape[0]) * 8 // image.shape[0]  # row by row, so that a huge photo needs no float copy
    sums = torch.zeros(8, image.shape[1])
    for row, line in zip(rows.tolist(), image, strict=True):
        sums[row] += line.float() @ GREY
    small = F.interpolate((sums / rows.bincount(minlength=8).clamp(min=1)[:, None])[None], size=9, mode="area")[
        0
    ]  # [8, 9]
    bits = (small[:, :-1] > small[:, 1:]).flatten().tolist()
    return sum(1 << k for k, bit in enumerate(bits) if bit)


def face_template(landmarks68: Tensor) -> tuple[int, ...]:
    """Landmarks with the eye line horizontal, the eye distance 1 and its middle at 0, as small integers."""
    if landmarks68.shape != (68, 2):
        raise ValueError(f"landmarks have shape {tuple(landmarks68.shape)}; expected (68, 2)")
    points = landmarks68.double()
    right, left = points[36:42].mean(0), points[42:48].mean(0)
    across = left - right
    scale = across.norm().clamp(min=1e-6)
    cos, sin = (across / scale).tolist()
    turn = points.new_tensor([[cos, -sin], [sin, cos]])
    normal = (points - (left + right) / 2) @ turn / scale
    return tuple((normal * TEMPLATE_STEP).round().to(torch.int64).flatten().tolist())


def likeness_distance(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Root mean square difference of two likenesses: numbers that tell the shape of a head whatever its pose, about
    N(0, 1) each; infinite when one is missing."""
    if len(a) != len(b) or not a:
        return math.inf
    return float((torch.tensor(a) - torch.tensor(b)).square().mean().sqrt())


def template_distance(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Mean distance of corresponding landmarks over the eye distance; infinite when the templates differ in kind."""
    if len(a) != len(b):
        return math.inf
    first, second = (torch.tensor(template, dtype=torch.float64).view(-1, 2) for template in (a, b))
    return float((first - second).norm(dim=1).mean() / TEMPLATE_STEP)
