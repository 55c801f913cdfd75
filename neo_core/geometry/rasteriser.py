"""Triangles to pixels: an exact z-buffer in plain torch, on CPU and CUDA.

Every triangle is cut into the rows it reaches and each row into the span of pixel centres between its edges; the winner
of each pixel is the minimum of a packed (depth, triangle) integer. Where an edge crosses a row is computed from the
vertex with the lower index, so two triangles sharing an edge see the same crossing and leave no hole.

Letters: V vertices, F triangles, R spans, N covered samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 1 << 19  # samples drawn at once: small enough to stay in the cache
EMPTY = torch.iinfo(torch.int64).max
Cutout = Callable[[Tensor, Tensor], Tensor]  # triangle [N], pixel [N] -> bool [N]: whether the surface is there


@dataclass(frozen=True)
class Fragments:
    """What each pixel centre sees."""

    triangle: Tensor  # [H, W] int64, -1 where there is none
    barycentric: Tensor  # [H, W, 3] perspective-correct, zero where there is none
    depth: Tensor  # [H, W] infinity where there is none


def rasterise(screen: Tensor, triangles: Tensor, height: int, width: int, cutout: Cutout | None = None) -> Fragments:
    """Nearest triangle of every pixel; both sides count, triangles reaching behind the lens are left out.

    `cutout` says of samples (triangle, number of the pixel) whether the triangle has no hole there, as hair cards do.
    screen [V, 3]: x, y in pixels and depth > 0 as `camera.project` gives them; triangles [F, 3] int64. Barycentrics and
    depth are differentiable in `screen`; which triangle covers a pixel is not.
    """
    with torch.no_grad():
        winner = _nearest(screen.float(), triangles, height, width, cutout)
        covered = torch.nonzero(winner >= 0)[:, 0]
    corner = triangles.index_select(0, winner.index_select(0, covered))  # [N, 3]
    x, y, away = _corners(screen, corner)  # [3, N]
    column, row = covered % width, torch.div(covered, width, rounding_mode="floor")
    weight = _perspective_weights(x - (column + 0.5).to(x.dtype), y - (row + 0.5).to(y.dtype), away)
    barycentric = screen.new_zeros(3, height * width).index_copy_(1, covered, weight)
    depth = screen.new_full((height * width,), torch.inf).index_copy_(0, covered, (weight * away).sum(0))
    return Fragments(
        triangle=winner.view(height, width),
        barycentric=barycentric.view(3, height, width).permute(1, 2, 0),
        depth=depth.view(height, width),
    )


def interpolate(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """Vertex attributes [V, C] at every pixel [H, W, C]; zero where there is no triangle. Channels lie in planes."""
    height, width = fragments.triangle.shape
    flat = fragments.triangle.view(-1)
    covered = torch.nonzero(flat >= 0)[:, 0]
    weight = fragments.barycentric.view(-1, 3).T.index_select(1, covered)  # [3, N]
    corner = triangles.index_select(0, flat.index_select(0, covered)).T.contiguous()  # [3, N]
    planes = attributes.T.contiguous()
    values = weight[0] * planes.index_select(1, corner[0])  # [C, N]
    for k in (1, 2):
        values = torch.addcmul(values, weight[k], planes.index_select(1, corner[k]))
    image = values.new_zeros(len(planes), height * width).index_copy_(1, covered, values)
    return image.view(-1, height, width).permute(1, 2, 0)


class Spans(NamedTuple):
    """Stretches of pixels in a row, each inside a triangle. [R]"""

    owner: Tensor  # triangle
    pixel: Tensor  # number of the first pixel
    count: Tensor  # of pixels
    inverse: Tensor  # 1 / depth at the first pixel
    slope: Tensor  # of it per pixel


def _nearest(screen: Tensor, triangles: Tensor, height: int, width: int, cutout: Cutout | None) -> Tensor:
    """Index of the nearest triangle at every pixel, -1 for none. [H * W]"""
    buffer = torch.full((height * width,), EMPTY, dtype=torch.int64, device=screen.device)
    spans = _spans(screen, triangles, height, width)
    samples = int(spans.count.sum())
    fill_up = CHUNK * torch.arange(1, 1 + samples // CHUNK, device=screen.device)
    cuts = torch.searchsorted(spans.count.cumsum(0), fill_up).cpu()
    for part in zip(*(column.tensor_split(cuts) for column in spans), strict=True):
        _draw(buffer, Spans(*part), cutout)
    return torch.where(buffer == EMPTY, -1, buffer & 0xFFFFFFFF)


def _spans(screen: Tensor, triangles: Tensor, height: int, width: int) -> Spans:
    """What every triangle covers of every row it reaches."""
    x, y, depth = _corners(screen, triangles)  # [3, F]
    first_x, first_y = ((axis.amin(0) - 0.5).ceil().clamp(min=0) for axis in (x, y))  # [F]
    bottom = (y.amax(0) - 0.5).floor().clamp(max=height - 1)
    edges, plane = _edges_and_depth(triangles, x, y, depth, (first_x + 0.5, first_y + 0.5))
    visible = (depth.amin(0) > 0) & (x.amax(0) > 0) & (x.amin(0) < width) & torch.isfinite(plane).all(0)
    count = torch.where(visible, bottom - first_y + 1, 0).clamp(min=0).long()
    owner, down = _expanded(count)  # [R] triangle and how many rows below its first one
    table = torch.cat([edges, plane, torch.stack([first_x, first_y])]).T.contiguous()  # one gather instead of many
    table = table.index_select(0, owner).T.contiguous()
    from_y, slope, from_left, from_right = table[:12].unflatten(0, (4, 3))  # [3, R]
    inverse, by_x, by_y, first_x, first_y = table[12:]  # [R]
    row = first_y + down
    shift = (row + 0.5 - from_y) * slope
    left = ((from_left + shift).amax(0) - 0.5).ceil().clamp(min=0)
    right = ((from_right + shift).amin(0) - 0.5).floor().clamp(max=width - 1)
    inverse = inverse + by_x * (left - first_x) + by_y * down
    count = (right - left + 1).clamp(min=0).long()
    return Spans(owner, row.long() * width + left.long(), count, inverse, by_x)


def _corners(screen: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and depth of the corners of triangles [F, 3], in planes that a processor reads in long strides. [3, F]"""
    number = triangles.T.flatten()
    return tuple(axis.index_select(0, number).view(3, -1) for axis in screen.unbind(1))


