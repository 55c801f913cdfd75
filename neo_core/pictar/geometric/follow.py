"""What moves with the head without being part of the head model: hair, hats, ears, neck; and what keeps still.

Every node of a coarse grid over the moving region gets a point in head space and a weight: 1 on the head and the hair
about it, falling to 0 on the shoulders, far from the head and at the rim of the picture. A head pose moves the nodes;
the field is then inverted, because pixels are fetched, not pushed.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import Camera, project
from .sampling import blur, dilate, distance, erode, fill, pixel_centres, resize, sample_linear

HAIR_NEAR, HAIR_FAR = 3.5, 11.0  # head units beside the head: moves as bone up to here, still from there
NECK_LENGTH = 7.0  # head units below the chin over which the body comes to rest
FRONT = 0.4  # head units that the dome of the hair keeps away from where the skull begins to turn aside
SMOOTH = 1.5  # head units over which the head's depth is smoothed for what follows it
RIM = 0.07  # part of the picture's side over which motion fades at its rim
TURNS = 8  # fixed-point steps of the inversion


@dataclass(frozen=True)
class Follow:
    """Grid [R, C] over the moving region; a cell is `step` pixels wide."""

    points: Tensor  # [R, C, 3] head space
    weight: Tensor  # [R, C] 0..1
    centres: Tensor  # [R, C, 2] pixels, relative to the region's corner
    step: float


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between (either may be the greater)."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def rim_fade(height: int, width: int) -> Tensor:
    """1 inside the picture, 0 on its outermost rows and columns. [H, W]"""

    def side(length: int) -> Tensor:
        near = torch.minimum(torch.arange(length), length - 1 - torch.arange(length)).float()
        return smoothstep(near, 1.0, max(3.0, RIM * max(height, width)))

    return side(height)[:, None] * side(width)[None]


def follow_weight(bone: Tensor, covered: Tensor, chin: float, unit: float) -> Tensor:
    """Weights around the head. bone [R, C]: the model's own weight where `covered`; chin row and `unit` in cells. ->
    [R, C]"""
    reach = round(HAIR_FAR * unit) + 1
    beside = smoothstep(distance(covered, reach) / unit, HAIR_FAR, HAIR_NEAR)
    rows = torch.arange(bone.shape[0]).float() + 0.5
    above = smoothstep((rows - chin) / unit, NECK_LENGTH, 0.0)[:, None]
    inside = fill(bone[None], covered.float())[0]
    weight = torch.where(covered > 0.5, torch.minimum(inside, above.expand_as(inside)), beside * above * inside)
    return blur(weight[None], max(0.5, 0.4 * unit))[0]


def head_hull(depth: Tensor, frontal: Tensor, bare: Tensor, person: Tensor, unit: float) -> Tensor:
    """Depth of what follows the head: hair is a dome from the front of the skull to its own outline. [h, w]

    depth of the mesh, infinite outside it; frontal [h, w] 1 where it looks at the lens, bare 1 on skin, person 0..1;
    `unit` in samples. At the outline of hair the dome lies as far back as the outline of the head, and so does what is
    seen beside bare skin.
    """
    covered = torch.isfinite(depth).float()
    rim = covered - erode(covered, 1)
    flat = torch.where(covered > 0, depth, 0.0)[None]
    back = fill(flat, rim)[0]
    inside = (torch.maximum(person, covered) > 0.5).float()
    outline = inside - erode(inside, 1)
    front = erode(frontal * covered, round(FRONT * unit))
    known = torch.maximum(torch.maximum(rim * dilate((bare > 0.5).float(), 2), front), outline)
    value = torch.where(front > 0, flat[0], back)
    return fill(value[None], known)[0]


def unproject(camera: Camera, at: Tensor, depth: Tensor) -> Tensor:
    """Pixels with depth to head space. at [..., 2], depth [...] -> [..., 3]"""
    x = (at[..., 0] - camera.center[0]) * depth / camera.focal
    y = -(at[..., 1] - camera.center[1]) * depth / camera.focal
    return (torch.stack([x, y, -depth], -1) - camera.translation) @ camera.rotation


def backward_flow(follow: Follow, camera: Camera, turn: Tensor, pivot: Tensor, shift: Tensor) -> Tensor:
    """Where each grid cell's content came from, relative to itself, in pixels. [R, C, 2]

    turn [3, 3] about pivot [3] and shift [3] are the head pose.
    """
    moved = (follow.points - pivot) @ turn.T + pivot + shift
    points = follow.points + follow.weight[..., None] * (moved - follow.points)
    forward = project(camera, points)[..., :2] - project(camera, follow.points)[..., :2]  # [R, C, 2]
    field = forward.permute(2, 0, 1) / follow.step
    cells = follow.centres / follow.step
    flow = torch.zeros_like(cells)
    for _ in range(TURNS):
        flow = 0.4 * flow - 0.6 * sample_linear(field, cells + flow).permute(1, 2, 0)
    return flow * follow.step


def build_follow(
    camera: Camera,
    origin: Tensor,
    size: tuple[int, int],
    step: float,
    depth: Tensor,
    hull: Tensor,
    bone: Tensor,
    rim: Tensor,
    chin: Tensor,
) -> Follow:
    """The grid of a region. depth, hull and bone [h, w]: of the model's head at flow samples, infinite depth outside
    it; rim [H, W] of the region; chin [2] pixels in the picture."""
    rows, columns = max(2, round(size[0] / step)), max(2, round(size[1] / step))
    covered = torch.isfinite(depth).float()
    known = resize(covered[None], rows, columns)[0]
    surface = resize(hull[None], rows, columns)
    unit = float(camera.focal / surface.median()) / step
    surface = blur(surface, SMOOTH * unit)[0]  # hair hides the ears; a smooth hull carries it better
    weight = follow_weight(
        resize(bone[None], rows, columns)[0], (known > 0.5).float(), float(chin[1] - origin[1]) / step, unit
    )
    weight = weight * resize(rim[None], rows, columns)[0]
    centres = pixel_centres(rows, columns) * torch.tensor([size[1] / columns, size[0] / rows])
    points = unproject(camera, centres + origin, surface)
    return Follow(points, weight, centres, step)
