"""Eyes: an eyeball that can turn under its lids, and lids that can close, both painted from the photo.

Between the lids' margins lies the ball (`eyeball`); above the upper one the skin unfolds as it falls (`eyelid`). The
margins are curves, drawn with exact coverage of each pixel, so a slit of any width has smooth edges and none is left
when the curves meet.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...geometry.camera import project
from ...geometry.head_model import PARTS, HeadModel, eye_centers
from ...motion_space import GAZE
from .bust import BLINK, Bust, Deformation, with_closed_eyes
from .contact import Pairs, hats, points
from .eyeball import GLINT_PATH, Ball, build_ball
from .eyelid import Lid, build_lid
from .follow import smoothstep
from .lashes import lash_light
from .outline import iris_disc, look_of
from .patch import BLANK, INNER, SKIN, Cut, Layers, Window, draw_layers, feather, window_around
from .sampling import blur, dilate, fill, pixel_centres, sample, sample_linear

PUSH = 0.4  # head units an eyeball is set back
UNFOLDS = (0.02, 0.22)  # of a closing: over which the skin above the margin gives way to the lid's own
SETTLES = (0.55, 0.95)  # and over which the rest of the open eye below it does
LID = 0.9  # head units around a margin that carry the photo however aslant they are
AROUND, ABOVE = 0.36, 0.28  # of the eye's width: drawn around the margins, and more above them
EDGE = 0.05  # of the eye's width: over which a turned ball comes out from under the lids
SEAM = 0.04  # of the eye's width: from above the margin to below it
WIDENS = 25.0  # how many times as wide that becomes beside the corners, per eye's width
RIDES = 0.11  # of the eye's width: so far inside its margins the photo's ball still rides with them ...
RIM, SOFT = 0.035, 0.02  # of the eye's width: what belongs to the edge of an opening, and how softly it ends
RIDE = (0.12, 0.03)  # ... by at most this much of the width, along and across: a lid that closes drags no iris along


@dataclass(frozen=True)
class Eye:
    """One eye of a lifted portrait; pictures cover `window` of the photo."""

    side: int  # 0 left, 1 right
    window: Window
    cut: Cut
    ball: Ball
    lid: Lid
    closed_screen: Tensor  # [V, 2] where the closed eye's vertices lie in the photo
    upper: Tensor  # [P] columns of the upper margin's points in the window
    known: Tensor  # [1, h, w] where the photo tells how the ball looks: its opening and the edge around it


@dataclass(frozen=True)
class EyeNow:
    """One eye at one moment, over `window` of the photo."""

    window: Window
    layers: Layers  # the first two skin values are the flow into the photo
    ball: Tensor  # [3, h, w]
    lid: Tensor  # [4, h, w] colour and alpha of the unfolded lid
    lash: Tensor  # [3, h, w] factor on everything


def build_eye(
    bust: Bust, start: Deformation, photo: Tensor, bounds: Window, side: int, worn: Tensor, light: Tensor
) -> Eye:
    """Look at one eye of the photo [3, H, W] 0..1; worn [F] marks the triangles that carry the photo."""
    model, lids = bust.model, bust.contact.lids[side]
    rim, width = _rim(bust, start, side)
    window = window_around(rim, 0.6 * width, bounds)
    cut = _cut(model, PARTS.index(("eye_left", "eye_right")[side]), lids, worn)
    opening = _between(*_margins(bust, start, side, window), window)
    view = photo[:, window.rows, window.columns]
    centre, radius = iris_disc(bust, side)
    ball = build_ball(view, opening, centre - _corner(window), radius, width)
    upper = _margins(bust, start, side, window)[0]
    shut = with_closed_eyes(bust)
    flow = _continued(draw_layers(shut.screen, model, cut, window, (start.screen - shut.screen)[:, :2]))[0]
    closed = _margins(bust, shut, side, window)[0]
    lid = build_lid(view, opening, upper, closed, flow, width, _brow(bust, start, side, window), light)
    return Eye(side, window, cut, ball, lid, shut.screen[:, :2], upper[:, 0], _known(opening, width))


def draw_eye(eye: Eye, bust: Bust, source: Tensor, now: Deformation, photo: Tensor, bounds: Window) -> EyeNow:
    """The eye at a deformation. source [V, 3] is the photo's own screen."""
    rim, width = _rim(bust, now, eye.side)
    window = window_around(torch.cat([rim, rim - torch.tensor([0.0, ABOVE * width])]), AROUND * width, bounds)
    flow = torch.cat([source[:, :2] - now.screen[:, :2], eye.closed_screen - now.screen[:, :2]], 1)
    layers = draw_layers(now.screen, bust.model, eye.cut, window, flow)
    margins = _margins(bust, now, eye.side, window)
    skin_flow, ball_flow = _continued(layers)
    seen = smoothstep(blur(layers.inner[None], 1.0)[0], 0.0, 0.02)  # a nose may stand before it
    between = _between(*margins, window) * seen
    at = pixel_centres(window.height, window.width) + _corner(window) - _corner(eye.window)
    iris = sample_linear(eye.ball.iris, at + skin_flow[:2].permute(1, 2, 0))[0]  # no edge of it may stay where it was
    turning = _turning(eye, bust, now)
    shown = between * (1 - turning * (1 - iris) * (1 - _inwards(*margins, window, EDGE * width)))
    layers = replace(layers, skin=torch.maximum(layers.skin, between), skin_values=skin_flow, inner=shown)
    inwards = torch.maximum(_inwards(*margins, window, RIDES * width), turning)
    ride = riding(ball_flow[:2], skin_flow[:2], inwards, width)
    ball = _ball_now(eye, bust, now, photo, at, ride, skin_flow[:2])
    cover = sample_linear(eye.lid.cover, at + skin_flow[2:4].permute(1, 2, 0))
    skin = sample(eye.lid.skin, at + skin_flow[2:4].permute(1, 2, 0))
    shut = closing(eye, bust, now)
    alpha = cover * _given_way(margins, window, width, shut) * feather(window, round(0.1 * width))
    lid = torch.cat([skin, alpha])
    lash = lash_light(eye.lid.lashes, eye.lid.raised, eye.upper, margins[0], (window.height, window.width), width, shut)
    return EyeNow(window, layers, ball, lid, lash)


