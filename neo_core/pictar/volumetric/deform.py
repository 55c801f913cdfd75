"""Deform: keypoints move, and with them the features of the source's volume."""

import torch
from torch import Tensor

from .lift import Volume
from .warping_module import Warp, Weighing


@torch.no_grad()
def deform(volume: Volume, keypoints: Tensor) -> Warp:
    """The features that a frame shows whose keypoints are at [K, 3]."""
    return carry(volume, keypoints, weigh(volume, keypoints))


@torch.no_grad()
def weigh(volume: Volume, keypoints: Tensor) -> Weighing:
    """Which of them every place of the frame goes with."""
    source = volume.source
    return volume.renderer.warping.weigh(source, keypoints[None].to(source.keypoints))


@torch.no_grad()
def carry(volume: Volume, keypoints: Tensor, weighing: Weighing) -> Warp:
    """The features where the keypoints take them, given what each place goes with."""
    source = volume.source
    return volume.renderer.warping.carry(source, keypoints[None].to(source.keypoints), weighing)
