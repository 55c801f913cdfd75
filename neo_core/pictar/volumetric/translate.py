"""Translate: warped features become a frame."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from ...governance import TALKING_HEAD, while_allowed
from .deform import deform
from .lift import Volume
from .warping_module import Warp


def render(volume: Volume, keypoints: Iterable[Tensor]) -> Iterator[Tensor]:
    """Frames u8 [S, S, 3], one per set of keypoints [K, 3], made as they are asked for."""
    for moved in while_allowed(volume.grant, TALKING_HEAD, keypoints):
        yield translate(volume, deform(volume, moved))


@torch.no_grad()
def translate(volume: Volume, warp: Warp) -> Tensor:
    """The frame of a deformation. u8 [S, S, 3] on the CPU

    Cut off to whole numbers, not rounded, as the published code does.
    """
    picture = volume.renderer.generator(warp.features)[0]
    return picture.mul(255).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
