"""Makes renderings look like anything: photos, phone snaps, old paintings, prints, statues, drawings.

Everything works on whole batches, each picture with its own dice; only JPEG goes through Pillow one by one. Pictures
are float [B, 3, H, W] in 0..1, the same goes out. Randomness comes from the generator alone.

Letters: B pictures, H W their pixels.
"""

import io
import math

import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)


def photometric(pictures: Tensor, dice: Generator) -> Tensor:
    """Colour, light, brush, lens, sensor and file, in the order in which they happen to a picture."""
    x = shade(recolour(pictures, dice), dice)
    for share, style in ((0.12, brush), (0.05, posterise), (0.04, sketch), (0.06, marble)):
        x = on_some(x, share, style, dice)
    x = on_some(x, 0.12, sharpen, dice)
    x = on_some(x, 0.45, blur, dice)
    x = on_some(x, 0.12, canvas, dice)
    x = on_some(x, 0.4, noise, dice)
    return on_some(x.clamp(0, 1), 0.25, jpeg, dice)


def uniform(count: int, low: float, high: float, dice: Generator) -> Tensor:
    """[count]"""
    return torch.rand(count, generator=dice, device=dice.device) * (high - low) + low


def normal(shape: tuple[int, ...], dice: Generator) -> Tensor:
    return torch.randn(shape, generator=dice, device=dice.device)


def chosen(count: int, share: float, dice: Generator) -> Tensor:
    """Indices of a random part of `count` things."""
    return torch.nonzero(uniform(count, 0, 1, dice) < share)[:, 0]


def on_some(pictures: Tensor, share: float, change, dice: Generator) -> Tensor:
    """Apply `change(pictures, dice)` to a random part of the batch."""
    index = chosen(len(pictures), share, dice)
    if not len(index):
        return pictures
    return pictures.index_copy(0, index, change(pictures[index], dice).to(pictures.dtype))


def planes(values: Tensor) -> Tensor:
    """[B] -> [B, 1, 1, 1]"""
    return values[:, None, None, None]


def grey(pictures: Tensor) -> Tensor:
    """[B, 1, H, W]"""
    return (pictures * pictures.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)


def recolour(pictures: Tensor, dice: Generator) -> Tensor:
    """Saturation (15 % without colour), mixed channels, gamma, contrast, brightness, white balance."""
    count = len(pictures)
    saturation = uniform(count, 0.3, 1.6, dice)
    saturation[chosen(count, 0.15, dice)] = 0
    saturation[chosen(count, 0.35, dice)] = 1
    mix = torch.eye(3, device=pictures.device) + 0.05 * normal((count, 3, 3), dice)
    luma = pictures.new_tensor(GREY).expand(3, 3)
    matrix = saturation[:, None, None] * mix + (1 - saturation)[:, None, None] * luma
    matrix = matrix * (1 + 0.05 * normal((count, 3, 1), dice))
    x = torch.bmm(matrix, pictures.flatten(2)).view_as(pictures).clamp(1e-4, 1)
    x = x ** planes((0.3 * normal((count,), dice)).exp())
    return ((x - 0.5) * planes(uniform(count, 0.6, 1.3, dice)) + 0.5 + planes(0.08 * normal((count,), dice))).clamp(
        0, 1
    )


def shade(pictures: Tensor, dice: Generator) -> Tensor:
    """Light that falls off, or a shadow's edge, across 40 % of the pictures."""
    count, _, height, width = pictures.shape
    angle = uniform(count, 0, 2 * math.pi, dice)
    y = torch.linspace(-0.5, 0.5, height, device=pictures.device)[:, None]
    x = torch.linspace(-0.5, 0.5, width, device=pictures.device)[None]
    along = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]  # [B, H, W]
    edge = uniform(count, -0.25, 0.25, dice)[:, None, None]
    ramp = torch.sigmoid((along - edge) * uniform(count, 2, 24, dice)[:, None, None])
    depth = uniform(count, -0.65, 0.5, dice) * (uniform(count, 0, 1, dice) < 0.4)
    return (pictures * (1 + depth[:, None, None] * ramp)[:, None]).clamp(0, 1)


def brush(pictures: Tensor, dice: Generator) -> Tensor:
    """Paint: each pixel takes the mean of the calmest of four windows beside it (Kuwahara's filter)."""
    radius = int(torch.randint(1, 4, (), generator=dice, device=dice.device))
    stack = torch.cat([pictures, grey(pictures) ** 2], 1)
    means = functional.avg_pool2d(functional.pad(stack, (radius,) * 4, mode="replicate"), radius + 1, 1)
    height, width = pictures.shape[2:]
    x, least = pictures, torch.full_like(pictures[:, :1], torch.inf)
    for down in (0, radius):
        for right in (0, radius):
            window = means[:, :, down : down + height, right : right + width]
            spread = window[:, 3:] - grey(window[:, :3]) ** 2
            x, least = torch.where(spread < least, window[:, :3], x), torch.minimum(spread, least)
    return x