def _expanded(count: Tensor) -> tuple[Tensor, Tensor]:
    """[2, 0, 3] -> owners [0, 0, 2, 2, 2] and places [0, 1, 0, 1, 2]."""
    owner = torch.repeat_interleave(count)
    return owner, torch.arange(len(owner), device=count.device) - (count.cumsum(0) - count).index_select(0, owner)


def _edges_and_depth(
    triangles: Tensor, x: Tensor, y: Tensor, depth: Tensor, origin: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Where edges cross a row [12, F], and the plane of 1 / depth [3, F] about `origin`: value, slopes in x and y.

    x, y, depth [3, F] of the corners. Edges are four times three planes, y, dx / dy, x, x: edge k is at
    x + (row - y) dx / dy. The first x is -inf unless the edge bounds the triangle on the left, the second +inf unless
    on the right. Both triangles of an edge start at its vertex with the lower index and so compute the same crossing.
    1 / depth is linear on the screen.
    """
    # Edge k lies opposite corner k.
    turned = triangles.roll(-1, 1).T > triangles.roll(-2, 1).T
    from_x, to_x, from_y, to_y = (axis.roll(shift, 0) for axis in (x, y) for shift in (-1, -2))
    a_x, a_y = torch.where(turned, to_x, from_x), torch.where(turned, to_y, from_y)
    b_x, b_y = torch.where(turned, from_x, to_x), torch.where(turned, from_y, to_y)
    run, rise = b_x - a_x, b_y - a_y
    slope = torch.where(rise == 0, 0.0, run / rise)
    reach_x, reach_y = to_x - from_x, to_y - from_y
    area = reach_x[0] * (y[0] - a_y[0]) - reach_y[0] * (x[0] - a_x[0])
    side = area.sign()
    reach_x, reach_y = reach_x * side, reach_y * side
    share = 1 / (area.abs() * depth)  # [3, F]; infinite without area, which hides the triangle
    value = reach_x * (origin[1] - a_y) - reach_y * (origin[0] - a_x)
    plane = torch.stack([(value * share).sum(0), (-reach_y * share).sum(0), (reach_x * share).sum(0)])
    left = torch.where(reach_y < 0, a_x, -torch.inf)
    right = torch.where(reach_y > 0, a_x, torch.inf)
    return torch.cat([a_y, slope, left, right]), plane


def _draw(buffer: Tensor, spans: Spans, cutout: Cutout | None) -> None:
    """Keep the nearest of `buffer` [H * W] and the spans at every pixel of theirs."""
    span, along = _expanded(spans.count)  # [N]
    pixel = spans.pixel.index_select(0, span) + along
    inverse = spans.inverse.index_select(0, span) + spans.slope.index_select(0, span) * along
    # The bits of a positive float grow with its value, so depth and index compare as one integer.
    depth = (1 / inverse.clamp(min=1e-12)).view(torch.int32).long()
    owner = spans.owner.index_select(0, span)
    packed = (depth << 32) | owner
    if cutout is not None:
        packed = torch.where(cutout(owner, pixel), packed, EMPTY)
    buffer.scatter_reduce_(0, pixel, packed, "amin")


def _perspective_weights(x: Tensor, y: Tensor, depth: Tensor) -> Tensor:
    """Barycentrics in space of the surface seen at pixels, from its corners relative to them. [3, N] each -> [3, N]"""
    after, before = [1, 2, 0], [2, 0, 1]
    weight = (x[after] * y[before] - y[after] * x[before]) / depth
    return weight / weight.sum(0)
