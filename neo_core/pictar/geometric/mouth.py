"""The mouth: lips carry the photo; between them stands what the photo showed there, and painted teeth and tongue."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.head_model import HeadModel
from .bust import Bust, Deformation
from .contact import hats, points
from .follow import smoothstep
from .inside import Drawn, Inside, build_inside, draw_inside, tongue_way
from .lips import lip_shade, lip_source, lower_lip, mouth_cut
from .palette import Palette, look_for_palette, of_one_material
from .patch import Cut, Layers, Window, draw_layers, window_around
from .sampling import blur, dilate, erode, pixel_centres, resize, sample, sample_linear

CAVITY = (0.27, 0.135, 0.12)  # of the lining near the lips, under white light, as a display shows it
REACH = 1.0  # pixels that the skin is continued into what the mesh leaves open
SOFT_PIXELS, SOFT_LIP = 0.8, 0.045  # blur of the lips' edge: at least so many pixels, or so many head units
SOFT_SEAM = 0.8  # pixels over which lips that touch change into each other, at least
STRAY = 1.5  # pixels by which the flow of one differs from its neighbours' before it is looked at
CREASE, CREASE_WIDTH = (0.22, 0.32, 0.32), 0.06  # how much darker that is, and how wide in head units
CORNERS = 0.4  # head units beside the corners of the mouth over which it dies out
CONTACT = 0.11  # head units over which a lip shades what it touches
LIP_REACH, LIP_SHADOW = 0.2, 0.38  # head units that the upper lip's shadow reaches, and how deep it is
SHINE = 0.45  # power of the lips' shade on teeth: wet and translucent, they lie less dark in it than flesh
SKY = 0.34  # head units over which lips take light from what lies between them
SKY_SIDE = 64  # pixels in which that is computed
VISIBLE = 0.02  # alpha below which nothing is painted
FEW = 12  # pixels of teeth are not enough to tell their colour
TINT = (0.6, 1.5)  # how far the photo's own teeth may be from the painted ones
SURE = 0.1  # head units from its border that a row of teeth in the photo is believed
CLEAR = (0.35, 0.7)  # gap between the lips, head units, from which the photo shows the inside: hardly, well


@dataclass(frozen=True)
class Teeth:
    """The person's own, as another picture shows them."""

    picture: Tensor  # [3, h, w] 0..1, in the light of the photo
    place: Tensor  # [V, 3] the mesh in it: pixels, depth
    seen: Tensor  # [2, h, w] where it shows the lower and the upper row clearly


@dataclass(frozen=True)
class Mouth:
    """What a lifted portrait knows of its mouth; pictures cover `window` of the photo."""

    window: Window
    cut: Cut
    inside: Inside
    depth: Tensor  # [V] 0..1 how much light reaches the lining
    white: Tensor  # [3] what white looks like in the photo, and what its own teeth make of that
    palette: Palette
    light: Tensor  # [9] spherical harmonics
    seen: Tensor  # [2, h, w] where the photo shows the lower and the upper row clearly
    opening: Tensor  # [] gap between the lips in the photo, head units
    lower: Tensor  # [V] 1 on the lower lip
    lip_shade: Tensor  # [V] 1 on the lips, less behind their seam
    lip_source: Tensor  # [V, 2] photo position of the lips' skin; hidden skin takes its neighbours'
    teeth: tuple[Teeth, ...] = ()  # those that are told best come last


@dataclass(frozen=True)
class MouthNow:
    """The mouth at one moment, over `window` of the photo."""

    window: Window
    layers: Layers  # the first two skin values are the flow into the photo
    inside: Tensor  # [4, h, w] colour and alpha
    shade: Tensor  # [3, h, w] factor on the skin: the inner lips lie in shadow, closed lips share pixels
    maps: Tensor  # [6, h, w] for the refiner: see `refine.MAPS`