def posterise(pictures: Tensor, dice: Generator) -> Tensor:
    """Few tones, as in prints and flat drawings."""
    tones = planes(uniform(len(pictures), 4, 16, dice).round())
    return (pictures * tones).round() / tones


def sketch(pictures: Tensor, dice: Generator) -> Tensor:
    """Pencil: the picture divided by its blurred self, over paper or over faded colour."""
    light = grey(pictures)
    soft = resample(light, uniform(len(pictures), 1.5, 5, dice), torch.ones_like(pictures[:, 0, 0, 0]))
    lines = (light / soft.clamp(min=0.03)).clamp(0, 1)
    colour = planes(uniform(len(pictures), 0, 1, dice).round())
    return colour * pictures * (0.4 + 0.6 * lines) + (1 - colour) * lines.expand_as(pictures)


def marble(pictures: Tensor, dice: Generator) -> Tensor:
    """Stone, plaster, bronze: one hue, dark hair and irises lifted towards the rest."""
    light = grey(pictures)
    lifted = light ** planes(uniform(len(pictures), 0.3, 0.9, dice))
    ground = resample(lifted, uniform(len(pictures), 4, 10, dice), torch.ones_like(pictures[:, 0, 0, 0]))
    relief = (lifted - ground) * planes(uniform(len(pictures), 0.4, 1.2, dice)) + ground.clamp(min=0.35)
    tint = 1 - 0.25 * torch.rand(len(pictures), 3, 1, 1, generator=dice, device=dice.device)
    return (relief * tint).clamp(0, 1)


def sharpen(pictures: Tensor, dice: Generator) -> Tensor:
    """Unsharp mask."""
    soft = resample(pictures, uniform(len(pictures), 0.7, 3, dice), torch.ones_like(pictures[:, 0, 0, 0]))
    return (pictures + (pictures - soft) * planes(uniform(len(pictures), 0.3, 2, dice))).clamp(0, 1)


def blur(pictures: Tensor, dice: Generator) -> Tensor:
    """Out of focus, moved, or enlarged from fewer pixels."""
    count = len(pictures)
    sigma = uniform(count, 0.2, 2.2, dice)
    stretch = torch.where(uniform(count, 0, 1, dice) < 0.2, uniform(count, 1, 3, dice), torch.ones_like(sigma))
    return resample(pictures, sigma, stretch)


def resample(pictures: Tensor, sigma: Tensor, stretch: Tensor) -> Tensor:
    """Gaussian blur, each picture with its own sigma [B] in pixels, wider by `stretch` [B] along x.

    As two products with a band matrix: on a CPU much faster than depthwise convolutions.
    """
    rows, columns = (_band(pictures.shape[k], s) for k, s in ((2, sigma), (3, sigma * stretch)))
    return (rows[:, None] @ pictures) @ columns[:, None].mT


def _band(size: int, sigma: Tensor) -> Tensor:
    """Gaussian weights of each pixel for each pixel, rows summing to one. [B, size, size]"""
    line = torch.arange(size, device=sigma.device)
    weight = (-(line**2) / (2 * sigma[:, None] ** 2)).exp()[:, (line[:, None] - line).abs()]
    return weight / weight.sum(-1, keepdim=True)


def canvas(pictures: Tensor, dice: Generator) -> Tensor:
    """Coarse grain, in the light: canvas, paper, plaster, film."""
    cells = int(torch.randint(24, 96, (), generator=dice, device=dice.device))
    grain = functional.interpolate(normal((len(pictures), 1, cells, cells), dice), pictures.shape[2:], mode="bilinear")
    return (pictures * (1 + planes(uniform(len(pictures), 0.03, 0.15, dice)) * grain)).clamp(0, 1)


def noise(pictures: Tensor, dice: Generator) -> Tensor:
    """Sensor noise, coloured or grey."""
    coloured = planes(uniform(len(pictures), 0, 1, dice).round())
    grain = normal(tuple(pictures.shape), dice)
    grain = coloured * grain + (1 - coloured) * grain[:, :1]
    return pictures + grain * planes(uniform(len(pictures), 0.004, 0.045, dice))


def jpeg(pictures: Tensor, dice: Generator) -> Tensor:
    """Written and read back at a poor quality."""
    pixels = (pictures * 255).round().byte().permute(0, 2, 3, 1).cpu()
    qualities = uniform(len(pictures), 15, 85, dice).tolist()
    read = torch.stack([_through_jpeg(one, int(quality)) for one, quality in zip(pixels, qualities, strict=True)])
    return read.permute(0, 3, 1, 2).to(pictures.device).float() / 255


