"""Hair on the picture: points along every strand, added up per pixel, the front ones weighing most.

Letters: N strands, S points of a strand, M samples along it.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ...geometry.camera import Camera, project
from .posing import Scene
from .shading import Lighting, film, shade_hair
from .shadows import ShadowMap, lit_hair
from .strands import Strands
from .surface import normalise, smoothstep


def splat_hair(
    scene: Scene,
    light: Lighting,
    shadows: list[ShadowMap],
    camera: Camera,
    depth: Tensor,
    size: int,
    factor: int,
    gain: Tensor,
) -> Tensor:
    """All hair as premultiplied color, alpha and depth. [5, H, W]"""
    device = depth.device
    pieces = [_hair_points(growth, points, scene, light, shadows, camera) for growth, points in scene.strands]
    if not pieces:
        empty = torch.zeros(5, size, size, device=device)
        empty[4] = torch.inf
        return empty
    place, color, alpha = (torch.cat(column) for column in zip(*pieces, strict=True))
    x, y, z = place.unbind(-1)
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size) & (z > 1)
    place, color, alpha = place[inside], color[inside], alpha[inside]
    x, y, z = place.unbind(-1)
    sample = (y * factor).long() * (size * factor) + (x * factor).long()
    free = z < depth.view(-1)[sample] + 0.22
    x, y, z, color, alpha = x[free], y[free], z[free], color[free], alpha[free]
    pixel = y.long() * size + x.long()
    nearest = torch.full((size * size,), torch.inf, device=device).scatter_reduce_(0, pixel, z, "amin")
    weight = alpha * torch.exp((nearest[pixel] - z) / 0.7)
    values = torch.cat([color * weight[:, None], weight[:, None], alpha[:, None]], -1)
    summed = torch.zeros(size * size, 5, device=device)
    left, top = (x - 0.5).floor(), (y - 0.5).floor()
    for across, down in ((0, 0), (1, 0), (0, 1), (1, 1)):  # bilinear: hair finer than a pixel leaves no stairs
        share = (1 - (x - 0.5 - left - across).abs()) * (1 - (y - 0.5 - top - down).abs())
        cell = (top + down).clamp(0, size - 1).long() * size + (left + across).clamp(0, size - 1).long()
        summed.index_add_(0, cell, values * share[:, None])
    around = -F.max_pool2d(-nearest.view(1, 1, size, size), 3, stride=1, padding=1).view(-1)
    nearest = torch.where(summed[:, 4] > 0.02, around, torch.inf)
    cover = 1 - torch.exp(-1.5 * summed[:, 4])
    mean = summed[:, :3] / summed[:, 3:4].clamp(min=1e-6)
    display = film(mean * gain, light.view)
    flat = torch.cat([display * cover[:, None], cover[:, None], nearest[:, None]], -1)
    return rearrange(flat, "(h w) c -> c h w", h=size)


def _hair_points(
    growth: Strands,
    points: Tensor,
    scene: Scene,
    light: Lighting,
    shadows: list[ShadowMap],
    camera: Camera,
) -> tuple[Tensor, Tensor, Tensor]:
    """Points along strands on the picture: place [N * M, 3] px px cm, linear color [N * M, 3], coverage [N * M]."""
    count, steps, _ = points.shape
    screen = project(camera, points)
    span = (screen[:, 1:, :2] - screen[:, :-1, :2]).norm(dim=-1)
    samples = int((span.sum(-1).mean() / 0.8).ceil().clamp(3, 600))
    color = _hair_color(growth, points, scene, light, shadows, camera)
    t = torch.linspace(0, steps - 1.001, samples, device=points.device)
    k, f = t.long(), t.frac()[None, :, None]
    packed = torch.cat([screen, color], -1)
    packed = packed[:, k] * (1 - f) + packed[:, k + 1] * f  # [N, M, 6]
    along = (t / (steps - 1))[None]
    taper = (1 - along**3) if growth.kind != "scalp" else (1.0 - 0.7 * along**4)
    width = growth.width[:, None] * taper * camera.focal / packed[..., 2].clamp(min=1)  # px
    length = span.sum(-1, keepdim=True) / samples
    coverage = (width * length).clamp(max=1.2)
    ahead = screen[:, 1:, :2] - screen[:, :-1, :2]
    across = normalise(torch.stack([-ahead[..., 1], ahead[..., 0]], -1))[:, k.clamp(max=steps - 2)]
    spread = torch.frac(torch.arange(count * samples, device=points.device).view(count, samples) * 0.6180339887) - 0.5
    place = packed[..., :2] + across * (spread * width.clamp(min=0.9))[..., None]
    place = torch.cat([place, packed[..., 2:3]], -1)
    return place.reshape(-1, 3), packed[..., 3:].reshape(-1, 3), coverage.reshape(-1)


def _hair_color(
    growth: Strands, points: Tensor, scene: Scene, light: Lighting, shadows: list[ShadowMap], camera: Camera
) -> Tensor:
    """Shaded color at the points of strands. [N, S, 3]"""
    count, steps, _ = points.shape
    flat = points.reshape(-1, 3)
    ahead = torch.cat([points[:, 1:] - points[:, :-1], points[:, -1:] - points[:, -2:-1]], 1)
    along = normalise(ahead).reshape(-1, 3)
    eye = -camera.rotation.mT @ camera.translation
    toward = normalise(eye - flat)
    t = torch.linspace(0, 1, steps, device=points.device)[None].expand(count, steps).reshape(-1)
    if growth.kind == "scalp":
        center = flat.new_tensor([0.0, 2.0, -1.0])
        outward = normalise(flat - center)
        open_ = 0.35 + 0.65 * smoothstep(t, 0.0, 0.5)
    else:
        outward = (growth.normal @ scene.turn.mT)[:, None].expand(count, steps, 3).reshape(-1, 3)
        open_ = 0.6 + 0.4 * t
    lit = torch.stack([lit_hair(shadow, flat) for shadow in shadows], -1)
    albedo = growth.color[:, None].expand(count, steps, 3).reshape(-1, 3)
    return shade_hair(light, along, outward, toward, albedo, open_, lit).view(count, steps, 3)
