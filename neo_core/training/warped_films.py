"""Films of people of other proportions: the same film and its anchor, seen through one lens that bends them a little.

A film factory makes a person in a quarter of a minute, a lens in a thousandth. A codec that learned from 237 people
left of the mouths of strangers twice as much as of theirs; what it sees through ever new lenses it cannot know by
heart. The codes themselves are bent, as the decoder bends its anchor (`neo2/anchor_warp.py`).

Letters: B films, T moments of each, C h w a code.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..neo2.anchor_warp import at_every_pixel, warp
from ..neo2.latent_space import CELL
from ..neo2.motion_codec import MotionCodec
from .neo2_clips import Clip

ZOOM, STRETCH, TURN = 0.2, 0.1, 0.12  # largest: of either direction, of one against the other; radians, one in three
SHIFT = 8.0  # pixels, one in three
BUMP, BUMPS = 2.5, 6  # pixels, and how many of them lie across a picture


def lens(count: int, size: tuple[int, int], dice: torch.Generator) -> Tensor:
    """Where each cell of a bent code looks, so many pixels away: [count, 2 (down, right), h, w]."""
    down, right = (CELL * (torch.arange(n) - (n - 1) / 2) for n in size)
    zoom, stretch = (largest * (2 * torch.rand(count, 1, 1, generator=dice) - 1) for largest in (ZOOM, STRETCH))
    turn = TURN * torch.randn(count, 1, 1, generator=dice).clamp(-2, 2)
    shift = SHIFT * torch.randn(count, 2, 1, 1, generator=dice).clamp(-1.5, 1.5)
    whole = torch.stack(
        ((zoom + stretch) * down[:, None] + turn * right, (zoom - stretch) * right - turn * down[:, None]), dim=1
    )
    bumps = BUMP * torch.randn(count, 2, BUMPS, BUMPS, generator=dice)
    return whole + shift + F.interpolate(bumps, size, mode="bicubic", align_corners=True)


def bend(codes: Tensor, look: Tensor, codec: MotionCodec) -> Tensor:
    """[B, T, C, h, w], each film through its lens [B, 2, h, w] -> the same size."""
    pictures, length = codes.flatten(0, 1), codes.shape[1]
    everywhere = at_every_pixel(pictures, codec.shift_kernel.float(), codec.shift_level.float())
    bent = warp(pictures, everywhere, look.repeat_interleave(length, dim=0)[:, None])
    return bent[:, 0].unflatten(0, codes.shape[:2])


def bend_labels(shows: Tensor, look: Tensor) -> Tensor:
    """What cells show [B, T, h, w], through the same lens: that of the cell next to where each one looks."""
    height, width = shows.shape[-2:]
    row = (torch.arange(height, device=look.device)[:, None] + look[:, 0] / CELL).round().long().clamp(0, height - 1)
    column = (torch.arange(width, device=look.device) + look[:, 1] / CELL).round().long().clamp(0, width - 1)
    return torch.stack([one[:, y, x] for one, y, x in zip(shows, row, column, strict=True)])


@torch.no_grad()
def bent_clip(clip: Clip, codec: MotionCodec, dice: torch.Generator) -> Clip:
    """A film in codes, its anchor and what its cells show, through one lens. What was known of its flow is not known
    of that."""
    look = lens(1, tuple(clip.anchor.shape[-2:]), dice)
    pictures = torch.cat((clip.latents, clip.anchor[None])).to(codec.shift_kernel).float()
    bent = bend(pictures[None], look.to(pictures), codec)[0].half().cpu()
    shows = bend_labels(clip.shows[None], look)[0]
    return replace(clip, latents=bent[:-1], anchor=bent[-1], shows=shows, match=None)
