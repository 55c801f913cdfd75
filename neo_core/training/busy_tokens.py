"""Which tokens of a picture a training step looks at: more often those where people move, now and then the others.

A wall that stands still is learned at once, and is half of the picture. Leaving most of it out makes a step cheaper
(after MaskDiT, arXiv 2306.09305, where it is left to chance); every fifth step looks at everything, so that the network
knows whole pictures too. How busy a place is, is a mean over all films: the choice tells nothing of the film at hand.

Letters: B batch, T latents, C channels, h w cells, S tokens of a picture, S' of them kept.
"""

from collections.abc import Sequence

import torch
from einops import reduce, repeat
from torch import Tensor

from .neo2_clips import NONE, Clip

KEPT = 0.45  # of the tokens of a picture
WHOLE = 0.2  # of the steps look at all tokens
CALM = 0.15  # of a place where nothing moves, beside 1 for a deviation
SHOWN = 0.5  # added where a hand or the mouth always is


def busy_places(clips: Sequence[Clip], seen: Tensor, patch: int) -> Tensor:
    """How much there is to learn at every place of a picture, as a mean over films: [h / patch, w / patch], above 0.
    seen [C]"""
    return torch.stack([_busy(clip, seen.cpu(), patch) for clip in clips]).mean(0)


def _busy(clip: Clip, seen: Tensor, patch: int) -> Tensor:
    away = clip.latents.float().square() * seen[:, None, None]
    away = reduce(away, "t c (y p) (x q) -> y x", "mean", p=patch, q=patch) / seen.mean()
    shown = reduce((clip.shows != NONE).float(), "t (y p) (x q) -> y x", "mean", p=patch, q=patch)
    return CALM + away.sqrt() + SHOWN * shown


def draw_places(busy: Tensor, count: int, dice: torch.Generator) -> Tensor | None:
    """Tokens [count, S'] to look at, of busy [rows, columns]; None for all of them."""
    if float(torch.rand((), generator=dice)) < WHOLE:
        return None
    chance = busy.flatten().expand(count, -1)
    gumbel = -(-torch.rand(chance.shape, generator=dice).clamp(min=1e-9).log()).log()
    kept = max(1, round(KEPT * chance.shape[1]))
    return (chance.log() + gumbel).topk(kept, dim=1).indices.sort(dim=1).values


def looked_at(places: Tensor, height: int, width: int, patch: int) -> Tensor:
    """1 for the cells of the tokens at `places` [B, S'], else 0: [B, h, w]."""
    rows, columns = height // patch, width // patch
    tokens = torch.zeros(len(places), rows * columns, device=places.device).scatter(1, places, 1.0)
    return repeat(tokens.unflatten(1, (rows, columns)), "b y x -> b (y p) (x q)", p=patch, q=patch)
