"""What the ways of decoding cost and whether they agree: slices of time, tiles, the fused norm, memory layouts.

The network's own weights are asked for, its pictures are not: latents are noise. Times are the process's own, on one
thread, the middle of ratios within rounds: what else the machine does adds to both sides of a ratio.
"""

import logging
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ..neo2.decoding import decode_slices, decode_tiled, multiplications
from ..neo2.latent_space import CELL, FRAMES, SIZE
from ..neo2.loading import load_video_vae
from ..neo2.video_vae import HALF, VideoVAE
from ..nn.norm import ChannelRMSNorm, eager_channel_norm
from ..runtime.layout import PLAIN, choose_layouts, lay_out
from ..runtime.threads import one_thread

LATENTS = 7  # of the video: 28 frames
SLICES = [1, 2, 1, 3]  # its latents, as they are decoded one slice after the other
TILE = 12  # cells
ROUNDS = 7
log = logging.getLogger(__name__)


def on_cpu(vae: VideoVAE | None = None) -> dict[str, float]:
    """The rows of the bench for the video autoencoder; the shipped one unless another is given."""
    vae = vae or load_video_vae()
    figures = exactness(vae)
    figures |= {"RMSNorm over its eager twin": norm_speed(vae), "chosen memory layout": layout_gain(vae)}
    for name, value in figures.items():
        log.info("%s: %.3g", name, value)
    return figures


@torch.no_grad()
def exactness(vae: VideoVAE) -> dict[str, float]:
    """Largest differences of slices and of tiles to the whole decode, and the work of tiles over its work."""
    latents, anchor = _noise(vae)
    whole = vae.decode(latents, anchor)
    slices = torch.cat(list(decode_slices(vae, anchor[0], latents[0].split(SLICES))), dim=1)
    tiles = decode_tiled(vae, latents, anchor, TILE)
    work = multiplications(lambda: decode_tiled(vae, latents, anchor, TILE))
    return {
        "decoding in time slices": float((slices - whole[0]).abs().max()),
        "decoding in tiles": float((tiles - whole).abs().max()),
        "work of tiles": work / multiplications(lambda: vae.decode(latents, anchor)),
    }


@one_thread()
@torch.no_grad()
def norm_speed(vae: VideoVAE) -> float:
    """How many times as fast the fused norm is as its eager twin, each in its own layout: the least of the two sizes
    that the decoder norms."""
    config, side = vae.config, SIZE // CELL
    coarse = (1, config.decoder_width, LATENTS, side, side)
    fine = (1, config.fine_width, LATENTS * FRAMES, HALF * side, HALF * side)
    return min(_norm_speed(torch.randn(shape)) for shape in (coarse, fine))


@one_thread()
@torch.no_grad()
def layout_gain(vae: VideoVAE) -> float:
    """How many times as fast decoding is in the layouts that were chosen as in the plain one."""
    latents, anchor = _noise(vae)

    def decode() -> Tensor:
        return vae.decode(latents, anchor)

    chosen = choose_layouts(vae, decode, time.process_time).layouts
    plain = dict.fromkeys(chosen, PLAIN)
    if chosen == plain:
        return 1.0

    def laid_out(layouts: dict[str, torch.memory_format]) -> float:
        lay_out(vae, layouts)
        return taken(decode)

    return statistics.median(laid_out(plain) / laid_out(chosen) for _ in range(ROUNDS))


def taken(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _norm_speed(x: Tensor) -> float:
    norm, last = ChannelRMSNorm(x.shape[1]), x.contiguous(memory_format=torch.channels_last_3d)

    def eager() -> None:
        eager_channel_norm(x, norm.weight)

    def fused() -> None:
        norm(last)

    for warm_up in (eager, fused):
        warm_up()
    return statistics.median(taken(eager) / taken(fused) for _ in range(3 * ROUNDS))


def _noise(vae: VideoVAE) -> tuple[Tensor, Tensor]:
    """Latents [1, T, C, h, w] and an anchor [1, C, h, w]."""
    dice, side = torch.Generator().manual_seed(0), SIZE // CELL
    latents = torch.randn(1, LATENTS, vae.config.channels, side, side, generator=dice)
    return latents, torch.randn(1, vae.config.channels, side, side, generator=dice)
