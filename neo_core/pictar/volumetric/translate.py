"""Translate: warped features become a frame."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from ...governance import TALKING_HEAD, while_allowed
from ...runtime.cuda_graph import recorded
from .deform import deform
from .dynamic_roi import Focus, draw
from .lift import Volume
from .warping_module import Warp

Finish = Callable[[Tensor], Tensor]  # what becomes of a picture [3, S, S] in 0..1, where the renderer is


def render(
    volume: Volume, keypoints: Iterable[Tensor], *, focus: Focus | None = None, finish: Finish | None = None
) -> Iterator[Tensor]:
    """Frames u8 [S, S, 3] on the CPU, one per set of keypoints [K, 3], made as they are asked for.

    With a `focus`, frames between keyframes are computed around eyes and mouth only, and keypoints are read as far
    ahead as the next keyframe (`dynamic_roi`). `finish` makes something else of a picture, say the photo with the
    picture in it; what it launches must not depend on what is in the picture, for on a CUDA device it is part of one
    graph with everything before it.
    """
    finish = finish or pack
    allowed = while_allowed(volume.grant, TALKING_HEAD, keypoints)
    frames = draw(volume, allowed, focus, finish) if focus else map(drawing(volume, finish), allowed)
    for frame in frames:
        yield frame.cpu()


def drawing(volume: Volume, finish: Finish) -> Callable[[Tensor], Tensor]:
    """From keypoints [K, 3] to what `finish` makes of their picture, where the renderer is; the next call may fill the
    same memory."""

    @torch.no_grad()
    def drawn(keypoints: Tensor) -> Tensor:
        return finish(translate(volume, deform(volume, keypoints)))

    return recorded(drawn, volume.source.volume.device)


@torch.no_grad()
def translate(volume: Volume, warp: Warp) -> Tensor:
    """The picture of a deformation. [3, S, S] in 0..1, where the renderer is"""
    return volume.renderer.paint(warp.features)[0]


def pack(picture: Tensor) -> Tensor:
    """Bytes of a picture [3, S, S] in 0..1. u8 [S, S, 3]

    Cut off to whole numbers, not rounded, as the published code does.
    """
    return picture.mul(255).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()
