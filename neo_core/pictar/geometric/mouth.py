"""The inside of the mouth: the photo's own pixels where it showed them, lit and toned model teeth, gums and tongue
elsewhere."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.head_model import PARTS, HeadModel, vertex_normals
from ...geometry.rasteriser import rasterise
from .bust import MOUTH, Bust, Deformation
from .contact import Pairs, hats, points
from .follow import smoothstep
from .patch import BLANK, INNER, SKIN, Cut, Layers, Window, draw_layers, window_around
from .sampling import blur, dilate, pixel_centres, sample, sample_linear

INNER_LIP = 0.6  # head units of the mouth's lining that look like lip
SEAM = 0.12  # head units about the lips' seam that the photo may show as its dark line
SLIT = 0.025  # of the window's width: slits between teeth up to twice this are closed
PUSH = 1.5  # head units the inside is set back, so that a badly fitted lip or chin still covers it
ALBEDO = {  # of the parts, under white light
    "mouth_socket": (0.36, 0.10, 0.09),
    "gums": (0.70, 0.36, 0.35),
    "tongue": (0.70, 0.36, 0.35),
    "teeth_upper": (0.94, 0.91, 0.86),
    "teeth_lower": (0.88, 0.85, 0.79),
}
WARMTH = (0.85, 1.12, 1.15)  # light that has bounced between gums and cheeks turns red as it fades


@dataclass(frozen=True)
class Mouth:
    """What a lifted portrait knows of its mouth; pictures cover `window` of the photo."""

    window: Window
    cut: Cut
    inside: Tensor  # [I, 3] triangles of the inside, for its normals
    albedo: Tensor  # [V, 3] lit by the photo's light
    teeth: Tensor  # [V] 1 on teeth
    seen: Tensor  # [1, h, w] where the photo shows the inside
    opening: Tensor  # [] gap between the lips in the photo, head units
    lip_shade: Tensor  # [V] 1 on the lips, less behind their seam
    lip_source: Tensor  # [V, 2] photo position of the lips' skin; hidden skin takes its neighbours'


@dataclass(frozen=True)
class MouthNow:
    """The mouth at one moment, over `window` of the photo."""

    window: Window
    layers: Layers  # the first two skin values are the flow into the photo
    inside: Tensor  # [4, h, w] colour and alpha
    lip_shade: Tensor  # [h, w] factor on the skin: the inner lips lie in shadow
    maps: Tensor  # [6, h, w] for the refiner: see `refine.MAPS`


def build_mouth(bust: Bust, start: Deformation, bounds: Window, light: Tensor, worn: Tensor) -> Mouth:
    """The mouth of a bust; light [3] is what white looks like in the photo, worn [F] the triangles that carry it."""
    model, pairs = bust.model, bust.contact.lips
    lips, width = _lips(model, start)
    window = window_around(lips, 0.4 * width, bounds)
    cut = _cut(model, pairs, worn)
    layers = draw_layers(start.screen, model, cut, window, torch.zeros(len(model.template), 1))
    albedo = torch.zeros(len(model.template), 3)
    for name, colour in ALBEDO.items():
        albedo[model.vertex_part == PARTS.index(name)] = torch.tensor(colour) * light
    inside = model.triangles[torch.isin(model.triangle_part, MOUTH)]
    seen = smoothstep(blur((layers.inner * _parted(bust, start, window))[None], 0.7), 0.35, 0.75)
    behind = (_behind_lips(model) / INNER_LIP).clamp(max=1)
    lining = model.vertex_part == PARTS.index("mouth_socket")
    teeth = (model.vertex_part == PARTS.index("teeth_upper")) | (model.vertex_part == PARTS.index("teeth_lower"))
    return Mouth(
        window=window,
        cut=cut,
        inside=inside,
        albedo=albedo,
        teeth=teeth.float(),
        seen=seen,
        opening=start.opening,
        lip_shade=torch.where(lining, 1 - 0.4 * behind, torch.ones_like(behind)),
        lip_source=_borrow(model, start.screen[:, :2], _hidden_lips(bust, start, window)),
    )


def draw_mouth(mouth: Mouth, bust: Bust, source: Tensor, now: Deformation, photo: Tensor, bounds: Window) -> MouthNow:
    """The mouth at a deformation. source [V, 3] is the photo's own screen."""
    model = bust.model
    lips, width = _lips(model, now)
    window = window_around(lips, 0.28 * width, bounds)
    change = _change(bust, source, now)
    flow = source[:, :2] - now.screen[:, :2] + change * (mouth.lip_source - source[:, :2])
    values = torch.cat([flow, _lit(mouth, now), mouth.lip_shade[:, None], mouth.teeth[:, None]], 1)
    layers = draw_layers(now.screen, model, mouth.cut, window, values)
    at = pixel_centres(window.height, window.width) + torch.tensor([window.left, window.top])
    at = at + layers.inner_values[:2].permute(1, 2, 0)
    corner = torch.tensor([mouth.window.left, mouth.window.top], dtype=at.dtype)
    seen = sample_linear(mouth.seen, at - corner) * _keeping(mouth.opening, now.opening)
    own = 1 - change * (1 - seen)  # the photo's own pixels, all of them while nothing has moved
    inside = sample(photo, at) * own + _joined(_shadowed(layers), layers) * (1 - own)
    alpha = layers.inner * _parted(bust, now, window)
    shade = 1 - change * (1 - layers.skin_values[5]) * (layers.skin > 0)
    maps = _maps(alpha, alpha * (1 - own[0]) + (1 - shade), layers.inner_values[6], change)
    return MouthNow(window, layers, torch.cat([inside, alpha[None]]), shade, maps)


