"""Everything of a shot that stays the same from frame to frame: what can be seen, textures, openness, the room.

Letters: V vertices on the stage, F triangles that may be seen, M parts.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...geometry.camera import Camera, project
from ...geometry.head_model import vertex_normals
from ...geometry.rasteriser import rasterise
from .backdrops import paint_backdrop
from .body import Body, apply
from .body_pose import relaxed
from .human import Human, Part
from .human_textures import OPAQUE, Texels, texels_of
from .shot import Shot
from .surface import normalise

DIRECTIONS = 28  # of the sky when its visible share is measured
SKY_MAP = 128  # pixels of a depth map for that
BIAS = 0.07  # decimetres that a surface may lie behind itself in a depth map
LEGS = ("upperleg02", "lowerleg", "foot", "toe")
MARGIN = 0.5  # spans below the picture in which trunk and arms are kept


@dataclass(frozen=True, eq=False)
class Stage:
    """A person before a camera, reduced to what can be seen."""

    human: Human
    shot: Shot
    camera: Camera  # in samples
    side: int  # samples along a picture's side
    factor: int  # samples along a pixel's side
    body: Body  # with the vertices on the stage
    moving: Tensor  # [A]
    expression: Tensor  # [53, A, 3]
    normal: Tensor  # [V, 3] at rest
    face: Tensor  # [A'] vertices whose normals follow expressions
    face_triangles: Tensor  # [n, 3] the triangles around them
    open: Tensor  # [V] share of the sky that is seen
    triangles: Tensor  # [F, 3] those with holes last
    culled: Tensor  # [F] whether the back is never seen
    casters: Tensor  # [n, 3] triangles that throw shadows
    solid: int  # number of triangles without holes
    corner_uv: Tensor  # [F, 3, 2]
    part: Tensor  # [F]
    texels: Texels
    light: Tensor  # [M, 6] wrap in three channels, shine, its power, share of ambient light
    lips: tuple[int, int]
    mouth: Tensor
    skull: Tensor
    hands: tuple[Tensor, Tensor]
    room: Tensor  # [size, size, 3] display values


MATERIAL = {  # wrap r, g, b; shine; power; share of ambient light
    "skin": (0.34, 0.20, 0.15, 0.14, 18.0, 1.0),
    "eye": (0.35, 0.35, 0.35, 1.6, 160.0, 1.1),
    "teeth": (0.3, 0.25, 0.25, 0.4, 40.0, 0.9),
    "tongue": (0.3, 0.15, 0.15, 0.3, 25.0, 0.8),
    "brow": (0.4, 0.35, 0.3, 0.0, 10.0, 1.0),
    "lash": (0.2, 0.2, 0.2, 0.0, 10.0, 0.6),
    "hair": (0.25, 0.22, 0.2, 0.03, 14.0, 1.0),
    "cloth": (0.12, 0.12, 0.12, 0.015, 6.0, 1.0),
}


def build_stage(human: Human, shot: Shot, size: int, factor: int) -> Stage:
    """Set up a shot of `size` pixels with factor x factor samples in each."""
    camera = shot.camera(size * factor)
    screen = project(camera, human.body.pose(relaxed(human.body)))
    part = torch.cat([torch.full((p.last - p.first,), k) for k, p in enumerate(human.parts)])
    seen = torch.nonzero(_on_stage(human, screen, size * factor))[:, 0]
    holes = ~_of(human, part[seen], OPAQUE)
    seen = torch.cat([seen[~holes], seen[holes]])
    triangles = human.triangles[seen]
    kept = torch.unique(torch.cat([triangles.flatten(), human.mouth, human.skull, *human.hands]))
    number = torch.full((len(human.body.rest),), -1)
    number[kept] = torch.arange(len(kept))
    triangles, part = number[triangles], part[seen]
    body = replace(human.body, rest=human.body.rest[kept], weight=human.body.weight[kept].contiguous())
    on_stage = number[human.moving] >= 0
    moving = number[human.moving[on_stage]]
    normal = _rest_normals(human, body, triangles, part)
    face_triangles = triangles[_of(human, part, ("skin",)) & torch.isin(triangles, moving).any(1)]
    wanted = _texels_wanted(human.parts, screen, human.triangles[seen], human.corner_uv[seen], part)
    return Stage(
        human=human,
        shot=shot,
        camera=camera,
        side=size * factor,
        factor=factor,
        body=body,
        moving=moving,
        expression=human.expression[:, on_stage].contiguous(),
        normal=normal,
        face=torch.unique(face_triangles),
        face_triangles=face_triangles,
        open=_openness(human, body, normal, triangles, part),
        triangles=triangles,
        culled=_of(human, part, ("skin", "teeth", "tongue", "eye")),
        casters=triangles[_of(human, part, ("skin", "hair", "cloth"))],
        solid=int((~holes).sum()),
        corner_uv=human.corner_uv[seen],
        part=part,
        texels=texels_of(human, wanted),
        light=torch.tensor([MATERIAL[p.kind] for p in human.parts]),
        lips=(int(number[human.lips[0]]), int(number[human.lips[1]])),
        mouth=number[human.mouth],
        skull=number[human.skull],
        hands=(number[human.hands[0]], number[human.hands[1]]),
        room=paint_room(shot, project(camera, _soles(human)[None])[0, :2] / factor, size),
    )


def _of(human: Human, part: Tensor, kinds: tuple[str, ...]) -> Tensor:
    """Which parts [F] are of these kinds. [F] bool"""
    return torch.tensor([p.kind in kinds for p in human.parts])[part]


def _soles(human: Human) -> Tensor:
    """Middle of the ground that a person stands on. [3]"""
    rest = human.body.rest
    return torch.stack([rest[:, 0].mean() * 0, rest[:, 1].min(), rest[:, 2].mean()])


def paint_room(shot: Shot, soles: Tensor, size: int) -> Tensor:
    """The room in muted colors; a floor where feet [2] (pixels) are in the picture. [size, size, 3] display values"""
    rng = np.random.default_rng([shot.seed, 82])
    room = paint_backdrop(shot.room, shot.seed, size)
    room = torch.lerp(room.mean(-1, keepdim=True), room, float(rng.uniform(0.35, 0.9)))
    room = 0.06 + 0.88 * room
    if float(soles[1]) > size:
        return room
    row, column = torch.arange(size)[:, None] + 0.5, torch.arange(size)[None] + 0.5
    edge = soles[1] - size * float(rng.uniform(0.05, 0.10))
    plank = torch.tensor(rng.uniform(0.25, 0.65) * np.array([1.0, 0.9, 0.78]), dtype=torch.float32)
    light = 0.75 + 0.35 * ((row - edge) / (size - edge)).clamp(0, 1)
    contact = ((column - soles[0]) / (0.17 * size)) ** 2 + ((row - soles[1] + 0.012 * size) / (0.028 * size)) ** 2
    floor = (light * (1 - 0.5 * torch.exp(-contact)))[..., None] * plank
    return torch.lerp(room, floor, ((row - edge).clamp(0, 1))[..., None])


def _on_stage(human: Human, screen: Tensor, side: int) -> Tensor:
    """Triangles that some pose may bring into the picture: no legs below it. [F] bool"""
    corner = screen[human.triangles]
    below = corner[..., 1].amin(1) > side * 1.02
    legs = [k for k, name in enumerate(human.body.bones) if name.startswith(LEGS)]
    on_leg = human.body.weight[:, legs].sum(1)[human.triangles].amin(1) > 0.5
    far = corner[..., 1].amin(1) > side * (1 + MARGIN)
    hand = torch.zeros(len(screen), dtype=torch.bool)
    hand[torch.cat(human.hands)] = True
    arm = [k for k, name in enumerate(human.body.bones) if name.startswith(("lowerarm", "upperarm"))]
    on_arm = (human.body.weight[:, arm].sum(1) > 0.3) | hand
    return ~((below & on_leg) | (far & ~on_arm[human.triangles].any(1)))


def _rest_normals(human: Human, body: Body, triangles: Tensor, part: Tensor) -> Tensor:
    """Smooth normals at rest; hair bulges with the head and eyes are balls. [V, 3]"""
    normal = vertex_normals(body.rest, triangles)
    for k, one in enumerate(human.parts):
        vertices = torch.unique(triangles[part == k])
        if one.kind == "hair":
            middle = body.head[body.bone("head")] + body.head.new_tensor([0.0, 0.45, 0.25])
            outward = normalise(body.rest[vertices] - middle)
            sign = torch.sign((normal[vertices] * outward).sum(-1, keepdim=True))
            normal[vertices] = normalise(0.45 * sign * normal[vertices] + 0.55 * outward)
        if one.kind == "eye":
            for side in ("L", "R"):
                ball = vertices[(body.rest[vertices, 0] > 0) == (side == "L")]
                normal[ball] = normalise(body.rest[ball] - body.rest[ball].mean(0))
    return normal


def _texels_wanted(parts: tuple[Part, ...], screen: Tensor, triangles: Tensor, uv: Tensor, part: Tensor) -> list[float]:
    """Texels along the side of each part's texture at which one covers about a sample. [M]"""
    corner = screen[triangles][..., :2]
    pixels = _area(corner)
    charted = _area(uv)
    density = (pixels / charted.clamp(min=1e-9)).sqrt()
    out = []
    for k in range(len(parts)):
        mine = density[(part == k) & (charted > 1e-8)]
        out.append(1.15 * float(mine.quantile(0.7)) if len(mine) else 8.0)
    return out