def _through_jpeg(pixels: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(*image.size[::-1], 3)


def clouds(count: int, size: int, dice: Generator, channels: int = 3) -> Tensor:
    """Smooth random texture in mostly calm colours, each picture at scales of its own. [count, channels, size, size]"""
    half = size // 2  # made at half size: it is smooth
    x = torch.zeros(count, channels, half, half, device=dice.device)
    chroma = planes(uniform(count, 0, 1, dice) ** 3)
    for cells in (2, 4, 9, 20, 48):
        shapes = ((count, 1, cells, cells), (count, channels, cells, cells))
        light, colour = (torch.rand(shape, generator=dice, device=dice.device) - 0.5 for shape in shapes)
        layer = functional.interpolate(light + chroma * colour, (half, half), mode="bilinear")
        x += layer * planes(uniform(count, 0, 1.3, dice) ** 2)
    base = torch.rand(count, 1, 1, 1, generator=dice, device=dice.device)
    tint = torch.rand(count, channels, 1, 1, generator=dice, device=dice.device) - 0.5
    x = base + 0.8 * chroma * tint + x * planes(uniform(count, 0.05, 1, dice))
    return functional.interpolate(x.clamp(0, 1), (size, size), mode="bilinear")


def strands(count: int, size: int, dice: Generator) -> Tensor:
    """Hair-like streaks of one colour, falling about vertically. [count, 3, size, size]"""
    fine = torch.rand(count, 1, 6, 64, generator=dice, device=dice.device)
    streaks = functional.interpolate(fine, (size, size), mode="bilinear")
    colour = torch.rand(count, 3, 1, 1, generator=dice, device=dice.device) ** 1.5
    return (colour * (0.5 + streaks)).clamp(0, 1)


def local_axes(size: int, center: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Crop coordinates about `center` [B, 2] in axes turned by `turn` [B] radians. 2 x [B, size, size]"""
    line = (torch.arange(size, device=center.device) + 0.5) / size * 2 - 1
    x = line[None, None] - center[:, :1, None]
    y = line[None, :, None] - center[:, 1:, None]
    cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
    return x * cos + y * sin, y * cos - x * sin


def occlude(pictures: Tensor, landmarks: Tensor, dice: Generator) -> Tensor:
    """Things before the face: blots, bars, hands' worth of texture, strands of hair, fringes and hats.

    `landmarks` [B, K, 2] in crop units: a fringe ends near the brows.
    """
    x = on_some(pictures, 0.3, blot, dice)
    x = on_some(x, 0.15, blot, dice)
    index = chosen(len(x), 0.18, dice)
    return x.index_copy(0, index, fringe(x[index], landmarks[index], dice)) if len(index) else x


def blot(pictures: Tensor, dice: Generator) -> Tensor:
    """An ellipse, a box, or a thin bar, plain, clouded or streaked."""
    count, size = len(pictures), pictures.shape[-1]
    center = torch.rand(count, 2, generator=dice, device=dice.device) * 2 - 1
    u, v = local_axes(size, center, uniform(count, 0, math.pi, dice))
    width, height = (uniform(count, 0.08, 0.5, dice)[:, None, None] for _ in range(2))
    bar = uniform(count, 0, 1, dice)[:, None, None] < 0.35
    width, height = torch.where(bar, 2.0, width), torch.where(bar, height * 0.15, height)
    round_, square = (u / width) ** 2 + (v / height) ** 2, torch.maximum((u / width).abs(), (v / height).abs())
    reach = torch.where(uniform(count, 0, 1, dice)[:, None, None] < 0.5, round_, square)
    alpha = torch.sigmoid((1 - reach) * uniform(count, 6, 60, dice)[:, None, None])[:, None]
    return torch.lerp(pictures, _cover(count, size, dice), alpha)


def fringe(pictures: Tensor, landmarks: Tensor, dice: Generator) -> Tensor:
    """Everything above a ragged line near the brows: hair over the forehead, a cap, a scarf, a hood."""
    count, size = len(pictures), pictures.shape[-1]
    brows = landmarks[:, 17:27, 1].mean(1)
    eyes = landmarks[:, 36:48, 1].mean(1)
    level = brows + (eyes - brows) * uniform(count, -1.8, 0.7, dice)
    ragged = functional.interpolate(normal((count, 1, 24), dice), size, mode="linear")[:, 0]
    slow = functional.interpolate(normal((count, 1, 4), dice), size, mode="linear")[:, 0]
    roughness = uniform(count, 0, 0.09, dice)[:, None]
    line = level[:, None] + ragged * roughness + slow * 0.06  # [B, W]
    y = (torch.arange(size, device=pictures.device) + 0.5) / size * 2 - 1
    alpha = torch.sigmoid((line[:, None] - y[None, :, None]) * uniform(count, 20, 90, dice)[:, None, None])
    return torch.lerp(pictures, _cover(count, size, dice), alpha[:, None])


def _cover(count: int, size: int, dice: Generator) -> Tensor:
    texture = clouds(count, size, dice)
    return on_some(texture, 0.5, lambda some, dice: strands(len(some), size, dice), dice)
