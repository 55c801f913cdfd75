"""What stands above the margin of an upper lid: its dark edge, the lashes, and the folds of the skin, told apart.

The photo is looked at in rows along the margin, against the smooth skin that would lie there. What goes on along the
rows is a fold; what is dark all the way up from the margin is the lid's edge; what stands across the rows are lashes.
Edge and lashes ride on the margin as it comes down: a thick dark edge stays thick and dark, the faint groove of a
statue stays a faint groove. The lashes of a closed lid hang.

Letters: P points of a margin, h w pixels of a window, K rows.
"""

import torch
from torch import Tensor

from .contact import hats
from .follow import smoothstep
from .sampling import LUMA, blur, luma, sample_linear

# All lengths are in widths of the eye.
ROWS, STEP = (-0.1, 0.42), 0.008  # heights above the margin that are looked at, and from row to row
DIM = 0.03  # light below which nothing is told apart
ACROSS, BRIGHTER = 0.07, 0.62  # half the width over which lashes are told from folds; quantile of light without them
FOUND, OFF = (-0.07, 0.12), 0.08  # heights where the edge's upper border is looked for; usual distance
BORDER = 0.03  # from the dark of an edge up to its border
CLEAR = 0.15  # darkness, logarithm of light, that is clearly an edge
EDGE_FROM, EDGE_TO = 0.0, 0.035  # heights at which the edge is dark: below, a ball may show
SHADOW, SHADOW_ALONG = 0.2, 0.08  # what is as dark up there is no edge, but a shadow; over which it is evened
SOFT = 0.03  # over which edge and fold blend
FOLD = (0.04, 0.09)  # height from which what is seen belongs to the lid's skin
RELIEF = (-0.35, 0.12)  # logarithms: a fold is neither deeper nor, a gloss stretched with the lid, brighter
OF_COLOUR = 0.6  # share of a fold's colour that is believed
LEVEL = 1e-3  # logarithm below which there is no fold to speak of
DEEPER, DEEPENS = -1.2, (0.1, 0.34)  # ... but up where nothing moves everything stays, and over which height
GROW = (0.22, 0.14)  # height over which nothing is a lash any more
STEADY = 0.25  # share of their mean along the margin: no gap in the line of lashes
TINTS = (0.5, 1.6)  # of what lashes take, against its mean: brown lashes stay brown
SHORTER = 0.5  # lashes of a closed lid seen from above
EDGE = (0.0, 0.08)  # height over which a closed lid's edge ends
FRINGE = (0.15, 0.0)  # how far below the margin its lashes hang
FALLS = (0.35, 0.9)  # of a closing: over which lashes come to hang
RIDES = (0.03, 0.35)  # and over which what the photo shows of them comes off it and rides on the margin
BELOW, BELOW_PIXELS = 0.03, 1.2  # so far below the margin the edge ends at least
FINEST = 0.5  # pixels: as sharp as a row of them can be, and no line gets stairs
CORNER, THIN, THINS = 0.08, 0.35, 0.3  # over which the line ends; as thin it gets when closed, and over which


def height_of(margin: Tensor, column: Tensor) -> Tensor:
    """Row of a margin [P, 2] at some columns [...], beside its corners that of the corner."""
    curve = margin[margin[:, 0].argsort()]
    inside = column.clamp(float(curve[0, 0]), float(curve[-1, 0])).flatten()
    along = hats(inside, curve[:, 0])
    return (along @ curve[:, 1] / along.sum(1).clamp(min=1e-6)).view(column.shape)


