"""What a consent record knows of a portrait: its exact pixels, a perceptual hash, and the geometry of the face.

A record covers a picture when the pixels are the same, or when the picture is a re-encoded or resized copy: the
perceptual hash AND the face geometry both agree. A crop or another photo of the same person needs a record of its own.
"""

import hashlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

HASH_BITS_APART = 8  # of 64
TEMPLATE_APART = 0.05  # mean landmark distance over the distance of the eye centres
TEMPLATE_STEP = 64  # template units per eye distance


@dataclass(frozen=True)
class Portrait:
    pixels_sha256: str
    perceptual_hash: int  # 64 bits
    face_template: tuple[int, ...]  # 136 numbers, 1/64 of the eye distance

    def covers(self, other: "Portrait") -> bool:
        """True when `other` is this picture, or a copy of it that was scaled or encoded again."""
        if self.pixels_sha256 == other.pixels_sha256:
            return True
        if len(self.face_template) != len(other.face_template):
            return False
        bits = (self.perceptual_hash ^ other.perceptual_hash).bit_count()
        return bits <= HASH_BITS_APART and template_distance(self, other) <= TEMPLATE_APART


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
    grey = image.float() @ image.new_tensor([0.299, 0.587, 0.114], dtype=torch.float32)  # [H, W]
    small = F.interpolate(grey[None, None], size=(8, 9), mode="area")[0, 0]
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


def template_distance(a: Portrait, b: Portrait) -> float:
    """Mean distance of corresponding landmarks over the eye distance."""
    first, second = (torch.tensor(p.face_template, dtype=torch.float64).view(-1, 2) for p in (a, b))
    return float((first - second).norm(dim=1).mean() / TEMPLATE_STEP)
