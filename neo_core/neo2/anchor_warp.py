"""The anchor, moved by parts of a cell without leaving its code.

A person who moves shows what the anchor shows, elsewhere. But a code of 4 x 4 pixels says little of itself moved by
two: texture and edges change their numbers. What the linear maps of the autoencoder make of any moved picture is a
convolution of its code, though, known beforehand. It gives the code at every pixel, between which the anchor can be
warped as pictures are.

Letters: B batch, T moments, C h w a code, H W = 4 h, 4 w pixels.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..runtime.grid_sampling import sample_continued
from .latent_space import CELL, FRAMES

if TYPE_CHECKING:
    from .video_vae import VideoVAE

SIDE = 3  # cells of the kernel: a moved cell lies over four


@torch.no_grad()
def shift_kernel(vae: "VideoVAE") -> tuple[Tensor, Tensor]:
    """Weight [16 C, C, 3, 3] and bias [16 C] from codes to those of the picture from 0..3 pixels further down and
    right, by the linear maps of the autoencoder."""
    encode, decode = (layer.weight.flatten(1).float() for layer in (vae.linear_encoder, vae.linear_decoder))
    shape = (FRAMES, CELL, CELL, 3)
    blocks = (decode * vae.std).T.unflatten(1, shape)  # one of each channel: [C, f, p, q, 3]
    near = slice(CELL, (SIDE + 1) * CELL)  # what begins in the cell before, the block's own or the one after
    seen = _encoded(F.pad(blocks, (0, 0, *4 * (2 * CELL,))), encode)[:, near, near] / vae.std
    kernel = rearrange(seen, "i (y p) (x q) o -> (p q o) i y x", p=CELL, q=CELL).flip(-2, -1)
    ground = (decode @ vae.mean + vae.linear_decoder.bias).unflatten(0, shape).repeat(1, 2, 2, 1)[None]
    level = (_encoded(ground, encode)[0, :CELL, :CELL] + vae.linear_encoder.bias - vae.mean) / vae.std
    return kernel, level.flatten()


def _encoded(canvas: Tensor, encode: Tensor) -> Tensor:
    """The linear map of the block from each pixel on: [n, f, H, W, 3] -> [n, H - 3, W - 3, C]."""
    blocks = canvas.unfold(2, CELL, 1).unfold(3, CELL, 1)
    return rearrange(blocks, "n f y x c p q -> n y x (f p q c)") @ encode.T


def at_every_pixel(anchor: Tensor, kernel: Tensor, level: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, C, H, W]: at (4 y + p, 4 x + q) the code of the 4 x 4 pixels from there on. Beyond the
    border the picture goes on as its cells there are."""
    moved = F.conv2d(F.pad(anchor, (1, 1, 1, 1), mode="replicate"), kernel, level)
    return rearrange(moved, "b (p q c) y x -> b c (y p) (x q)", p=CELL, q=CELL)


def warp(anchor: Tensor, fine: Tensor, flow: Tensor) -> Tensor:
    """Each cell becomes what the anchor shows flow [B, T, 2 (down, right), h, w] pixels away. Without flow that is the
    anchor itself. [B, C, h, w], [B, C, H, W] -> [B, T, C, h, w]"""
    length, (height, width) = flow.shape[1], fine.shape[-2:]
    down, right = (CELL * torch.arange(n, device=flow.device) for n in flow.shape[-2:])
    y, x = flow[:, :, 0] + down[:, None], flow[:, :, 1] + right
    grid = torch.stack((2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1), dim=-1).flatten(1, 2)
    there = sample_continued(fine, grid, align_corners=True)
    here = fine[..., ::CELL, ::CELL]
    return (anchor - here)[:, None] + rearrange(there, "b c (t y) x -> b t c y x", t=length)


def identity_kernel(channels: int) -> tuple[Tensor, Tensor]:
    """As `shift_kernel`, for codes that are the same wherever one looks within a cell."""
    kernel = torch.zeros(CELL * CELL, channels, channels, SIDE, SIDE)
    kernel[:, :, :, 1, 1] = torch.eye(channels)
    return kernel.flatten(0, 1), torch.zeros(CELL * CELL * channels)
