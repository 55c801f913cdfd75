"""What people wear: a lofted torso with collars, hats and hoods as shells over the head, glasses as tubes.

Everything is a grid or a tube of triangles in the person's neutral space with a cloth coordinate per vertex.

Letters: N vertices, M triangles, A around, B down.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.head_model import HeadModel
from .surface import CENTER, HEAD, curve, lookup, normalise, smoothstep, unwrap
from .traits import Traits

AROUND, DOWN = 112, 44
# Rings of the torso: half width, depth in front, depth behind, height in front, at the side, behind.
RINGS = {
    "crew": ((7.0, 5.7, 8.1, -14.6, -11.5, -10.3),),
    "vee": ((7.4, 5.9, 8.2, -18.4, -11.8, -10.6),),
    "turtle": ((6.5, 6.4, 6.8, -11.0, -7.4, -6.4), (6.9, 6.5, 7.4, -13.2, -10.0, -9.0)),
    "shirt": ((7.0, 5.6, 8.0, -14.9, -11.3, -10.0),),
    "wide": ((11.0, 6.2, 9.4, -17.6, -13.3, -12.4),),
    "scarf": ((7.0, 5.7, 8.1, -14.6, -11.5, -10.3),),
    "jacket": ((7.0, 5.6, 8.0, -14.9, -11.3, -10.0),),
}
BODY = (
    (12.9, 7.2, 10.2, -18.6, -13.3, -13.0),
    (18.3, 8.6, 11.4, -22.5, -16.6, -18.0),
    (21.0, 9.6, 11.8, -28.0, -22.5, -26.0),
    (21.6, 10.2, 11.8, -36.0, -34.0, -36.0),
    (21.8, 10.4, 11.8, -52.0, -52.0, -52.0),
)


@dataclass(frozen=True)
class Solid:
    """An opaque or see-through piece that is not part of the head model."""

    material: str  # cloth, hat, frame, lens
    points: Tensor  # [N, 3] neutral space
    triangles: Tensor  # [M, 3]
    weave: Tensor  # [N, 3] cloth coordinates: cm along, cm down, above 0 the second cloth
    follow: Tensor  # [N] how far each vertex follows the head's pose


def grid_triangles(rows: int, columns: int, closed: bool) -> Tensor:
    """Two triangles per cell of a grid of vertices numbered row by row. [M, 3]"""
    index = torch.arange(rows * columns).view(rows, columns)
    if closed:
        index = torch.cat([index, index[:, :1]], 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    cells = torch.stack([torch.stack([a, c, b], -1), torch.stack([b, c, d], -1)], 2)
    return cells.reshape(-1, 3)


def _loft(rings: Tensor, rows: int, angles: Tensor) -> Tensor:
    """Rings [P, 6] swept through smooth cross sections. [rows, A, 3]"""
    width, front, behind, high_front, high_side, high_back = curve(rings, rows).unbind(-1)
    s, c = angles.sin(), angles.cos()
    round_s, round_c = s.sign() * s.abs() ** 0.86, c.sign() * c.abs() ** 0.86
    x = width[:, None] * round_s
    z = torch.where(c > 0, front[:, None], behind[:, None]) * round_c - 0.6
    ahead = torch.where(c > 0, high_front[:, None], high_back[:, None])
    y = high_side[:, None] + (ahead - high_side[:, None]) * c.abs() ** 1.7
    return torch.stack(torch.broadcast_tensors(x, y, z), -1)


def dress(rng: np.random.Generator, head: HeadModel, traits: Traits) -> list[Solid]:
    """Torso clothes with the collar of the person's neckline."""
    device = head.template.device
    angles = torch.linspace(-torch.pi, torch.pi, AROUND + 1, device=device)[:-1]  # the seam is behind
    broad = 0.93 + 0.10 * traits.gender + 0.04 * rng.normal()
    rings = torch.tensor(RINGS[traits.neckline] + BODY, device=device)
    rings[:, 0] = torch.where(rings[:, 0] > 8, rings[:, 0] * broad, rings[:, 0])
    surface = _loft(rings, DOWN, angles)
    surface = (
        surface + _wrinkles(rng, surface) * torch.linspace(0, 1, DOWN, device=device).clamp(max=0.6)[:, None, None]
    )
    second = _second_cloth(surface, traits)
    pieces = [_cloth(head, surface, closed=True, second=second), _hem(head, surface, traits)]
    if traits.neckline in ("shirt", "jacket"):
        pieces.append(_collar(head, 1.0 if traits.neckline == "jacket" else -1.0))
    if traits.neckline == "scarf":
        pieces.append(_scarf(rng, head))
    return pieces


