"""A picture of a person with everything known about it: landmarks, mask, parts, depth, camera, vertices.

Opaque surfaces are rasterised at twice the size and shaded pixel by pixel; hair is splatted over them; the background
comes last. Landmarks are projected vertices, exact by construction.

Letters: H W pixels, V vertices of the head model, P covered samples, L lamps.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ...geometry.camera import Camera, project, rotation_angles
from ...geometry.head_model import PARTS
from ...geometry.rasteriser import Fragments, rasterise
from .backdrops import paint_backdrop
from .people import Person
from .posing import Scene, compose, person_landmarks
from .scene import View, camera_of
from .shading import (
    EyeGeometry,
    Lighting,
    Points,
    ambient,
    bump,
    develop,
    fabric,
    film,
    lighting_of,
    shade_eyes,
    shade_matt,
    shade_mouth,
    shade_skin,
)
from .shadows import ShadowMap, cast, cast_soft, lit_surface, soften
from .splatting import splat_hair
from .strands import at
from .surface import lookup, normalise, smoothstep

FRAME_PARTS = ("background", *PARTS, "cloth", "hat", "frame", "hair")
FACE_NORMALS = ((0.0, 0.0, 1.0), (0.6, 0.0, 0.8), (-0.6, 0.0, 0.8), (0.0, 0.4, 0.9), (0.0, -0.3, 0.9))
LENS_TINT = {"thin": 0.04, "thick": 0.05, "sun": 0.82}


@dataclass(frozen=True)
class Frame:
    """One picture and its truth."""

    image: Tensor  # [H, W, 3] display values 0..1
    landmarks: Tensor  # [K, 2] pixels
    mask: Tensor  # [H, W] how much of each pixel is the person
    parts: Tensor  # [H, W] index into FRAME_PARTS
    depth: Tensor  # [H, W] cm from the lens, infinity for the background
    camera: Camera  # body to picture
    vertices: Tensor  # [V, 3] posed head model in body axes
    pose: Tensor  # [3] pitch, yaw, roll of the head before the lens, degrees


def render_frame(person: Person, motion: Tensor, view: View, size: int, supersample: int = 2) -> Frame:
    """Photograph a person. motion [63] as in `motion_space`."""
    scene = compose(person, motion)
    camera = _moved(camera_of(view, size), scene.points.device)
    large = replace(camera, focal=camera.focal * supersample, center=camera.center * supersample)
    light = lighting_of(view, camera.rotation)
    side = size * supersample
    fragments = rasterise(project(large, scene.points), scene.triangles, side, side)
    shadows = _shadows(scene, light, size)
    linear, covered = _shade(scene, fragments, light, shadows, large)
    gain = _exposure(person, light) * view.exposure
    opaque = torch.zeros(side * side, 4, device=linear.device)
    opaque[covered] = torch.cat([film(linear * gain, view), torch.ones_like(linear[:, :1])], -1)
    opaque = _see_through(opaque, scene, large, fragments.depth)
    small = F.avg_pool2d(rearrange(opaque, "(h w) c -> 1 c h w", h=side), supersample)[0]
    hair = splat_hair(scene, light, shadows, camera, fragments.depth, size, supersample, gain)
    middle = slice(supersample // 2, None, supersample)
    alpha = small[3] + (1 - small[3]) * hair[3]
    behind = paint_backdrop(view.backdrop, view.seed, size).to(linear.device)
    image = rearrange(small[:3], "c h w -> h w c") + (1 - small[3])[..., None] * behind
    image = image * (1 - hair[3])[..., None] + rearrange(hair[:3], "c h w -> h w c")
    image = develop(image, view)
    return Frame(
        image=image,
        landmarks=project(camera, person_landmarks(person, scene.vertices))[:, :2],
        mask=alpha.clamp(0, 1),
        parts=_parts(scene, fragments, hair[3], supersample),
        depth=torch.minimum(fragments.depth[middle, middle], hair[4]),
        camera=camera,
        vertices=scene.vertices,
        pose=rotation_angles(camera.rotation @ scene.turn),
    )


def _moved(camera: Camera, device: torch.device) -> Camera:
    return Camera(*(getattr(camera, name).to(device) for name in ("focal", "center", "rotation", "translation")))


def _shadows(scene: Scene, light: Lighting, size: int) -> list[ShadowMap]:
    """One map per lamp: fine for the key light, coarse for the others."""
    hair = [(points, growth) for growth, points in scene.strands if growth.kind in ("scalp", "beard")]
    resolution = max(112, min(512, size * 3 // 4))
    spots, weights = [scene.points.new_zeros(0, 3)], [scene.points.new_zeros(0)]
    for points, growth in hair:
        step = (points[:, 1:] - points[:, :-1]).norm(dim=-1)
        middle = (points[:, 1:] + points[:, :-1]) / 2
        spots += [points[:, 1:].reshape(-1, 3), middle.reshape(-1, 3)]
        weights += [(0.35 * step * growth.width[:, None]).reshape(-1)] * 2
    spots, weights = torch.cat(spots), torch.cat(weights)
    key, *fill = light.directions
    return [
        cast(key, scene.points, scene.triangles, spots, weights, resolution),
        *(cast_soft(toward, scene.points, spots, weights, 64) for toward in fill),
    ]


def _shade(
    scene: Scene, fragments: Fragments, light: Lighting, shadows: list[ShadowMap], camera: Camera
) -> tuple[Tensor, Tensor]:
    """Linear color of every covered sample [P, 3] and its pixel number [P]."""
    person = scene.person
    height, width = fragments.triangle.shape
    triangle = fragments.triangle.view(-1)
    covered = torch.nonzero(triangle >= 0)[:, 0]
    chosen = triangle[covered]
    corner = scene.triangles[chosen]
    weight = fragments.barycentric.view(-1, 3)[covered]
    packed = torch.cat([scene.points, scene.normals, scene.mark, scene.open[:, None], scene.lip[:, None]], -1)
    values = sum(weight[:, k, None] * packed[corner[:, k]] for k in range(3))
    point, normal, mark, open_ = values[:, :3], normalise(values[:, 3:6]), values[:, 6:9], values[:, 9]
    eye = -camera.rotation.mT @ camera.translation
    toward = normalise(eye - point)
    code = scene.code[chosen]
    flip = (normal * toward).sum(-1, keepdim=True) < 0
    normal = torch.where(flip & (code >= 9)[:, None], -normal, normal)
    lit = _lit(light, shadows, point, covered, (height, width))
    where = Points(normal, toward, open_, lit)
    color = torch.zeros_like(point)
    skin = torch.nonzero(code <= 1)[:, 0]
    painted = lookup(person.skin.image, mark[skin])
    fine = bump(normal[skin], mark[skin], painted[:, 3:5], scene.turn)
    color[skin] = shade_skin(light, where.pick(skin), painted[:, :3], fine, painted[:, 5])
    mouth = torch.nonzero((code >= 2) & (code <= 6))[:, 0]
    color[mouth] = shade_mouth(light, where.pick(mouth), code[mouth], mark[mouth], person.traits.teeth)
    color = _inner_lips(scene, light, where, code, mark, values[:, 10], color)
    balls = torch.nonzero((code == 7) | (code == 8))[:, 0]
    color[balls] = _eyes(scene, light, where.pick(balls), covered[balls], code[balls] - 7, mark[balls], (height, width))
    _dress(scene, light, where, code, mark, color)
    return color, covered


def _inner_lips(
    scene: Scene, light: Lighting, where: Points, code: Tensor, mark: Tensor, near: Tensor, color: Tensor
) -> Tensor:
    """The first millimetres behind the seam of the mouth still look like lip. near [P] 1 at the seam -> [P, 3]"""
    rim = torch.nonzero((code == PARTS.index("mouth_socket")) & (near > 0.02))[:, 0]
    painted = lookup(scene.person.skin.image, mark[rim])
    at_rim = where.pick(rim)
    lip = shade_skin(light, at_rim, painted[:, :3] * 0.9, at_rim.normal, painted[:, 5])
    share = near[rim, None]
    return color.index_copy(0, rim, color[rim] * (1 - share) + share * lip)


def _dress(scene: Scene, light: Lighting, where: Points, code: Tensor, mark: Tensor, color: Tensor) -> None:
    """Shade cloth, hats and frames in place."""
    traits = scene.person.traits
    first, second, third = (
        color.new_tensor(c) for c in (traits.cloth_color, traits.cloth_second, traits.accessory_color)
    )
    cloth = torch.nonzero(code == 9)[:, 0]
    color[cloth] = shade_matt(
        light, where.pick(cloth), fabric(mark[cloth], traits.fabric, first, second), 0.25, 10.0, 0.10
    )
    hat = torch.nonzero(code == 10)[:, 0]
    kind = "knit" if traits.hat == "beanie" or traits.neckline == "scarf" else "plain"
    weave = mark[hat] * mark.new_tensor([1.0, 1.0, 0.0]) - mark.new_tensor([0.0, 0.0, 1.0])
    color[hat] = shade_matt(light, where.pick(hat), fabric(weave, kind, third, second), 0.15, 10.0, 0.12)
    frame = torch.nonzero(code == 11)[:, 0]
    color[frame] = shade_matt(light, where.pick(frame), (0.5 * third).expand(len(frame), 3), 2.5, 50.0)


def _lit(light: Lighting, shadows: list[ShadowMap], point: Tensor, covered: Tensor, size: tuple[int, int]) -> Tensor:
    """Soft share of each lamp at every covered sample. [P, L]"""
    height, width = size
    known = torch.zeros(height * width, device=point.device)
    known[covered] = 1
    columns = []
    for k, shadow in enumerate(shadows):
        hard = torch.zeros_like(known)
        hard[covered] = lit_surface(shadow, point)
        radius = round(height / 768 * (1.5 + 4.5 * light.sizes[k]))
        columns.append(soften(hard.view(height, width), known.view(height, width), radius, 2)[covered])
    return torch.stack(columns, -1)


def _eyes(
    scene: Scene, light: Lighting, where: Points, pixels: Tensor, side: Tensor, mark: Tensor, size: tuple[int, int]
) -> Tensor:
    """Eyeballs with the shade that lids and lashes throw on them. [P, 3]"""
    if not len(pixels):
        return where.normal
    person, head = scene.person, scene.person.surface.head
    height, width = size
    ball = torch.zeros(height * width, device=pixels.device)
    ball[pixels] = 1
    scale = float(_eye_pixels(pixels, width))
    radius = max(1, round(0.30 * scale))
    ball = ball.view(height, width)
    lowered = torch.roll(ball, max(1, round(0.35 * scale)), 0) * ball
    shade = soften(lowered, torch.ones_like(lowered), radius)[pixels]
    open_ = (0.38 + 1.15 * shade).clamp(0.3, 1)
    iris = person.surface.landmarks[-2:]
    order = [0, 1] if iris[0, 0] > 0 else [1, 0]
    axis = normalise(iris[order] - head.eye_center)
    now = at(scene.vertices, head, head.landmark_triangle[-2:], head.landmark_weight[-2:])[order]
    now_axis = normalise(now - scene.eyes)
    angle = float(torch.asin((head.iris_radius / head.eye_radius).clamp(max=0.9)).mean())
    geometry = EyeGeometry(head.eye_center, axis, now_axis, angle)
    dim = Points(where.normal, where.toward, open_, where.lit * open_[:, None])
    return shade_eyes(light, dim, side, mark, geometry, person.iris, person.traits.pupil)


def _eye_pixels(pixels: Tensor, width: int) -> Tensor:
    """About the half width of the visible eye on the picture, pixels."""
    columns = (pixels % width).float()
    middle = columns.median()
    left = columns[columns <= middle]
    return (left.amax() - left.amin()).clamp(4, width / 6) / 2.2


def _exposure(person: Person, light: Lighting) -> Tensor:
    """Gain that puts the face where a camera would: dark skin stays darker than pale skin. []

    It depends on person and lamps alone, so that pictures of one view compare pixel by pixel whatever the motion.
    """
    luma = light.colors.new_tensor([0.25, 0.6, 0.15])
    normals = normalise(light.colors.new_tensor(FACE_NORMALS))
    falling = (normals @ light.directions.mT).clamp(min=0)  # [N, L]
    level = (0.8 * ambient(light, normals) + 0.85 * falling @ light.colors) @ luma
    skin = (person.skin.image[:3].mean((1, 2)) @ luma).clamp(min=0.01)
    return 0.39 * (skin / 0.45).clamp(0.05, 1.2) ** 0.65 / (skin * level.mean()).clamp(min=1e-3)


def _see_through(opaque: Tensor, scene: Scene, camera: Camera, depth: Tensor) -> Tensor:
    """Spectacle lenses over what is behind them. [S * S, 4]"""
    if scene.lens is None:
        return opaque
    points, triangles = scene.lens
    side = depth.shape[0]
    glass = rasterise(project(camera, points), triangles, side, side)
    front = torch.nonzero((glass.depth < depth).view(-1))[:, 0]
    traits = scene.person.traits
    tint = LENS_TINT[traits.glasses]
    row = torch.div(front, side, rounding_mode="floor").float() / side
    column = (front % side).float() / side
    streak = smoothstep(torch.sin(14 * (row + 0.8 * column) + scene.person.seed % 7), 0.85, 0.95) * 0.10
    color = opaque.new_tensor(traits.accessory_color)[None] * (0.25 if traits.glasses == "sun" else 1.0)
    old = opaque[front]
    new = old[:, :3] * (1 - tint) + tint * (0.2 * color + 0.10 * (1 - row[:, None])) + streak[:, None]
    cover = torch.maximum(old[:, 3:], torch.full_like(old[:, 3:], tint))
    return opaque.index_copy(0, front, torch.cat([new.clamp(0, 1), cover], -1))


def _parts(scene: Scene, fragments: Fragments, hair: Tensor, factor: int) -> Tensor:
    """Part of each pixel, hair where it covers more than half. [H, W]"""
    triangle = fragments.triangle[factor // 2 :: factor, factor // 2 :: factor]
    parts = torch.where(triangle >= 0, scene.code[triangle.clamp(min=0)] + 1, 0)
    return torch.where(hair > 0.5, FRAME_PARTS.index("hair"), parts)