def _area(corner: Tensor) -> Tensor:
    (ax, ay), (bx, by) = ((corner[:, k] - corner[:, 0]).unbind(-1) for k in (1, 2))
    return 0.5 * (ax * by - ay * bx).abs()


def _openness(human: Human, body: Body, normal: Tensor, triangles: Tensor, part: Tensor) -> Tensor:
    """Share of the sky above each vertex that nothing hides, standing at ease. [V]"""
    maps = body.blend(body.skeleton(relaxed(body)))
    points = apply(maps, body.rest)
    turned = normalise((maps[..., :3] @ normal[..., None])[..., 0])
    casters = triangles[_of(human, part, ("skin", "hair", "cloth"))]
    seen, total = torch.zeros(len(points)), torch.full((len(points),), 1e-6)
    for direction in _sphere(DIRECTIONS):
        facing = (turned @ direction).clamp(min=0)
        seen += facing * lit(points, casters, direction, SKY_MAP, BIAS)
        total += facing
    share = seen / total
    for k, one in enumerate(human.parts):
        vertices = torch.unique(triangles[part == k])
        if one.kind in ("teeth", "tongue"):
            depth = body.rest[vertices, 2]
            bright = 0.75 if one.kind == "teeth" else 0.28
            share[vertices] = bright * ((depth - depth.max() + 0.55) / 0.5).clamp(0.06, 1)
        if one.kind == "eye":
            share[vertices] = share[vertices].clamp(min=0.8)
        if one.kind in ("brow", "lash"):
            share[vertices] = share[vertices].clamp(min=0.8)
    return (0.06 + 0.94 * share).clamp(0, 1)


