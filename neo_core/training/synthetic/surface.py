"""Where on the skin something is: a spherical chart of the head, noise in space, distances to curves.

Everything painted on people is placed in the space of the head model's template, so it needs no texture coordinates and
has no seams: a point of the surface is known by its template position, and by its direction from a centre inside the
head (the chart), which indexes images painted once per person.

Letters: V vertices, h w texels, N points, C channels.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from ... import motion_space
from ...geometry.head_model import HeadModel, landmarks, vertex_normals
from ...geometry.rasteriser import interpolate, rasterise

CENTER = (0.0, 1.0, 0.0)  # of the chart, template units
FACE, HEAD = 0, 1  # indices into head_model.PARTS
LATTICE = 24


@dataclass(frozen=True)
class Surface:
    """What is the same for every person: the template's skin, unwrapped."""

    head: HeadModel
    position: Tensor  # [h, w, 3] template position under each texel
    landmarks: Tensor  # [K, 3] template landmarks
    occlusion: Tensor  # [2, V] open sky seen by each template vertex, mouth closed and mouth open
    lips: Tensor  # [h, w] 0..1 vermilion
    seam: Tensor  # [V] 1 where the lips meet, 0 half a centimetre away


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 below low, 1 above high, smooth between (low > high turns it round)."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def normalise(x: Tensor) -> Tensor:
    """Unit vectors along the last axis."""
    return x / x.norm(dim=-1, keepdim=True).clamp(min=1e-8)


def chart(points: Tensor) -> Tensor:
    """Template position -> chart coordinates 0..1: u around the head (0.5 in front), v from crown to feet. [..., 2]"""
    x, y, z = (points - points.new_tensor(CENTER)).unbind(-1)
    around = torch.atan2(x, z) / (2 * torch.pi) + 0.5
    down = 0.5 - torch.atan2(y, torch.hypot(x, z)) / torch.pi
    return torch.stack([around, down], -1)


def lookup(image: Tensor, points: Tensor) -> Tensor:
    """Sample a chart image [C, h, w] at template positions [N, 3] -> [N, C]."""
    grid = chart(points)[None, None] * 2 - 1
    sampled = F.grid_sample(image[None], grid, padding_mode="border", align_corners=False)
    return rearrange(sampled, "1 c 1 n -> n c")


def unwrap(template: Tensor, triangles: Tensor, height: int) -> Tensor:
    """Template position under every texel of a chart of this height; holes take the nearest known texel's. [h, w, 3]"""
    size = template.new_tensor([2 * height, height])
    uv = chart(template)
    radius = (template - template.new_tensor(CENTER)).norm(dim=-1)
    torn = uv[triangles][..., 0].amax(1) - uv[triangles][..., 0].amin(1) > 0.5
    triangles = triangles[~torn]
    screen = torch.cat([uv * size, 100 - radius[:, None]], -1)
    fragments = rasterise(screen, triangles, height, 2 * height)
    position = interpolate(fragments, triangles, template)
    return fill_holes(position, fragments.triangle >= 0)


def fill_holes(position: Tensor, known: Tensor) -> Tensor:
    """Holes take the average of what is known around them, found on ever smaller pictures (pull and push)."""
    value = rearrange(position * known[..., None], "h w c -> 1 c h w")
    weight = known.to(position.dtype)[None, None]
    return rearrange(_pull_push(value, weight), "1 c h w -> h w c")


