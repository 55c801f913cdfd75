"""Pictures without a human face that look as if they had one: the analyser learns to refuse them.

Animals drawn from ellipses and fur, human faces pulled out of shape until they are no longer human, and plain textures.
Pictures are float [B, 3, S, S] in 0..1, positions are crop coordinates (-1..1, y down).
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from .augment import chosen, clouds, local_axes, normal, on_some, planes, strands, uniform

COATS = (  # fur, brighter fur of muzzle and chest
    (0.75, 0.52, 0.28), (0.95, 0.92, 0.86), (0.55, 0.33, 0.17), (0.16, 0.14, 0.13), (0.5, 0.48, 0.46),
    (0.85, 0.68, 0.42), (0.9, 0.55, 0.22), (0.68, 0.62, 0.55), (0.35, 0.26, 0.2), (0.93, 0.85, 0.74),
)  # fmt: skip


class Sheet:
    """B pictures being painted, with axes of their own: u to the right, v down, turned, shifted and scaled."""

    def __init__(self, pictures: Tensor, center: Tensor, turn: Tensor, scale: Tensor) -> None:
        self.pictures = pictures
        u, v = local_axes(pictures.shape[-1], center, turn)
        self.u, self.v = u / scale[:, None, None], v / scale[:, None, None]

    def ellipse(self, u: Tensor, v: Tensor, wide: Tensor, high: Tensor, crisp: Tensor | float = 12.0) -> Tensor:
        """Coverage [B, 1, S, S] of soft ellipses; all arguments [B]."""
        shape = (-1, 1, 1)
        reach = ((self.u - u.view(shape)) / wide.view(shape)) ** 2 + ((self.v - v.view(shape)) / high.view(shape)) ** 2
        crisp = crisp.view(shape) if isinstance(crisp, Tensor) else crisp
        return torch.sigmoid((1 - reach) * crisp)[:, None]

    def paint(self, cover: Tensor, colour: Tensor) -> None:
        """`colour` [B, 3] or [B, 3, S, S] over what is there."""
        colour = colour[:, :, None, None] if colour.ndim == 2 else colour
        self.pictures = torch.lerp(self.pictures, colour.expand_as(self.pictures), cover)


def textures(count: int, size: int, dice: Generator) -> Tensor:
    """Clouds, streaks, checks: things that are nobody."""
    x = on_some(clouds(count, size, dice), 0.3, lambda some, dice: strands(len(some), size, dice), dice)
    return on_some(x, 0.3, _checks, dice)


def _checks(pictures: Tensor, dice: Generator) -> Tensor:
    count, size = len(pictures), pictures.shape[-1]
    u, v = local_axes(size, normal((count, 2), dice), uniform(count, 0, math.pi, dice))
    rate_u, rate_v = (uniform(count, 0, 14, dice)[:, None, None] for _ in range(2))
    wave = torch.sigmoid(8 * (u * rate_u).sin() * (v * rate_v).cos())[:, None]
    return torch.lerp(pictures, clouds(count, size, dice), wave)


def animals(backgrounds: Tensor, dice: Generator) -> Tensor:
    """Dogs, cats, bears, alpacas, as far as ellipses go, before the given backgrounds."""
    count = len(backgrounds)
    sheet = Sheet(
        backgrounds, 0.2 * normal((count, 2), dice), 0.2 * normal((count,), dice), uniform(count, 0.55, 1.25, dice)
    )
    coat, light, dark = _coats(count, dice)
    zero = torch.zeros(count, device=backgrounds.device)
    half = uniform(count, 0.5, 0.85, dice)  # of the head
    tall = half * uniform(count, 0.8, 1.35, dice)
    _ears(sheet, half, tall, coat, dark, dice)
    fur = _fur(sheet, coat, dice)
    sheet.paint(sheet.ellipse(zero, tall * 1.3, half * 1.1, tall, 6.0), fur)  # neck
    sheet.paint(sheet.ellipse(zero, zero, half, tall, 7.0), fur)
    patch = _fur(sheet, light, dice)
    muzzle = uniform(count, 0.22, 0.5, dice) * half / 0.7
    low = tall * uniform(count, 0.2, 0.5, dice)
    sheet.paint(sheet.ellipse(zero, low, muzzle, muzzle * uniform(count, 0.7, 1.4, dice), 4.0), patch)
    for side in (-1, 1):
        sheet.paint(sheet.ellipse(side * half * 0.5, -tall * 0.3, half * 0.25, tall * 0.15, 3.0) * 0.5, patch)
    _muzzle(sheet, muzzle, low, dark, dice)
    _eyes(sheet, half, tall, dark, dice)
    return sheet.pictures.clamp(0, 1)


def _coats(count: int, dice: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Fur, brighter fur, and the dark of nose and eyes. 3 x [count, 3]"""
    table = torch.tensor(COATS, device=dice.device)
    pick = torch.randint(0, len(COATS), (count,), generator=dice, device=dice.device)
    coat = (table[pick] * (1 + 0.12 * normal((count, 3), dice))).clamp(0.05, 1)
    light = torch.lerp(coat, torch.full_like(coat, 0.95), uniform(count, 0, 0.9, dice)[:, None])
    dark = 0.16 * torch.rand(count, 3, generator=dice, device=dice.device)
    pink = torch.tensor([0.75, 0.5, 0.5], device=dice.device)
    dark[chosen(count, 0.15, dice)] = pink
    return coat, light, dark