def _lips(model: HeadModel, now: Deformation) -> tuple[Tensor, float]:
    """Points around the outer edge of the lips [P, 2] on the screen, and the mouth's width in pixels."""
    edge = [number for side in ("upper", "lower") for number in model.landmark_groups[f"lips_outer_{side}"]]
    lips = points(model, now.screen, torch.tensor(edge))[:, :2]
    return lips, float(lips[:, 0].amax() - lips[:, 0].amin())


def _maps(inner: Tensor, new: Tensor, teeth: Tensor, change: Tensor) -> Tensor:
    """What the refiner is told about the mouth. [6, h, w]"""
    reach = max(1, round(0.02 * inner.shape[1]))
    around = blur(dilate(new, reach)[None], 0.7 * reach)[0].clamp(0, 1) * change
    none = torch.zeros_like(inner)
    return torch.stack([around, inner, inner * teeth, inner * (1 - teeth), none, none])


def _lit(mouth: Mouth, now: Deformation) -> Tensor:
    """Colour of every vertex of the inside: light falls in through the lips and dies with depth. [V, 3]"""
    normal = vertex_normals(now.screen * torch.tensor([1.0, -1.0, -now.unit]), mouth.inside)
    height = now.vertices[:, 2]
    depth = smoothstep(height - height[mouth.teeth > 0].amax(), -7.0, -0.2)
    facing = 0.62 + 0.38 * normal[:, 2].clamp(min=0)
    return mouth.albedo * ((0.08 + 0.92 * depth) * facing)[:, None] ** torch.tensor(WARMTH)


def _keeping(before: Tensor, after: Tensor) -> Tensor:
    """How much of what the photo shows of the inside is kept: a clear view always, a mere slit only while it stays
    one. []"""
    clear = smoothstep(before, 0.45, 0.9)
    slit = smoothstep(after / before.clamp(min=0.02), 2.0, 1.2)
    return torch.maximum(clear, slit)


def _parted(bust: Bust, now: Deformation, window: Window) -> Tensor:
    """Where the mouth can be seen into: 1 between lips that part by more than a pixel, 0 where they touch. [h, w]"""
    pairs = bust.contact.lips
    top, bottom = (points(bust.model, now.screen, n)[:, :2] for n in (pairs.upper, pairs.lower))
    column = torch.arange(window.width) + 0.5 + window.left
    along = hats(column, (top[:, 0] + bottom[:, 0]) / 2)
    total = along.sum(1).clamp(min=1e-3)
    above, below = (along @ top[:, 1]) / total, (along @ bottom[:, 1]) / total  # [w]
    row = (torch.arange(window.height) + 0.5 + window.top)[:, None]
    margin = 0.1 * window.width
    near = smoothstep(torch.maximum(above - row, row - below), margin, 0.5 * margin)
    return near * smoothstep(below - above, 0.3, 1.3) * (along.sum(1) > 0)


def _shadowed(layers: Layers) -> Tensor:
    """The inside with the soft shadow of the upper lip on it. [3, h, w]"""
    near = max(1.0, 0.02 * layers.inner.shape[1])
    open_sky = torch.roll(blur(layers.inner[None], near), round(near), 1)
    shade = 0.72 + 0.28 * smoothstep(open_sky, 0.2, 0.95)
    return layers.inner_values[2:5] * shade ** torch.tensor(WARMTH)[:, None, None]


