"""Lids: the skin that a closed eye would show, made once per photo.

A closing lid unfolds: the photo's own skin above the margin is drawn down with its folds and shadows, and where it
shows none yet, what lies around the eye is continued over the opening, with the grain of the cheek and the shading of a
ball in the photo's own light. Only what the lid comes to cover is replaced; the lower lid, the corners and what lies
above the fold stay the photo's. Edge and lashes ride on the margin (`lashes`).

Letters: P points of a margin, h w pixels of a window.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .follow import smoothstep
from .lashes import DIM, edge_above, from_rows, height_of, look_above
from .light import DISPLAY, harmonics
from .sampling import blur, dilate, distance, erode, fill, luma, pixel_centres, resize, sample_linear

# All lengths are in widths of the eye.
ROOM = 0.085  # around the fitted opening: what may still be eye
LASH_REACH, LASH_ASIDE = 0.11, 0.16  # above the opening and beside it: how far lashes, liner and fold are looked for
FOREHEAD = 0.6  # of the way to the brow: no farther than that
THIN = 0.07  # half the width of what is thin
DARKER = 0.85  # of what surrounds it
WHITER, LEAST_APART = 0.45, 0.15  # share of the way from the white of the eye to the skin; they must differ by this
GROWTH = 12  # steps of a fortieth of the width by which the open eye takes in what is dark
SOFT = 0.035  # edge of what is replaced
PENUMBRA = 0.07  # around the open eye lies its own shadow
RIM_LENIENCE = 0.1  # a power: deeper shadows may darken the rim of a lid than its middle ...
RIM_TRUST = (0.2, 0.35)  # ... but neither hair nor backdrop may
RIM, SETTLES = 0.04, 0.22  # detail of the rim that a lid takes on, and how far inwards
FILM = 80  # samples along the longer side of the film that spans the open eye
CHEEK = (0.14, 0.5)  # below the opening: what a lid takes its colour and grain from
LEVEL, TINT = 0.6, 0.35  # colours as far from the cheek's, in logarithms, are hardly skin
LASH_LINE, LID_TRUST = 0.04, 0.5  # beyond the opening's room nothing is white of the eye; trust in a lid that shows
LEAST_TRUST, HELD = 0.001, 0.3  # trust where nothing is skin; trust from which the film is held fast
GRAIN_SIZE, GRAIN_LIMIT = 0.03, 3.0  # scale of what is grain; medians
ROUND = 0.2  # of the shading of a ball that is believed
OWN = (0.04, 0.2)  # height above the margin over which the skin's light comes down with it
TOP = (0.36, 0.14)  # height over which the photo's skin turns into the lid's
CORNERS = (0.0, 0.16)  # distance from a corner over which it does
LOW, ARCH = 0.3, 0.35  # share of `TOP` at the corners, and over which distance it rises
HAIRY, BESIDE = (0.1, 0.3), (0.0, 0.08)  # light taken by lashes that must not stay; and from the corners in
LEAN, MISSED = 0.065, 3  # around the opening, replaced anyway; steps of a fortieth by which white outside is followed


@dataclass(frozen=True)
class Lid:
    """What closes one eye; pictures cover a window of the photo."""

    skin: Tensor  # [3, h, w] the closed lid without lashes
    cover: Tensor  # [1, h, w] how far it replaces the photo
    lashes: Tensor  # [3, K, w] light that edge and lashes leave, in rows above the photo's edge
    raised: Tensor  # [P] how far above the fitted margin that lies, eye widths


def build_lid(
    view: Tensor,
    opening: Tensor,
    margin: Tensor,
    closed: Tensor,
    flow: Tensor,
    width: float,
    brow: Tensor,
    light: Tensor,
) -> Lid:
    """view [3, h, w], opening [h, w] as fitted, upper margin [P, 2], the same when closed, and lower edge of the brow
    [Q, 2] in the window's pixels, flow [2, h, w] from the closed eye's skin to where the photo has it, width of the eye
    in pixels, light [9] of the photo."""
    forehead = _forehead(margin, brow, *opening.shape)
    hole, cheek = open_eye(view, opening, width) * (1 - forehead), below_eye(opening, width)
    hole = (distance(hole, max(2, round(PENUMBRA * width) + 1)) <= PENUMBRA * width).float() * (1 - forehead)
    near = dilate((opening > 0.02).float(), max(1, round((ROOM + LASH_LINE) * width)))
    film = _lid_colour(view, hole, near, cheek_likeness(view, cheek * (1 - hole)), width)
    raised = edge_above(view, film, margin, width)
    margin = margin - torch.stack([torch.zeros_like(raised), raised * width], 1)
    fold, lashes = look_above(view, film, margin, width)
    at = pixel_centres(*opening.shape) + flow.permute(1, 2, 0)  # of the closed eye's skin in the photo
    high = (height_of(margin, at[..., 0]) - at[..., 1]) / width  # of it above the open eye's margin
    smooth = film.clamp(min=DIM).log()
    smooth = smooth + smoothstep(high, *OWN) * (sample_linear(smooth, at) - smooth) + from_rows(fold, at[..., 0], high)
    skin = smooth.exp() * _roundness(view, margin, width, light) + _grain(view, film, cheek, width)
    hairy = smoothstep(from_rows(1 - lashes, at[..., 0], high).mean(0), *HAIRY)
    cover = torch.maximum(
        _unfolded(high, hairy, closed, width),
        blur(seen_ball(view, opening, width)[None], max(0.5, SOFT * width))[0],
    )
    return Lid(skin.clamp(0, 1), (cover * (1 - forehead))[None], lashes, raised)


def _unfolded(high: Tensor, hairy: Tensor, closed: Tensor, width: float) -> Tensor:
    """Where the closed lid comes down, to its margin [P, 2]: skin from `high` [h, w] above the open eye's, low at the
    corners, and wherever lashes stood. [h, w]"""
    row, column = torch.arange(high.shape[0])[:, None] + 0.5, torch.arange(high.shape[1]) + 0.5
    above = (height_of(closed, column)[None] - row) / width
    ends = torch.minimum(column - closed[0, 0], closed[-1, 0] - column) / width
    arch = LOW + (1 - LOW) * smoothstep(ends, 0.0, ARCH)
    lid = smoothstep(high / arch, *TOP) * smoothstep(ends, *CORNERS)
    return torch.maximum(lid, hairy * smoothstep(ends, *BESIDE)) * smoothstep(above, -0.01, 0.01)


def _forehead(margin: Tensor, brow: Tensor, height: int, width: int) -> Tensor:
    """What lies nearer to the brow [Q, 2] than to the upper margin [P, 2], the brow and all above it. [h, w]"""
    column, row = torch.arange(width) + 0.5, torch.arange(height)[:, None] + 0.5
    lines = [height_of(curve, column) for curve in (margin, brow)]
    return (row < lines[0] + FOREHEAD * (lines[1] - lines[0]).clamp(max=0)).float()


def open_eye(view: Tensor, opening: Tensor, width: float) -> Tensor:
    """What belongs to the open eye: the ball, a little around it, and the thin dark things that grow there. [h, w]"""
    near = dilate((opening > 0.02).float(), max(1, round(ROOM * width)))
    side = round(LASH_ASIDE * width)
    aside = torch.nn.functional.max_pool2d(near[None], (1, 2 * side + 1), 1, (0, side))[0]
    reach = _raised(aside, round(LASH_REACH * width))  # lashes of the lower lid stay
    light, size = luma(view), max(1, round(THIN * width))
    without = erode(dilate(light, size), size)  # thin dark things closed over
    dark = ((light / without.clamp(min=0.03) < DARKER) & (reach > 0)).float()
    foreign = torch.maximum(dark, _white(view, opening, near) * aside)
    hole, step = near, max(1, round(0.025 * width))
    for _ in range(GROWTH):
        hole = torch.maximum(hole, dilate(hole, step) * dilate(foreign, step))
    return hole


def seen_ball(view: Tensor, opening: Tensor, width: float) -> Tensor:
    """The fitted opening with some room, and the white of the eye that it misses. [h, w]"""
    near = ball = dilate((opening > 0.02).float(), max(1, round(LEAN * width)))
    white, step = _white(view, opening, near), max(1, round(0.025 * width))
    for _ in range(MISSED):
        ball = torch.maximum(ball, dilate(ball, step) * dilate(white, step))
    return ball


def _white(view: Tensor, opening: Tensor, near: Tensor) -> Tensor:
    """Pixels far nearer to the white of this eye than to the skin around it. [h, w]"""
    light, inside, around = luma(view), opening > 0.9, dilate(near, max(2, near.shape[0] // 8)) * (1 - near) > 0
    if inside.sum() < 16 or around.sum() < 16:
        return torch.zeros_like(light)
    bright = inside & (light >= light[inside].quantile(0.7))
    white, skin = (view[:, chosen].median(1).values[:, None, None] for chosen in (bright, around))
    apart = (skin - white).norm()
    nearer = (view - white).norm(dim=0) < WHITER * apart
    return (nearer & (apart > LEAST_APART)).float()


def below_eye(opening: Tensor, width: float) -> Tensor:
    """Where the cheek begins below an opening, as wide as it: what a lid most resembles. [h, w]"""
    seen = torch.nonzero(opening > 0.02)
    cheek = torch.zeros_like(opening)
    if len(seen):
        low, high = seen.amin(0), seen.amax(0)
        top = min(int(high[0]) + round(CHEEK[0] * width), len(opening) - 2)
        cheek[top : int(high[0]) + round(CHEEK[1] * width), int(low[1]) : int(high[1]) + 1] = 1.0
    return cheek


def _lid_colour(view: Tensor, hole: Tensor, near: Tensor, trust: Tensor, width: float) -> Tensor:
    """The colour of the skin around and of what the open eye shows of its lid, drawn over the hole; at its rim it takes
    on what is there, be it a shadow or a fold. [3, h, w]"""
    seen = view.clamp(min=DIM).log()  # a shadow takes the same share of each colour
    film = membrane(seen, near, torch.where(hole > 0, LID_TRUST * trust**4, trust))
    rim = (1 - hole) * smoothstep(trust**RIM_LENIENCE, *RIM_TRUST)
    apart = fill(blur(seen, max(0.5, RIM * width)) - film, rim)
    inside = distance(1 - hole, max(2, round(3 * SETTLES * width))) / (SETTLES * width)
    return (film + blur(apart, max(0.5, RIM * width)) * torch.exp(-inside.square())).exp()


def cheek_likeness(view: Tensor, cheek: Tensor) -> Tensor:
    """How far each pixel may be the skin of the cheek, in whatever shadow, 0..1: hair, brow and backdrop are not.
    [h, w]"""
    chosen = view[:, cheek > 0]
    if chosen.shape[1] < 8:
        return torch.ones_like(cheek)
    ratio = (view.clamp(min=DIM) / chosen.median(1).values.clamp(min=DIM)[:, None, None]).log()
    level = ratio.mean(0)
    tint = (ratio - level).norm(dim=0)
    return torch.exp(-(level / LEVEL).square() - (tint / TINT).square())


def membrane(view: Tensor, hole: Tensor, trust: Tensor) -> Tensor:
    """The picture, smooth, with the hole spanned by a soap film that hangs on what can be trusted [h, w] 0..1 of its
    rim. [3, h, w]"""
    height, width = hole.shape
    ratio = min(1.0, FILM / max(height, width))
    size = (max(4, round(height * ratio)), max(4, round(width * ratio)))
    weight = resize(1 - hole[None], *size)[0]
    share = (1 - hole) * trust.clamp(min=LEAST_TRUST)
    held = resize(share[None], *size)[0] * (weight > 0.9)
    seen = resize(view * share, *size) / resize(share[None], *size).clamp(min=1e-4)
    film = fill(seen, (held / HELD).clamp(max=1))
    hold = held.square() / HELD
    for _ in range(2 * FILM):
        padded = torch.nn.functional.pad(film[None], (1, 1, 1, 1), mode="replicate")[0]
        around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
        film = (hold * seen + around) / (hold + 4)
    return blur(resize(film, height, width), max(0.5, 0.5 / ratio))


def _roundness(view: Tensor, margin: Tensor, width: float, light: Tensor) -> Tensor:
    """Shading of the ball under the lid, 1 on average. [h, w]"""
    middle = (margin[0] + margin[-1]) / 2
    column, row = torch.arange(view.shape[2]) + 0.5, torch.arange(view.shape[1])[:, None] + 0.5
    x = ((column - middle[0]) / (0.55 * width)).expand(view.shape[1:])
    y = ((middle[1] - 0.1 * width - row) / (0.32 * width)).expand(view.shape[1:])
    square = (x * x + y * y).clamp(max=0.999)
    z = (1 - 0.6 * square).sqrt()
    normal = torch.nn.functional.normalize(torch.stack([0.6 * x, 0.6 * y, z], -1), dim=-1)
    flat = (harmonics(torch.tensor([0.0, 0.0, 1.0])) @ light).clamp(min=0.1)
    shade = ((harmonics(normal) @ light) / flat).clamp(0.5, 1.5) ** DISPLAY
    return 1 + ROUND * (shade - 1) * smoothstep(square, 0.999, 0.3)


def _grain(view: Tensor, film: Tensor, cheek: Tensor, width: float) -> Tensor:
    """Fine detail of the cheek, mirrored over the window and as strong as the film [3, h, w] is bright. [3, h, w]"""
    detail = view - blur(view, max(0.6, GRAIN_SIZE * width))
    rows, columns = (_mirrored(torch.nonzero(cheek.amax(1 - k))[:, 0], cheek.shape[k]) for k in (0, 1))
    lent = detail[:, rows][:, :, columns]
    limit = GRAIN_LIMIT * lent.abs().median()
    bright = luma(film) / luma(view)[rows][:, columns].median().clamp(min=DIM)
    return lent.clamp(-limit, limit) * bright.clamp(max=1.5)


def _mirrored(numbers: Tensor, length: int) -> Tensor:
    """Some neighbouring indices, to and fro, until all of a length have one. [n] -> [length]"""
    numbers = numbers if len(numbers) else torch.arange(length)
    circle = torch.cat([numbers, numbers.flip(0)])
    return circle[(torch.arange(length) - int(numbers[0])) % len(circle)]


def _raised(mask: Tensor, rows: int) -> Tensor:
    """The union of a mask and its shifts up by up to `rows`. [h, w]"""
    out = mask.clone()
    for shift in range(1, max(0, rows) + 1):
        out[:-shift] = torch.maximum(out[:-shift], mask[shift:])
    return out
