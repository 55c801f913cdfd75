"""What the fitted head knows about every pixel of a square around it: where it came from, and what it is made of.

Motion is not learned: a vertex knows where the photo shows it, so the flow of every pixel on the mesh is exact, and a
depth test tells whether the photo shows that point at all. Beside the mesh the pose carries hair and neck.

Letters: S pixels of the square's side, V vertices, G channels of a guide.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.head_model import PARTS, HeadModel
from ...geometry.rasteriser import Fragments, interpolate, rasterise
from ..geometric.bust import MOUTH, Bust, Deformation, mesh_normals
from ..geometric.follow import Follow, backward_flow, smoothstep
from ..geometric.patch import Window, facing
from ..geometric.sampling import dilate, pixel_centres, resize, sample_linear

SPAN = 36.0  # head units that the square is wide: head, hair and neck
RIM = 0.07  # share of its side over which motion comes to rest
KINDS = (
    ("face", "head"), ("mouth_socket", "gums"), ("tongue",), ("teeth_upper", "teeth_lower"), ("eye_left", "eye_right"),
)  # fmt: skip
STILL_GUIDE = 2 + len(KINDS) + 6  # channels: mesh, iris; kinds; place on the head and normal
GUIDE = STILL_GUIDE + 1  # and whether the photo shows it
BEHIND_LIPS, BEHIND_LIDS = 1.5, 0.4  # head units that mouth and eyeballs are set back, so that a poor fit covers them
NEAR = 0.5  # head units by which a point may lie behind what the photo shows there and still be it
REACH = 15.0  # head units from the model's origin that a guide tells
IRIS = (1.1, 0.9)  # radii of it over which an iris begins


@dataclass(frozen=True)
class Square:
    """Whole pixels of the frame; it may reach beyond them."""

    top: int
    left: int
    side: int

    def cut(self, picture: Tensor) -> Tensor:
        """What of a picture lies in it, the rim repeated beyond. [C, H, W] -> [C, side, side]"""
        rows, columns = (
            torch.arange(first, first + self.side).clamp(0, length - 1)
            for first, length in ((self.top, picture.shape[1]), (self.left, picture.shape[2]))
        )
        return picture.index_select(1, rows).index_select(2, columns)

    def samples(self, screen: Tensor, side: int) -> Tensor:
        """Pixels of the frame (and depth) to samples of the square. [V, 3]"""
        corner = screen.new_tensor([self.left, self.top, 0.0])
        return (screen - corner) * screen.new_tensor([side / self.side, side / self.side, 1.0])


@dataclass(frozen=True)
class Still:
    """The head as the photo has it, in the square."""

    depth: Tensor  # [S, S] of the nearest surface, head units; infinite beside the mesh
    guide: Tensor  # [STILL_GUIDE, S, S] in 0..1


@dataclass(frozen=True)
class Moved:
    """The head at a moment, in the square. Flows are shares of its side, from a pixel to where the photo has it."""

    surface: Tensor  # [2, S, S] on the mesh, zero beside it
    carried: Tensor  # [2, S, S] of what follows the head
    guide: Tensor  # [GUIDE, S, S] in 0..1, the last whether the photo shows it


def square_around(start: Deformation, model: HeadModel) -> Square:
    """The square around a head in its photo."""
    head = start.screen[model.neck_weight > 0.98, :2]
    side = max(8, round(float(SPAN * start.unit)))
    left, top = ((head.amin(0) + head.amax(0) - side) / 2).round().int().tolist()
    return Square(top, left, side)


def fade(side: int) -> Tensor:
    """1 inside the square, 0 on its rim. [S, S]"""
    at = (torch.arange(side) + 0.5) / side
    near = smoothstep(torch.minimum(at, 1 - at), 0.5 / side, RIM)
    return near[:, None] * near[None]


def still(bust: Bust, start: Deformation, square: Square, side: int) -> Still:
    """The photo's own head in a square of so many samples."""
    fragments, triangles, _ = _drawn(start, bust.model, square, side)
    return Still(fragments.depth, _materials(start, bust.model, fragments, triangles))