@dataclass(frozen=True)
class Gap:
    """What can be seen between the lips, over the smallest window around it."""

    window: Window
    place: tuple[slice, slice]  # its rows and columns in the window of the whole mouth
    alpha: Tensor  # [h, w]
    sky: Tensor  # [h, w] how much of the opening lies around each pixel
    lip: Tensor  # [h, w] shadow of the upper lip
    depth: Tensor  # [h, w] light on the lining


def build_mouth(
    bust: Bust, start: Deformation, photo: Tensor, bounds: Window, white: Tensor, light: Tensor, worn: Tensor
) -> Mouth:
    """The mouth of a bust; white [3] is what white looks like in the photo [3, H, W], light [9] where it comes from,
    worn [F] the triangles that carry the photo."""
    model, pairs, unit = bust.model, bust.contact.lips, float(start.unit)
    lips, width = _lips(model, start)
    window = window_around(lips, 0.4 * width, bounds)
    clear = smoothstep(start.opening, *CLEAR)
    cut = mouth_cut(model, pairs, worn)
    depth = smoothstep(model.template[:, 2], 6.0, 11.5)
    layers = draw_layers(start.screen, model, cut, window, depth[:, None].expand(-1, 3))
    alpha = layers.inner * _parted(_lip_line(bust, start, window), window)
    inside = build_inside(model)
    palette = look_for_palette(model, start, photo, white, bounds)
    owner = draw_inside(inside, start.screen, unit, window, light, palette.shade, tongue_way(start.motion)).owner
    firm = [erode(row * alpha * clear > 0.9, max(1, round(SURE * unit))) for row in owner]
    mouth = Mouth(
        window=window,
        cut=cut,
        inside=inside,
        depth=depth,
        white=white,
        palette=palette,
        light=light,
        seen=blur(torch.stack(firm), 0.08 * unit),
        opening=start.opening,
        lower=lower_lip(model, pairs),
        lip_shade=lip_shade(model),
        lip_source=lip_source(bust, start, window),
    )
    gap = _gap(layers, alpha, window, unit)
    return mouth if gap is None else _tinted(mouth, start, gap, photo)


def draw_mouth(mouth: Mouth, bust: Bust, source: Tensor, now: Deformation, photo: Tensor, bounds: Window) -> MouthNow:
    """The mouth at a deformation. source [V, 3] is the photo's own screen."""
    lips, width = _lips(bust.model, now)
    window = window_around(lips, 0.28 * width, bounds)
    change, unit = _change(bust, source, now), float(now.unit)
    flow = source[:, :2] - now.screen[:, :2] + change * (mouth.lip_source - source[:, :2])
    lower = mouth.lower[:, None]
    values = torch.cat([flow, mouth.depth[:, None], mouth.lip_shade[:, None], lower, flow * lower], 1)
    line = _lip_line(bust, now, window)
    layers = draw_layers(now.screen, bust.model, mouth.cut, window, values)
    layers, seam = _one_lip(layers, window, photo, _met(line), max(SOFT_SEAM, mouth.palette.soft))
    alpha = blur(layers.inner[None], max(SOFT_PIXELS, SOFT_LIP * unit))[0] * _parted(line, window)
    inside, teeth = torch.zeros(4, *alpha.shape), torch.zeros_like(alpha)
    gap = _gap(layers, alpha, window, unit)
    if gap is not None:
        drawn = draw_inside(
            mouth.inside, now.screen, unit, gap.window, mouth.light, mouth.palette.shade, tongue_way(now.motion), source
        )
        teeth[gap.place] = drawn.teeth
        painted = _with_teeth(mouth, now, gap, _painted(mouth, gap, drawn, unit))
        painted = _stretched(mouth, bust, source, now, photo, gap, painted)
        colour = _with_own(mouth, photo, gap, drawn, painted, change)
        inside[(slice(None), *gap.place)] = torch.cat([colour, gap.alpha[None]])
    inner_lip = change * (1 - layers.skin_values[3]) * (layers.skin > 0)
    flesh = 1 - mouth.palette.stone  # the refiner has seen people only, and reddens lips of stone
    maps = _maps(inside[3], inner_lip, teeth, change * flesh)
    pressed = 1 - change * _crease(line, window, mouth.palette, unit)
    return MouthNow(window, layers, inside, seam * pressed * (1 - inner_lip), maps)


