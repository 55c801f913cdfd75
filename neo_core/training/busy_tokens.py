"""Which tokens of a window a training step looks at: those where something moves, and a few of the others.

A wall that stands still is learned at once, and is half of the picture. Leaving most of it out makes a step more than
twice as cheap (after MaskDiT, arXiv 2306.09305, where it is left to chance); every fifth step looks at everything, so
that the network knows whole pictures too.

Letters: B batch, T latents, C channels, h w cells, S tokens of a picture, S' of them kept.
"""

import torch
from einops import reduce, repeat
from torch import Tensor

from .neo2_clips import NONE, Windows

KEPT = 0.45  # of the tokens of a picture
WHOLE = 0.2  # of the steps look at all tokens
CALM = 0.02  # chance of a token where nothing moves, beside 1 for one that moves by a deviation
SHOWN = 0.5  # added where a hand or the mouth is


def draw_places(windows: Windows, seen: Tensor, patch: int, dice: torch.Generator) -> Tensor | None:
    """Tokens [B, S'], of patch x patch cells, to look at, the same in every picture of a window; None for all of them.
    seen [C]"""
    if float(torch.rand((), generator=dice)) < WHOLE:
        return None
    chance = moving(windows, seen, patch).flatten(1)
    gumbel = -(-torch.rand(chance.shape, generator=dice).clamp(min=1e-9).log()).log()
    count = max(1, round(KEPT * chance.shape[1]))
    return (chance.log() + gumbel.to(chance)).topk(count, dim=1).indices.sort(dim=1).values


def moving(windows: Windows, seen: Tensor, patch: int) -> Tensor:
    """How much there is to learn at every token: [B, rows, columns], above 0."""
    away = (windows.latents - windows.conditions.anchor[:, None]).square() * seen[:, None, None]
    away = reduce(away, "b t c (y p) (x q) -> b y x", "mean", p=patch, q=patch) / seen.mean()
    shown = reduce((windows.shows != NONE).float(), "b t (y p) (x q) -> b y x", "max", p=patch, q=patch)
    return CALM + away.sqrt() + SHOWN * shown


def looked_at(places: Tensor, height: int, width: int, patch: int) -> Tensor:
    """1 for the cells of the tokens at `places` [B, S'], else 0: [B, h, w]."""
    rows, columns = height // patch, width // patch
    tokens = torch.zeros(len(places), rows * columns, device=places.device).scatter(1, places, 1.0)
    return repeat(tokens.unflatten(1, (rows, columns)), "b y x -> b (y p) (x q)", p=patch, q=patch)