def moved(
    bust: Bust, source: Tensor, before: Still, now: Deformation, carried: Tensor, square: Square, side: int
) -> Moved:
    """The head at a deformation. source [V, 3]: the photo's own screen; carried [2, S, S]: `carried_flow`."""
    model, calm = bust.model, fade(side)
    fragments, triangles, kept = _drawn(now, model, square, side)
    origin = square.samples(source, side)
    back = origin[:, :2] - square.samples(now.screen, side)[:, :2]  # zero where nothing has moved
    planes = interpolate(fragments, triangles, torch.cat([back, origin[:, 2:] + kept[:, None]], 1))
    covered = (fragments.triangle >= 0).float()
    seen = shown(before.depth, pixel_centres(side, side) + planes[..., :2], planes[..., 2]) * covered
    flow = planes[..., :2].permute(2, 0, 1) / side * calm
    guide = torch.cat([_materials(now, model, fragments, triangles), seen[None]])
    return Moved(flow, carried * calm, guide)


def shown(depth: Tensor, at: Tensor, away: Tensor) -> Tensor:
    """1 where points are what a depth map [S, S] has nearest to the lens. at [..., 2] samples, away [...] -> [...]"""
    side = depth.shape[0]
    deepest = torch.where(torch.isfinite(depth), depth, 0.0)
    deepest = dilate(deepest, 1)  # a sample may fall beside the surface that it belongs to
    column, row = at.long().clamp(0, side - 1).unbind(-1)
    inside = ((at >= 0) & (at < side)).all(-1)
    return (inside & (away <= deepest[row, column] + NEAR)).float()


def carried_flow(
    follow: Follow, bust: Bust, now: Deformation, window: Window, size: tuple[int, int], square: Square, side: int
) -> Tensor:
    """Where what follows the head came from, as a share of the square's side. `window`: of the follow grid; `size`:
    height and width of the frame. [2, S, S]"""
    flow = backward_flow(follow, bust.camera, now.turn, bust.model.pivot, now.shift).permute(2, 0, 1)
    cells = flow.new_tensor([flow.shape[2] / window.width, flow.shape[1] / window.height])
    at = pixel_centres(side, side, square.side / side) + flow.new_tensor([square.left, square.top])
    found = sample_linear(flow, (at - flow.new_tensor([window.left, window.top])) * cells) / square.side
    inside = (at >= 0).all(-1) & (at < flow.new_tensor([size[1], size[0]])).all(-1)
    return found * inside


def reduced(planes: Tensor, side: int) -> Tensor:
    """Planes of a guide or a flow at a coarser size. [C, S, S] -> [C, side, side]"""
    return resize(planes, side, side)


def _drawn(now: Deformation, model: HeadModel, square: Square, side: int) -> tuple[Fragments, Tensor, Tensor]:
    """What of the mesh is in front, the triangles drawn, and how far each vertex was set back. [V]"""
    back = BEHIND_LIPS * torch.isin(model.vertex_part, MOUTH).float()
    back = back + BEHIND_LIDS * (model.vertex_part >= PARTS.index("eye_left")).float()
    screen = square.samples(now.screen, side)
    screen = torch.cat([screen[:, :2], screen[:, 2:] + back[:, None]], 1)
    triangles = model.triangles[facing(screen, model.triangles)]
    return rasterise(screen, triangles, side, side), triangles, back


def _materials(now: Deformation, model: HeadModel, fragments: Fragments, triangles: Tensor) -> Tensor:
    """What the mesh is made of, where on the head, and how it stands to the lens. [STILL_GUIDE, S, S] in 0..1"""
    part = model.vertex_part
    kinds = [torch.isin(part, torch.tensor([PARTS.index(name) for name in names])) for names in KINDS]
    radius = (model.iris_radius / model.eye_radius / torch.pi)[0]  # in uv, where the iris is a disc
    away = (model.uv - 0.5).norm(dim=1) / radius
    place = (0.5 + 0.5 * model.template / REACH).clamp(0, 1)
    normal = 0.5 + 0.5 * mesh_normals(now, model)
    values = torch.cat([torch.stack([torch.ones_like(away), away, *kinds], 1), place, normal], 1)
    planes = interpolate(fragments, triangles, values).permute(2, 0, 1).contiguous()
    planes[1] = planes[1 + len(KINDS)] * smoothstep(planes[1], *IRIS)  # pixel by pixel: an eyeball has few vertices
    return planes
