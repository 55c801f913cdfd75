"""Eyes: an eyeball that can turn under its lids, and lids that can close, both painted from the photo.

The photo shows part of the eyeball and almost nothing of the lid. The eyeball is completed outside the opening (iris
by its own rings, white by its own white); the lid is the skin around the eye continued over the opening, with a lash
line.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...geometry.camera import project
from ...geometry.head_model import PARTS, HeadModel, eye_centers
from ...motion_space import GAZE
from .bust import BLINK, Bust, Deformation, with_closed_eyes
from .contact import Pairs, hats, points
from .follow import smoothstep
from .patch import BLANK, INNER, SKIN, Cut, Layers, Window, draw_layers, feather, window_around
from .sampling import blur, dilate, erode, fill, pixel_centres, sample, sample_linear

PUSH = 0.4  # head units an eyeball is set back
RINGS = 12  # of the iris
MARGIN = (0.08, 0.12)  # of the eye's width: how far beyond the lid margins the ball may show
LASH_BAND = 0.06  # of the eye's width: lashes and liner around the margin
LUMA = torch.tensor([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Eye:
    """One eye of a lifted portrait; pictures cover `window` of the photo."""

    side: int  # 0 left, 1 right
    window: Window
    cut: Cut
    ball: Tensor  # [3, h, w] the whole eyeball, evenly lit
    shade: Tensor  # [1, h, w] the shadow of lids and lashes on it
    closed: Tensor  # [4, h, w] the closed lid without lashes, as it would lie in the photo, and where it is paint
    closed_screen: Tensor  # [V, 2] where the closed eye's vertices lie in the photo
    lash: Tensor  # [1, h, w] how lashes darken the skin above the margin
    opening: Tensor  # [1, h, w] where the photo shows the ball


@dataclass(frozen=True)
class EyeNow:
    """One eye at one moment, over `window` of the photo."""

    window: Window
    layers: Layers  # the first two skin values are the flow into the photo
    ball: Tensor  # [3, h, w]
    lid: Tensor  # [4, h, w] colour and alpha of the unfolded lid
    lash: Tensor  # [h, w] factor on everything
    maps: Tensor  # [6, h, w] for the refiner: see `refine.MAPS`


def build_eye(bust: Bust, start: Deformation, photo: Tensor, bounds: Window, side: int, worn: Tensor) -> Eye:
    """Look at one eye of the photo [3, H, W] 0..1; worn [F] marks the triangles that carry the photo."""
    model, lids = bust.model, bust.contact.lids[side]
    rim, width = _rim(bust, start, side)
    window = window_around(rim, 0.6 * width, bounds)
    cut = _cut(model, PARTS.index(("eye_left", "eye_right")[side]), lids, worn)
    opening = draw_layers(start.screen, model, cut, window, torch.zeros(len(model.template), 1)).inner
    view = photo[:, window.rows, window.columns]
    ball, shade = _whole_ball(bust, view, opening, window, side, width)
    closed = _closed_lid(view, opening, width)
    margin = points(model, start.screen, lids.upper)[:, :2] - _corner(window)
    lash = _lashes(view, closed[:3], margin, width)
    return Eye(side, window, cut, ball, shade, closed, with_closed_eyes(bust).screen[:, :2], lash, opening[None])


def draw_eye(eye: Eye, bust: Bust, source: Tensor, now: Deformation, photo: Tensor, bounds: Window) -> EyeNow:
    """The eye at a deformation. source [V, 3] is the photo's own screen."""
    rim, width = _rim(bust, now, eye.side)
    window = window_around(rim, 0.42 * width, bounds)
    flow = torch.cat([source[:, :2] - now.screen[:, :2], eye.closed_screen - now.screen[:, :2]], 1)
    layers = draw_layers(now.screen, bust.model, eye.cut, window, flow)
    layers = replace(layers, inner=layers.inner * _between_lids(eye, bust, now, window, width))
    at = pixel_centres(window.height, window.width) + _corner(window) - _corner(eye.window)
    with_lids = fill(layers.skin_values[:2], (layers.skin > 0.5).float())
    shade = sample(eye.shade, at + with_lids.permute(1, 2, 0))
    ball_at = at + layers.inner_values[:2].permute(1, 2, 0)
    change = _turned(eye, bust, now, ball_at, layers, with_lids)
    ball = sample(eye.ball, ball_at) * shade * change + sample(photo, ball_at + _corner(eye.window)) * (1 - change)
    amount = closing(eye, bust, now)
    lid = sample(eye.closed, at + layers.skin_values[2:4].permute(1, 2, 0))
    lid = torch.cat([lid[:3], lid[3:] * amount * feather(window, round(0.12 * width))])
    lash = 1 - amount * (1 - _lash_now(eye, bust, source, now, window, width))
    return EyeNow(window, layers, ball, lid, lash, _maps(lid[3] * layers.skin, layers.inner, lash, change))


