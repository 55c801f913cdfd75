"""Decoding latents to pictures piece by piece: in slices of time for any length, in tiles for any size.

Both are exact and compute every activation once: see `neo2/lazy_cache.py`.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..data_types import InputError
from .causal_conv import piecewise
from .latent_space import CELL, frame_count
from .lazy_cache import TileCache, TimeCache
from .video_vae import VideoVAE

SLICE = 4  # latents that are decoded at once, however long a piece is


def decode_stream(vae: VideoVAE, anchor: Tensor, pieces: Iterable[Tensor], tile: int | None = None) -> Iterator[Tensor]:
    """Frames u8 [n, H, W, 3] on the CPU for each piece of latents [t, C, h, w], n = 4 t: `decode_slices`, rounded."""
    return (pictures(video) for video in decode_slices(vae, anchor, pieces, tile))


@torch.no_grad()
def decode_slices(vae: VideoVAE, anchor: Tensor, pieces: Iterable[Tensor], tile: int | None = None) -> Iterator[Tensor]:
    """Video [3, n, H, W] in -1..1 for each piece of latents [t, C, h, w], n = 4 t, as the pieces come.

    `anchor` [C, 2h, 2w]. Memory does not grow with the number of pieces. With `tile`, each piece is decoded in squares
    of that many cells of the code: memory then grows with the picture only for what the layers keep of it.
    """
    anchor = _for(vae, anchor)[None]
    kept = vae.remember(anchor)
    cache = TimeCache() if tile is None else TileCache()
    for piece in pieces:
        if len(piece):
            yield _painted(vae, _for(vae, piece)[None], anchor, kept, cache, tile)[0]


@torch.no_grad()
def decode_tiled(vae: VideoVAE, latents: Tensor, anchor: Tensor, tile: int) -> Tensor:
    """`vae.decode`, in squares of `tile` x `tile` cells of the code: equal to it, with as many multiplications.

    latents [B, T, C, h, w], anchor [B, C, 2h, 2w] -> [B, 3, 4 T, H, W] in -1..1. Raises InputError for a tile below 1.
    """
    return _painted(vae, latents, anchor, vae.remember(anchor), TileCache(), tile)


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
) -> Tensor:
    """Latents [B, T, C, h, w] to pixels [B, 3, 4 T, H, W], through a cache of slices or of tiles. The codes between
    them are small and need no tiles."""
    plain = vae.plain(vae.motion.decode(latents, anchor)[0])
    if isinstance(cache, TileCache):
        return _in_tiles(vae, plain, kept, cache, tile)
    with piecewise(cache):
        return vae.paint(plain, kept).clamp(-1, 1)


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
