"""What lies behind the person: the photo's background, continued where it was never seen.

Smooth colour comes from what surrounds the person; the grain of canvas, foliage or film is mirrored at the outline,
row by row, so that a strip uncovered by a turn is as rough as what lies beside it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .follow import smoothstep
from .sampling import blur, fill, resize

FLAT = 3  # times as far sideways as up and down the background goes on behind the person: horizons are level
SIDE = 768  # pixels along the longer side of the colour painted behind the person
LEAST = 16  # pixels of background from which there is one
GRAIN = 0.008  # of the longer side: finer than this is grain
GRAIN_SIDE = 2048  # pixels along the longer side in which grain is mirrored
STEADY = 0.012  # of it: rows on either side over which the line is even at which grain is mirrored
ROWS = 12  # on either side that tell as much as more of them, in a larger picture
STEEP = (1.6, 0.6)  # columns per row: what is mirrored at a line so aslant, over the crown, is drawn out into hatching
LIMIT = 3.0  # medians of the grain, at most: no twig or edge is mirrored as such ...
MOST = 0.6  # ... nor as much of the light


def continued_background(view: Tensor, clear: Tensor) -> tuple[Tensor, Tensor]:
    """The background everywhere, by a picture [3, h, w] and where nobody is seen, clear [h, w] 0 or 1: smooth where it
    is continued [3, h, w], and the factor that gives it the grain of what is seen [3, h, w]."""
    nobody = clear if clear.sum() > LEAST else torch.ones_like(clear)  # a face that fills the picture has no background
    return torch.where(clear > 0, view, _smooth(view, nobody)), 1 + (1 - clear) * _grain(view, nobody)


def _smooth(view: Tensor, donors: Tensor) -> Tensor:
    height, width = donors.shape
    ratio = min(1.0, SIDE / max(height, width))  # what nobody has seen needs no detail
    rows, columns = max(2, round(height * ratio)), max(2, round(width * ratio / FLAT))
    weight = resize(donors[None], rows, columns)
    known = resize(view * donors, rows, columns) / weight.clamp(min=1e-3)
    return resize(blur(fill(known, weight[0]), 1.0), height, width)


def _grain(view: Tensor, clear: Tensor) -> Tensor:
    """Detail of the background as shares of its light, mirrored at the person's outline to either side; none where that
    shows nothing. [3, h, w]"""
    size, side = clear.shape, min(GRAIN_SIDE, max(clear.shape))
    rows, columns = (max(2, round(length * side / max(size))) for length in size)
    view, clear = resize(view, rows, columns), (resize(clear[None], rows, columns)[0] > 0.999).float()
    if not clear.any():
        return view.new_zeros(3, *size)
    around = blur(torch.cat([view * clear, clear[None]]), GRAIN * side)
    detail = (view * around[3:] / around[:3].clamp(min=1e-3) - 1) * clear
    limit = (LIMIT * detail[:, clear > 0].abs().median()).clamp(max=MOST)
    column, steep = mirrored(clear, max(1, round(STEADY * side)))
    lent = detail.clamp(-limit, limit).gather(2, column.clamp(min=0).expand_as(detail))
    return resize(lent * ((column >= 0) * smoothstep(steep, *STEEP)), *size)


def mirrored(clear: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The column that each pixel mirrors at the nearest clear one of its row, with the rows up to `reach` around, -1
    where that column is not clear; and how many columns that line goes aside per row. Twice [h, w]"""
    width = clear.shape[1]
    column = torch.arange(width).expand(clear.shape)
    left = torch.where(clear > 0, column, -width).cummax(1).values
    right = torch.where(clear > 0, column, 2 * width).flip(1).cummin(1).values.flip(1)
    axes = torch.stack([_even(left, reach), width - 1 - _even(width - 1 - right, reach)])
    steep = torch.gradient(axes, dim=1)[0].abs()
    sides = 2 * axes.round().long() - column
    inside = (sides >= 0) & (sides < width)
    seen = inside & (clear.expand(2, -1, -1).gather(2, sides.clamp(0, width - 1)) > 0)
    away = torch.where(seen, (sides - column).abs(), 2 * width)
    nearest = away.argmin(0)[None]
    return torch.where(seen.any(0), sides.gather(0, nearest)[0], -1), steep.gather(0, nearest)[0]


def _even(axis: Tensor, reach: int) -> Tensor:
    """Columns [h, w] left of the person, no farther right than around and smooth from row to row; where that is over
    many rows, by groups of rows. [h, w]"""
    group = max(1, reach // ROWS)
    grouped = -F.max_pool2d(-axis.float()[None], (group, 1), ceil_mode=True)
    reach = reach // group
    padded = F.pad(grouped, (0, 0, 2 * reach, 2 * reach), mode="replicate")
    least = -F.max_pool2d(-padded, (2 * reach + 1, 1), 1)
    even = F.avg_pool2d(least, (2 * reach + 1, 1), 1)
    return even[0] if group == 1 else F.interpolate(even[None], tuple(axis.shape), mode="bilinear")[0, 0]
