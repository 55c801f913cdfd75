"""Deform: keypoints move, and with them the features of the source's volume."""

import torch
from torch import Tensor

from .lift import Volume
from .warping_module import Warp


@torch.no_grad()
def deform(volume: Volume, keypoints: Tensor) -> Warp:
    """The features that a frame shows whose keypoints are at [K, 3]."""
    source = volume.source
    return volume.renderer.warping(source, keypoints[None].to(source.keypoints))