def _one_lip(layers: Layers, window: Window, photo: Tensor, met: Tensor, soft: float) -> tuple[Layers, Tensor]:
    """Layers in which every pixel follows one lip, and the factor [3, h, w] that makes it a mean of both.

    The mean flow of two lips that meet in a pixel would fetch what lies between them in the photo. Skin values: mean
    flow (2), two more, share of the lower lip, its part of the flow (2). Where lips have met, met [w] is 1, they change
    into each other over `soft` pixels.
    """
    values, skin = layers.skin_values, layers.skin[None]
    share, below = values[4], values[5:7]
    lower, upper = below / share.clamp(min=0.02), (values[:2] - below) / (1 - share).clamp(min=0.02)
    if met.any():
        lower, upper, share = _melted(lower, upper, share, layers.skin, met, soft)
    flow = _without_strays(torch.where(share > 0.5, lower, upper), layers.skin)
    values = torch.cat([flow, values[2:4]])
    near = blur(torch.cat([values * skin, skin]), REACH)
    hole = (skin < 0.05) & (near[-1:] > 0.02)  # the mesh leaves some open at the corners of the mouth
    values = torch.where(hole, near[:-1] / near[-1:].clamp(min=0.02), values)
    closed = replace(layers, skin=torch.where(hole, near[-1:], skin)[0], skin_values=values)
    return closed, _seam(share, lower, upper, values[:2], window, photo)


def _without_strays(flow: Tensor, skin: Tensor) -> Tensor:
    """The flow [2, h, w] with pixels that differ from all around replaced by the median of their neighbours: at the
    corners of the mouth the mesh folds, and a sliver of it fetches white or black from elsewhere."""
    padded = F.pad(torch.cat([flow, skin[None]])[None], (1, 1, 1, 1), mode="replicate")[0]
    known = (padded[2:] > 0.3).float()
    around = F.avg_pool2d(padded[:2] * known, 3, 1) / F.avg_pool2d(known, 3, 1).clamp(min=0.1)
    row, column = torch.nonzero(((flow - around).abs().amax(0) > STRAY) & (skin > 0.02), as_tuple=True)
    if not len(row):
        return flow
    steps = torch.tensor([(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)])
    seen = padded[:, row + steps[:, :1], column + steps[:, 1:]]  # [3, 8, K]
    median = torch.where(seen[2] > 0.3, seen[:2], torch.nan).nanmedian(1).values
    flow[:, row, column] = torch.where(median.isnan(), flow[:, row, column], median)
    return flow