def under_clothes(traits: Traits, points: Tensor) -> Tensor:
    """Which points of neck and shoulders [N, 3] (template) the clothes hide. [N] bool"""
    width, ahead, behind, front, side, back = RINGS[traits.neckline][0]
    x, y, z = points.unbind(-1)
    c = torch.atan2(x, z + 1.0).cos()
    edge = side + (torch.where(c > 0, front, back) - side) * c.abs() ** 1.7
    depth = torch.where(z + 0.6 > 0, ahead, behind)
    beyond = (x / width) ** 2 + ((z + 0.6) / depth) ** 2 > 1.05
    return (y < edge - 2.0) | (beyond & (y < edge + 0.8))


def _second_cloth(surface: Tensor, traits: Traits) -> Tensor:
    """Above 0 where the second cloth shows: the shirt in a jacket's opening; cm from its edge. [B, A]"""
    if traits.neckline != "jacket":
        return torch.full_like(surface[..., 0], -1.0)
    x, y, z = surface.unbind(-1)
    opening = torch.where(z > 0, 0.34 * (y + 36).clamp(min=0), 0.0)
    return (opening - x.abs()).clamp(-4, 4)


def _wrinkles(rng: np.random.Generator, surface: Tensor) -> Tensor:
    """Soft folds of cloth as displacements. [B, A, 3]"""
    rows, columns, _ = surface.shape
    coarse = torch.from_numpy(rng.standard_normal((2, 1, 7, 12)).astype("f4")).to(surface)
    coarse = torch.cat([coarse, coarse[..., :1]], -1)
    field = F.interpolate(coarse, (rows, columns + 1), mode="bicubic", align_corners=True)[:, 0, :, :-1]
    slanted = torch.sin(3.0 * field[0] + 0.35 * surface[..., 1] + 0.25 * surface[..., 0])
    outward = normalise(surface * surface.new_tensor([1.0, 0.2, 1.0]) + surface.new_tensor([0, 4.0, 0]))
    return outward * (0.35 * field[1] + 0.30 * slanted)[..., None]


