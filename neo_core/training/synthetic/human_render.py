"""Pictures of whole people with the truth about mouth and hands.

A frame is deferred: triangles to samples, materials and light at every sample that sees the person, samples averaged
over the room. Skin runs a little red where light fades; hair, brows and lashes are cut out of cards, by a threshold
that differs between the samples of a pixel, so that thin strands cover pixels in part.

Letters: V vertices, F triangles, N samples that see the person, H pixels along a side.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ...geometry.camera import project, view
from ...geometry.head_model import vertex_normals
from ...geometry.rasteriser import Fragments, rasterise
from .body import Skeleton, apply
from .human import Human
from .human_pose import expressed, performed
from .human_stage import Stage, build_stage, depth_map
from .shot import Shot
from .surface import normalise

OPEN_WIDE = 0.15  # lip distance in head heights that counts as 1
SHADOW_MAP = 128
SHADOW_BIAS = 0.12  # decimetres
KNUCKLES = ("wrist", "finger1-1", "finger2-1", "finger3-1", "finger4-1", "finger5-1")
THRESHOLDS = (0.22, 0.62, 0.82, 0.42)  # of opacity, over two by two samples
SEEN = 0.12  # share of a hand's box that must show the hand


@dataclass(frozen=True)
class Picture:
    """A frame and what is true about it; boxes are left, top, right, bottom in pixels."""

    image: Tensor  # [H, H, 3] display values 0..1
    opening: float  # of the lips, 0 closed .. 1 wide
    mouth_box: Tensor  # [4]
    face_box: Tensor  # [4] chin to crown, ear to ear
    hands: Tensor  # [2, 3] left and right: x, y in pixels, 1 where visible
    hand_boxes: Tensor  # [2, 4]


def render(
    human: Human, rotations: Tensor, motion: Tensor, shot: Shot, size: int = 128, supersample: int = 2
) -> Picture:
    """One frame: rotations [B, 3, 3] of the body, motion [63] of the face. The first frame of a shot sets it up."""
    stage = _stage(human, shot, size, supersample)
    rest = expressed(stage.body.rest, stage.moving, stage.expression, motion)
    skeleton = stage.body.skeleton(performed(stage.body, rotations, motion, shot.facing()))
    maps = stage.body.blend(skeleton)
    points = apply(maps, rest)
    normal = _normals(stage, maps, rest)
    screen = project(stage.camera, points)
    triangles = _facing(stage, screen)
    fragments = rasterise(screen, stage.triangles[triangles], stage.side, stage.side, _cutout(stage, screen, triangles))
    covered, color = _shade(stage, points, normal, triangles, fragments)
    image = _over_room(stage, covered, color)
    return Picture(image, *_truth(stage, rest, skeleton, screen, triangles, fragments))


@lru_cache(maxsize=4)
def _stage(human: Human, shot: Shot, size: int, supersample: int) -> Stage:
    return build_stage(human, shot, size, supersample)


def _normals(stage: Stage, maps: Tensor, rest: Tensor) -> Tensor:
    """Unit normals; those of the face follow its expression. [V, 3]"""
    own = vertex_normals(rest, stage.face_triangles)
    normal = stage.normal.index_copy(0, stage.face, own.index_select(0, stage.face))
    x, y, z = normal.unsqueeze(-2).unbind(-1)
    return normalise(maps[..., 0] * x + maps[..., 1] * y + maps[..., 2] * z)


def _facing(stage: Stage, screen: Tensor) -> Tensor:
    """Triangles in the picture, without the back of the skin. [F'] numbers"""
    x, y = (screen[:, k].index_select(0, stage.triangles.flatten()).view(-1, 3) for k in (0, 1))
    away = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0]) >= 0
    side = stage.side
    outside = (x.amax(1) < 0) | (x.amin(1) > side) | (y.amax(1) < 0) | (y.amin(1) > side)
    return torch.nonzero(~(outside | (away & stage.culled)))[:, 0]


def _cutout(stage: Stage, screen: Tensor, triangles: Tensor):
    """The test for holes that the rasteriser asks for samples of cards."""
    first = int(torch.searchsorted(triangles, stage.solid))
    cards = triangles[first:]
    if not len(cards):
        return None
    planes = _uv_planes(screen[stage.triangles[cards]], stage.corner_uv[cards])  # [F, 6]
    texture = stage.part[cards]
    threshold = screen.new_tensor(THRESHOLDS)

    def solid(triangle: Tensor, pixel: Tensor) -> Tensor:
        out = torch.ones_like(triangle, dtype=torch.bool)
        chosen = torch.nonzero(triangle >= first)[:, 0]
        card, at = triangle[chosen] - first, pixel[chosen]
        row, column = torch.div(at, stage.side, rounding_mode="floor"), at % stage.side
        plane = planes.index_select(0, card)
        uv = plane[:, 0:2] + plane[:, 2:4] * (column + 0.5)[:, None] + plane[:, 4:6] * (row + 0.5)[:, None]
        opacity = stage.texels.nearest(texture.index_select(0, card), uv)
        out[chosen] = opacity > threshold.index_select(0, 2 * (row % 2) + column % 2)
        return out

    return solid


