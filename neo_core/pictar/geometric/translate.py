"""Translate: the deformed head becomes a frame. Photo pixels wherever the photo has them, paint only where it has
none."""

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor

from ...governance import TALKING_HEAD, while_allowed
from ...runtime.threads import WORKERS, in_order
from .bust import Deformation
from .deform import Field, deform, photo_flow
from .eye import draw_eye
from .follow import smoothstep
from .lift import Volume
from .light import to_display, to_light
from .mouth import draw_mouth
from .patch import Layers, Window, feather
from .refine import Spot, mend
from .sampling import sample, sample_linear, window_mean
from .views import lay_view

STRANGE = (0.15, 0.5)  # difference of borrowed skin from its surroundings, logarithm of light, that is no skin
FRINGE = (0.75, 0.999)  # share of the person above which its soft edge stands before the neck behind it ...
SOFT = 0.12  # ... within so many head units
PIXELS_AT_ONCE = 16_000_000  # of regions being drawn: each takes about 200 bytes


def render(volume: Volume, motion: Iterable[Tensor]) -> Iterator[Tensor]:
    """Frames u8 [H, W, 3], one per motion vector [63], made as they are asked for and a few ahead on other cores."""
    workers = frames_at_once(volume.window)
    return in_order(partial(_frame, volume), while_allowed(volume.grant, TALKING_HEAD, motion), workers)