def _fur(sheet: Sheet, colour: Tensor, dice: Generator) -> Tensor:
    """Hair that radiates from the face's middle, in one colour. [B, 3, S, S]"""
    count = len(colour)
    angle, radius = torch.atan2(sheet.u, sheet.v) / math.pi, (sheet.u**2 + sheet.v**2).sqrt() * 1.2 - 1
    wobble = 0.04 * torch.sin(6 * sheet.u + 9 * sheet.v)
    where = torch.stack([(angle + wobble).clamp(-1, 1), radius.clamp(-1, 1)], -1)
    streaks = torch.zeros_like(sheet.u)[:, None]
    for rings, hairs in ((7, 90), (20, 400)):
        tufts = torch.rand(count, 1, rings, hairs, generator=dice, device=dice.device) - 0.5
        streaks = streaks + functional.grid_sample(tufts, where, padding_mode="reflection", align_corners=False)
    strength = planes(uniform(count, 0.1, 0.8, dice))
    return (colour[:, :, None, None] * (1 + strength * streaks)).clamp(0, 1)


def _ears(sheet: Sheet, half: Tensor, tall: Tensor, coat: Tensor, dark: Tensor, dice: Generator) -> None:
    count = len(half)
    out, up = half * uniform(count, 0.6, 1.05, dice), -tall * uniform(count, 0.3, 1.15, dice)
    wide, high = half * uniform(count, 0.15, 0.4, dice), tall * uniform(count, 0.25, 0.7, dice)
    inner = torch.lerp(coat, torch.lerp(dark, torch.full_like(dark, 0.7), 0.5), 0.5)
    for side in (-1, 1):
        sheet.paint(sheet.ellipse(side * out, up, wide, high, 8.0), _fur(sheet, coat, dice))
        sheet.paint(sheet.ellipse(side * out, up, wide * 0.55, high * 0.7, 5.0), inner)


def _muzzle(sheet: Sheet, muzzle: Tensor, low: Tensor, dark: Tensor, dice: Generator) -> None:
    """Nose, the line below it, the two arcs of the mouth."""
    count = len(muzzle)
    zero = torch.zeros_like(muzzle)
    nose = low - muzzle * uniform(count, 0.1, 0.5, dice)
    wide = muzzle * uniform(count, 0.18, 0.55, dice)
    high = wide * uniform(count, 0.55, 1.0, dice)
    line = muzzle * 0.05
    mouth = nose + high + muzzle * uniform(count, 0.15, 0.5, dice)
    sheet.paint(sheet.ellipse(zero, (nose + mouth) / 2, line, (mouth - nose) / 2 + line, 6.0) * 0.8, dark)
    reach = muzzle * uniform(count, 0.3, 0.8, dice)
    for side in (-1, 1):
        arc = sheet.ellipse(side * reach / 2, mouth, reach / 2 + line, reach / 2, 20.0)
        hollow = sheet.ellipse(side * reach / 2, mouth - line, reach / 2 - line / 2, reach / 2, 20.0)
        sheet.paint((arc - hollow).clamp(0, 1) * 0.8, dark)
    sheet.paint(sheet.ellipse(zero, nose, wide, high, uniform(count, 4, 25, dice)), dark)
    sheet.paint(sheet.ellipse(zero, nose - high * 0.5, wide * 0.4, high * 0.2, 4.0) * 0.4, torch.ones_like(dark))