def _uv_planes(corner: Tensor, uv: Tensor) -> Tensor:
    """Texture coordinates as linear functions of the screen: value at 0, slopes in x and y. [F, 6]"""
    x, y = corner[..., 0], corner[..., 1]
    ax, ay, bx, by = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]
    area = ax * by - bx * ay
    area = torch.where(area.abs() < 1e-6, 1e-6, area)[:, None]
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    by_x = (a * by[:, None] - b * ay[:, None]) / area
    by_y = (b * ax[:, None] - a * bx[:, None]) / area
    start = uv[:, 0] - by_x * x[:, :1] - by_y * y[:, :1]
    return torch.cat([start, by_x, by_y], 1)


def _shade(
    stage: Stage, points: Tensor, normal: Tensor, triangles: Tensor, fragments: Fragments
) -> tuple[Tensor, Tensor]:
    """Samples that see the person [N] and their linear color [N, 3]."""
    winner = fragments.triangle.view(-1)
    covered = torch.nonzero(winner >= 0)[:, 0]
    triangle = triangles.index_select(0, winner.index_select(0, covered))
    weight = fragments.barycentric.permute(2, 0, 1).reshape(3, -1).index_select(1, covered)[..., None]  # [3, N, 1]
    corner = stage.triangles.index_select(0, triangle)
    key = points.new_tensor(stage.shot.key.direction) @ stage.camera.rotation
    flat, depth = depth_map(points, stage.casters, key, SHADOW_MAP)
    table = torch.cat([normal @ stage.camera.rotation.mT, stage.open[:, None], flat, view(stage.camera, points)], 1)
    value = sum(weight[k] * table.index_select(0, corner[:, k]) for k in range(3))
    uv = stage.corner_uv.index_select(0, triangle)
    uv = sum(weight[k] * uv[:, k] for k in range(3))
    part = stage.part.index_select(0, triangle)
    albedo = stage.texels.lookup(part, uv)[:, :3]
    facing, toward = normalise(value[:, :3]), normalise(-value[:, 7:10])
    away = (facing * toward).sum(-1, keepdim=True) < 0
    facing = torch.where(away & (stage.light.index_select(0, part)[:, 3:4] < 0.1), -facing, facing)
    open_ = value[:, 3] * _crevice(stage, fragments).index_select(0, covered)
    shadow = _shadow(value[:, 4:7], depth)
    return covered, _illuminate(stage, facing, toward, albedo, open_, shadow, stage.light.index_select(0, part))