def _cloth(head: HeadModel, grid: Tensor, closed: bool, second: Tensor | None = None, material: str = "cloth") -> Solid:
    """A grid of points [B, A, 3] as a piece of cloth."""
    rows, columns, _ = grid.shape
    along = torch.cat([grid[:, :1] * 0, grid[:, 1:] - grid[:, :-1]], 1).norm(dim=-1).cumsum(1)
    along = along[rows // 2].expand(rows, columns)
    down = torch.cat([grid[:1] * 0, grid[1:] - grid[:-1]]).norm(dim=-1).cumsum(0)
    second = torch.full_like(along, -1.0) if second is None else second
    points = grid.reshape(-1, 3)
    weave = torch.stack([along, down, second], -1).reshape(-1, 3)
    triangles = grid_triangles(rows, columns, closed).to(grid.device)
    return Solid(material, points, triangles, weave, follow_of(head, points))


def follow_of(head: HeadModel, points: Tensor) -> Tensor:
    """Neck weight of the nearest skin for free points. [N]"""
    skin = torch.nonzero(head.vertex_part <= HEAD)[::3, 0]
    return head.neck_weight[skin[torch.cdist(points, head.template[skin]).argmin(-1)]]


def _hem(head: HeadModel, surface: Tensor, traits: Traits) -> Solid:
    """A rounded band along the neckline."""
    edge, below = surface[0], surface[2]
    ahead = torch.roll(edge, -1, 0) - torch.roll(edge, 1, 0)
    fall = normalise(below - edge)
    out = normalise(torch.linalg.cross(ahead, fall))
    out = out * torch.where((out * (edge - edge.mean(0))).sum(-1, keepdim=True) > 0, 1.0, -1.0)
    size = {"crew": 0.5, "turtle": 0.6, "wide": 0.45}.get(traits.neckline, 0.32)
    turn = torch.linspace(-0.6, 1.35, 8, device=surface.device) * torch.pi
    profile = size * torch.stack([turn.cos(), turn.sin()], -1)  # out, up
    grid = edge + profile[:, 0, None, None] * 0.55 * out - (profile[:, 1, None, None] + 0.1) * fall
    return _cloth(head, grid, closed=True)


def _collar(head: HeadModel, second: float) -> Solid:
    """A shirt collar: a stand around the neck that folds over and falls to two points, open in a V in front."""
    rows = []
    for gap, away, high, reach in (  # the opening in radians, cm outwards, cm up, cm that the points hang lower
        (0.02, 0.0, -0.8, 0.0), (0.10, -0.2, 0.8, 0.0), (0.22, -0.15, 2.0, 0.0), (0.28, 0.05, 2.6, 0.0),  # the stand
        (0.30, 0.45, 2.7, 0.0), (0.32, 0.85, 1.9, 0.6), (0.34, 1.15, 0.7, 1.9), (0.36, 1.35, -0.6, 3.4),  # the fall
    ):  # fmt: skip
        angles = torch.linspace(gap, 2 * torch.pi - gap, 96, device=head.template.device)
        front, behind = angles.cos().clamp(min=0), (-angles.cos()).clamp(min=0)
        base = [6.9 * angles.sin(), -11.7 - 3.3 * front**1.5 + 1.4 * behind, 5.9 * angles.cos() - 0.6 - 1.6 * behind]
        base = torch.stack(base, -1)
        out = normalise(base * base.new_tensor([1.0, 0.0, 1.0]))
        lower = high * (1 - 0.35 * front) - reach * front**6
        up = torch.stack([torch.zeros_like(lower), lower, torch.zeros_like(lower)], -1)
        rows.append(base + (away + 0.25 * reach * front**6)[:, None] * out + up)
    grid = torch.stack(rows)
    return _cloth(head, grid, closed=False, second=torch.full_like(grid[..., 0], second))


def _scarf(rng: np.random.Generator, head: HeadModel) -> Solid:
    """A thick loose ring around the neck."""
    device = head.template.device
    angles = torch.linspace(0, 2 * torch.pi, AROUND + 1, device=device)[:-1]
    turn = torch.linspace(0, 2 * torch.pi, 20, device=device)[:, None]
    phase = rng.uniform(0, 6.28, 4)
    lump = 0.35 * torch.sin(5 * angles + 2 * turn + phase[0]) + 0.25 * torch.sin(9 * angles - 3 * turn + phase[1])
    tube = 2.5 + lump
    out = 8.3 + tube * turn.cos()
    y = -11.2 - 2.6 * angles.cos() + 1.25 * tube * turn.sin() + 0.5 * torch.sin(2 * angles + phase[2])
    grid = torch.stack([out * angles.sin(), y, 0.95 * out * angles.cos() - 0.8], -1)
    return _cloth(head, grid, closed=True, second=torch.ones_like(grid[..., 0]), material="hat")


def head_radius(head: HeadModel, rest: Tensor, height: int = 64) -> Tensor:
    """Distance of the skin from the chart's centre, ears and nose smoothed away. [h, 2h]"""
    position = unwrap(rest, head.triangles[head.triangle_part <= HEAD], height)
    radius = (position - rest.new_tensor(CENTER)).norm(dim=-1)[None, None]
    for _ in range(3):
        padded = F.pad(radius, (3, 3, 0, 0), mode="circular")
        padded = F.pad(padded, (0, 0, 3, 3), mode="replicate")
        radius = F.avg_pool2d(padded, 7, stride=1)
    return radius[0, 0]


def wear_hat(rng: np.random.Generator, head: HeadModel, rest: Tensor, traits: Traits) -> list[Solid]:
    """Beanie, cap, hood or headscarf over the person's own head."""
    if traits.hat == "none":
        return []
    radius = head_radius(head, rest)
    if traits.hat in ("beanie", "cap"):
        return _crown(rng, head, radius, traits)
    return [_wrap(rng, head, radius, traits)]


def _over(radius: Tensor, direction: Tensor, above: Tensor) -> Tensor:
    """Points over the head in given directions [..., 3] at a height [...] above it."""
    center = direction.new_tensor(CENTER)
    flat = direction.reshape(-1, 3)
    reach = lookup(radius[None], center + flat)[:, 0].view(direction.shape[:-1]) + above
    return center + direction * reach[..., None]


def hat_edge(traits: Traits, azimuth: Tensor) -> Tensor:
    """Height of the lower edge of a beanie or cap by azimuth in radians (0 in front). [...]"""
    front, side, back = (8.7, 5.2, -1.0) if traits.hat == "beanie" else (9.6, 6.4, 2.5)
    c = azimuth.cos()
    return side + torch.where(c > 0, (front - side) * c, (side - back) * c)


def _crown(rng: np.random.Generator, head: HeadModel, radius: Tensor, traits: Traits) -> list[Solid]:
    """A shell from the crown down to its edge; caps get a peak."""
    device = radius.device
    azimuth = torch.linspace(-torch.pi, torch.pi, AROUND + 1, device=device)[:-1]
    edge = torch.atan2(hat_edge(traits, azimuth) - CENTER[1], radius.new_tensor(8.6))
    rows = torch.cat([torch.linspace(0.01, 1, 26, device=device), radius.new_tensor([1.0, 0.985, 0.97])])
    elevation = torch.pi / 2 + (edge - torch.pi / 2) * rows[:, None]
    direction = torch.stack(
        [elevation.cos() * azimuth.sin(), elevation.sin().expand(-1, AROUND), elevation.cos() * azimuth.cos()], -1
    )
    puff = rng.uniform(0.6, 2.2) if traits.hat == "beanie" else 0.5
    above = 0.75 + puff * smoothstep(elevation, 0.6, 1.4)
    band = smoothstep(rows[:, None], 0.74, 0.78) * (0.28 if traits.hat == "beanie" else 0.0)
    above = above + band
    above[-2:] -= radius.new_tensor([0.25, 0.6])[:, None]
    shell = _cloth(head, _over(radius, direction, above), closed=True, material="hat")
    return [shell, _peak(head, radius, traits)] if traits.hat == "cap" else [shell]


def _peak(head: HeadModel, radius: Tensor, traits: Traits) -> Solid:
    """The peak of a cap."""
    azimuth = torch.linspace(-0.95, 0.95, 40, device=radius.device)
    height = hat_edge(traits, azimuth) + 0.2
    elevation = torch.atan2(height - CENTER[1], radius.new_tensor(8.6))
    direction = torch.stack([elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos()], -1)
    base = _over(radius, direction, torch.full_like(azimuth, 0.7))
    rim = (1 - (azimuth / 0.95) ** 2).clamp(min=0) ** 0.5
    out = torch.linspace(0, 1, 10, device=radius.device)[:, None]
    length = 6.3 * out * rim
    grid = base + torch.stack(
        [
            0.1 * length * azimuth.sin(),
            -0.28 * length + 0.9 * out * (1 - rim**2) * 0 - 0.012 * base[:, 0] ** 2 * out,
            length,
        ],
        -1,
    )
    return _cloth(head, grid, closed=False, material="hat")


def _wrap(rng: np.random.Generator, head: HeadModel, radius: Tensor, traits: Traits) -> Solid:
    """Hood or headscarf: everything around the head but an opening for the face."""
    device = radius.device
    around = torch.linspace(0, 2 * torch.pi, AROUND + 1, device=device)[:-1]  # 0 up, then to the subject's left
    top, side, chin = (0.80, 1.06, 1.12) if traits.hat == "headscarf" else (0.98, 1.22, 1.35)
    c = around.cos()
    opening = side + torch.where(c > 0, (top - side) * c**2, (chin - side) * c**2) + 0.03 * float(rng.normal())
    rows = torch.linspace(0, 1, 30, device=device)[:, None]
    angle = torch.pi - 0.02 + (opening - torch.pi + 0.02) * rows
    direction = torch.stack(
        [angle.sin() * around.sin(), angle.sin() * around.cos(), angle.cos().expand(-1, AROUND)], -1
    )
    loose = 0.9 if traits.hat == "headscarf" else 2.2
    fold = 0.22 * torch.sin(7 * around + 5 * rows + rng.uniform(0, 6)) + 0.15 * torch.sin(13 * around - 9 * rows)
    above = loose + fold * (1.2 - rows) + 0.25 * smoothstep(rows, 0.93, 1.0)
    points = _over(radius, normalise(direction), above)
    rim = points[-1:] * 0.985 + points.new_tensor([0.0, 0.02, -0.5])
    grid = torch.cat([points, rim, rim * 0.96])
    return _cloth(head, grid, closed=True, material="hat")


def tube(path: Tensor, thickness: float, closed: bool, sides: int = 7) -> tuple[Tensor, Tensor]:
    """A tube around a path [P, 3]: points [P * sides, 3] and triangles."""
    ahead = torch.roll(path, -1, 0) - torch.roll(path, 1, 0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead = normalise(ahead)
    across = normalise(torch.linalg.cross(ahead, ahead.new_tensor([0.05, 0.1, 1.0]).expand_as(ahead)))
    over = torch.linalg.cross(ahead, across)
    turn = torch.linspace(0, 2 * torch.pi, sides + 1, device=path.device)[:-1]
    ring = across[:, None] * turn.cos()[:, None] + over[:, None] * turn.sin()[:, None]
    points = path[:, None] + thickness * ring
    triangles = grid_triangles(len(path), sides, True)
    if closed:
        index = torch.arange(len(path) * sides)
        last, first = index[-sides:], index[:sides]
        bridge = torch.stack(
            [torch.stack([last, first, last.roll(-1)], -1), torch.stack([last.roll(-1), first, first.roll(-1)], -1)], 1
        )
        triangles = torch.cat([triangles, bridge.reshape(-1, 3)])
    return points.reshape(-1, 3), triangles.to(path.device)


def wear_glasses(rng: np.random.Generator, eyes: Tensor, nose: Tensor, traits: Traits) -> list[Solid]:
    """Frames and lenses before the eyes. eyes [2, 3] centres (left first), nose [3] top of the bridge."""
    if traits.glasses == "none":
        return []
    wide = float(rng.uniform(2.15, 2.75)) + (0.2 if traits.glasses == "sun" else 0.0)
    tall = wide * float(rng.uniform(0.62, 1.0))
    power = float(rng.uniform(2.0, 4.5))
    thickness = {"thin": 0.07, "thick": 0.20, "sun": 0.16}[traits.glasses]
    turn = torch.linspace(0, 2 * torch.pi, 49, device=eyes.device)[:-1]
    c, s = turn.cos(), turn.sin()
    outline = torch.stack([wide * c.sign() * c.abs() ** (2 / power), tall * s.sign() * s.abs() ** (2 / power)], -1)
    plane = float(torch.maximum(eyes[:, 2].mean() + 2.9, nose[2] + 0.25))
    frames, lenses = [], []
    for k in (0, 1):
        flat = outline + eyes[k, :2] + outline.new_tensor([0.15 if k == 0 else -0.15, -0.25])
        ring = torch.cat([flat, plane - 0.035 * flat[:, :1] ** 2], -1)
        frames.append(tube(ring, thickness, True))
        fan = torch.cat([ring.mean(0, keepdim=True) + ring.new_tensor([0, 0, 0.25]), ring])
        index = torch.arange(1, 49, device=eyes.device)
        lenses.append((fan, torch.stack([torch.zeros_like(index), index, index.roll(-1)], -1)))
        hinge = ring[ring[:, 0].abs().argmax()]
        out = float(hinge[0].sign())
        temple = torch.stack(
            [
                hinge,
                hinge + hinge.new_tensor([0.5 * out, 0.1, -0.6]),
                hinge.new_tensor([8.5 * out, float(eyes[k, 1]), 2.5]),
                hinge.new_tensor([8.9 * out, float(eyes[k, 1]) - 0.2, -1.5]),
            ]
        )
        frames.append(tube(temple, thickness, False))
    gap = [frames[0][0][:, 0].min(), frames[2][0][:, 0].max()]
    arc = torch.linspace(-1, 1, 9, device=eyes.device)
    bridge = torch.stack(
        [
            gap[1] + (gap[0] - gap[1]) * (arc + 1) / 2,
            eyes[:, 1].mean() + 0.35 - 0.3 * arc**2,
            plane + 0.15 - 0.1 * arc**2,
        ],
        -1,
    )
    frames.append(tube(bridge, thickness, False))
    return [_merge("frame", frames), _merge("lens", lenses)]


def _merge(material: str, pieces: list[tuple[Tensor, Tensor]]) -> Solid:
    """Several meshes as one solid that follows the head."""
    offsets = np.cumsum([0] + [len(p) for p, _ in pieces])
    points = torch.cat([p for p, _ in pieces])
    triangles = torch.cat([t + int(o) for (_, t), o in zip(pieces, offsets, strict=False)])
    return Solid(material, points, triangles, torch.zeros_like(points), torch.ones_like(points[:, 0]))