def _pull_push(value: Tensor, weight: Tensor) -> Tensor:
    """Fill where weight is zero. value [1, C, H, W] weighted, weight [1, 1, H, W] -> [1, C, H, W]"""
    mean = value / weight.clamp(min=1e-6)
    if bool((weight > 0).all()) or min(weight.shape[-2:]) < 2:
        return mean
    coarse = _pull_push(F.avg_pool2d(value, 2, ceil_mode=True), F.avg_pool2d(weight, 2, ceil_mode=True))
    spread = F.interpolate(coarse, weight.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(weight > 0, mean, spread)


def noise(rng: np.random.Generator, position: Tensor, frequency: float, channels: int = 1) -> Tensor:
    """Smooth random fields in space, about N(0, 0.5) per point. position [h, w, 3] -> [channels, h, w]"""
    lattice = rng.standard_normal((channels, LATTICE, LATTICE, LATTICE)).astype("f4")
    lattice = np.pad(lattice, ((0, 0), (0, 1), (0, 1), (0, 1)), mode="wrap")
    offset = position.new_tensor(rng.uniform(0, LATTICE, 3))
    grid = (position * frequency + offset).remainder(LATTICE) * (2 / LATTICE) - 1
    field = torch.from_numpy(lattice).to(position)
    return F.grid_sample(field[None], grid[None, None], align_corners=True)[0, :, 0]


def fractal(rng: np.random.Generator, position: Tensor, start: float, amplitudes: tuple[float, ...]) -> Tensor:
    """Octaves of noise with the given amplitudes, each 2.3 times finer than the one before. [h, w]"""
    octaves = (a * noise(rng, position, start * 2.3**k)[0] for k, a in enumerate(amplitudes))
    return sum(octaves)


def curve(points: Tensor, count: int) -> Tensor:
    """Catmull-Rom curve through points [P, 3] -> [count, 3]"""
    padded = torch.cat([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = torch.linspace(0, len(points) - 1 - 1e-4, count, device=points.device)
    k, f = t.long(), t.frac()[:, None]
    a, b, c, d = (padded[k + j] for j in range(4))
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


def distance(position: Tensor, points: Tensor, reach: float) -> tuple[Tensor, Tensor]:
    """Distance of each position [..., 3] to a dense curve [P, 3] and where along it (0..1); infinite beyond reach."""
    low, high = points.amin(0) - reach, points.amax(0) + reach
    near = ((position > low) & (position < high)).all(-1)
    apart = torch.full_like(position[..., 0], torch.inf)
    along = torch.zeros_like(apart)
    if bool(near.any()):
        d, k = torch.cdist(position[near], points).min(-1)
        apart[near], along[near] = d, k / max(1, len(points) - 1)
    return apart, along


def blob(position: Tensor, center: Tensor, size: tuple[float, float, float]) -> Tensor:
    """Gaussian bump in space. [...]"""
    return torch.exp(-(((position - center) / position.new_tensor(size)) ** 2).sum(-1))


def polygon(points: Tensor, height: int, soft: float) -> Tensor:
    """Mask of the chart polygon through template points [P, 3], edge `soft` texels wide. [h, 2h]"""
    ring = curve(torch.cat([points, points[:1]]), 8 * len(points))
    corners = (chart(ring) * points.new_tensor([2 * height, height]) * 2).tolist()
    image = Image.new("L", (4 * height, 2 * height))
    ImageDraw.Draw(image).polygon([tuple(c) for c in corners], fill=255)
    image = image.filter(ImageFilter.GaussianBlur(2 * soft)).resize((2 * height, height), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(image, "f4") / 255).to(points)


def occlusion(vertices: Tensor, triangles: Tensor, normals: Tensor, directions: int = 40, size: int = 128) -> Tensor:
    """How much of the sky each vertex sees: 1 open, 0 enclosed, cosine-weighted. [V]"""
    seen, total = torch.zeros_like(vertices[:, 0]), torch.zeros_like(vertices[:, 0])
    middle = (vertices.amax(0) + vertices.amin(0)) / 2
    extent = float((vertices - middle).norm(dim=-1).max())
    for k in range(directions):
        height = 1 - (2 * k + 1) / directions
        angle = k * 2.399963
        side = (1 - height**2) ** 0.5
        toward = vertices.new_tensor([side * np.cos(angle), height, side * np.sin(angle)])
        depth = light_depth(vertices - middle, toward, extent, size)
        drawn = rasterise(depth, triangles, size, size).depth
        column, row = depth[:, 0].long().clamp(0, size - 1), depth[:, 1].long().clamp(0, size - 1)
        visible = depth[:, 2] < drawn[row, column].clamp(max=1e4) + 0.02 * extent
        facing = (normals @ toward).clamp(min=0)
        seen, total = seen + facing * visible, total + facing
    return seen / total.clamp(min=1e-6)


def light_depth(points: Tensor, toward: Tensor, extent: float, size: int) -> Tensor:
    """Parallel projection seen from the direction `toward` onto a square of 2 extent. [N, 3] px, px, depth"""
    up = points.new_tensor([0.0, 1.0, 0.0] if abs(float(toward[1])) < 0.95 else [0.0, 0.0, 1.0])
    right = normalise(torch.linalg.cross(up, toward))
    over = torch.linalg.cross(toward, right)
    scale = size / (2 * extent)
    x, y = points @ right * scale + size / 2, size / 2 - points @ over * scale
    return torch.stack([x, y, 2 * extent - points @ toward + 1], -1)


_SURFACES: dict[tuple[int, int], Surface] = {}


def surface_of(head: HeadModel, height: int) -> Surface:
    """The template's surface with a chart of this many rows; made once per process."""
    key = (id(head), height)
    if key not in _SURFACES:
        _SURFACES[key] = _prepare(head, height)
    return _SURFACES[key]


def _prepare(head: HeadModel, height: int) -> Surface:
    skin = head.triangles[head.triangle_part <= HEAD]
    points = landmarks(head, head.template)
    sky = []
    jaw = head.expression.new_zeros(head.expression.shape[0])
    for opened in (0.0, 1.0):
        jaw[motion_space.INDEX["jawOpen"]] = opened
        shaped = head.template + torch.einsum("k,kvc->vc", jaw, head.expression)
        sky.append(occlusion(shaped, head.triangles, vertex_normals(shaped, head.triangles)))
    seam = curve(torch.cat([points[60:68], points[60:61]]), 64)
    return Surface(
        head=head,
        position=unwrap(head.template, skin, height),
        landmarks=points,
        occlusion=torch.stack(sky),
        lips=polygon(points[48:60], height, 0.006 * height),
        seam=torch.exp(-((torch.cdist(head.template, seam).amin(-1) / 0.45) ** 2)),
    )