def _joined(colour: Tensor, layers: Layers) -> Tensor:
    """Close the dark slits between neighbouring teeth, which a coarse mesh leaves too wide. colour [3, h, w]"""
    teeth = (layers.inner_values[6] * layers.inner)[None]
    reach = max(1, round(SLIT * teeth.shape[2]))
    wide = F.max_pool2d(teeth, (1, 2 * reach + 1), 1, (0, reach))
    row = -F.max_pool2d(-wide, (1, 2 * reach + 1), 1, (0, reach))
    near = blur(torch.cat([colour * teeth, teeth]), reach)
    return colour + (row - teeth).clamp(min=0) * (0.85 * near[:3] / near[3:].clamp(min=1e-3) - colour)


def _change(bust: Bust, source: Tensor, now: Deformation) -> Tensor:
    """0 while the lips are as in the photo, 1 once they have moved by a pixel against each other. []"""
    pairs = bust.contact.lips

    def gap(screen: Tensor) -> Tensor:
        return points(bust.model, screen, pairs.upper)[:, :2] - points(bust.model, screen, pairs.lower)[:, :2]

    return smoothstep((gap(now.screen) - gap(source)).norm(dim=1).amax(), 0.05, 1.2)


def _cut(model: HeadModel, pairs: Pairs, worn: Tensor) -> Cut:
    """The inside, the lips, and the skin around them as far as it carries the photo."""
    rim = torch.cat([points(model, model.template, pairs.upper), points(model, model.template, pairs.lower)])
    low, high = rim.amin(0) - 3.5, rim.amax(0) + 5.5
    centre = model.template[model.triangles].mean(1)
    near = ((centre > low) & (centre < high))[:, :2].all(1) & (centre[:, 2] > rim[:, 2].amin() - 5)
    lips = ((pairs.upper_weight + pairs.lower_weight).sum(1) > 0.3)[model.triangles].all(1)
    layer = torch.where(worn | lips, SKIN, BLANK)
    behind = _behind_lips(model)[model.triangles].amax(1)
    layer = torch.where(torch.isin(model.triangle_part, MOUTH) & (behind > INNER_LIP), INNER, layer)
    chosen = torch.nonzero((near & (model.triangle_part < 2)) | torch.isin(model.triangle_part, MOUTH))[:, 0]
    return Cut(chosen, layer[chosen], torch.isin(model.vertex_part, MOUTH).float() * PUSH)


def _behind_lips(model: HeadModel) -> Tensor:
    """Distance of the mouth's lining from the seam of the lips, head units; far for teeth, gums and tongue. [V]"""
    lining = model.vertex_part == PARTS.index("mouth_socket")
    rim = torch.cat([torch.tensor(model.landmark_groups[f"lips_inner_{name}"]) for name in ("upper", "lower")])
    gap = torch.cdist(model.template, points(model, model.template, rim)).amin(1)
    return torch.where(lining | (model.vertex_part == 0), gap, torch.full_like(gap, 99.0))


def _hidden_lips(bust: Bust, start: Deformation, window: Window) -> Tensor:
    """Lip skin the photo does not show, or shows only as the dark line between the lips. bool [V]"""
    model = bust.model
    behind = _behind_lips(model)
    triangles = model.triangles[model.triangle_part < 2]
    local = start.screen - torch.tensor([window.left, window.top, 0.0])
    depth = rasterise(local, triangles, window.height, window.width).depth
    column = local[:, 0].long().clamp(0, window.width - 1)
    row = local[:, 1].long().clamp(0, window.height - 1)
    hidden = (local[:, 2] > depth[row, column] + 0.12) & (behind < INNER_LIP)
    return (hidden | (behind < SEAM)) & (model.vertex_part < 3)


def _borrow(model: HeadModel, position: Tensor, hidden: Tensor) -> Tensor:
    """Positions where hidden vertices take the mean of their known neighbours, ring by ring. [V, 2]"""
    edge = torch.cat([model.triangles[:, [0, 1]], model.triangles[:, [1, 2]], model.triangles[:, [2, 0]]])
    edge = torch.cat([edge, edge.flip(1)])
    out, known = position.clone(), ~hidden
    for _ in range(24):
        weight = known[edge[:, 1]].float()
        total = torch.zeros_like(out).index_add_(0, edge[:, 0], out[edge[:, 1]] * weight[:, None])
        count = torch.zeros(len(out)).index_add_(0, edge[:, 0], weight)
        fresh = ~known & (count > 0)
        out[fresh] = total[fresh] / count[fresh, None]
        known = known | fresh
    return out
