"""Light on skin, eyes, mouths, cloth and hair: deferred shading of flat lists of surface points.

Skin is a wrapped lambertian whose terminator runs red (a cheap stand-in for scattering under the skin) with two
specular lobes; hair follows Kajiya and Kay (1989); eyes have a cornea of their own that mirrors the lamps.

Letters: P points, L lamps. Directions are unit vectors in body axes; colors are linear.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.head_model import PARTS
from .scene import View, irradiance
from .surface import normalise, smoothstep

WRAP = (0.32, 0.15, 0.09)
FLESH = {"mouth_socket": (0.30, 0.075, 0.065), "gums": (0.52, 0.19, 0.17), "tongue": (0.50, 0.17, 0.16)}


@dataclass(frozen=True)
class Lighting:
    """Lamps and surroundings as the body sees them."""

    view: View
    to_camera: Tensor  # [3, 3] body axes to camera axes
    directions: Tensor  # [L, 3] towards each lamp
    colors: Tensor  # [L, 3]
    sizes: tuple[float, ...]


@dataclass(frozen=True)
class Points:
    """Surface points to shade."""

    normal: Tensor  # [P, 3]
    toward: Tensor  # [P, 3] to the eye of the camera
    open: Tensor  # [P] share of the sky they see
    lit: Tensor  # [P, L] share of each lamp they see

    def pick(self, chosen: Tensor) -> "Points":
        return Points(self.normal[chosen], self.toward[chosen], self.open[chosen], self.lit[chosen])


def lighting_of(view: View, to_camera: Tensor) -> Lighting:
    """Turn the view's lamps into body axes."""
    directions = to_camera.new_tensor([light.direction for light in view.lights]) @ to_camera
    colors = to_camera.new_tensor([light.color for light in view.lights])
    return Lighting(view, to_camera, directions, colors, tuple(light.size for light in view.lights))


def ambient(light: Lighting, normal: Tensor) -> Tensor:
    """Light from all around on a surface. [P, 3]"""
    return irradiance(light.view, normal @ light.to_camera.mT)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


def _lobe(normal: Tensor, toward: Tensor, direction: Tensor, power: float) -> tuple[Tensor, Tensor]:
    """Normalised Blinn-Phong lobe and Fresnel term of one lamp. [P], [P]"""
    half = normalise(toward + direction)
    shine = _dot(normal, half).clamp(min=0) ** power * (power + 8) / 8
    fresnel = 0.028 + 0.972 * (1 - _dot(toward, half).clamp(0, 1)) ** 5
    return shine, fresnel


def shade_skin(light: Lighting, at: Points, albedo: Tensor, fine: Tensor, gloss: Tensor) -> Tensor:
    """Skin. albedo [P, 3], fine normal [P, 3] with pores, gloss [P] -> [P, 3]"""
    wrap = albedo.new_tensor(WRAP)
    closed = at.open[:, None] ** (1.15 - 0.45 * albedo)
    soft = normalise(0.5 * at.normal + 0.5 * fine)
    color = albedo * ambient(light, soft) * closed
    rim = (1 - _dot(fine, at.toward).clamp(0, 1)) ** 4
    color = color + (0.03 + 0.22 * rim * gloss)[:, None] * ambient(light, fine) * at.open[:, None] ** 2
    for k, direction in enumerate(light.directions):
        facing = _dot(soft, direction)[:, None]
        seen = at.lit[:, k, None]
        seen = seen + seen * (1 - seen) * albedo.new_tensor([0.55, 0.12, 0.0])
        spread = ((facing + wrap) / (1 + wrap)).clamp(min=0)
        shine = 0
        for power, share in ((16.0, 0.62), (70.0, 0.38)):
            lobe, fresnel = _lobe(fine, at.toward, direction, power)
            shine = shine + share * lobe * fresnel
        shine = (gloss * shine * _dot(fine, direction).clamp(min=0))[:, None]
        color = color + light.colors[k] * seen * (albedo * spread + shine * at.lit[:, k, None])
    return color


def shade_matt(light: Lighting, at: Points, albedo: Tensor, shine: float, power: float, fuzz: float = 0.0) -> Tensor:
    """Cloth, flesh, teeth, frames: lambertian with one lobe and, for cloth, fuzz at the rim. [P, 3]"""
    color = albedo * ambient(light, at.normal) * at.open[:, None]
    rim = fuzz * (1 - _dot(at.normal, at.toward).abs().clamp(0, 1)) ** 3
    color = color + (rim * at.open)[:, None] * (0.3 + albedo) * ambient(light, at.normal)
    for k, direction in enumerate(light.directions):
        facing = (_dot(at.normal, direction) + 0.08).clamp(min=0) / 1.08
        lobe, fresnel = _lobe(at.normal, at.toward, direction, power)
        reflected = albedo * facing[:, None] + (shine * lobe * fresnel * facing)[:, None]
        color = color + light.colors[k] * at.lit[:, k, None] * reflected
    return color


