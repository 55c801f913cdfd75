"""A picture painted with brush strokes that follow its forms.

After Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes" (SIGGRAPH 1998): from broad to fine
brushes, strokes start where the canvas differs most from the picture and run across the gradient. Every stroke is drawn
as a bundle of bristles of slightly different color.
"""

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image, ImageDraw
from torch import Tensor

BRUSHES = (26, 13, 7, 4, 2.4)  # radius in pixels of a picture 1024 high
TOLERANCE = (0.0, 0.055, 0.05, 0.05, 0.06)  # error that calls for a stroke of each brush
LONGEST = 9  # steps of a stroke, each one brush radius long
BRISTLES = 7
FINER = 2  # the canvas is drawn this much larger, so that strokes have smooth edges


def paint(image: Tensor, seed: int) -> Tensor:
    """Brush-stroke rendering of a picture [H, W, 3] in display values; the same size."""
    rng = np.random.default_rng([seed, 8])
    target = rearrange(image, "h w c -> 1 c h w")
    scale = image.shape[0] / 1024
    height, width, _ = image.shape
    canvas = Image.new("RGB", (FINER * width, FINER * height), (178, 160, 138))
    for brush, tolerance in zip(BRUSHES, TOLERANCE, strict=True):
        _layer(rng, canvas, _blur(target, 0.45 * brush * scale), max(1.5, brush * scale), tolerance)
    return _varnish(rng, torch.from_numpy(_seen(canvas)))


def _seen(canvas: Image.Image) -> np.ndarray:
    """The canvas at the picture's size. [H, W, 3] float32"""
    return np.asarray(canvas.reduce(FINER), "f4") / 255


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [1, C, H, W]."""
    reach = max(1, int(3 * sigma))
    axis = torch.arange(-reach, reach + 1, dtype=image.dtype)
    kernel = torch.exp(-((axis / max(sigma, 1e-3)) ** 2) / 2)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, -1)
    image = F.conv2d(F.pad(image, (reach, reach, 0, 0), mode="replicate"), kernel[:, :, None], groups=image.shape[1])
    return F.conv2d(F.pad(image, (0, 0, reach, reach), mode="replicate"), kernel[..., None], groups=image.shape[1])


def _directions(picture: Tensor, brush: float) -> np.ndarray:
    """Unit vectors along the forms, from the smoothed structure tensor. [H, W, 2]"""
    gray = picture.mean(1, keepdim=True)
    gx = F.pad(gray[..., 2:] - gray[..., :-2], (1, 1, 0, 0))
    gy = F.pad(gray[..., 2:, :] - gray[..., :-2, :], (0, 0, 1, 1))
    tensor = _blur(torch.cat([gx * gx, gy * gy, gx * gy], 1), 1.2 * brush)[0]
    across = 0.5 * torch.atan2(2 * tensor[2], tensor[0] - tensor[1] + 1e-9)
    return torch.stack([-across.sin(), across.cos()], -1).numpy()


def _layer(rng: np.random.Generator, canvas: Image.Image, picture: Tensor, brush: float, tolerance: float) -> None:
    """All strokes of one brush, in random order."""
    reference = rearrange(picture, "1 c h w -> h w c").numpy()
    field = _directions(picture, brush)
    present = _seen(canvas)
    error = torch.from_numpy(np.abs(reference - present).mean(-1))[None, None]
    step = max(2, round(brush * 0.9))
    local = F.avg_pool2d(error, step, ceil_mode=True)[0, 0].numpy()
    rows, columns = np.nonzero(local >= tolerance)
    draw = ImageDraw.Draw(canvas)
    height, width, _ = reference.shape
    for k in rng.permutation(len(rows)):
        y = min(height - 1, (rows[k] + rng.uniform()) * step)
        x = min(width - 1, (columns[k] + rng.uniform()) * step)
        path = _stroke(reference, field, x, y, brush, rng)
        _bristle(rng, draw, path, reference[int(y), int(x)], brush)


def _stroke(
    reference: np.ndarray, field: np.ndarray, x: float, y: float, brush: float, rng: np.random.Generator
) -> np.ndarray:
    """Points of a stroke that follows the form until the color changes. [P, 2]"""
    height, width, _ = reference.shape
    color, points = reference[int(y), int(x)], [(x, y)]
    heading = field[int(y), int(x)] * rng.choice([-1.0, 1.0])
    for _ in range(LONGEST):
        ahead = field[int(y), int(x)]
        ahead = ahead if float(ahead @ heading) >= 0 else -ahead
        heading = 0.6 * ahead + 0.4 * heading
        heading = heading / max(1e-6, float(np.hypot(*heading)))
        x, y = x + heading[0] * brush, y + heading[1] * brush
        if not (0 <= x < width and 0 <= y < height) or np.abs(reference[int(y), int(x)] - color).mean() > 0.07:
            break
        points.append((x, y))
    if len(points) == 1:
        points.append((points[0][0] + heading[0] * 0.6 * brush, points[0][1] + heading[1] * 0.6 * brush))
    return np.array(points)


def _bristle(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, path: np.ndarray, color: np.ndarray, brush: float
) -> None:
    """Draw a stroke as parallel hairs whose colors differ a little."""
    ahead = path[-1] - path[0]
    across = np.array([-ahead[1], ahead[0]]) / max(1e-6, float(np.hypot(*ahead)))
    color = color + rng.normal(size=3) * 0.012 + rng.normal() * 0.018
    count = BRISTLES if brush > 4 else 3
    thick = max(1, round(FINER * 2.4 * brush / count))
    for hair in rng.permutation(count):
        offset = (hair / (count - 1) - 0.5) * 1.7 * brush
        shade = np.clip(color + rng.normal() * 0.022, 0, 1)
        points = [tuple(p) for p in FINER * (path + across * offset)]
        draw.line(points, fill=tuple(int(255 * c) for c in shade), width=thick, joint="curve")


def _varnish(rng: np.random.Generator, canvas: Tensor) -> Tensor:
    """Relief of the paint and the weave of the linen under a light from the upper left. [H, W, 3]"""
    gray = rearrange(canvas.mean(-1), "h w -> 1 1 h w")
    relief = gray - _blur(gray, 4.0)
    height, width = gray.shape[-2:]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    weave = 0.5 * torch.sin(rows * 1.9) * torch.sin(columns * 0.95) + 0.5 * torch.sin(columns * 1.9 + 1) * torch.sin(
        rows * 0.95
    )
    grit = torch.from_numpy(rng.standard_normal((height, width)).astype("f4"))
    bump = relief[0, 0] * 0.9 + 0.012 * weave + 0.006 * grit
    light = bump - torch.roll(bump, (2, 2), (0, 1))
    warm = canvas * canvas.new_tensor([1.02, 0.995, 0.95])
    return (warm + 0.55 * light[..., None]).clamp(0, 1)
