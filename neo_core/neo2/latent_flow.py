"""Flow field interpolation in latent space: two predictions of one moment that disagree about a pose are moved towards
each other and then blended, where a cross-fade would show both of them at once.

    f, g      flows a -> b and b -> a by pyramidal Lucas-Kanade (1981) over all channels: b(p + f) = a(p)
    F_a, F_b  flows from the picture between them, after Super SloMo (arXiv 1712.00080, eq. 4)
                  F_a = -(1 - w) w f + w^2 g        F_b = (1 - w)^2 f - w (1 - w) g
    m         trust in a flow, by whether following it there and back returns: exp(-|f(p) + g(p + f)|^2 / 2 s^2)
    blend     w' b(p + F_b) + (1 - w') a(p + F_a),  w' = w (1 + 2 m_b) / (w (1 + 2 m_b) + (1 - w) (1 + 2 m_a))
    restore   the detail (what a 3x3 mean leaves) gets back the energy that resampling and blending took, per channel;
              at the ends, which are the pictures themselves, and where no flow was found there is nothing to give back

What only one of the two shows has no flow that returns, and is right all the same: trust may triple a side's weight and
not more. On a known disagreement (`evaluation/latent_fusion.py`) bare m doubles the error, at 4 cells and beyond.

Letters: N pairs, C channels, h, w height and width in cells; flows are (x, y) in cells.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime.grid_sampling import sample_continued

LEVELS = 3
ITERATIONS = 8  # per level
WINDOW = 7  # cells that share one motion
TIKHONOV = 1e-2  # of the mean trace: where there is no texture nothing moves
SMALLEST = 4  # cells of the coarsest level's shorter side
TOLERANCE = 1.0  # cells by which a flow may miss its way back: s
LEAST_TRUST = 0.5  # below it a pair is cross-faded: the flow has found nothing
MOST_GAIN = 1.6  # of the detail
TINY = 1e-6


def smoothstep(share: Tensor) -> Tensor:
    """3 u^2 - 2 u^3: a ramp that leaves and arrives without a jump of speed."""
    return share * share * (3 - 2 * share)


def blend(a: Tensor, b: Tensor, weight: Tensor, coarse: bool = False, restore: bool = True) -> Tensor:
    """The picture between a and b, by flow. a, b [N, C, h, w]; weight [N] of b, 0..1.

    `coarse`: flows from pictures of half the size, for predictions that are still rough. A pair whose flows do not find
    back to each other is cross-faded.
    """
    w = weight.to(a)[:, None, None, None]
    there, back = (half.clone() for half in flow(torch.cat([a, b]), torch.cat([b, a]), int(coarse)).chunk(2))
    trust_a, trust_b = consistency(there, back), consistency(back, there)
    to_a, to_b = intermediate(there, back, w)
    moved_a, moved_b = warp(a, to_a), warp(b, to_b)
    left, right = (1 - w) * (1 + 2 * trust_a), w * (1 + 2 * trust_b)
    share = right / (left + right)
    found = (_trust(trust_a, a, b) + _trust(trust_b, a, b)) / 2 >= LEAST_TRUST
    between = torch.where(found, torch.lerp(moved_a, moved_b, share), torch.lerp(a, b, w))
    resampled = found & (w > 0) & (w < 1)
    return torch.where(resampled, restored(between, a, b, w), between) if restore else between


def flow(a: Tensor, b: Tensor, finest: int = 0) -> Tensor:
    """Where the content of a has gone in b: b(p + f) = a(p). [N, C, h, w] twice -> [N, 2, h, w]

    `finest` is the pyramid's level at which the search ends; every level halves the sides.
    """
    top = max(finest, _levels(a) - 1)
    found = a.new_zeros(len(a), 2, *pooled(a, top).shape[-2:])
    for level in range(top, finest - 1, -1):
        small_a, small_b = pooled(a, level), pooled(b, level)
        found = _refined(_resized(found, small_a), small_a, small_b)
    return _resized(found, a)


def warp(x: Tensor, motion: Tensor) -> Tensor:
    """x read at p + motion(p), bicubic; beyond the border its nearest cell. [N, C, h, w], [N, 2, h, w]"""
    return _read(x, motion, "bicubic")


def intermediate(there: Tensor, back: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Flows from the picture at `weight` of the way to a and to b. [N, 2, h, w] each, weight [N, 1, 1, 1]"""
    rest = 1 - weight
    return -rest * weight * there + weight**2 * back, rest**2 * there - weight * rest * back