def shade_mouth(
    light: Lighting, at: Points, part: Tensor, template: Tensor, teeth: tuple[float, float, float]
) -> Tensor:
    """Gums, tongue, cavity and teeth. part [P] index into PARTS, template [P, 3] -> [P, 3]"""
    albedo = torch.empty_like(at.normal)
    for name, color in FLESH.items():
        albedo[part == PARTS.index(name)] = albedo.new_tensor(color)
    is_tooth = (part == PARTS.index("teeth_upper")) | (part == PARTS.index("teeth_lower"))
    albedo[is_tooth] = albedo.new_tensor(teeth) * 0.86
    depth = smoothstep(template[:, 2], 4.0, 10.5)
    shine = torch.where(is_tooth, 1.0, 0.6)
    open_ = (at.open * 1.3).clamp(max=1) * (0.2 + 0.8 * depth)
    open_ = torch.maximum(open_, torch.where(is_tooth, 0.42, 0.16) * depth**2)
    inside = Points(at.normal, at.toward, open_, at.lit * open_[:, None].sqrt())
    return shade_matt(light, inside, albedo, 1.0, 60.0) * (0.8 + 0.2 * shine)[:, None]


@dataclass(frozen=True)
class EyeGeometry:
    """Where the iris of each eyeball is, in the template and now."""

    center: Tensor  # [2, 3] template
    axis: Tensor  # [2, 3] template direction of the pupil
    axis_now: Tensor  # [2, 3] body direction of the pupil
    iris_angle: float  # radians from the axis to the limbus


def shade_eyes(
    light: Lighting, at: Points, side: Tensor, template: Tensor, eyes: EyeGeometry, iris: Tensor, pupil: float
) -> Tensor:
    """Eyeballs. side [P] 0 left 1 right; iris [3, r, a] albedo by radius and angle -> [P, 3]"""
    outward = normalise(template - eyes.center[side])
    axis, axis_now = eyes.axis[side], eyes.axis_now[side]
    angle = torch.acos(_dot(outward, axis).clamp(-1, 1))
    radius = angle / eyes.iris_angle
    across = outward - axis * _dot(outward, axis)[:, None]
    turn = torch.atan2(across[:, 1], across[:, 0]) / (2 * torch.pi)
    ring = ((radius - pupil) / (1 - pupil)).clamp(0, 1)
    grid = torch.stack([turn * 2, ring * 2 - 1], -1)[None, None]
    colored = torch.nn.functional.grid_sample(iris[None], grid, padding_mode="border", align_corners=False)[0, :, 0].T
    black = smoothstep(radius, pupil + 0.05, pupil - 0.05)[:, None]
    colored = colored * (1 - black) + 0.004 * black
    veins = (0.5 + 0.5 * torch.sin(23 * turn * 6.28 + 5 * torch.sin(9 * angle))) ** 6
    red = smoothstep(angle, 0.5, 1.25)[:, None] * (0.35 + 0.4 * veins[:, None])
    white = template.new_tensor([0.78, 0.73, 0.70]) * (1 - red * template.new_tensor([0.05, 0.42, 0.42]))
    edge = smoothstep(radius, 0.93, 1.09)[:, None]
    albedo = colored * (1 - edge) + white * edge
    bulge = smoothstep(radius, 1.25, 0.6)[:, None]
    cornea = normalise(at.normal * (1 + 0.55 * bulge) - 0.55 * bulge * axis_now)
    concave = normalise(at.normal * (1 - 0.5 * bulge) + 0.5 * bulge * axis_now)
    color = shade_matt(light, Points(concave, at.toward, at.open, at.lit), albedo, 0.0, 20.0)
    color = color + 0.12 * (1 - edge) * colored * at.open[:, None]
    mirrored = normalise(2 * cornea * _dot(cornea, at.toward)[:, None] - at.toward)
    fresnel = 0.025 + 0.5 * (1 - _dot(cornea, at.toward).clamp(0, 1)) ** 5
    color = color + fresnel[:, None] * ambient(light, mirrored) * at.open[:, None]
    for k, direction in enumerate(light.directions):
        reach = 0.985 - 0.035 * light.sizes[k]
        window = smoothstep(_dot(mirrored, direction), reach - 0.006, reach + 0.002)
        seen = at.lit[:, k].clamp(min=0.45) * smoothstep(at.open, 0.15, 0.6)
        color = color + (1.6 * window * seen)[:, None] * light.colors[k]
    return color


