"""Sampling between pixels on devices that have no kernel for it.

On a Mac's GPU (`mps`) most versions of torch cannot sample volumes, nor pictures bicubically, nor pictures that go on
beyond their rim (`padding_mode="border"`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LACKING = ("mps",)  # types of such devices


def lacks_kernels(device: torch.device) -> bool:
    return device.type in LACKING


def sample_continued(
    pictures: Tensor, places: Tensor, mode: str = "bilinear", *, align_corners: bool = False
) -> Tensor:
    """Samples of pictures whose rim goes on outside, as `grid_sample` takes them; computed on the CPU where the device
    cannot. [B, C, H, W], [B, h, w, 2] in -1..1 -> [B, C, h, w]"""
    if lacks_kernels(pictures.device):
        return _sampled(pictures.cpu(), places.cpu(), mode, align_corners).to(pictures.device)
    return _sampled(pictures, places, mode, align_corners)


def _sampled(pictures: Tensor, places: Tensor, mode: str, align_corners: bool) -> Tensor:
    return F.grid_sample(pictures, places, mode=mode, padding_mode="border", align_corners=align_corners)