def consistency(there: Tensor, back: Tensor) -> Tensor:
    """Trust in the flow `there`, 0..1: whether `back` returns to where it started. [N, 2, h, w] -> [N, 1, h, w]"""
    missed = there + _read(back, there, "bilinear")
    return torch.exp(-missed.square().sum(1, keepdim=True) / (2 * TOLERANCE**2))


def restored(fused: Tensor, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Give each channel's detail the energy that lies between those of a and b; never less than it has."""
    smooth = _low(fused)
    detail = fused - smooth
    wanted = torch.lerp(_energy(a - _low(a)), _energy(b - _low(b)), weight)
    return smooth + detail * (wanted / (_energy(detail) + TINY)).sqrt().clamp(1, MOST_GAIN)


def detail_energy(x: Tensor) -> Tensor:
    """Mean square of what a 3x3 mean leaves. [N, C, h, w] -> [N]"""
    return _energy(x - _low(x)).mean((1, 2, 3))


def pooled(x: Tensor, level: int) -> Tensor:
    """Means over squares of 2^level cells."""
    return F.avg_pool2d(x, 2**level) if level else x


def _levels(x: Tensor) -> int:
    """How many levels the pyramid has: `LEVELS`, fewer for a small picture."""
    levels = 1
    while levels < LEVELS and min(x.shape[-2:]) >> levels >= SMALLEST:
        levels += 1
    return levels


def _resized(found: Tensor, like: Tensor) -> Tensor:
    """A flow [N, 2, h, w] at the size of another level."""
    (height, width), size = found.shape[-2:], like.shape[-2:]
    if (height, width) == tuple(size):
        return found
    scale = found.new_tensor([size[1] / width, size[0] / height])[:, None, None]
    return F.interpolate(found, size, mode="bilinear", align_corners=False) * scale


def _refined(found: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Lucas-Kanade steps at one level: of all motions in a window the one that explains all channels best."""
    for _ in range(ITERATIONS):
        moved = _read(b, found, "bilinear")
        padded = F.pad(moved, (1, 1, 1, 1), mode="replicate")
        dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        missing = a - moved
        products = [dx * dx, dx * dy, dy * dy, dx * missing, dy * missing]
        xx, xy, yy, x, y = _mean(torch.cat([p.sum(1, keepdim=True) for p in products], 1), WINDOW).split(1, 1)
        ridge = TIKHONOV * (xx + yy).mean((2, 3), keepdim=True) + TINY
        xx, yy = xx + ridge, yy + ridge
        step = torch.cat([yy * x - xy * y, xx * y - xy * x], 1) / (xx * yy - xy * xy)
        found = _mean(found + step.clamp(-1, 1), 3)
    return found


def _read(x: Tensor, motion: Tensor, mode: str) -> Tensor:
    height, width = x.shape[-2:]
    down = torch.arange(height, dtype=x.dtype, device=x.device)[:, None] + motion[:, 1]
    across = torch.arange(width, dtype=x.dtype, device=x.device) + motion[:, 0]
    places = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], -1)  # [N, h, w, 2]
    return sample_continued(x, places, mode)


def _trust(trust: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Mean trust of a pair where a and b differ: what stands still says nothing. [N, 1, 1, 1]"""
    difference = (a - b).square().mean(1, keepdim=True) + TINY
    return (trust * difference).sum((2, 3), keepdim=True) / difference.sum((2, 3), keepdim=True)


def _mean(x: Tensor, side: int) -> Tensor:
    return F.avg_pool2d(x, side, stride=1, padding=side // 2, count_include_pad=False)


def _low(x: Tensor) -> Tensor:
    return _mean(x, 3)


def _energy(detail: Tensor) -> Tensor:
    return detail.square().mean((2, 3), keepdim=True)