def edge_above(view: Tensor, film: Tensor, margin: Tensor, width: float) -> Tensor:
    """How far above the fitted margin [P, 2] the photo's dark edge lies at each of its points, eye widths: a smooth
    curve through where the picture [3, h, w] brightens most upwards, compared with smooth skin [3, h, w]. [P]"""
    seen, plain = (in_rows(picture, margin, width).clamp(min=DIM).log() for picture in (view, film))
    told = blur(luma(seen - plain)[None], max(1.0, 0.03 * width))[0].clamp(max=0)
    low, high, step = _row(FOUND[0]), _row(FOUND[1]), _row(BORDER) - _row(0.0)
    rise = told[low + step : high + step] - told[low - step : high - step]  # [R, w]
    place = ROWS[0] + STEP * torch.arange(low, high)[:, None]
    rise = rise.clamp(min=0) * torch.exp(-0.5 * (place / OFF).square())
    strength, row = rise.max(0)
    ends = margin[:, 0].min(), margin[:, 0].max()
    column = torch.arange(view.shape[2]) + 0.5
    inner = (column > ends[0] + BORDER * width) & (column < ends[1] - BORDER * width)
    powers = torch.arange(4)
    basis = ((column[inner] - ends[0]) / (ends[1] - ends[0]) * 2 - 1)[:, None] ** powers
    weight = (strength[inner] / CLEAR).clamp(max=1).square()[:, None]
    system = (basis * weight).T @ basis + 0.02 * inner.sum().clamp(min=1) * torch.eye(4)
    found = torch.linalg.solve(system, (basis * weight).T @ (place[row[inner]] - BORDER))
    tau = ((margin[:, 0] - ends[0]) / (ends[1] - ends[0]) * 2 - 1)[:, None] ** powers
    return (tau @ found)[:, 0].clamp(FOUND[0] - BORDER, FOUND[1] - BORDER)