def frames_at_once(window: Window) -> int:
    """How many frames are drawn side by side: of large regions fewer, so that memory stays within about 3 GB."""
    return max(1, min(WORKERS, PIXELS_AT_ONCE // (window.height * window.width)))


@torch.inference_mode()  # thousands of small operations a frame: what autograd notes of each took a sixth of the time
def _frame(volume: Volume, vector: Tensor) -> Tensor:
    return translate(volume, deform(volume, vector))


@torch.no_grad()
def translate(volume: Volume, now: Deformation) -> Tensor:
    """The frame of a deformation. u8 [H, W, 3]"""
    window = volume.window
    view, spots = paint(volume, now)
    view = mend(view, window, spots, volume.refiner)
    original = volume.picture[:, window.rows, window.columns]
    view = view.sub_(original).mul_(volume.moving).add_(original)
    frame = volume.photo.clone()
    frame[window.rows, window.columns] = view.mul_(255).round_().clamp_(0, 255).permute(1, 2, 0)
    return frame


def paint(volume: Volume, now: Deformation) -> tuple[Tensor, list[Spot]]:
    """The region [3, h, w] before the refiner, and the windows that the refiner mends: eyes need none."""
    window = volume.window
    field = photo_flow(volume, now)
    eyes = [draw_eye(eye, volume.bust, volume.source, now, volume.picture, window) for eye in volume.eyes]
    mouth = draw_mouth(volume.mouth, volume.bust, volume.source, now, volume.picture, window)
    for part in (*eyes, mouth):
        _refine_flow(field, part.layers, window, part.window)
    view = _composed(volume, field, float(now.unit))
    _darken(view, window, mouth.window, mouth.shade)
    _over(view, window, mouth.window, mouth.inside[:3], mouth.inside[3])
    for eye in eyes:
        _over(view, window, eye.window, eye.lid[:3], eye.lid[3] * eye.layers.skin)
        _over(view, window, eye.window, eye.ball, eye.layers.inner)
        _darken(view, window, eye.window, eye.lash)
    return to_display(view), [Spot(mouth.window, mouth.maps)]


def _composed(volume: Volume, field: Field, unit: float) -> Tensor:
    """The person, fetched along the field and relit, over the background where the region moves; else the photo.
    Beside the head there is no face: what its turn uncovers there is hair, neck or background. Light [3, h, w]"""
    window, reach = volume.window, volume.reach
    view = to_light(volume.picture[:, window.rows, window.columns])
    skin, beside = (flow.flatten(1).index_select(1, reach.number) for flow in (field.skin, field.beside))
    cover, lent, shine = (
        plane.flatten().index_select(0, reach.number) for plane in (field.cover, field.lent, field.shine)
    )
    layer = torch.zeros(4, len(cover))
    for source, flow, share in ((volume.person, skin, cover), (volume.shed, beside, 1 - cover)):
        some = torch.nonzero(share > 0)[:, 0]
        at = reach.centre.index_select(1, some) + flow.index_select(1, some)
        layer.index_add_(1, some, share.index_select(0, some) * sample(source, at.T[None])[:, 0])
    _lay_behind(volume, field, layer, max(1, round(SOFT * unit)))
    _even_out(volume, layer, lent, reach.centre + skin)
    for k, planes in field.views:
        lay_view(volume.views[k], planes, reach.number, reach.centre, layer)
    shown = layer[:3] * to_light(shine) + (1 - layer[3:]) * reach.behind
    view.view(3, -1).index_copy_(1, reach.number, shown)
    return view


def _lay_behind(volume: Volume, field: Field, layer: Tensor, soft: int) -> None:
    """Let the neck go on behind the head where that would show the background: where nobody is, where the person's soft
    edge, `soft` pixels wide, would stand before it, and at the neck's own outline. layer [4, N]"""
    reach, size = volume.reach, field.seen.shape
    alpha = layer.new_ones(field.seen.numel()).index_copy_(0, reach.number, layer[3]).view(1, *size)
    firm = (
        torch.minimum(smoothstep(window_mean(alpha, soft)[0], *FRINGE), 1 - field.flank)
        .flatten()
        .index_select(0, reach.number)
    )
    some = torch.nonzero((firm < 1) & (field.seen.flatten().index_select(0, reach.number) > 0))[:, 0]
    number = reach.number.index_select(0, some)
    at = reach.centre[:, some] + field.behind.flatten(1).index_select(1, number)
    behind = field.seen.flatten().index_select(0, number) * sample(volume.neck.layer, at.T[None])[:, 0]
    before = layer[:, some] * (1 - behind[3:] * (1 - firm[some]))
    layer[:, some] = before + (1 - before[3:]).clamp(min=0) * behind


def _even_out(volume: Volume, layer: Tensor, lent: Tensor, at: Tensor) -> None:
    """Where skin wears its neighbours' [N], let no brow or stray hair be drawn out with it. layer [4, N], at [2, N]"""
    some = torch.nonzero(lent > 0.02)[:, 0]
    scale = at.new_tensor([volume.even.shape[2] / volume.window.width, volume.even.shape[1] / volume.window.height])
    even = sample_linear(volume.even, (at[:, some].T * scale)[None])[:, 0]
    own = layer[:, some]
    ratio = (own[:3].sum(0).clamp(min=1e-3) / even.sum(0).clamp(min=1e-3)).log().abs()
    whole = torch.cat([even, torch.ones_like(even[:1])])
    layer[:, some] = own + lent[some] * smoothstep(ratio, *STRANGE) * (whole - own)


def _refine_flow(field: Field, layers: Layers, window: Window, at: Window) -> None:
    """Replace the flow where the window's own, finer one knows the skin."""
    rows, columns = _inside(window, at)
    part = field.skin[:, rows, columns]
    known = (layers.skin > 0.02) * feather(at) * field.plain[rows, columns]
    field.skin[:, rows, columns] = part + known * (layers.skin_values[:2] - part)


def _over(view: Tensor, window: Window, at: Window, colour: Tensor, alpha: Tensor) -> None:
    """Lay a display colour [3, h, w] with alpha [h, w] over a window of the region's light."""
    rows, columns = _inside(window, at)
    part = view[:, rows, columns]
    view[:, rows, columns] = part + alpha * (to_light(colour) - part)


def _darken(view: Tensor, window: Window, at: Window, factor: Tensor) -> None:
    """Multiply a window of the region's light by a factor [h, w] or [3, h, w] on display values."""
    rows, columns = _inside(window, at)
    view[:, rows, columns] *= to_light(factor)


def _inside(window: Window, at: Window) -> tuple[slice, slice]:
    top, left = at.top - window.top, at.left - window.left
    return slice(top, top + at.height), slice(left, left + at.width)