def closing(eye: Eye, bust: Bust, now: Deformation) -> Tensor:
    """How far the lid has come down since the photo, 0..1."""
    start = bust.reference[BLINK + eye.side]
    blink = now.motion[BLINK + eye.side]
    return ((blink - start) / (1 - start).clamp(min=0.05)).clamp(0, 1)


def _given_way(margins: tuple[Tensor, Tensor], window: Window, width: float, shut: Tensor) -> Tensor:
    """How far the photo's skin has given way to the closed lid's: at once above the margin, at last below. [h, w]"""
    column, row = torch.arange(window.width) + 0.5, torch.arange(window.height)[:, None] + 0.5
    along = [hats(column, margin[:, 0]) for margin in margins]
    line = sum(a @ m[:, 1] for a, m in zip(along, margins, strict=True)) / 2
    ends = torch.where(column < margins[0][0, 0], margins[0][0, 1], margins[0][-1, 1])
    line = torch.where((column > margins[0][0, 0]) & (column < margins[0][-1, 0]), line, ends)
    beside = torch.maximum(margins[0][0, 0] - column, column - margins[0][-1, 0]).clamp(min=0) / width
    above = smoothstep((line[None] - row) / width / (1 + WIDENS * beside), -SEAM, SEAM)
    return above * smoothstep(shut, *UNFOLDS) + (1 - above) * smoothstep(shut, *SETTLES)


def _ball_now(
    eye: Eye, bust: Bust, now: Deformation, photo: Tensor, at: Tensor, flow: Tensor, with_lids: Tensor
) -> Tensor:
    """The ball, painted where it has turned or the photo's lids hid it. [3, h, w]"""
    ball_at = at + flow.permute(1, 2, 0)
    turned = _turned(eye, bust, now, ball_at, flow, with_lids)
    shadow = sample_linear(torch.cat([eye.ball.shade, eye.ball.veil]), at + with_lids.permute(1, 2, 0))
    shade = shadow[:1] * (1 - sample_linear(eye.ball.white, ball_at) * (1 - shadow[1:]))
    glint = sample_linear(eye.ball.glint, ball_at + GLINT_PATH * _iris_way(eye, bust, now))
    painted = sample(eye.ball.colour, ball_at) * shade + glint
    return painted * turned + sample(photo, ball_at + _corner(eye.window)) * (1 - turned)


def _known(opening: Tensor, width: float) -> Tensor:
    """An opening [h, w] and the edge around it, softly ending. [1, h, w]"""
    return blur(dilate((opening > 0.3).float(), max(1, round(RIM * width)))[None], max(0.7, SOFT * width))


