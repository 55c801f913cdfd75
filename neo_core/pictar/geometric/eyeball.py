"""The eyeball: what the photo shows of it, completed behind the lids, with the glint of the lamp kept apart.

The iris is completed by its own rings, the white by its own white. A glint is a mirror image on the cornea: when the
eye turns it goes about half as far as the iris, because the cornea is a smaller ball on the larger one.

Letters: h w pixels of a window.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .follow import smoothstep
from .sampling import blur, dilate, erode, fill, luma, pixel_centres

RINGS = 12  # of the iris
GLINT = (0.16, 0.30)  # brighter than its ring of the iris by this much: nothing, all glint
GLINT_WITHIN = 0.8  # iris radii from its centre
GLINT_PATH = 0.5  # of the iris's way that a glint goes
OUTSIDE = (1.15, 1.0)  # iris radii over which nothing of it is left
LIMBUS = (1.12, 0.92)  # iris radii over which iris turns to white
LEAST = 8  # pixels of the white that must be seen before its light is compared with the skin's
FINE, BESIDE = 0.04, 0.08  # of the eye's width: half that of a lash, and how far beside the lids' margins skin begins
DIFFUSE = 0.05  # of the eye's width: how softly the light of the skin goes on over the ball
DEEPEST = 0.2  # share of light that a shadow leaves at least


@dataclass(frozen=True)
class Ball:
    """Pictures over a window of the photo."""

    colour: Tensor  # [3, h, w] the whole eyeball, evenly lit, without glints
    shade: Tensor  # [1, h, w] the shadow of lids and lashes on it
    veil: Tensor  # [3, h, w] the shadow on its white that an iris or a lid hid
    glint: Tensor  # [3, h, w] light to add
    iris: Tensor  # [1, h, w] share of the iris in the photo's colours
    white: Tensor  # [1, h, w] share of the white in the ball's own


def build_ball(view: Tensor, opening: Tensor, centre: Tensor, radius: Tensor, width: float) -> Ball:
    """view [3, h, w]; opening [h, w] where it shows the ball; iris centre [2] and radius [] in the window's pixels."""
    away = (pixel_centres(*view.shape[1:]) - centre).norm(dim=-1) / radius  # [h, w]
    sure = erode((opening > 0.98).float(), max(1, round(0.045 * width)))
    white = white_of_eye(view, sure * (away > 1.2), ((opening > 0.9) & (away > 1.1)).float())
    rings = _rings(view, sure, away)
    place = (away * RINGS - 0.5).clamp(0, RINGS + 1.999)
    low, part = place.long(), place - place.floor()
    iris = rings[:, low] * (1 - part) + rings[:, low + 1] * part
    soft = smoothstep(away, *LIMBUS)
    whole = blur(soft * iris + (1 - soft) * white, max(0.4, 0.012 * width))
    keep = blur(sure[None], max(0.5, 0.025 * width))
    over = luma(view) - luma(whole)
    inner = erode((opening > 0.6).float(), max(1, round(0.03 * width))) * (away < GLINT_WITHIN)
    bright = dilate(smoothstep(over, *GLINT) * inner, max(1, round(0.015 * width)))
    bright = blur(bright[None], max(0.4, 0.01 * width))
    glint = ((view - whole) * bright).clamp(min=0)
    keep = keep * (1 - bright)
    colour = view * keep + whole * (1 - keep)
    ratio = (luma(view) / luma(colour).clamp(min=0.02)).clamp(0.2, 1)[None]
    told = (opening > 0.3) & ((away < LIMBUS[1] - 0.1) | (away > LIMBUS[0] + 0.15)) & (bright[0] < 0.1)
    shade = fill(ratio, told.float())  # an iris a little beside its place must leave no shadow behind
    veil = _veil(view, opening, told & (away > LIMBUS[0]) & (opening > 0.9), width)
    return Ball(
        colour, blur(shade, max(0.5, 0.02 * width)), veil, glint, smoothstep(away, *OUTSIDE)[None], 1 - soft[None]
    )


def _veil(view: Tensor, opening: Tensor, seen: Tensor, width: float) -> Tensor:
    """The shadow on what a turning iris uncovers of the white, against the white that is `seen` [h, w]: no photo tells
    it, but the skin beside it lies in the same light. [3, h, w] 0..1"""
    if seen.sum() < LEAST:
        return torch.ones_like(view)
    size = max(1, round(FINE * width))
    smooth = torch.stack([erode(dilate(plane, size), size) for plane in view])  # lashes closed over
    bare = 1 - dilate((opening > 0.02).float(), max(1, round(BESIDE * width)))
    skin = blur(fill(smooth, bare), max(0.5, DIFFUSE * width)).clamp(min=DEEPEST)
    veil = (skin / skin[:, seen].mean(1)[:, None, None]).clamp(DEEPEST, 1)
    known = smoothstep(blur(seen.float()[None], max(0.5, DIFFUSE * width)), 0.0, 0.5)
    return veil + known * (1 - veil)


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
    light = luma(view)
    among = light[chosen > 0]
    return chosen * (light >= among.median()).float() if len(among) else chosen


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