def _between_lids(eye: Eye, bust: Bust, now: Deformation, window: Window, width: float) -> Tensor:
    """Where the ball may show: a laugh folds the skin below the lid, and it would shine through the fold. [h, w]"""
    lids = bust.contact.lids[eye.side]
    upper, lower = (points(bust.model, now.screen, n)[:, :2] - _corner(window) for n in (lids.upper, lids.lower))
    column, row = torch.arange(window.width) + 0.5, torch.arange(window.height)[:, None] + 0.5
    top, bottom = (hats(column, margin[:, 0]) @ margin[:, 1:] for margin in (upper, lower))  # [w, 1]
    outside = torch.maximum(top.T - row, row - bottom.T) / width
    return smoothstep(outside, *reversed(MARGIN))


def _maps(lid: Tensor, ball: Tensor, lash: Tensor, turned: Tensor) -> Tensor:
    """What the refiner is told about the eye. [6, h, w]"""
    new = torch.maximum(torch.maximum(lid, 1 - lash), ball * turned)
    reach = max(1, round(0.02 * lid.shape[1]))
    new = blur(dilate(new, reach)[None], 0.7 * reach)[0].clamp(0, 1)
    none = torch.zeros_like(lid)
    return torch.stack([new, ball, none, none, ball, lid])


def _turned(eye: Eye, bust: Bust, now: Deformation, ball_at: Tensor, layers: Layers, with_lids: Tensor) -> Tensor:
    """Where the painted ball replaces the photo's: everywhere once it turns, else where lids hid it. [h, w]"""
    own = slice(GAZE.start + 2 * eye.side, GAZE.start + 2 * eye.side + 2)
    turn = smoothstep((now.motion[own] - bust.reference[own]).norm(), 0.4, 3.0)
    unseen = smoothstep(sample_linear(eye.opening, ball_at)[0], 0.8, 0.3)
    apart = ((layers.inner_values[:2] - with_lids).norm(dim=0) * (layers.inner > 0.5)).amax()
    return torch.maximum(turn.expand_as(unseen), unseen * smoothstep(apart, 0.4, 1.5))


def closing(eye: Eye, bust: Bust, now: Deformation) -> Tensor:
    """How far the lid has unfolded since the photo, 0..1."""
    start = bust.reference[BLINK + eye.side]
    blink = now.motion[BLINK + eye.side]
    return smoothstep((blink - start) / (1 - start).clamp(min=0.05), 0.08, 0.5)


