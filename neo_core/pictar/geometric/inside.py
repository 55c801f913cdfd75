"""Teeth, gums and tongue as smooth painted sheets instead of hard little objects.

The head model's thirty-two teeth are a few dozen triangles each: at the size of a face in a video they alias into grey
saw-teeth. Here each row of teeth is one curved sheet that rides rigidly on the model's teeth, the upper row on the
skull and the lower one on the jaw, and single teeth are drawn into it by formula: edges, gaps and gums have a width in
pixels, so they are smooth at every size and fade where a tooth is only a few pixels wide. The tongue is a sheet too.

Letters: V vertices, N of them on teeth, S points of all sheets, h, w pixels of the window.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ...geometry.head_model import PARTS, HeadModel, vertex_normals
from ...geometry.rasteriser import interpolate, rasterise
from ...motion_space import INDEX
from .follow import smoothstep
from .light import DISPLAY, harmonics
from .patch import Window, facing

# of the head model's template, from the middle to the back, in head units: where the outer face of each tooth is (x, z)
# and how high its edge
UPPER = ((0.40, 10.83, -3.76), (1.13, 10.50, -3.66), (1.72, 10.00, -3.72), (2.10, 9.26, -3.58), (2.39, 8.60, -3.50),
         (2.71, 7.91, -3.46), (2.98, 6.96, -3.30), (3.26, 5.82, -3.20))  # fmt: skip
LOWER = ((0.38, 10.62, -3.60), (1.01, 10.36, -3.58), (1.57, 9.85, -3.54), (2.00, 9.20, -3.64), (2.26, 8.55, -3.72),
         (2.53, 7.84, -3.74), (2.74, 6.88, -3.60), (2.96, 5.91, -3.64))  # fmt: skip
CROWN = (1.06, 0.92)  # height of a crown, upper and lower
RAISED = 0.3  # head units that the lower row stands higher than the model's, whose lip hides it from every lens
WIDTH = ((0.88, 0.68, 0.76, 0.70, 0.68, 1.0, 1.0, 1.0), (0.56, 0.60, 0.68, 0.70, 0.72, 1.0, 1.0, 1.0))
ROUND = ((0.08, 0.12, 0.17, 0.14, 0.12, 0.10, 0.10, 0.10), (0.07, 0.09, 0.14, 0.12, 0.10, 0.10, 0.10, 0.10))
TONE = (1.0, 0.96, 0.88, 0.9, 0.88, 0.86, 0.84, 0.84)  # canines are darker than incisors
POINTED = (4.0, 3.4, 1.7, 2.0, 2.4, 3.0, 3.0, 3.0)  # power of the rounding across a tooth
SHARE = (1.0, 0.84)  # of the light, upper and lower
# no tooth is its neighbour's twin: shade and length of each, from the one at the far right to the far left
UNEVEN = ((-0.02, 0.02, -0.03, 0.01, 0.03, -0.04, 0, 0.02, -0.02, 0.03, -0.02, 0.02, -0.01, 0.02, 0, 0),
          (0, 0.02, -0.03, 0.03, -0.02, 0.04, -0.03, 0.02, 0.03, -0.04, 0.02, -0.03, 0.03, 0, 0.02, 0))  # fmt: skip
LONGER = ((0, 0, 0.02, -0.03, 0.02, -0.06, 0, 0.02, -0.03, 0.01, -0.03, 0.02, 0, 0, 0, 0),
          (0, 0, 0, 0.03, -0.04, 0.05, -0.05, 0.02, -0.02, 0.04, -0.05, 0.03, 0, 0, 0, 0))  # fmt: skip
GAP = 0.034  # half width of the line between two teeth
NOTCH = 0.07  # how much wider it opens at the edge
TEETH = 7  # drawn to each side
PER_TOOTH = 4  # columns of a sheet
HEIGHTS = (-0.9, -0.1, 0.5, 1.25)  # rows of a sheet: 0 at the gum, 1 at the edge of the teeth
TONGUE_CENTRE, TONGUE_RADII = (0.0, -4.7, 6.3), (2.2, 1.5, 3.3)  # of a rounded box
TONGUE_SLOPE = 1.6  # head units that its back lies behind its tip
FADING = 1.8  # head units behind its place over which the light on it falls to a third
TONGUE_GROOVE = 0.3  # depth of the groove along its middle
TONGUE_FULL = 0.6  # power of its rounding: 1 is an ellipsoid
HIGH, BACK = (0.0, 0.85, 0.5), (0.0, -0.25, -3.0)  # head units it goes up and forth, or draws back
TONGUE_WITH_JAW = 0.76  # of the jaw's way that the tongue goes
SPARSE = 8  # every so many vertices of the teeth are enough to know where their row is
DETAIL = 22.0  # samples per head unit that small faces are drawn with
MOST_DETAIL = 4  # samples per pixel and side

ENAMEL = (0.93, 0.885, 0.805)  # colours under white light, as a display shows them
GUM = (0.72, 0.42, 0.41)
FLESH = (0.74, 0.45, 0.43)


@dataclass(frozen=True)
class Sheet:
    """A grid of points in which things are painted by coordinates."""

    first: int  # of its points among those of all sheets
    count: int
    triangles: Tensor  # [F, 3] its points from 0
    place: Tensor  # [count, 2] coordinates: tooth number and height, or across and along the tongue


@dataclass(frozen=True)
class Inside:
    """What a bust has in its mouth."""

    anchors: Tensor  # [N] vertices on teeth
    ride: Tensor  # [S, N] points of the sheets from the anchors
    lift: Tensor  # [3, N] what a head unit along each axis of the template adds to the points of the tongue
    upper: Sheet
    lower: Sheet
    tongue: Sheet


@dataclass(frozen=True)
class Drawn:
    """What stands in the mouth, over a window."""

    colour: Tensor  # [3, h, w] times its cover
    cover: Tensor  # [h, w]
    teeth: Tensor  # [h, w] cover of teeth and gums alone
    owner: Tensor  # [2, h, w] share of the lower and of the upper row, with gaps and gums
    flow: Tensor  # [2, h, w] from there to its source, times those shares


def build_inside(model: HeadModel) -> Inside:
    """Sheets for a head model; they find their place on every head by its teeth."""
    rows = [
        torch.nonzero(model.vertex_part == PARTS.index(f"teeth_{name}"))[::SPARSE, 0] for name in ("upper", "lower")
    ]
    skull, jaw = (_affine(model.template[row]) for row in rows)  # [4, N of a row]
    raised = tuple((x, z, edge + RAISED) for x, z, edge in LOWER)
    upper, lower, tongue = _row(UPPER, CROWN[0]), _row(raised, -CROWN[1]), _tongue()
    none = [torch.zeros(4, len(row)) for row in rows]
    share = TONGUE_WITH_JAW
    maps = (
        torch.cat([skull, none[1]], 1),
        torch.cat([none[0], jaw], 1),
        torch.cat([(1 - share) * skull, share * jaw], 1),
    )
    sheets, ride, first = [], [], 0
    for (points, place, triangles), by in zip((upper, lower, tongue), maps, strict=True):
        sheets.append(Sheet(first, len(points), triangles, place))
        ride.append(torch.cat([points, torch.ones(len(points), 1)], 1) @ by)
        first += len(points)
    return Inside(torch.cat(rows), torch.cat(ride), maps[2][:3], *sheets)


def draw_inside(
    inside: Inside,
    screen: Tensor,
    unit: float,
    window: Window,
    light: Tensor,
    shade: Tensor,
    tongue: Tensor,
    source: Tensor | None = None,
) -> Drawn:
    """Teeth over tongue in a window. screen [V, 3] now and at its source; unit in pixels; light [9] spherical
    harmonics; shade [3] powers of its light, see `Palette`; tongue [3] how far it has moved, see `tongue_way`."""
    density = max(1, min(MOST_DETAIL, round(DETAIL / unit)))
    placed = _placed(inside, screen, tongue)
    flow = (placed if source is None else _placed(inside, source, tongue))[:, :2] - placed[:, :2]
    size = (window.height, window.width)
    near = (placed - placed.new_tensor([window.left, window.top, 0.0])) * placed.new_tensor([density, density, 1.0])
    pixels = unit * density  # samples per head unit
    colour = torch.zeros(4, size[0] * density, size[1] * density)
    teeth, origin = torch.zeros(colour.shape[1:]), torch.zeros_like(colour)
    teeth_of = [partial(_paint_row, row, pixels, shade) for row in (0, 1)]
    for sheet, paint in (
        (inside.tongue, partial(_paint_tongue, tongue, shade)),
        (inside.lower, teeth_of[1]),
        (inside.upper, teeth_of[0]),
    ):
        points = slice(sheet.first, sheet.first + sheet.count)
        values = torch.cat([_values(sheet, near, pixels, light), flow[points]], 1)
        front = sheet.triangles[facing(near[points], sheet.triangles)]
        fragments = rasterise(near[points], front, *colour.shape[1:])
        shown = interpolate(fragments, front, values).permute(2, 0, 1)  # [6, H, W]
        there = fragments.triangle >= 0
        rgb, alpha = paint(shown[:4])
        alpha = alpha * there
        if sheet is not inside.tongue:
            teeth = teeth * (1 - alpha) + alpha
            own = there & (shown[1] < 1.02)  # beyond the edge of these teeth the photo may show others
            upper = torch.full_like(alpha, float(sheet is inside.upper))
            origin = torch.where(own, torch.stack([1 - upper, upper, *shown[4:]]), origin)
        colour = colour * (1 - alpha) + torch.cat([rgb * alpha, alpha[None]])
    mean = torch.nn.functional.avg_pool2d(torch.cat([colour, teeth[None], origin])[None], density)[0]
    return Drawn(mean[:3], mean[3], mean[4], mean[5:7], mean[7:])


def tongue_way(motion: Tensor) -> Tensor:
    """How far the tongue has moved from where it lies, head units of the template, for a motion [63]. [3]

    No coefficient tells of it, but it goes with the lips: high and in front where the jaw is up and the lips are not
    rounded, as in /t d n l/ and /i/; drawn back where they are, as in /u o/; low and a little back in /a/.
    """
    jaw, purse = motion[INDEX["jawOpen"]], (motion[INDEX["mouthPucker"]] + motion[INDEX["mouthFunnel"]]).clamp(0, 1)
    high = smoothstep(jaw, 0.32, 0.08) * (1 - purse)
    back = purse + 0.2 * smoothstep(jaw, 0.25, 0.6)
    return high * torch.tensor(HIGH) + back * torch.tensor(BACK)


def _affine(template: Tensor) -> Tensor:
    """Matrix that takes positions of the vertices to the affine map that moved them, by least squares. [4, N]"""
    return torch.linalg.pinv(torch.cat([template, torch.ones(len(template), 1)], 1))


def _placed(inside: Inside, screen: Tensor, tongue: Tensor) -> Tensor:
    """Points of all sheets on the screen: affine in space, so exact under perspective. tongue [3] -> [S, 3]"""
    anchors = screen[inside.anchors]
    anchors = torch.cat([anchors[:, :2] * anchors[:, 2:], anchors[:, 2:]], 1)
    point = inside.ride @ anchors
    point[inside.tongue.first :][: inside.tongue.count] += tongue @ (inside.lift @ anchors)
    return torch.cat([point[:, :2] / point[:, 2:], point[:, 2:]], 1)


def _grid(rows: int, columns: int) -> Tensor:
    """Triangles of a grid of points, row by row. [F, 3]"""
    corner = (torch.arange(rows - 1)[:, None] * columns + torch.arange(columns - 1)).flatten()
    right, below, across = corner + 1, corner + columns, corner + columns + 1
    return torch.cat([torch.stack([corner, below, right], 1), torch.stack([right, below, across], 1)])


def _row(teeth: tuple, crown: float) -> tuple[Tensor, Tensor, Tensor]:
    """Points [S, 3], coordinates [S, 2] and triangles of a row; crown > 0 grows downwards."""
    half = torch.tensor(teeth)
    knots = torch.cat([half.flip(0) * torch.tensor([-1.0, 1, 1]), half])  # [16, 3] from right to left
    number = torch.linspace(-TEETH, TEETH, 2 * TEETH * PER_TOOTH + 1)
    x, z, edge = _smooth(knots, number + len(half) - 0.5).unbind(1)
    up = torch.tensor(HEIGHTS)[:, None]
    y = edge + (1 - up) * crown
    inward = 0.10 * (1 - up).clamp(min=0) + 0.25 * (-up).clamp(min=0)
    points = torch.stack([(x * (1 - 0.1 * inward)).expand_as(y), y, z - inward], -1).flatten(0, 1)
    place = torch.stack([number.expand_as(y), up.expand_as(y)], -1).flatten(0, 1)
    triangles = _grid(len(HEIGHTS), len(number))
    return points, place, triangles if crown > 0 else triangles[:, [0, 2, 1]]


def _smooth(knots: Tensor, at: Tensor) -> Tensor:
    """Catmull-Rom curve through knots [K, C] at positions [S] in knots. [S, C]"""
    k = at.floor().clamp(0, len(knots) - 2).long()
    t = (at - k)[:, None]
    a, b, c, d = (knots[(k + step).clamp(0, len(knots) - 1)] for step in (-1, 0, 1, 2))
    return b + t * ((c - a) / 2 + t * ((2 * a - 5 * b + 4 * c - d) / 2 + t * (3 * (b - c) + d - a) / 2))


def _tongue() -> tuple[Tensor, Tensor, Tensor]:
    """The upper front of a rounded box that slopes back; coordinates: across -1..1, from its back 0 to its tip 1."""
    across, along = torch.linspace(-1, 1, 17), torch.linspace(0.98, -0.35, 13)[:, None]
    turn, rise = across * torch.pi / 2, along * torch.pi / 2
    side, ahead, up = torch.sin(turn), torch.cos(turn), torch.sin(rise)
    x = side.sign() * side.abs() ** TONGUE_FULL * torch.cos(rise) ** TONGUE_FULL
    z = ahead.clamp(min=0) ** TONGUE_FULL * torch.cos(rise) ** TONGUE_FULL
    shape = torch.stack([x, up.expand(13, 17), z], -1) * torch.tensor(TONGUE_RADII)
    groove = TONGUE_GROOVE * torch.exp(-((x / 0.3) ** 2)) * smoothstep(up, 0.0, 0.6)
    way = torch.stack([torch.zeros_like(x), -groove, -TONGUE_SLOPE * up.clamp(min=0).expand(13, 17)], -1)
    points = torch.tensor(TONGUE_CENTRE) + shape + way
    place = torch.stack([x, 1 - up.expand(13, 17)], -1)
    return points.flatten(0, 1), place.flatten(0, 1), _grid(13, 17)


def _values(sheet: Sheet, near: Tensor, pixels: float, light: Tensor) -> Tensor:
    """Coordinates, how much a surface faces the lens, and the light it gets. [count, 4]"""
    own = near[sheet.first : sheet.first + sheet.count]
    normal = vertex_normals(own * own.new_tensor([1.0, -1.0, -pixels]), sheet.triangles)
    ahead = harmonics(normal.new_tensor([0.0, 0.0, 1.0])) @ light
    lit = ((harmonics(normal) @ light) / ahead.clamp(min=0.2)).clamp(0.45, 1.3) ** DISPLAY
    return torch.cat([sheet.place, normal[:, 2:], lit[:, None]], 1)


def _paint_row(row: int, pixels: float, shade: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
    """Colour [3, H, W] and cover [H, W] of teeth, row 0 upper or 1 lower; shown are tooth, height, facing and light."""
    number, up, ahead, lit = shown
    tooth = number.abs().floor().clamp(max=TEETH)
    across = 2 * (number.abs() - tooth) - 1  # -1..1 over a tooth
    index, own = tooth.long(), (number.floor() + TEETH).long().clamp(0, 2 * TEETH + 1)
    width, rounding, power, tone = (torch.tensor(t)[index] for t in (WIDTH[row], ROUND[row], POINTED, TONE))
    uneven, longer = torch.tensor(UNEVEN[row])[own], torch.tensor(LONGER[row])[own]
    sample = 1 / pixels  # head units
    aside = (1 - across.abs()) * width / 2 * ahead.clamp(min=0.25)
    edge = 1 + longer - rounding * across.abs() ** power
    soft = 0.7 * sample / CROWN[row] + 0.03
    notch = smoothstep(aside, 0.0, NOTCH * smoothstep(up, 0.55, 1.0) + 1e-3 + 0.4 * sample)
    cover = smoothstep(edge - up, -soft, soft) * smoothstep(ahead, 0.1, 0.4) * smoothstep(number.abs(), 6.6, 4.4)
    gum = smoothstep(up - 0.26 * across.abs() ** 2.5, 1.5 * soft + 0.03, -1.5 * soft - 0.03)
    line = (GAP**2 + (0.8 * sample) ** 2) ** 0.5
    gap = 0.28 * GAP / line * torch.exp(-((aside / line) ** 2)) * smoothstep(up, -0.1, 0.3)
    gap = gap + 0.24 * (1 - notch) * smoothstep(up, 0.5, 0.9)
    body = (1 - 0.2 * across**2 - 0.14 * (up - 0.6) ** 2) * (1 + uneven)
    deep = 1 - 0.95 * smoothstep(number.abs(), 1.0, 5.4)
    enamel = torch.tensor(ENAMEL)[:, None, None] * tone * SHARE[row]
    enamel = enamel * (1 - (1 - up).clamp(0, 1) ** 1.5 * torch.tensor([0.06, 0.12, 0.20])[:, None, None])
    glassy = smoothstep(up, 0.7, 1.0) * torch.tensor([0.14, 0.11, 0.08])[:, None, None]
    enamel = enamel * (1 - glassy) * body * (1 - gap.clamp(max=0.8) * torch.tensor([0.9, 1.0, 1.05])[:, None, None])
    glint = 0.10 * torch.exp(-(((across - 0.25) / 0.3) ** 2) - ((up - 0.45) / 0.16) ** 2)
    colour = enamel + glint + gum * (torch.tensor(GUM)[:, None, None] - enamel)
    return colour * lit ** shade[:, None, None] * deep ** torch.tensor([0.9, 1.05, 1.1])[:, None, None], cover


def _paint_tongue(way: Tensor, shade: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
    """Colour and cover of the tongue: wet in front, dark behind, with its groove. way [3] as in `tongue_way`"""
    across, along, ahead, lit = shown
    near = smoothstep(along, -0.4, 0.85) * torch.exp(way[2].clamp(max=0) / FADING)
    groove = 1 - 0.16 * torch.exp(-((across / 0.16) ** 2)) * smoothstep(along, 0.95, 0.5) * smoothstep(along, 0.05, 0.4)
    side = 1 - 0.6 * across.abs() ** 2
    rough = 1 + 0.03 * torch.sin(37 * across + 11 * along) * torch.sin(41 * along - 17 * across)
    level = (0.17 + 0.83 * near) * groove * side * rough * (0.7 + 0.3 * ahead.clamp(min=0))
    colour = (
        torch.tensor(FLESH)[:, None, None]
        * lit ** shade[:, None, None]
        * level ** torch.tensor([0.98, 1.06, 1.06])[:, None, None]
    )
    wet = torch.exp(-(((across.abs() - 0.32) / 0.14) ** 2) - ((along - 0.55) / 0.1) ** 2)
    wet = 0.13 * wet * (0.55 + 0.45 * torch.sin(29 * across + 5)) * near
    return colour + wet, smoothstep(ahead, -0.02, 0.12) * smoothstep(across.abs(), 1.0, 0.8)