def _melted(
    lower: Tensor, upper: Tensor, share: Tensor, skin: Tensor, met: Tensor, soft: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Flows of both lips [2, h, w] continued beyond their seam, and the share [h, w] of the lower one, soft there."""
    parts = torch.stack([share * skin, (1 - share) * skin])
    near = blur(torch.cat([lower * parts[0], upper * parts[1], parts]), soft)
    far = (near[:4].unflatten(0, (2, 2)) / near[4:, None].clamp(min=1e-4)).unbind(0)
    mixed = near[4] / (near[4] + near[5]).clamp(min=1e-4)
    lower, upper = (
        torch.where(part > 0.02, own, other) for part, own, other in zip(parts, (lower, upper), far, strict=True)
    )
    return lower, upper, share + met * (mixed - share)


def _seam(share: Tensor, lower: Tensor, upper: Tensor, chosen: Tensor, window: Window, photo: Tensor) -> Tensor:
    """Factor from the lip that the chosen flow fetches to the mean of both by their share; 1 beside the seam. [3, h,
    w]"""
    factor = torch.ones(3, *share.shape)
    both = (share > 0.02) & (share < 0.98)
    row, column = torch.nonzero(both, as_tuple=True)
    if len(row):
        at = torch.stack([column + window.left, row + window.top], 1) + 0.5
        flows = torch.stack([flow[:, row, column].T for flow in (lower, upper, chosen)])  # [3, N, 2]
        first, second, shown = sample_linear(photo, at + flows).unbind(1)  # [3, N]
        part = share[row, column]
        factor[:, row, column] = (part * first + (1 - part) * second + 0.02) / (shown + 0.02)
    return factor.clamp(0.25, 3.0)


def _gap(layers: Layers, alpha: Tensor, window: Window, unit: float) -> Gap | None:
    """The gap between the lips, or none where they touch."""
    seen = alpha > VISIBLE
    if not seen.any():
        return None
    rows, columns = (torch.nonzero(seen.any(axis))[[0, -1], 0].tolist() for axis in (1, 0))
    place = slice(rows[0], rows[1] + 1), slice(columns[0], columns[1] + 1)
    own = alpha[place]
    inner, depth = layers.inner[place], layers.inner_values[(2, *place)]
    near = blur(torch.stack([depth * inner, inner]), 1.0)
    return Gap(
        window=Window(window.top + rows[0], window.left + columns[0], *own.shape),
        place=place,
        alpha=own,
        sky=_sky(alpha, unit)[place],
        lip=_below_lip(alpha, unit)[place],
        depth=near[0] / near[1].clamp(min=0.01),
    )


def _painted(mouth: Mouth, gap: Gap, drawn: Drawn, unit: float) -> Tensor:
    """Teeth, gums and tongue before the dark, in the light that comes in between the lips, as soft as the photo. [3,
    h, w]"""
    palette = mouth.palette
    hue = palette.shade[:, None, None]
    dark = (1 + palette.stone) * torch.tensor(CAVITY)[:, None, None] * (0.55 + 0.45 * gap.depth) ** (1.6 * hue)
    touch = smoothstep(blur(gap.alpha[None], max(0.7, CONTACT * unit))[0], 0.35, 0.9)  # 0 beside the lips
    touch = ((0.6 + 0.4 * touch) * (1 - LIP_SHADOW * gap.lip)) ** hue
    flesh = touch * (0.3 + 0.7 * smoothstep(gap.sky, 0.0, 0.7)) ** hue * palette.flesh[:, None, None]
    lit = touch**SHINE * (0.7 + 0.3 * smoothstep(gap.sky, 0.1, 0.55)) ** (1.6 * hue - 0.6)
    enamel = lit * palette.enamel[:, None, None]
    shade = flesh + drawn.teeth * (enamel - flesh)
    painted = of_one_material(palette, mouth.white[:, None, None] * shade * (drawn.colour + (1 - drawn.cover) * dark))
    return blur(painted, palette.soft) if palette.soft > 0.2 else painted


def _sky(alpha: Tensor, unit: float) -> Tensor:
    """How much of the opening lies around and above each pixel. [h, w]"""
    height, width = alpha.shape
    ratio = min(1.0, SKY_SIDE / max(height, width))
    rows, columns = max(2, round(height * ratio)), max(2, round(width * ratio))
    around = blur(resize(alpha[None], rows, columns), SKY * unit * ratio)
    above = max(1, round(0.25 * SKY * unit * ratio))
    fallen = torch.cat([around[:, :1].expand(1, above, columns), around[:, :-above]], 1)
    return resize(fallen, height, width)[0]


def _below_lip(alpha: Tensor, unit: float) -> Tensor:
    """1 right below the upper lip, which keeps the light from what lies behind it, dying out downwards. [h, w]"""
    rows = max(1, round(LIP_REACH * unit))
    fallen = torch.cat([torch.zeros_like(alpha[:rows]), alpha[:-rows]]) if rows < len(alpha) else alpha * 0
    return 1 - smoothstep(blur(fallen[None], max(0.7, 0.6 * LIP_REACH * unit))[0], 0.1, 0.95)


def _stretched(
    mouth: Mouth, bust: Bust, source: Tensor, now: Deformation, photo: Tensor, gap: Gap, painted: Tensor
) -> Tensor:
    """The inside with what a photo shows of it in a mere slit, stretched between the lips while it stays one. [3, h,
    w]"""
    slit = smoothstep(now.opening / mouth.opening.clamp(min=0.02), 2.0, 1.25) * smoothstep(mouth.opening, *CLEAR[::-1])
    if slit == 0:
        return painted
    return painted + slit * (sample(photo, _between_lips(bust, source, now, gap.window)) - painted)


def _with_own(mouth: Mouth, photo: Tensor, gap: Gap, drawn: Drawn, painted: Tensor, change: Tensor) -> Tensor:
    """The inside with what a photo shows of it clearly, moved with skull and jaw. [3, h, w]"""
    window = gap.window
    flow = drawn.flow / drawn.owner.sum(0).clamp(min=1e-3)
    at = pixel_centres(window.height, window.width) + torch.tensor([window.left, window.top]) + flow.permute(1, 2, 0)
    seen = sample_linear(mouth.seen, at - torch.tensor([mouth.window.left, mouth.window.top]))
    kept = torch.maximum((seen * drawn.owner).sum(0), 1 - change)
    return painted + kept * (sample(photo, at) - painted) if kept.any() else painted


def _with_teeth(mouth: Mouth, now: Deformation, gap: Gap, painted: Tensor) -> Tensor:
    """The inside with the teeth that other pictures show, moved with skull and jaw. [3, h, w]"""
    unit, corner = float(now.unit), torch.tensor([gap.window.left, gap.window.top])
    for teeth in mouth.teeth:
        drawn = draw_inside(
            mouth.inside, now.screen, unit, gap.window, mouth.light, mouth.palette.shade, tongue_way(now.motion),
            teeth.place,
        )  # fmt: skip
        flow = drawn.flow / drawn.owner.sum(0).clamp(min=1e-3)
        at = pixel_centres(gap.window.height, gap.window.width) + corner + flow.permute(1, 2, 0)
        share = (sample_linear(teeth.seen, at) * drawn.owner).sum(0)
        if share.any():
            painted = painted + share * (sample(teeth.picture, at) - painted)
    return painted


def _between_lips(bust: Bust, source: Tensor, now: Deformation, window: Window) -> Tensor:
    """Where in the photo lies what has the same place between the lips. [h, w, 2]"""
    pairs = bust.contact.lips
    rims = [points(bust.model, screen, n)[:, :2] for screen in (now.screen, source) for n in (pairs.upper, pairs.lower)]
    column = torch.arange(window.width) + 0.5 + window.left
    along = hats(column, (rims[0][:, 0] + rims[1][:, 0]) / 2)
    along = along / along.sum(1, keepdim=True).clamp(min=1e-3)
    above, below, top, bottom = (along @ rim for rim in rims)  # [w, 2]
    row = (torch.arange(window.height) + 0.5 + window.top)[:, None]
    share = ((row - above[:, 1]) / (below - above)[:, 1].clamp(min=0.5)).clamp(0, 1)[..., None]  # [h, w, 1]
    return top + share * (bottom - top)


def _tinted(mouth: Mouth, start: Deformation, gap: Gap, photo: Tensor) -> Mouth:
    """The mouth with its paint in the colour of the teeth that the photo shows, where it shows some."""
    unit = float(start.unit)
    drawn = draw_inside(
        mouth.inside, start.screen, unit, gap.window, mouth.light, mouth.palette.shade, tongue_way(start.motion)
    )
    mask = (drawn.teeth > 0.9) & (erode(gap.alpha > 0.95, max(1, round(0.06 * unit))) > 0)
    if int(mask.sum()) < FEW:
        return mouth
    own, painted = photo[:, gap.window.rows, gap.window.columns][:, mask], _painted(mouth, gap, drawn, unit)[:, mask]
    bright = own.mean(0) >= own.mean(0).quantile(0.6)  # gaps, shadow and tongue are darker than teeth
    ratio = own[:, bright].mean(1) / painted[:, bright].mean(1).clamp(min=0.02)
    belief = 0.2 + 0.8 * smoothstep(start.opening, 0.45, 1.2)  # in a slit teeth lie in shadow and mix with lips
    return replace(mouth, white=mouth.white * ratio.clamp(*TINT) ** belief)


def _lips(model: HeadModel, now: Deformation) -> tuple[Tensor, float]:
    """Points around the outer edge of the lips [P, 2] on the screen, and the mouth's width in pixels."""
    edge = [number for side in ("upper", "lower") for number in model.landmark_groups[f"lips_outer_{side}"]]
    lips = points(model, now.screen, torch.tensor(edge))[:, :2]
    return lips, float(lips[:, 0].amax() - lips[:, 0].amin())


def _maps(inner: Tensor, shadow: Tensor, teeth: Tensor, change: Tensor) -> Tensor:
    """What the refiner is told about the mouth: lips are new, what stands between them is painted as it should be.
    [6, h, w]"""
    reach = max(1, round(0.02 * inner.shape[1]))
    around = blur(dilate(inner + shadow, reach)[None], 0.7 * reach)[0].clamp(0, 1) * (1 - inner) * change
    none = torch.zeros_like(inner)
    return torch.stack([around, inner, inner * teeth, inner * (1 - teeth), none, none])


def _lip_line(bust: Bust, now: Deformation, window: Window) -> Tensor:
    """Rows of the upper and of the lower lip's rim in every column, 0..1 by how far it lies from the corners of the
    mouth, and whether it crosses the mouth at all. [4, w]"""
    pairs = bust.contact.lips
    top, bottom = (points(bust.model, now.screen, n)[:, :2] for n in (pairs.upper, pairs.lower))
    middle = (top[:, 0] + bottom[:, 0]) / 2
    column = torch.arange(window.width) + 0.5 + window.left
    along = hats(column, middle)
    total = along.sum(1).clamp(min=1e-3)
    rims = (along @ torch.stack([top[:, 1], bottom[:, 1]], 1)).T / total - window.top
    room = torch.minimum(column - middle.amin(), middle.amax() - column)
    within = smoothstep(room, 0.0, max(1.0, CORNERS * float(now.unit))) * (total > 1e-3)
    return torch.cat([rims, torch.stack([within, (along.sum(1) > 0).float()])])


def _parted(line: Tensor, window: Window) -> Tensor:
    """Where the mouth can be seen into: 1 between lips that part by more than a pixel, 0 where they touch. [h, w]"""
    above, below, _, known = line
    row = (torch.arange(window.height) + 0.5)[:, None]
    margin = 0.1 * window.width
    near = smoothstep(torch.maximum(above - row, row - below), margin, 0.5 * margin)
    return near * smoothstep(below - above, 0.3, 1.3) * known


def _met(line: Tensor) -> Tensor:
    """1 in columns where lips touch, 0 where a pixel lies between them or no lips are. [w]"""
    return smoothstep(line[1] - line[0], 1.4, 0.4) * line[3]


def _crease(line: Tensor, window: Window, palette: Palette, unit: float) -> Tensor:
    """How much darker the line is in which lips touch: they are round, so light leaves them there. [3, h, w]"""
    row = (torch.arange(window.height) + 0.5)[:, None]
    width, depth = max(0.9, palette.soft, CREASE_WIDTH * unit), torch.tensor(CREASE)
    depth = depth + palette.stone * (depth.mean() - depth)  # red is what shines through lips
    away = (row - (line[0] + line[1]) / 2) / width
    return depth[:, None, None] * _met(line) * line[2] * torch.exp(-(away**2))


def _change(bust: Bust, source: Tensor, now: Deformation) -> Tensor:
    """0 while the lips are as in the photo, 1 once they have moved by a pixel against each other. []"""
    pairs = bust.contact.lips

    def gap(screen: Tensor) -> Tensor:
        return points(bust.model, screen, pairs.upper)[:, :2] - points(bust.model, screen, pairs.lower)[:, :2]

    return smoothstep((gap(now.screen) - gap(source)).norm(dim=1).amax(), 0.05, 1.2)