def _lash_now(eye: Eye, bust: Bust, source: Tensor, now: Deformation, window: Window, width: float) -> Tensor:
    """The photo's lashes carried by the margin of the upper lid, mirrored below it. [h, w]"""
    upper = bust.contact.lids[eye.side].upper
    margin = points(bust.model, now.screen, upper)[:, :2] - _corner(window)
    before = points(bust.model, source, upper)[:, :2] - _corner(eye.window)
    column = torch.arange(window.width) + 0.5
    along = hats(column, margin[:, 0])  # [w, P]
    line, origin = along @ margin, along @ before  # [w, 2]
    above = (torch.arange(window.height)[:, None] + 0.5 - line[None, :, 1]).abs()  # [h, w]
    at = torch.stack([origin[None, :, 0].expand_as(above), origin[None, :, 1] - above], -1)
    below = torch.arange(window.height)[:, None] + 0.5 > line[None, :, 1]
    near = smoothstep(above / width, 1.6 * LASH_BAND, 0.5 * LASH_BAND) * torch.where(
        below, smoothstep(above / width, 0.035, 0.0), 1.0
    )
    ends = torch.minimum(column - margin[0, 0], margin[-1, 0] - column) / width
    near = near * smoothstep(ends, 0.0, 0.08)
    return 1 - near * (1 - sample(eye.lash, at)[0].clamp(0.38, 1))


def _rim(bust: Bust, now: Deformation, side: int) -> tuple[Tensor, float]:
    """Points along both lid margins [2 P, 2] on the screen, and the eye's width in pixels."""
    lids = bust.contact.lids[side]
    rim = torch.cat([points(bust.model, now.screen, n)[:, :2] for n in (lids.upper, lids.lower)])
    return rim, float(rim[:, 0].amax() - rim[:, 0].amin())


def _corner(window: Window) -> Tensor:
    return torch.tensor([window.left, window.top], dtype=torch.float32)


def _cut(model: HeadModel, part: int, lids: Pairs, worn: Tensor) -> Cut:
    """The eyeball, and the skin around it as far as it carries the photo."""
    rim = torch.cat([points(model, model.template, lids.upper), points(model, model.template, lids.lower)])
    low, high = rim.amin(0) - 2.0, rim.amax(0) + 2.0
    centre = model.template[model.triangles].mean(1)
    near = ((centre > low) & (centre < high))[:, :2].all(1) & (centre[:, 2] > rim[:, 2].amin() - 5)
    lid = (lids.upper_weight.sum(1) > 0.1)[model.triangles].any(1)
    own = model.triangle_part == part
    chosen = torch.nonzero(near & ((model.triangle_part < 2) | own))[:, 0]
    layer = torch.where(own, INNER, torch.where(worn | lid, SKIN, BLANK))
    return Cut(chosen, layer[chosen], (model.vertex_part == part).float() * PUSH)


def _whole_ball(
    bust: Bust, view: Tensor, opening: Tensor, window: Window, side: int, width: float
) -> tuple[Tensor, Tensor]:
    """The eyeball without lids, continued where the photo hides it [3, h, w], and the shade of the lids on it [1, h,
    w]."""
    center, radius = iris_disc(bust, side)
    at = pixel_centres(window.height, window.width) + _corner(window)
    away = (at - center).norm(dim=-1) / radius  # [h, w]
    sure = erode((opening > 0.98).float(), max(1, round(0.045 * width)))
    white = white_of_eye(view, sure * (away > 1.2), ((opening > 0.9) & (away > 1.1)).float())
    rings = _rings(view, sure, away)
    iris = rings[:, (away * RINGS).long().clamp(max=RINGS - 1)]
    soft = smoothstep(away, 1.12, 0.96)
    whole = blur(soft * iris + (1 - soft) * white, max(0.4, 0.012 * width))
    keep = blur(sure[None], max(0.5, 0.025 * width))
    ball = view * keep + whole * (1 - keep)
    luma, plain = ((LUMA[:, None, None] * picture).sum(0, keepdim=True) for picture in (view, ball))
    shade = fill((luma / plain.clamp(min=0.02)).clamp(0.2, 1), (opening > 0.3).float())
    return ball, blur(shade, max(0.5, 0.02 * width))


def white_of_eye(view: Tensor, sure: Tensor, likely: Tensor) -> Tensor:
    """The white of the eye everywhere: what is near, drawn towards its mean. [3, h, w]

    In a small eye no pixel surely shows it; of those that likely do, the brighter half is neither lash nor iris.
    """
    known = sure if sure.sum() >= 8 else _brighter_half(view, likely)
    if known.sum() < 4:
        return torch.full_like(view, 0.6)
    mean = (view * known).sum((1, 2), keepdim=True) / known.sum()
    return 0.5 * fill(view, known) + 0.5 * mean