def _sphere(count: int) -> Tensor:
    """Directions evenly over the sphere. [count, 3]"""
    k = torch.arange(count) + 0.5
    up, turn = 1 - 2 * k / count, k * 2.399963
    flat = (1 - up**2).sqrt()
    return torch.stack([flat * turn.cos(), up, flat * turn.sin()], -1)


def lit(points: Tensor, triangles: Tensor, direction: Tensor, side: int, bias: float) -> Tensor:
    """Whether each vertex sees a lamp far away in a direction [3], by a depth map of side x side. [V] 0 or 1"""
    flat, depth = depth_map(points, triangles, direction, side)
    column, row = (flat[:, k].long().clamp(0, side - 1) for k in (0, 1))
    return (flat[:, 2] < depth[row, column] + bias).float()


def depth_map(points: Tensor, triangles: Tensor, direction: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Points as a lamp sees them (pixel x, y, decimetres) and how far the nearest surface is. [V, 3], [side, side]"""
    aside = normalise(torch.linalg.cross(points.new_tensor([0.0, 1.0, 1e-3]), direction))
    axes = torch.stack([aside, torch.linalg.cross(direction, aside), -direction])
    flat = points @ axes.mT
    low, high = flat.amin(0), flat.amax(0)
    scale = (side - 2) / (high - low)[:2].amax()
    flat = torch.cat([(flat[:, :2] - low[:2]) * scale + 1, flat[:, 2:] - low[2] + 1], 1)
    return flat, rasterise(flat, triangles, side, side).depth
