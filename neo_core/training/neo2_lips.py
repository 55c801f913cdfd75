"""How far a mouth is open, read off latents or codes by a linear map, so that the loss can care for it.

What opens a mouth is a small part of what changes around it: most is the head that moves, and no sound tells where.
In a mean over cells and channels lips would be learned last. So the error is also counted along the few directions in
which latents around the mouth change when it opens. The map that finds them is a ridge regression on the films' own
truth. It is linear, so what minimises this error is the mean of the data still, as with the rest of the loss.

Letters: B batch, T latents, C channels, h w cells, S side of the square around a mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..neo2.latent_space import FRAMES
from .neo2_clips import MOUTH, Clip

SIDE = 2  # cells of latents
RIDGE = 0.03  # variance of the noise that the map is to bear
SMALL = 1e-6


@dataclass(frozen=True)
class Lips:
    """Differences of latents in the square around a mouth -> differences of its opening in each of their frames."""

    weight: Tensor  # [C S S, 4]
    spread: float  # deviation of what it reads in films
    side: int = SIDE

    def read(self, latents: Tensor, shows: Tensor) -> Tensor:
        """Opening, but for a constant, of latents: [B, T, C, h, w], [B, T, h, w] -> [B, T, 4]."""
        return around_mouth(latents, shows, self.side).flatten(2) @ self.weight.to(latents)

    def error(self, predicted: Tensor, true: Tensor, shows: Tensor) -> Tensor:
        """Mean square error of what is read off, in deviations."""
        return (self.read(predicted - true, shows) / self.spread).square().mean()


def around_mouth(latents: Tensor, shows: Tensor, side: int = SIDE) -> Tensor:
    """Squares around the mouths, which are what cells show: [B, T, C, h, w] -> [B, T, C, S, S]. Beyond the border it
    goes on as the border is; without a mouth the square is in the middle."""
    mouth = (shows == MOUTH).to(latents)
    count = mouth.sum((-2, -1))
    index = []
    for dim, size in ((-1, shows.shape[-2]), (-2, shows.shape[-1])):
        places = torch.arange(size, device=latents.device) + 0.5
        middle = torch.where(count > 0, (mouth.sum(dim) * places).sum(-1) / count.clamp(min=1), size / 2)
        first = (middle - side / 2).round().long()
        index.append((first[..., None] + torch.arange(side, device=latents.device)).clamp(0, size - 1))  # [B, T, S]
    batch, time = (torch.arange(n, device=latents.device) for n in latents.shape[:2])
    y, x = index[0][..., :, None], index[1][..., None, :]
    square = latents.movedim(2, -1)[batch[:, None, None, None], time[:, None, None], y, x]
    return square.movedim(-1, 2)


def fit_lips(clips: Sequence[Clip], side: int = SIDE) -> Lips:
    """The ridge regression over clips of people who speak."""
    rows, openings = [], []
    for clip in clips:
        if clip.film.speaking:
            rows.append(around_mouth(clip.latents.float()[None], clip.shows[None], side)[0].flatten(1))
            openings.append(clip.film.mouth(0, FRAMES * len(clip.latents)).view(-1, FRAMES))
    # what changes in a film, not how films differ
    x, y = (torch.cat([part - part.mean(0) for part in parts]) for parts in (rows, openings))
    ridge = RIDGE * len(x) * torch.eye(x.shape[1])
    weight = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    return Lips(weight, max(float((x @ weight).std()), SMALL), side)