def _brighter_half(view: Tensor, chosen: Tensor) -> Tensor:
    """Those of the chosen pixels that are not darker than their median. view [3, h, w], chosen [h, w] -> [h, w]"""
    luma = (LUMA[:, None, None] * view).sum(0)
    among = luma[chosen > 0]
    return chosen * (luma >= among.median()).float() if len(among) else chosen


def _rings(view: Tensor, sure: Tensor, away: Tensor) -> Tensor:
    """Median colour of the iris by distance from its centre. [3, RINGS + 3]"""
    colours = []
    for ring in range(RINGS + 3):
        member = (sure > 0.5) & ((away * RINGS - ring - 0.5).abs() < 0.8)
        found = view[:, member]
        colours.append(found.median(1).values if found.shape[1] > 2 else torch.full((3,), torch.nan))
    rings = torch.stack(colours, 1)
    known = torch.isfinite(rings[0])
    if not known.any():
        return torch.full_like(rings, 0.15)
    nearest = (torch.arange(RINGS + 3)[:, None] - torch.nonzero(known)[:, 0]).abs().argmin(1)
    return rings[:, torch.nonzero(known)[:, 0][nearest]]


def iris_disc(bust: Bust, side: int) -> tuple[Tensor, Tensor]:
    """Centre [2] and radius [] of the iris in the photo, pixels."""
    model = bust.model
    own = torch.nonzero(model.vertex_part == PARTS.index(("eye_left", "eye_right")[side]))[:, 0]
    yaw, pitch = torch.deg2rad(bust.reference[GAZE][2 * side : 2 * side + 2])
    look = torch.stack([yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()])
    pupil = eye_centers(model, bust.identity)[side] + bust.offset[own].mean(0) + look * model.eye_radius[side]
    spot = project(bust.camera, pupil)
    return spot[:2], model.iris_radius[side] * bust.camera.focal / spot[2]


def _closed_lid(view: Tensor, opening: Tensor, width: float) -> Tensor:
    """The photo with this eye closed, without lashes, and where it is paint. view [3, h, w], opening [h, w] -> [4, h,
    w]"""
    eye = (opening > 0.02).float()
    hole = torch.maximum(
        dilate(eye, round(0.05 * width)), _shifted_up(dilate(eye, round(0.07 * width)), round(0.06 * width))
    )
    ring = dilate(hole, max(2, round(0.2 * width))) * (1 - hole)
    luma = (LUMA[:, None, None] * view).sum(0)
    bright = luma[ring > 0].median() if (ring > 0).any() else luma.median()
    ring = ring * (luma > 0.7 * bright)
    skin = blur(fill(view, ring), max(0.5, 0.05 * width))
    soft = blur(hole[None], max(0.5, 0.045 * width))
    return torch.cat([skin, soft])


def _lashes(view: Tensor, skin: Tensor, margin: Tensor, width: float) -> Tensor:
    """How much darker than skin the photo is around the upper lid's margin [P, 2]. -> [1, h, w]"""
    luma, clean = ((LUMA[:, None, None] * picture).sum(0, keepdim=True) for picture in (view, skin))
    ratio = (luma / clean.clamp(min=0.05)).clamp(0.1, 1)
    along = hats(torch.arange(view.shape[2]) + 0.5, margin[:, 0])
    above = (along @ margin[:, 1:]).T - torch.arange(view.shape[1])[:, None] - 0.5  # [h, w] up is positive
    # Below the margin lies the eye: continue the margin's own darkness there.
    return fill(ratio, (above > -0.01 * width).float())


def _shifted_up(mask: Tensor, rows: int) -> Tensor:
    """The union of a mask and its shifts upwards by up to `rows`."""
    out = mask.clone()
    for shift in range(1, rows + 1):
        out[:-shift] = torch.maximum(out[:-shift], mask[shift:])
    return out
