"""Triangles to pixels: an exact z-buffer in plain torch, on CPU and CUDA.

Triangles are sorted into buckets by the size of their bounding box; within a bucket every box pixel is tested at once
and the winner of each pixel is the minimum of a packed (depth, triangle) integer. Edge functions are evaluated from the
vertex with the lower index, so two triangles sharing an edge see the same number with opposite sign and leave no hole.

Letters: V vertices, F triangles, P boxes in a chunk, S side of a box, N covered samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BUCKETS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128, 256)  # box sides, pixels; then the picture's side
CHUNK = 1 << 19  # samples tested at once: small enough to stay in the cache
EMPTY = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Fragments:
    """What each pixel centre sees."""

    triangle: Tensor  # [H, W] int64, -1 where there is none
    barycentric: Tensor  # [H, W, 3] perspective-correct, zero where there is none
    depth: Tensor  # [H, W] infinity where there is none


def rasterise(screen: Tensor, triangles: Tensor, height: int, width: int) -> Fragments:
    """Nearest triangle of every pixel; both sides count, triangles reaching behind the lens are left out.

    screen [V, 3]: x, y in pixels and depth > 0 as `camera.project` gives them; triangles [F, 3] int64. Barycentrics and
    depth are differentiable in `screen`; which triangle covers a pixel is not.
    """
    with torch.no_grad():
        winner = _nearest(screen.float(), triangles, height, width)
        covered = torch.nonzero(winner >= 0)[:, 0]
    corners = screen[triangles].flatten(1).index_select(0, winner[covered]).unflatten(1, (3, 3))  # [N, 3, 3]
    weight = _perspective_weights(corners, _centres(covered, width).to(screen.dtype))
    barycentric = screen.new_zeros(height * width, 3).index_copy(0, covered, weight)
    depth = screen.new_full((height * width,), torch.inf)
    depth = depth.index_copy(0, covered, (weight * corners[..., 2]).sum(-1))
    return Fragments(
        triangle=winner.view(height, width),
        barycentric=barycentric.view(height, width, 3),
        depth=depth.view(height, width),
    )


def interpolate(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """Vertex attributes [V, C] at every pixel [H, W, C]; zero where there is no triangle."""
    height, width = fragments.triangle.shape
    flat = fragments.triangle.view(-1)
    covered = torch.nonzero(flat >= 0)[:, 0]
    weight = fragments.barycentric.view(-1, 3).index_select(0, covered)
    corner = triangles.index_select(0, flat[covered])  # [N, 3]
    values = sum(weight[:, k, None] * attributes.index_select(0, corner[:, k]) for k in range(3))
    return values.new_zeros(height * width, attributes.shape[1]).index_copy(0, covered, values).view(height, width, -1)


def _nearest(screen: Tensor, triangles: Tensor, height: int, width: int) -> Tensor:
    """Index of the nearest triangle at every pixel, -1 for none. [H * W]"""
    corners = screen[triangles]  # [F, 3, 3]
    low, high = corners.amin(1), corners.amax(1)
    first = (low[:, :2] - 0.5).ceil().clamp(min=0)
    last = (high[:, :2] - 0.5).floor()
    last = torch.minimum(last, last.new_tensor([width - 1, height - 1]))
    extent = (last - first + 1).amax(1)
    edges, plane = _edges_and_depth(screen, triangles, corners, first + 0.5)
    visible = (last >= first).all(1) & (low[:, 2] > 0) & torch.isfinite(plane).all(1)
    buffer = torch.full((height * width,), EMPTY, dtype=torch.int64, device=screen.device)
    table = torch.cat([edges.flatten(1), plane, first], 1)  # one gather per bucket instead of many
    smallest = 0
    for side in (*(b for b in BUCKETS if b < max(height, width)), max(height, width)):
        bucket = torch.nonzero(visible & (extent > smallest) & (extent <= side))[:, 0]
        smallest = side
        for part in bucket.split(max(1, CHUNK // side**2)):
            _draw(buffer, table.index_select(0, part), part, side, (height, width))
    return torch.where(buffer == EMPTY, -1, buffer & 0xFFFFFFFF)


def _edges_and_depth(screen: Tensor, triangles: Tensor, corners: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
    """Edge functions [F, 3, 4] as (dx, dy, x, y), positive inside, and the plane of 1 / depth [F, 3] about `origin`.

    An edge starts at its vertex with the lower index, with the sign in (dx, dy): both triangles of an edge compute the
    same products and differences, negated. 1 / depth is linear on the screen: value at the origin, slopes in x and y.
    """
    start, end = triangles[:, [1, 2, 0]], triangles[:, [2, 0, 1]]  # edge k lies opposite corner k
    a, b = screen[torch.minimum(start, end)], screen[torch.maximum(start, end)]  # [F, 3, 3]
    reach = (b - a)[..., :2] * torch.where(start < end, 1.0, -1.0)[..., None]
    away = corners[:, 0, :2] - a[:, 0, :2]
    area = reach[:, 0, 0] * away[:, 1] - reach[:, 0, 1] * away[:, 0]
    reach = reach * area.sign()[:, None, None]
    share = 1 / (area.abs()[:, None] * corners[..., 2])  # [F, 3]; infinite without area, which hides the triangle
    offset = origin[:, None] - a[..., :2]
    value = reach[..., 0] * offset[..., 1] - reach[..., 1] * offset[..., 0]
    plane = torch.stack([(value * share).sum(1), (-reach[..., 1] * share).sum(1), (reach[..., 0] * share).sum(1)], 1)
    return torch.cat([reach, a[..., :2]], -1), plane


def _draw(buffer: Tensor, table: Tensor, part: Tensor, side: int, size: tuple[int, int]) -> None:
    """Test every pixel of the boxes of the triangles `part` [P] and keep the nearest in `buffer` [H * W].

    table [P, 17]: edges, plane of 1 / depth, first pixel of the box, as `_nearest` packs them.
    """
    height, width = size
    step = torch.arange(side, device=table.device, dtype=table.dtype)
    x, y = table[:, 15, None] + step, table[:, 16, None] + step  # [P, S]
    inside = None
    for k in range(3):
        reach_x, reach_y, from_x, from_y = table[:, 4 * k : 4 * k + 4, None].unbind(1)
        rows = reach_x * (y + 0.5 - from_y)
        columns = reach_y * (x + 0.5 - from_x)
        if k == 0:  # nothing is inside beyond the picture
            rows, columns = rows.masked_fill(y >= height, -torch.inf), columns.masked_fill(x >= width, torch.inf)
        positive = rows[:, :, None] >= columns[:, None, :]  # [P, S, S]
        inside = positive if inside is None else inside.logical_and_(positive)
    inverse = table[:, 12, None, None] + table[:, 13, None, None] * step + (table[:, 14, None] * step)[:, :, None]
    pixel = (y.long() * width)[:, :, None] + x.long()[:, None, :]
    owner = part.repeat_interleave(inside.flatten(1).sum(1))
    # The bits of a positive float grow with its value, so depth and index compare as one integer.
    depth = 1 / inverse.masked_select(inside).clamp(min=1e-12)
    buffer.scatter_reduce_(0, pixel.masked_select(inside), (depth.view(torch.int32).long() << 32) | owner, "amin")


def _centres(pixels: Tensor, width: int) -> Tensor:
    """Pixel numbers to pixel centres. [N] -> [N, 2]"""
    return torch.stack([pixels % width, torch.div(pixels, width, rounding_mode="floor")], -1) + 0.5


def _perspective_weights(corners: Tensor, at: Tensor) -> Tensor:
    """Barycentrics in space of the surface seen at a pixel. corners [N, 3, 3], at [N, 2] -> [N, 3]"""
    (ax, ay), (bx, by), (cx, cy) = ((corners[:, k, :2] - at).unbind(1) for k in range(3))
    areas = torch.stack([bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx], -1)
    weight = areas / corners[..., 2]
    return weight / weight.sum(-1, keepdim=True)