def _eyes(sheet: Sheet, half: Tensor, tall: Tensor, dark: Tensor, dice: Generator) -> None:
    """Round, dark or coloured, with a pupil (slit or disc) and a glint."""
    count = len(half)
    out, up = half * uniform(count, 0.28, 0.7, dice), -tall * uniform(count, -0.1, 0.45, dice)
    size = half * uniform(count, 0.07, 0.22, dice)
    flat = size * uniform(count, 0.6, 1.0, dice)
    iris = torch.rand(count, 3, generator=dice, device=dice.device)
    brown = uniform(count, 0, 1, dice)[:, None] < 0.6
    iris = torch.where(brown, dark * 1.5, iris)
    pupil = size * uniform(count, 0.2, 0.7, dice)
    for side in (-1, 1):
        sheet.paint(sheet.ellipse(side * out, up, size * 1.35, flat * 1.35, 5.0) * 0.7, dark)
        sheet.paint(sheet.ellipse(side * out, up, size, flat, 14.0), iris)
        sheet.paint(sheet.ellipse(side * out, up, pupil, flat * 0.75, 10.0), dark * 0.3)
        glint = sheet.ellipse(side * out + size * 0.3, up - flat * 0.35, size * 0.22, size * 0.22, 10.0)
        sheet.paint(glint * 0.9, torch.ones_like(dark))


def unmake(pictures: Tensor, landmarks: Tensor, dice: Generator) -> Tensor:
    """Human faces (landmarks [B, K, 2]) made inhuman: parts moved, features erased, heads turned over, furred."""
    kind = torch.randint(0, 4, (len(pictures),), generator=dice, device=dice.device)
    x = pictures.clone()
    for k, change in enumerate((_beast, _beast, _erased, _overturned)):
        index = torch.nonzero(kind == k)[:, 0]
        if len(index):
            x[index] = change(pictures[index], landmarks[index], dice).to(x.dtype)
    return x


def _beast(pictures: Tensor, landmarks: Tensor, dice: Generator) -> Tensor:
    """Eyes driven apart, muzzle swollen, then fur and a dark nose."""
    count = len(pictures)
    warped, eyes, nose, unit = _muzzle_warp(pictures, landmarks, dice)
    tilt = torch.atan2(*(eyes[1] - eyes[0]).flip(-1).unbind(-1))
    sheet = Sheet(warped, nose, tilt, unit)
    seen = _discs(pictures.shape[-1], eyes, 0.33 * unit)
    coat, light, dark = _coats(count, dice)
    thick = planes(uniform(count, 0.35, 1, dice)) * planes((uniform(count, 0, 1, dice) < 0.75).float())
    sheet.paint((1 - seen) * thick, _fur(sheet, coat, dice))
    zero = torch.zeros_like(unit)
    muzzle = uniform(count, 0.4, 0.9, dice)
    cover = sheet.ellipse(zero, muzzle * 0.4, muzzle, muzzle, 3.0) * thick
    sheet.paint(cover * (1 - seen), _fur(sheet, light, dice))
    _muzzle(sheet, muzzle * 1.2, muzzle * 0.45, dark, dice)
    return sheet.pictures.clamp(0, 1)