def fabric(weave: Tensor, kind: str, first: Tensor, second: Tensor) -> Tensor:
    """Cloth albedo at cloth coordinates [P, 3] (cm along, cm down, second cloth above 0) -> [P, 3]"""
    along, down, which = weave.unbind(-1)
    stripes = smoothstep(torch.sin(down * 2.2), -0.08, 0.08)
    bars = smoothstep(torch.sin(along * 1.7), -0.1, 0.1)
    if kind == "stripes":
        color = first + (second - first) * stripes[:, None]
    elif kind == "checks":
        color = (
            first * (0.45 + 0.55 * (0.5 * stripes + 0.5 * bars))[:, None] + 0.35 * second * (stripes * bars)[:, None]
        )
    elif kind == "knit":
        rib = 0.5 + 0.5 * torch.sin(along * 11) * torch.cos(down * 9 + torch.sin(along * 11))
        color = first * (0.84 + 0.22 * rib)[:, None]
    else:
        thread = torch.sin(along * 31 + 4 * torch.sin(down * 13)) * torch.sin(down * 37 + 3 * torch.sin(along * 17))
        strength = 0.12 if kind == "melange" else 0.02
        color = first * (1 + strength * thread)[:, None]
    return color + smoothstep(which, -0.05, 0.05)[:, None] * (second - color)


def bump(normal: Tensor, template: Tensor, slope: Tensor, turn: Tensor) -> Tensor:
    """Tilt normals by the painted relief. slope [P, 2] along the chart's u and v; turn [3, 3] of the head -> [P, 3]"""
    radial = normalise(template)
    along_u = normalise(torch.linalg.cross(radial.new_tensor([0.0, 1.0, 0.0]).expand_as(radial), radial))
    along_v = torch.linalg.cross(along_u, radial)
    tilt = slope[:, :1] * along_u + slope[:, 1:] * along_v
    return normalise(normal - tilt @ turn.mT)


def shade_hair(
    light: Lighting, along: Tensor, outward: Tensor, toward: Tensor, albedo: Tensor, open_: Tensor, lit: Tensor
) -> Tensor:
    """Hair fibres. along, outward, toward, albedo [P, 3], open [P], lit [P, L] -> [P, 3]"""
    color = albedo * ambient(light, outward) * (0.9 * open_)[:, None]
    for k, direction in enumerate(light.directions):
        cosine = _dot(along, direction)
        sine = (1 - cosine**2).clamp(min=0).sqrt()
        facing = (0.45 + 0.55 * _dot(outward, direction)).clamp(min=0)
        diffuse = 0.75 * sine * facing
        shine = 0
        view_cosine = _dot(along, toward)
        for shift, power, tint in ((-0.07, 90.0, 0.0), (0.10, 24.0, 1.0)):
            mirror = (sine * (1 - view_cosine**2).clamp(min=0).sqrt() - cosine * view_cosine + shift).clamp(0, 1)
            lobe = (mirror**power * facing)[:, None]
            shine = shine + lobe * ((0.055 * (1 - tint)) + 0.55 * tint * albedo)
        color = color + light.colors[k] * (lit[:, k, None] * (albedo * diffuse[:, None] + shine))
    return color


def film(linear: Tensor, view: View) -> Tensor:
    """Exposed linear color to display values 0..1: white balance and a filmic curve. [..., 3]"""
    balance = linear.new_tensor([1 + 0.14 * view.warmth, 1.0, 1 - 0.18 * view.warmth])
    x = (linear * balance).clamp(min=0) * 0.72
    mapped = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    return mapped.clamp(0, 1) ** (1 / 2.2)


def develop(image: Tensor, view: View) -> Tensor:
    """Saturation, contrast and grain of the finished picture. [H, W, 3]"""
    gray = image @ image.new_tensor([0.3, 0.59, 0.11])
    image = gray[..., None] + view.saturation * (image - gray[..., None])
    generator = torch.Generator().manual_seed(view.seed)
    grain = torch.randn(image.shape[:2], generator=generator).to(image)
    return (0.5 + view.contrast * (image - 0.5) + view.grain * grain[..., None]).clamp(0, 1)
