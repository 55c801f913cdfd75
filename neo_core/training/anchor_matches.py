"""Where in its anchor each cell of a film is to be seen, found by comparing: what the flow of NEO 2's DiT learns from.

A warp learns by itself only what lies a pixel or two away. So every cell is compared once with the anchor all around
it; what fits much better elsewhere, and well enough, is told to the network.

Letters: n latents of a film, C h w a latent.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..neo2.anchor_warp import at_every_pixel, shift_kernel
from ..neo2.latent_space import CELL
from ..neo2.video_vae import VideoVAE
from ..weights.safetensors_io import load, load_config, save
from .neo2_clips import Clip, digest, mirrored

CACHE = "matches.safetensors"
REACH, STEP = 20, 2  # pixels
FAR_COST = 0.02  # squared error that a pixel of way must be worth
WORTH = 0.9  # share of the error in place that any way must beat
MOVES = 0.05  # mean squared offset from the anchor, per channel, above which a cell moves
FITS = 0.5  # largest share of that left where a match counts
STILL = 0.3  # how much a cell counts that does not move, beside 1 for a match

log = logging.getLogger(__name__)


def with_matches(clips: Sequence[Clip], vae: VideoVAE, seen: Tensor) -> list[Clip]:
    """Clips that know where their cells lie in the anchor, from the files beside the films or found now. Versions of a
    film share what the first of them says."""
    kernel, maker = [part.cpu() for part in shift_kernel(vae)], digest(vae)
    known: dict[Path, dict[str, Tensor]] = {}
    for folder in {clip.film.path.parent for clip in clips}:
        path = folder / CACHE
        stored = path.is_file() and load_config(path).get("vae") == maker
        known[folder] = load(path)[0] if stored else {}
    missing = [c for c in clips if c.version == 0 and c.film.path.stem not in known[c.film.path.parent]]
    begun = time.monotonic()
    for clip in missing:
        fine = at_every_pixel(clip.anchor[None].float(), *kernel)[0]
        known[clip.film.path.parent][clip.film.path.stem] = match(clip.latents.float(), clip.anchor.float(), fine, seen)
    for folder in {clip.film.path.parent for clip in missing}:
        save(folder / CACHE, known[folder], {"vae": maker})
    log.info("%d of %d films compared with their anchors in %.0f s", len(missing), len(clips), time.monotonic() - begun)
    found = [known[clip.film.path.parent][clip.film.path.stem] for clip in clips]
    return [replace(clip, match=_turned(one, clip.version)) for clip, one in zip(clips, found, strict=True)]


def _turned(found: Tensor, version: int) -> Tensor:
    """What was found in a film, for a version of it."""
    if not mirrored(version):
        return found
    return (found * found.new_tensor([1, -1, 1])[:, None, None]).flip(-1)


@torch.no_grad()
def match(latents: Tensor, anchor: Tensor, fine: Tensor, seen: Tensor) -> Tensor:
    """[n, C, h, w], [C, h, w], the anchor at every pixel [C, H, W], what a unit of each channel is seen [C] -> float16
    [n, 3, h, w]: pixels down and right to where a cell is seen in the anchor, and how much that counts, 0..1."""
    weight = seen.sqrt()[:, None, None]
    wanted, border = weight * latents, 2 * REACH
    around = weight * F.pad(fine[None], (border,) * 4, mode="replicate")[0]
    still = (wanted - weight * anchor).square().sum(1)
    cost, left = WORTH * _pooled(still), still
    flow = torch.zeros(len(latents), 2, *latents.shape[-2:])
    ways = range(-REACH, REACH + 1, STEP)
    for down, right in product(ways, ways):
        rows, columns = (
            slice(border + way, border + way + CELL * n, CELL)
            for way, n in zip((down, right), latents.shape[-2:], strict=True)
        )
        error = (wanted - around[:, rows, columns]).square().sum(1)
        found = _pooled(error) + FAR_COST * (down * down + right * right) ** 0.5
        better = found < cost
        cost, left = torch.where(better, found, cost), torch.where(better, error, left)
        flow = torch.where(better[:, None], flow.new_tensor([down, right])[:, None, None], flow)
    moves = still > MOVES * len(seen)
    counts = torch.where(moves, (left < FITS * still).float(), STILL)
    return torch.cat((flow, counts[:, None]), dim=1).half()


def _pooled(error: Tensor) -> Tensor:
    """A cell with its neighbours. [n, h, w]"""
    return F.avg_pool2d(error[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