def _muzzle_warp(
    pictures: Tensor, landmarks: Tensor, dice: Generator
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor, Tensor]:
    """The warped pictures, where the eyes went (2 x [B, 2]), the nose tip [B, 2], the former eye distance [B]."""
    count, size = len(pictures), pictures.shape[-1]
    right, left = landmarks[:, 36:42].mean(1), landmarks[:, 42:48].mean(1)
    nose = landmarks[:, 30]
    unit = (left - right).norm(dim=-1)
    up = (right + left) / 2 - landmarks[:, 48:68].mean(1)
    apart = (left - right) * uniform(count, 0.12, 0.4, dice)[:, None]
    rise = up * uniform(count, -0.1, 0.35, dice)[:, None]
    moved = (right - apart + rise, left + apart + rise)
    line = (torch.arange(size, device=pictures.device) + 0.5) / size * 2 - 1
    points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)[None].expand(count, -1, -1, -1)
    source = points.clone()
    for new, old in zip(moved, (right, left), strict=True):
        source += (old - new)[:, None, None] * _bell(points, new, 0.3 * unit)
    swelling = uniform(count, 0.2, 0.65, dice)[:, None, None, None] * _bell(points, nose, 0.55 * unit)
    source -= (points - nose[:, None, None]) * swelling
    warped = functional.grid_sample(pictures, source, padding_mode="border", align_corners=False)
    return warped, moved, nose, unit


def _bell(points: Tensor, center: Tensor, width: Tensor) -> Tensor:
    """[B, S, S, 2], [B, 2], [B] -> [B, S, S, 1]"""
    square = ((points - center[:, None, None]) ** 2).sum(-1, keepdim=True)
    return (-square / (2 * width[:, None, None, None] ** 2)).exp()


def _discs(size: int, centers: tuple[Tensor, Tensor], radius: Tensor) -> Tensor:
    """Soft discs, 1 inside. [B, 1, S, S]"""
    line = (torch.arange(size, device=radius.device) + 0.5) / size * 2 - 1
    points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)[None]
    return sum(_bell(points, center, radius)[..., 0] for center in centers)[:, None].clamp(max=1)


def _erased(pictures: Tensor, landmarks: Tensor, dice: Generator) -> Tensor:
    """Two of three features (eyes, nose, mouth) covered: what is left is no face one could animate."""
    count = len(pictures)
    unit = (landmarks[:, 42:48].mean(1) - landmarks[:, 36:42].mean(1)).norm(dim=-1).clamp(min=0.1)
    keep = torch.randint(0, 3, (count,), generator=dice, device=dice.device)
    cover = textures(count, pictures.shape[-1], dice)
    skin = landmarks.new_zeros(count, 3) + pictures.mean((2, 3))
    cover = torch.where(planes(uniform(count, 0, 1, dice)) < 0.5, cover, skin[:, :, None, None])
    x = pictures
    for k, part in enumerate((slice(36, 48), slice(27, 36), slice(48, 68))):
        points = landmarks[:, part]
        sheet = Sheet(x, points.mean(1), torch.zeros_like(unit), unit)
        reach = (points - points.mean(1, keepdim=True)).abs().amax(1) / unit[:, None] + 0.25
        zero = torch.zeros_like(unit)
        hide = sheet.ellipse(zero, zero, reach[:, 0], reach[:, 1], 10.0) * planes((keep != k).float())
        x = torch.lerp(x, cover, hide)
    return x


def _overturned(pictures: Tensor, landmarks: Tensor, dice: Generator) -> Tensor:
    """Upside down altogether, or only between brows and chin."""
    inside = landmarks[:, 17:68]
    center = (inside.amin(1) + inside.amax(1)) / 2
    half = (inside.amax(1) - inside.amin(1)) / 2
    sheet = Sheet(pictures, center, torch.zeros_like(center[:, 0]), torch.ones_like(center[:, 0]))
    zero = torch.zeros_like(center[:, 0])
    cover = sheet.ellipse(zero, zero, half[:, 0] * 1.25, half[:, 1] * 1.25, 8.0)
    size = pictures.shape[-1]
    line = (torch.arange(size, device=pictures.device) + 0.5) / size * 2 - 1
    points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)[None].repeat(len(pictures), 1, 1, 1)
    points[..., 1] = 2 * center[:, 1, None, None] - points[..., 1]
    swapped = functional.grid_sample(pictures, points, padding_mode="border", align_corners=False)
    whole = planes((uniform(len(pictures), 0, 1, dice) < 0.5).float())
    return torch.lerp(pictures, swapped, torch.maximum(cover, whole))
