"""Pictures as functions: sub-pixel sampling, smoothing, and filling of holes. Pixel centres lie at index + 0.5."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

WIDE = 16.0  # pixels of blur: of one twice as wide, half as many pixels show as much
LUMA = torch.tensor([0.299, 0.587, 0.114])  # of display values, as the photo has them, Rec. 601


def sample(image: Tensor, at: Tensor) -> Tensor:
    """Bicubic samples at pixel positions, exact at pixel centres. [C, H, W], [h, w, 2] -> [C, h, w]"""
    return F.grid_sample(image[None], _grid(image, at), mode="bicubic", padding_mode="border", align_corners=False)[0]


def sample_linear(image: Tensor, at: Tensor) -> Tensor:
    """Bilinear samples at pixel positions, for smooth maps. [C, H, W], [h, w, 2] -> [C, h, w]"""
    return F.grid_sample(image[None], _grid(image, at), mode="bilinear", padding_mode="border", align_corners=False)[0]


def luma(picture: Tensor) -> Tensor:
    """Brightness of display values. [3, ...] -> [...]"""
    return (LUMA.view(3, *[1] * (picture.ndim - 1)) * picture).sum(0)


def pixel_centres(height: int, width: int, step: float = 1.0) -> Tensor:
    """Positions of the pixel centres of a grid whose pixels are `step` wide. [height, width, 2]"""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([x, y], -1) + 0.5) * step


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """[C, H, W] to another size: averaged down, bilinear up."""
    if height < image.shape[1]:
        return F.interpolate(image[None], (height, width), mode="bilinear", antialias=True, align_corners=False)[0]
    return F.interpolate(image[None], (height, width), mode="bilinear", align_corners=False)[0]


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, borders repeated. [C, H, W]

    Sums of shifted pictures: for these sizes quicker than a convolution, whose library would also compile and keep a
    kernel for every new size of window, without end. A wide blur is made from a coarser picture, which has all that is
    left of it: a photo of 4096 pixels costs no more sums than one of 512.
    """
    if sigma >= 2 * WIDE:
        coarser = int(sigma / WIDE)
        height, width = (max(2, round(length / coarser)) for length in image.shape[1:])
        return resize(blur(resize(image, height, width), sigma / coarser), *image.shape[1:])
    radius = max(1, min(round(3 * sigma), min(image.shape[1:]) - 1))
    bell = [math.exp(-0.5 * (offset / max(sigma, 1e-3)) ** 2) for offset in range(-radius, radius + 1)]
    weights = [value / sum(bell) for value in bell]
    padded = F.pad(image[None], (radius, radius, radius, radius), mode="replicate")[0]
    return _shifted_sum(_shifted_sum(padded, weights, 2), weights, 1)


def _shifted_sum(image: Tensor, weights: list[float], axis: int) -> Tensor:
    """Weighted sum of the windows of `len(weights)` along an axis, without a border."""
    length = image.shape[axis] - len(weights) + 1
    total = image.narrow(axis, 0, length) * weights[0]
    for shift, weight in enumerate(weights[1:], 1):
        total.add_(image.narrow(axis, shift, length), alpha=weight)
    return total


def window_mean(image: Tensor, radius: int) -> Tensor:
    """Mean over a square of side 2 radius + 1, smaller at the rim. [C, H, W]"""
    side = 2 * radius + 1
    across = F.avg_pool2d(image[None], (1, side), 1, (0, radius), count_include_pad=False)
    return F.avg_pool2d(across, (side, 1), 1, (radius, 0), count_include_pad=False)[0]


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Greatest value within a square of side 2 radius + 1. [H, W]"""
    if radius <= 0:
        return mask.float()
    around = F.pad(mask[None, None].float(), (radius,) * 4, value=-math.inf)[0, 0]
    return _greatest(_greatest(around, 2 * radius + 1, 1), 2 * radius + 1, 0)


def _greatest(image: Tensor, side: int, axis: int) -> Tensor:
    """Greatest value of every `side` neighbours along an axis, without a border: windows grow by their own length."""
    done = 1
    while done < side:
        step = min(done, side - done)
        length = image.shape[axis] - step
        image = torch.maximum(image.narrow(axis, 0, length), image.narrow(axis, step, length))
        done += step
    return image


def erode(mask: Tensor, radius: int) -> Tensor:
    """Least value within a square of side 2 radius + 1. [H, W]"""
    return 1 - dilate(1 - mask.float(), radius)


def fill(image: Tensor, known: Tensor) -> Tensor:
    """Smooth continuation into the unknown: pull-push over a pyramid. image [C, H, W], known [H, W] 0..1 -> [C, H, W]

    Gortler et al., "The Lumigraph" (1996), section 3.4.1: averages of known pixels go up, holes are filled coming
    down.
    """
    weight = known[None].clamp(0, 1)
    levels = [torch.cat([image * weight, weight])]  # colour and, last, weight: both are averaged alike
    while min(levels[-1].shape[1:]) > 1:
        levels.append(F.avg_pool2d(levels[-1][None], 3, 2, 1, count_include_pad=False)[0])
    top = levels.pop()
    filled = top[:-1] / top[-1:].clamp(min=1e-6)
    for level in reversed(levels):
        colour, weight = level[:-1], level[-1:]
        coarse = F.interpolate(filled[None], colour.shape[1:], mode="bilinear", align_corners=False)[0]
        trust = (weight * 4).clamp(max=1) if weight.shape[1:] != image.shape[1:] else weight
        filled = colour / weight.clamp(min=1e-6) * trust + coarse * (1 - trust)
    return filled


def distance(mask: Tensor, reach: int) -> Tensor:
    """Distance in pixels from the set where `mask` > 0.5, up to `reach`; zero inside. [H, W]

    Exact Euclidean distance in two passes (rows, then columns by the lower envelope over `reach` shifts).
    """
    far = float(reach * reach)
    inside = mask > 0.5
    across = torch.where(inside, 0.0, float(reach))
    step = torch.arange(mask.shape[1], dtype=torch.float32)
    left = (across - step).cummin(1).values + step
    right = ((across + step).flip(1).cummin(1).values).flip(1) - step
    square = torch.minimum(left, right).clamp(max=reach) ** 2
    best = square.clone()
    for shift in range(1, reach + 1):
        best[shift:] = torch.minimum(best[shift:], square[:-shift] + shift * shift)
        best[:-shift] = torch.minimum(best[:-shift], square[shift:] + shift * shift)
    return best.clamp(max=far).sqrt()


def _grid(image: Tensor, at: Tensor) -> Tensor:
    size = at.new_tensor([image.shape[2], image.shape[1]])
    return (at * (2 / size) - 1)[None]