def _crevice(stage: Stage, fragments: Fragments) -> Tensor:
    """Darkening of what lies behind something near: depth against its blurred self. [side * side]"""
    far = stage.shot.distance + 6.0
    depth = fragments.depth.clamp(max=far)[None, None]
    coarse = F.avg_pool2d(depth, 4)
    radius = max(1, stage.side // 170)
    for _ in range(2):
        coarse = F.avg_pool2d(coarse, 2 * radius + 1, 1, radius, count_include_pad=False)
    blurred = F.interpolate(coarse, depth.shape[-2:], mode="bilinear", align_corners=False)
    behind = (depth - blurred).clamp(0, 1.2)
    return (1 - 0.38 * behind).view(-1)


def _shadow(flat: Tensor, depth: Tensor) -> Tensor:
    """Share of the key light that samples see, softened over neighbours in the lamp's depth map. [N, 3] -> [N]"""
    side = depth.shape[0]
    seen = 0
    for dx, dy in ((-0.9, -0.4), (0.9, 0.4), (-0.4, 0.9), (0.4, -0.9), (0.0, 0.0)):
        column = (flat[:, 0] + dx).long().clamp(0, side - 1)
        row = (flat[:, 1] + dy).long().clamp(0, side - 1)
        nearest = depth.view(-1).index_select(0, row * side + column)
        seen = seen + ((nearest + SHADOW_BIAS - flat[:, 2]) / 0.1 + 1).clamp(0, 1)
    return seen / 5


def _illuminate(
    stage: Stage, normal: Tensor, toward: Tensor, albedo: Tensor, open_: Tensor, shadow: Tensor, material: Tensor
) -> Tensor:
    """Light on the samples: lamps with a wrapped and reddish end, sky and ground, a highlight. [N, 3]"""
    shot = stage.shot
    wrap, shine, power = material[:, :3], material[:, 3], material[:, 4]
    up = (0.5 + 0.5 * normal[:, 1:2]).clamp(0, 1)
    around = torch.lerp(normal.new_tensor(shot.ground), normal.new_tensor(shot.sky), up)
    closed = open_[:, None] ** (1.1 - 0.4 * albedo)
    color = albedo * around * closed * material[:, 5:6]
    for lamp, lit in ((shot.key, shadow * open_**0.35), (shot.fill, open_**0.7)):
        direction = normal.new_tensor(lamp.direction)
        strength = normal.new_tensor(lamp.color)
        facing = (normal @ direction)[:, None]
        spread = ((facing + wrap) / (1 + wrap)).clamp(min=0)
        half = normalise(toward + direction)
        lobe = (normal * half).sum(-1).clamp(min=0) ** power
        gloss = shine * lobe * (0.4 + 0.6 * open_)
        color = color + strength * lit[:, None] * (albedo * spread + gloss[:, None])
    return color


def _over_room(stage: Stage, covered: Tensor, color: Tensor) -> Tensor:
    """Samples averaged over the room. [H, H, 3]"""
    bright = torch.where(color < 0.7, color, 0.7 + 0.3 * torch.tanh((color - 0.7) / 0.3))
    samples = color.new_zeros(stage.side**2, 4)
    samples[covered] = torch.cat([bright.clamp(min=0) ** (1 / 2.2), torch.ones_like(bright[:, :1])], 1)
    pixels = rearrange(
        samples, "(h a w b) c -> h w (a b) c", a=stage.factor, b=stage.factor, w=stage.side // stage.factor
    ).mean(2)
    cover = pixels[..., 3:]
    return (pixels[..., :3] + (1 - cover) * _shadowed(stage, cover[..., 0])[..., :3]).clamp(0, 1)


def _shadowed(stage: Stage, cover: Tensor) -> Tensor:
    """The room with the person's soft shadow on the wall. [H, H, 3]"""
    strength = 0.3 * stage.shot.wall_shadow
    if not strength:
        return stage.room
    size = cover.shape[0]
    across = -stage.shot.key.direction[0]
    small = F.avg_pool2d(cover[None, None], 4)
    small = F.avg_pool2d(F.pad(small, (4, 4, 4, 4), mode="replicate"), 9, 1)
    theta = torch.tensor([[[1.0, 0.0, -0.35 * across], [0.0, 1.0, -0.12]]])
    moved = F.grid_sample(small, F.affine_grid(theta, [1, 1, size, size], False), "bilinear", "border", False)
    return stage.room * (1 - strength * moved[0, 0, :, :, None])


def _truth(
    stage: Stage, rest: Tensor, skeleton: Skeleton, screen: Tensor, triangles: Tensor, fragments: Fragments
) -> tuple[float, Tensor, Tensor, Tensor, Tensor]:
    """Opening, mouth box, face box, hands and hand boxes of a frame."""
    upper, lower = stage.lips
    apart, closed = (float((vertices[upper] - vertices[lower]).norm()) for vertices in (rest, stage.body.rest))
    opening = min(max((apart - closed) / (OPEN_WIDE * stage.human.head_height), 0.0), 1.0)
    pixels = screen[:, :2] / stage.factor
    is_hand = torch.zeros(2, len(screen), dtype=torch.bool)
    hands, boxes = [], []
    corner = stage.triangles.index_select(0, triangles)[:, 0]
    winner = fragments.triangle.view(-1)
    owner = corner.index_select(0, winner[winner >= 0])
    for k, side in enumerate(("L", "R")):
        bones = [stage.body.bone(f"{name}.{side}") for name in KNUCKLES]
        center = project(stage.camera, skeleton.head[bones].mean(0))[:2] / stage.factor
        box = _box(pixels[stage.hands[k]])
        is_hand[k, stage.hands[k]] = True
        samples = is_hand[k].index_select(0, owner).sum()
        area = ((box[2:] - box[:2]).prod() * stage.factor**2).clamp(min=1)
        inside = bool(((center > 0) & (center < stage.side / stage.factor)).all())
        hands.append(torch.cat([center, center.new_tensor([float(inside and samples > SEEN * area)])]))
        boxes.append(box)
    return opening, _box(pixels[stage.mouth]), _box(pixels[stage.skull]), torch.stack(hands), torch.stack(boxes)


def _box(points: Tensor) -> Tensor:
    return torch.cat([points.amin(0), points.amax(0)])
