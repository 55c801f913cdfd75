"""Triangles to pixels: an exact z-buffer in plain torch, on CPU and CUDA.

Triangles are sorted into buckets by the size of their bounding box; within a bucket every box pixel is tested at once
and the winner of each pixel is the minimum of a packed (depth, triangle) integer. Edge functions are evaluated from the
vertex with the lower index, so two triangles sharing an edge see the same number with opposite sign and leave no hole.

Letters: V vertices, F triangles, P boxes in a chunk, S side of a box, N covered samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256)  # box sides in pixels; larger ones use the picture's side
CHUNK = 1 << 21  # samples tested at once
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
    corners = screen[triangles[winner[covered]]]  # [N, 3, 3]
    weight = _perspective_weights(corners, _centres(covered, width).to(screen.dtype))
    barycentric = screen.new_zeros(height * width, 3).index_put((covered,), weight)
    depth = screen.new_full((height * width,), torch.inf)
    depth = depth.index_put((covered,), (weight * corners[..., 2]).sum(-1))
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
    weight = fragments.barycentric.view(-1, 3)[covered]
    corner = triangles[flat[covered]]  # [N, 3]
    values = sum(weight[:, k, None] * attributes[corner[:, k]] for k in range(3))
    out = values.new_zeros(height * width, attributes.shape[1]).index_put((covered,), values)
    return out.view(height, width, -1)


def _nearest(screen: Tensor, triangles: Tensor, height: int, width: int) -> Tensor:
    """Index of the nearest triangle at every pixel, -1 for none. [H * W]"""
    corners = screen[triangles]  # [F, 3, 3]
    low, high = corners.amin(1), corners.amax(1)
    first = (low[:, :2] - 0.5).ceil().clamp(min=0)
    last = (high[:, :2] - 0.5).floor()
    last = torch.minimum(last, last.new_tensor([width - 1, height - 1]))
    extent = (last - first + 1).amax(1)
    visible = (last >= first).all(1) & (low[:, 2] > 0) & torch.isfinite(corners).all(-1).all(-1)
    buffer = torch.full((height * width,), EMPTY, dtype=torch.int64, device=screen.device)
    smallest = 0
    for side in (*(b for b in BUCKETS if b < max(height, width)), max(height, width)):
        bucket = torch.nonzero(visible & (extent > smallest) & (extent <= side))[:, 0]
        smallest = side
        for part in bucket.split(max(1, CHUNK // side**2)):
            _draw(buffer, screen, triangles, part, first, side, (height, width))
    return torch.where(buffer == EMPTY, -1, buffer & 0xFFFFFFFF)


def _draw(
    buffer: Tensor, screen: Tensor, triangles: Tensor, part: Tensor, first: Tensor, side: int, size: tuple[int, int]
) -> None:
    """Test every pixel of the boxes of the triangles `part` [P] and keep the nearest in `buffer` [H * W]."""
    height, width = size
    step = torch.arange(side, device=screen.device, dtype=screen.dtype)
    x, y = first[part, 0, None] + step, first[part, 1, None] + step  # [P, S]
    corner = triangles[part]
    edges = [_edge(screen, corner[:, (k + 1) % 3], corner[:, (k + 2) % 3], x + 0.5, y + 0.5) for k in range(3)]
    area = edges[0][:, 0, 0] + edges[1][:, 0, 0] + edges[2][:, 0, 0]
    turn = torch.where(area < 0, -1.0, 1.0)[:, None, None]
    edges = [edge * turn for edge in edges]  # [P, S, S], rows are y
    inside = (edges[0] >= 0) & (edges[1] >= 0) & (edges[2] >= 0)
    inside &= (x < width)[:, None, :] & (y < height)[:, :, None] & (area != 0)[:, None, None]
    box, row, column = torch.nonzero(inside, as_tuple=True)
    area = area.abs()[box]
    inverse = sum(
        edge[box, row, column] / (area * screen[corner[box, k], 2]) for k, edge in enumerate(edges)
    )  # 1 / depth is linear on the screen
    # The bits of a positive float grow with its value, so depth and index compare as one integer.
    key = ((1 / inverse).view(torch.int32).long() << 32) | part[box]
    pixel = y[box, row].long() * width + x[box, column].long()
    buffer.scatter_reduce_(0, pixel, key, "amin")


def _edge(screen: Tensor, start: Tensor, end: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Twice the signed area of (start, end, pixel), computed from the lower vertex index. [P, S, S]"""
    sign = torch.where(start < end, 1.0, -1.0)[:, None]
    a, b = screen[torch.minimum(start, end)], screen[torch.maximum(start, end)]
    across = sign * (b[:, 0:1] - a[:, 0:1]) * (y - a[:, 1:2])
    along = sign * (b[:, 1:2] - a[:, 1:2]) * (x - a[:, 0:1])
    return across[:, :, None] - along[:, None, :]


def _centres(pixels: Tensor, width: int) -> Tensor:
    """Pixel numbers to pixel centres. [N] -> [N, 2]"""
    return torch.stack([pixels % width, torch.div(pixels, width, rounding_mode="floor")], -1) + 0.5


def _perspective_weights(corners: Tensor, at: Tensor) -> Tensor:
    """Barycentrics in space of the surface seen at a pixel. corners [N, 3, 3], at [N, 2] -> [N, 3]"""
    offset = corners[..., :2] - at[:, None]  # [N, 3, 2]
    areas = []
    for k in range(3):
        b, c = offset[:, (k + 1) % 3], offset[:, (k + 2) % 3]
        areas.append(b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    weight = torch.stack(areas, -1) / corners[..., 2]
    return weight / weight.sum(-1, keepdim=True)
