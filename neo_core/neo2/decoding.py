"""Decoding latents to pictures piece by piece: in slices of time for any length, in tiles for any size.

Both are exact and compute every activation once: see `neo2/lazy_cache.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..data_types import InputError
from .causal_conv import piecewise
from .latent_space import CELL, FRAMES, frame_count
from .lazy_cache import TileCache, TimeCache
from .video_vae import VideoVAE

SLICE = 4  # latents that are decoded at once, however long a piece is


def decode_stream(vae: VideoVAE, anchor: Tensor, pieces: Iterable[Tensor], tile: int | None = None) -> Iterator[Tensor]:
    """Frames u8 [n, H, W, 3] on the CPU as pieces of latents [t, C, h, w] come: `decode_slices`, rounded."""
    return (pictures(video) for video in decode_slices(vae, anchor, pieces, tile))


@torch.no_grad()
def decode_slices(vae: VideoVAE, anchor: Tensor, pieces: Iterable[Tensor], tile: int | None = None) -> Iterator[Tensor]:
    """Video [3, n, H, W] in -1..1 as pieces of latents [t, C, h, w] come: the four frames of a latent come with the
    latent after it, those of the last one at the end.

    `anchor` [C, 4h, 4w]. Memory does not grow with the number of pieces. With `tile`, each piece is decoded in squares
    of that many cells of the code: what paints them then takes memory for a tile and for what its layers keep. The
    last layer moves whole pictures either way.
    """
    anchor = _for(vae, anchor)[None]
    kept = vae.remember(anchor)
    cache = TimeCache() if tile is None else TileCache()
    known: Painted | None = None  # but for what was given, the latent before it, and at the end a copy of the last
    for piece in pieces:
        if len(piece):
            painted = _painted(vae, _for(vae, piece)[None], anchor, kept, cache, tile)
            known = (known or painted.part(slice(1))).with_next(painted)
            if known.latents > 2:
                yield known.moved(vae, anchor)
            known = known.part(slice(-2, None))
    if known:
        yield known.with_next(known.part(slice(-1, None))).moved(vae, anchor)


@torch.no_grad()
def decode_tiled(vae: VideoVAE, latents: Tensor, anchor: Tensor, tile: int) -> Tensor:
    """`vae.decode`, in squares of `tile` x `tile` cells of the code: equal to it, with as many multiplications.

    latents [B, T, C, h, w], anchor [B, C, 4h, 4w] -> [B, 3, 4 T, H, W] in -1..1. Raises InputError for a tile below 1.
    """
    painted = _painted(vae, latents, anchor, vae.remember(anchor), TileCache(), tile)
    return vae.move(painted.codes, painted.flow, anchor, painted.video)


@dataclass(frozen=True)
class Painted:
    """Some latents of a video, painted but not moved yet."""

    codes: Tensor  # [B, T, C, 4h, 4w]
    flow: Tensor  # [B, T, 2, 4h, 4w] where in the anchor they look
    video: Tensor  # [B, 3, 4 T, H, W]

    @property
    def latents(self) -> int:
        return self.codes.shape[1]

    def part(self, some: slice) -> "Painted":
        """Some of the latents, a copy: a view would keep all the others alive."""
        frames = self.video.unflatten(2, (-1, FRAMES))[:, :, some].flatten(2, 3)
        return Painted(self.codes[:, some].clone(), self.flow[:, some].clone(), frames.clone())

    def with_next(self, after: "Painted") -> "Painted":
        """These and then those."""
        codes, flow = (torch.cat(pair, dim=1) for pair in ((self.codes, after.codes), (self.flow, after.flow)))
        return Painted(codes, flow, torch.cat((self.video, after.video), dim=2))

    def moved(self, vae: VideoVAE, anchor: Tensor) -> Tensor:
        """The frames of all but the first and the last latent. [3, n, H, W]"""
        return vae.interpolation(self.codes, self.flow, anchor, self.video)[0]


def pictures(video: Tensor) -> Tensor:
    """[3, T, H, W] in -1..1 -> u8 [T, H, W, 3] on the CPU."""
    return ((video.permute(1, 2, 3, 0).float() + 1) * 127.5).round().clamp(0, 255).to("cpu", torch.uint8)


def multiplications(work: Callable[[], object]) -> int:
    """How many multiplications the convolutions and matrix products of a piece of work take."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() // 2  # it counts the additions too


def _painted(
    vae: VideoVAE, latents: Tensor, anchor: Tensor, kept: Tensor, cache: TimeCache | TileCache, tile: int | None
) -> Painted:
    """Latents [B, T, C, h, w] to pixels, through a cache of slices or of tiles. The codes between them are small and
    need no tiles."""
    codes, flow = vae.motion.decode(latents, anchor)
    plain = vae.plain(codes)
    if isinstance(cache, TileCache):
        return Painted(codes, flow, _in_tiles(vae, plain, kept, cache, tile))
    with piecewise(cache):
        return Painted(codes, flow, vae.paint(plain, kept).clamp(-1, 1))


def _in_tiles(vae: VideoVAE, plain: Tensor, kept: Tensor, cache: TileCache, tile: int) -> Tensor:
    """Tiles from the top left; the pixels of each lag behind its cells by what the network looks around."""
    batch, _, moments, height, width = plain.shape
    if tile < 1:
        raise InputError(f"tile is {tile}, expected at least 1 cell")
    rows, columns = -(-height // tile), -(-width // tile)
    video = plain.new_empty(batch, 3, frame_count(moments), height * CELL, width * CELL)
    top = 0
    for row in range(rows):
        left = painted = 0
        for column in range(columns):
            place = (..., slice(row * tile, (row + 1) * tile), slice(column * tile, (column + 1) * tile))
            cache.at(row, rows, column, columns)
            with piecewise(cache):
                pixels = vae.paint(plain[place], kept[place]).clamp(-1, 1)
            painted = pixels.shape[-2]
            video[..., top : top + painted, left : left + pixels.shape[-1]] = pixels
            left += pixels.shape[-1]
        top += painted
    return video


def _for(vae: VideoVAE, x: Tensor) -> Tensor:
    """On the device of the network and in its precision."""
    return x.to(vae.mean)
