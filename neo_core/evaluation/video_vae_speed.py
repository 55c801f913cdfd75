"""What the ways of decoding cost and whether they agree: slices of time, tiles, the fused norm, memory layouts.

The network's own weights are asked for, its pictures are not: latents are noise. Times are the process's own, on one
thread, the middle of ratios within rounds: what else the machine does adds to both sides of a ratio.

The norm and its twin get what the norms of the decoder get, in the layout in which it comes. As for layouts, timing
convolution by convolution chose plain ones at the size of latents and codes and channels-last at half that of pictures,
and that is how `video_vae.unfold` and the norms leave them: nothing is converted while decoding. The row compares with
what could be chosen instead.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..neo2.decoding import decode_slices, decode_tiled, multiplications
from ..neo2.latent_space import CELL, SIZE, latent_shape
from ..neo2.video_vae import VideoVAE
from ..nn.norm import ChannelRMSNorm, eager_channel_norm
from ..runtime.threads import one_thread

LATENTS = 7  # of the video: 28 frames
SLICES = [1, 2, 1, 3]  # its latents, as they are decoded one slice after the other
TILE = 12  # cells
ROUNDS = 7
PLAIN = dict.fromkeys((4, 5), torch.contiguous_format)  # by the dimensions of a tensor
LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
log = logging.getLogger(__name__)


def on_cpu(vae: VideoVAE) -> dict[str, float]:
    """The rows of the bench for a video autoencoder."""
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
    """How many times as fast the norm is as its eager twin, for what each norm of the decoder gets, in the layout in
    which it gets it: the least of all sizes and layouts."""
    speeds = {place: _norm_speed(*found) for place, found in _normed(vae).items()}
    for (shape, layout), speed in speeds.items():
        log.info("norm of %s, %s: %.2f times as fast", list(shape), layout, speed)
    return min(speeds.values())


@one_thread()
@torch.no_grad()
def layout_gain(vae: VideoVAE) -> float:
    """How many times as fast decoding is in the layouts that ship as with every convolution plain, or every one
    channels-last, whichever is faster."""
    latents, anchor = _noise(vae)

    def decode() -> None:
        vae.decode(latents, anchor)

    rounds: list[list[float]] = []
    decode()  # warms up
    for _ in range(ROUNDS):
        shipped = taken(decode)
        rounds.append([])
        for layouts in (PLAIN, LAST):
            with _laid_out(vae, layouts):
                rounds[-1].append(taken(decode) / shipped)
    plain, last = (statistics.median(column) for column in zip(*rounds, strict=True))
    log.info("all plain takes %.2f, all channels-last %.2f times as long as the layouts that ship", plain, last)
    return min(plain, last)


def taken(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _normed(vae: VideoVAE) -> dict[tuple[torch.Size, str], tuple[ChannelRMSNorm, Tensor]]:
    """A norm that decodes and what it is given, for every size and layout that there is."""
    found: dict[tuple[torch.Size, str], tuple[ChannelRMSNorm, Tensor]] = {}

    def note(norm: nn.Module, given: tuple[Tensor]) -> None:
        last = given[0].is_contiguous(memory_format=LAST[given[0].ndim])
        found[given[0].shape, "channels-last" if last else "plain"] = norm, given[0].clone()

    once = set(vae.decoder.anchor_blocks.modules())  # the anchor is looked at once in a video
    norms = [layer for layer in vae.modules() if isinstance(layer, ChannelRMSNorm) and layer not in once]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        vae.decode(*_noise(vae))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _norm_speed(norm: ChannelRMSNorm, x: Tensor) -> float:
    def eager() -> None:
        eager_channel_norm(x, norm.weight)

    def fused() -> None:
        norm(x)

    for warm_up in (eager, fused):
        warm_up()
    return statistics.median(taken(eager) / taken(fused) for _ in range(3 * ROUNDS))


@contextmanager
def _laid_out(vae: VideoVAE, layouts: Mapping[int, torch.memory_format]) -> Iterator[None]:
    """Inside the block every convolution converts its input to a layout, and has its weights in it."""
    convolutions = [layer for layer in vae.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    weights = [layer.weight.data for layer in convolutions]

    def converted(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        return (given[0].contiguous(memory_format=layouts[given[0].ndim]),)

    hooks = [layer.register_forward_pre_hook(converted) for layer in convolutions]
    for layer, weight in zip(convolutions, weights, strict=True):
        layer.weight.data = weight.contiguous(memory_format=layouts[weight.ndim])
    try:
        yield
    finally:
        for layer, weight, hook in zip(convolutions, weights, hooks, strict=True):
            layer.weight.data = weight
            hook.remove()


def _noise(vae: VideoVAE) -> tuple[Tensor, Tensor]:
    """Latents [1, T, C, h, w] and an anchor [1, C, 4h, 4w]."""
    dice, side = torch.Generator().manual_seed(0), SIZE // CELL
    anchor = torch.randn(1, vae.config.channels, side, side, generator=dice)
    return torch.randn(1, LATENTS, *latent_shape(anchor.shape), generator=dice), anchor