def _iris_way(eye: Eye, bust: Bust, now: Deformation) -> Tensor:
    """Pixels of the photo that the iris has gone by turning the eye alone. [2]"""
    centre = eye_centers(bust.model, bust.identity)[eye.side]
    ends = [
        project(bust.camera, centre + bust.model.eye_radius[eye.side] * look_of(motion, eye.side))[:2]
        for motion in (now.motion, bust.reference)
    ]
    return ends[0] - ends[1]


def _turned(eye: Eye, bust: Bust, now: Deformation, ball_at: Tensor, flow: Tensor, with_lids: Tensor) -> Tensor:
    """Where the painted ball replaces the photo's: everywhere once it turns, else where lids hid it. [h, w]"""
    turn = _turning(eye, bust, now)
    unseen = smoothstep(sample_linear(eye.known, ball_at)[0], 0.7, 0.2)
    apart = (flow - with_lids).norm(dim=0).amax()
    return torch.maximum(turn.expand_as(unseen), unseen * smoothstep(apart, 0.4, 1.5))


def _turning(eye: Eye, bust: Bust, now: Deformation) -> Tensor:
    """Whether the eye looks elsewhere than in the photo, 0..1."""
    own = slice(GAZE.start + 2 * eye.side, GAZE.start + 2 * eye.side + 2)
    return smoothstep((now.motion[own] - bust.reference[own]).norm(), 0.4, 3.0)


def riding(flow: Tensor, with_lids: Tensor, inwards: Tensor, width: float) -> Tensor:
    """The ball's flow [2, h, w], at the margins drawn towards the lids': the photo's own edge between ball and lid
    stays whole when a turn of the head shifts one against the other. [2, h, w]"""
    most = flow.new_tensor(RIDE)[:, None, None] * width
    return flow + (1 - inwards) * (with_lids - flow).clamp(-most, most)


def _inwards(upper: Tensor, lower: Tensor, window: Window, reach: float) -> Tensor:
    """1 farther inside the opening than `reach` pixels, falling to 0 at its margins. [h, w]"""
    column, row = torch.arange(window.width) + 0.5, torch.arange(window.height)[:, None] + 0.5
    top, bottom = (hats(column, margin[:, 0]) @ margin[:, 1] for margin in (upper, lower))
    ends = torch.minimum(column - upper[0, 0], upper[-1, 0] - column)
    return smoothstep(torch.minimum(torch.minimum(row - top, bottom - row), ends[None]), 0.0, reach)


def _continued(layers: Layers) -> tuple[Tensor, Tensor]:
    """The flows of skin [4, h, w] and ball [2, h, w], each continued under the other."""
    return fill(layers.skin_values, (layers.skin > 0.6).float()), fill(
        layers.inner_values, (layers.inner > 0.6).float()
    )


def _between(upper: Tensor, lower: Tensor, window: Window) -> Tensor:
    """Share of each pixel between two margins [P, 2] in the window's pixels. [h, w]"""
    column, row = torch.arange(window.width) + 0.5, torch.arange(window.height)[:, None]
    top, bottom = (hats(column, margin[:, 0]) @ margin[:, 1] for margin in (upper, lower))
    ends = max(float(upper[0, 0]), float(lower[0, 0])), min(float(upper[-1, 0]), float(lower[-1, 0]))
    across = (torch.minimum(column + 0.5 - ends[0], ends[1] - column + 0.5)).clamp(0, 1)
    return (torch.minimum(bottom, row + 1) - torch.maximum(top, row)).clamp(0, 1) * across


def _margins(bust: Bust, now: Deformation, side: int, window: Window) -> tuple[Tensor, Tensor]:
    """Upper and lower margin of an eye [P, 2] in a window's pixels."""
    lids = bust.contact.lids[side]
    return tuple(points(bust.model, now.screen, n)[:, :2] - _corner(window) for n in (lids.upper, lids.lower))


def _brow(bust: Bust, start: Deformation, side: int, window: Window) -> Tensor:
    """The brow's lower edge in a window's pixels. [Q, 2]"""
    numbers = torch.tensor(bust.model.landmark_groups[f"brow_lower_{('left', 'right')[side]}"])
    return points(bust.model, start.screen, numbers)[:, :2] - _corner(window)


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
    lid = (torch.cdist(model.template, rim).amin(1) < LID)[model.triangles].any(1) & (model.triangle_part == 0)
    own = model.triangle_part == part
    chosen = torch.nonzero(near & ((model.triangle_part < 2) | own))[:, 0]
    layer = torch.where(own, INNER, torch.where(worn | lid, SKIN, BLANK))
    return Cut(chosen, layer[chosen], (model.vertex_part == part).float() * PUSH)