def look_above(view: Tensor, film: Tensor, margin: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Folds [3, K, w] above a margin [P, 2], logarithms against the smooth skin `film` [3, h, w], and the light that
    edge and lashes leave [3, K, w], in a picture [3, h, w]."""
    seen, plain = (in_rows(picture, margin, width).clamp(min=DIM).log() for picture in (view, film))
    told = seen - plain
    high = (ROWS[0] + STEP * torch.arange(told.shape[1]))[:, None]
    fold = _evened(told, width)
    edge, shadow = _edge(fold, width)
    deepest = RELIEF[0] + (DEEPER - RELIEF[0]) * smoothstep(high, *DEEPENS)
    fold = _within(fold + edge, deepest, RELIEF[1])
    fold = (fold - shadow) * smoothstep(high, *FOLD) + shadow
    dark = (told - fold).clamp(max=0) * smoothstep(high, *GROW)
    return fold, _lashes(dark, margin, width).exp()


def _within(fold: Tensor, low: Tensor, high: float) -> Tensor:
    """Logarithms [3, ...] whose mean is kept between two, all three by the same share: brown stays brown."""
    level = fold.mean(0, keepdim=True)
    told = torch.where(level.abs() < LEVEL, LEVEL, level)
    return (level + OF_COLOUR * (fold - level)) * (told.clamp(max=high).maximum(low) / told).clamp(0, 1)


def in_rows(picture: Tensor, margin: Tensor, width: float) -> Tensor:
    """A picture [C, h, w] by height above a margin. [C, K, w]"""
    column = torch.arange(picture.shape[2]) + 0.5
    row = height_of(margin, column)[None] - width * torch.arange(*ROWS, STEP)[:, None]
    return sample_linear(picture, torch.stack([column.expand_as(row), row], -1))


def from_rows(rows: Tensor, column: Tensor, high: Tensor) -> Tensor:
    """The way back: rows [C, K, w] at some columns [h, w] and heights [h, w]. [C, h, w]"""
    return sample_linear(rows, torch.stack([column, (high - ROWS[0]) / STEP + 0.5], -1))


def _row(high: float) -> int:
    return round((high - ROWS[0]) / STEP)


def _evened(rows: Tensor, width: float) -> Tensor:
    """Rows [3, K, w] without what stands across them: lashes go, folds stay."""
    reach = max(1, round(ACROSS * width))
    padded = torch.nn.functional.pad(rows, (reach, reach), mode="replicate")
    around = padded.unfold(2, 2 * reach + 1, 1)  # [3, K, w, n]
    chosen = around.mean(0).argsort(-1)[..., int(BRIGHTER * 2 * reach)]
    picked = around.gather(-1, chosen[None, ..., None].expand(len(rows), -1, -1, 1))[..., 0]
    return blur(picked, max(0.5, 0.5 * reach))


def _edge(fold: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """What is dark all the way up from the margin [3, K, w]: the lid's edge [3, K, w], at least 0, and, where it is as
    dark still far above, a shadow [3, 1, w], at most 0."""
    first = _row(EDGE_FROM)
    dark = (-fold[:, first:]).clamp(min=0).cummin(1).values
    sigma = max(0.5, SHADOW_ALONG * width)
    far = dark[:, _row(SHADOW) - first][:, None].expand(-1, round(6 * sigma) + 2, -1)
    shadow = -_within(-blur(far, sigma)[:, :1], far.new_tensor(RELIEF[0]), 0.0)
    edge = (dark - shadow).clamp(min=0)
    edge = torch.cat([edge[:, :1].expand(-1, first, -1), edge], 1)
    return blur(edge, max(0.5, SOFT * width)), -shadow


def _lashes(dark: Tensor, margin: Tensor, width: float) -> Tensor:
    """Edge and lashes from all that is dark above a margin, logarithms [3, K, w]: of one colour, and at the margin
    itself as dark as a little above it."""
    first, last = _row(EDGE_FROM), _row(EDGE_TO)
    low = min(int(margin[:, 0].amin().clamp(min=0)) + 1, max(0, dark.shape[2] - 3))  # the picture may end before
    inner = slice(low, max(low + 2, int(margin[:, 0].amax())))
    level = luma(dark)
    edge = level[first:last]
    edge = torch.minimum(edge, edge.mean(0))
    level = torch.cat([edge[:1].expand(first, -1), edge, level[last:]])
    level = level + STEADY * (level[:, inner].median(1, keepdim=True).values - level)
    found = dark[:, first:last, inner].flatten(1)
    darkest = found[:, (LUMA @ found).argsort()[: max(1, found.shape[1] // 4)]].median(1).values
    tint = (darkest / (LUMA @ darkest).clamp(max=-0.02)).clamp(*TINTS)
    return blur(tint[:, None, None] * level, max(0.5, FINEST / (STEP * width)))


def lash_light(
    lashes: Tensor, raised: Tensor, origin: Tensor, margin: Tensor, size: tuple[int, int], width: float, shut: Tensor
) -> Tensor:
    """What edge and lashes [3, K, w'] leave of the light around an upper margin [P, 2] that has come down by `shut`;
    in the photo its points lie in the columns `origin` [P] and its edge `raised` [P] above them; `width` is the eye's.
    [3, *size]"""
    column, row = torch.arange(size[1]) + 0.5, torch.arange(size[0])[:, None] + 0.5
    along = hats(column, margin[:, 0])
    along = along / along.sum(1, keepdim=True).clamp(min=1e-6)
    ends = torch.minimum(column - margin[0, 0], margin[-1, 0] - column) / width
    thin = 1 - (1 - THIN) * shut * smoothstep(ends, THINS, 0.0)
    over = ((along @ margin[:, 1])[None] - row) / width / thin  # the margin
    above = over - (1 - shut) * (along @ raised)[None] / thin  # the edge, which comes to lie on it
    rising = above + (1 / (1 - (1 - SHORTER) * shut) - 1) * (above - EDGE[0]).clamp(min=0)
    hanging = -above / shut.clamp(min=0.05)
    left = from_rows(lashes, (along @ origin).expand_as(above), torch.where(above > 0, rising, hanging))
    fallen = smoothstep(shut, *FALLS)
    under = torch.minimum(over, above)
    below = smoothstep(-torch.maximum(over, above), max(BELOW, BELOW_PIXELS / width), 0.0)
    below = torch.maximum(below, fallen * smoothstep(-under, *FRINGE))
    there = torch.where(above > 0, 1 - fallen * smoothstep(above, *EDGE), below)
    return 1 - there * smoothstep(ends, 0.0, CORNER) * smoothstep(shut, *RIDES) * (1 - left)
