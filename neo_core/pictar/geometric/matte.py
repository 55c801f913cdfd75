"""The person's share of each pixel: a rough mask brought to the picture's own edges.

Where a mask is sure it stays. Between, a colour that the rest of the picture mostly shows on the person speaks for the
person; and within every small window the share is a linear function of the colour. The share that is so in all windows
at once solves a linear system whose matrix is "1 minus a guided filter": He, Sun, Tang, "Fast matting using large
kernel matting Laplacian matrices" (CVPR 2010). A halo of the background that a soft mask takes for the person would
otherwise be dragged along with the head.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .follow import smoothstep
from .sampling import blur, dilate, erode, resize, window_mean

SIDE = 256  # samples along the longer side
RADIUS = 3  # of the windows, samples
EVEN = 1e-4  # variance of colour below which a window is one colour
KNOWN = (0.03, 0.7)  # mask values below which nobody is seen, and above which the person
HOLD, LEAN = 10.0, 0.03  # how strongly the mask is held where it is sure, and elsewhere mask and colour are leant to
BINS = 12  # of each colour channel
DOUBT = (0.02, 0.25)  # least odds that mask and colour leave for the contrary
GAP = (3, 0.3, 0.6)  # half width, in samples, of gaps that close where the mask lies between these values
HOLES_SIDE = 160  # samples along the longer side in which holes are looked for
TURNS = 40  # of conjugate gradients
FIRM = (0.15, 0.8)  # shares that count as nobody and as somebody
SPECK = 0.5  # head units about a speck in which the person is looked for
HOLE = 2.5  # head units, half as wide as a hole within the person whose background need not keep still


@dataclass(frozen=True)
class _Lines:
    """Per window the best line from colour to a share, averaged over the windows that hold a pixel."""

    picture: Tensor  # [3, h, w]
    mean: Tensor  # [3, h, w]
    inverse: Tensor  # [3, 3, h, w] of the covariance

    def fitted(self, share: Tensor) -> Tensor:
        """Slopes and, last, the offset of the lines through a share [h, w]. [4, h, w]"""
        mean = window_mean(torch.cat([share[None], self.picture * share]), RADIUS)
        slope = (self.inverse * (mean[1:] - self.mean * mean[0])).sum(1)
        return window_mean(torch.cat([slope, mean[:1] - (slope * self.mean).sum(0)]), RADIUS)


def matte(picture: Tensor, mask: Tensor, sure: Tensor) -> Tensor:
    """The person's share [h, w] in a picture [3, h, w] by a mask [h, w] 0..1; `sure` [r, c] is 1 on the person."""
    scale = min(1.0, SIDE / max(mask.shape))
    rows, columns = (max(2, round(length * scale)) for length in mask.shape)
    small, rough = resize(picture, rows, columns), resize(mask[None], rows, columns)[0]
    within = resize(sure[None], rows, columns)[0] > 0.99
    nobody = (erode((rough < KNOWN[0]).float(), 1) > 0) & ~within
    somebody = (erode((rough > KNOWN[1]).float(), 1) > 0) | within
    known, likely = nobody | somebody, _likely(small, rough)
    wanted = torch.where(known, somebody.float(), likely)
    lines = _lines(small)
    share = _solve(lines, HOLD * known + LEAN * (2 * likely - 1).square(), wanted)
    closed = erode(dilate(share, GAP[0]), GAP[0]) * smoothstep(rough, *GAP[1:])
    fine = _shares(resize(lines.fitted(share), *mask.shape), picture).clamp(0, 1)
    return torch.maximum(fine, resize(closed[None], *mask.shape)[0])


def firm(person: Tensor, unit: float) -> Tensor:
    """The person's share of each pixel without specks and holes, and without what is faint and far from all that is the
    person; unit in pixels. [h, w]"""
    alpha = smoothstep(person, *FIRM)
    solid = blur((alpha > 0.5).float()[None], SPECK * unit)[0]
    alpha = alpha * smoothstep(solid, 0.02, 0.1)
    return torch.maximum(alpha, holes(alpha, HOLE * unit))


def holes(share: Tensor, reach: float) -> Tensor:
    """What nobody covers, but only as holes less than 2 `reach` pixels wide that no way leads out of. [h, w] 0..1"""
    scale = min(1.0, HOLES_SIDE / max(share.shape))
    rows, columns = (max(2, round(length * scale)) for length in share.shape)
    free = (resize(share[None], rows, columns)[0] < 0.5).float()
    grown = erode(free, max(1, round(reach * scale)))
    for _ in range(HOLES_SIDE):
        wider = dilate(grown, 1) * free
        if torch.equal(wider, grown):
            break
        grown = wider
    closed = dilate(free - grown, 2) * (1 - grown)
    return resize(closed[None], *share.shape)[0]


@dataclass(frozen=True)
class Reading:
    """What a mask [h, w] means."""

    met: Callable[[Tensor, Tensor, Tensor], Tensor]  # picture [3, h, w], mask, where the head surely is -> the share
    firm: Callable[[Tensor, float], Tensor]  # share, head unit in pixels -> the share that is drawn


ROUGH = Reading(matte, firm)  # about where the person is
DRAWN = Reading(lambda _picture, mask, _sure: mask, lambda share, _unit: share)  # the person's share of each pixel


def _likely(picture: Tensor, mask: Tensor) -> Tensor:
    """The mask and how much of each colour lies within it, weighed together. [h, w]"""
    bins = (picture.clamp(0, 0.999) * BINS).long()
    number = (bins[0] * BINS + bins[1]) * BINS + bins[2]
    count = torch.zeros(2, BINS**3)
    for row, values in zip(count, (mask, 1 - mask), strict=True):
        row.index_add_(0, number.flatten(), values.flatten())
    count = F.avg_pool3d(count.view(1, 2, BINS, BINS, BINS), 3, 1, 1, count_include_pad=False).view(2, -1) + 0.02
    colour = (count[0] / count.sum(0))[number]
    odds = mask.clamp(DOUBT[0], 1 - DOUBT[0]).logit() + colour.clamp(DOUBT[1], 1 - DOUBT[1]).logit()
    return (odds - mask.mean().clamp(0.1, 0.9).logit()).sigmoid()


def _lines(picture: Tensor) -> _Lines:
    mean = window_mean(picture, RADIUS)
    products = window_mean((picture[:, None] * picture[None]).flatten(0, 1), RADIUS).unflatten(0, (3, 3))
    spread = (products - mean[:, None] * mean[None]).permute(2, 3, 0, 1) + EVEN * torch.eye(3)
    return _Lines(picture, mean, torch.linalg.inv(spread).permute(2, 3, 0, 1).contiguous())


def _solve(lines: _Lines, hold: Tensor, wanted: Tensor) -> Tensor:
    """Conjugate gradients, preconditioned by the diagonal. [h, w]"""

    def applied(share: Tensor) -> Tensor:
        return share - _shares(lines.fitted(share), lines.picture) + hold * share

    share, weight = wanted, 1 / (1 + hold)
    rest = hold * wanted - applied(share)
    way = weight * rest
    size = (rest * way).sum()
    for _ in range(TURNS):
        bent = applied(way)
        step = size / (way * bent).sum().clamp(min=1e-12)
        share, rest = share + step * way, rest - step * bent
        before, size = size, (rest * weight * rest).sum()
        way = weight * rest + size / before.clamp(min=1e-12) * way
    return share.clamp(0, 1)


def _shares(lines: Tensor, picture: Tensor) -> Tensor:
    return (lines[:3] * picture).sum(0) + lines[3]
