"""Lift: a photo becomes an explicit 3D head that wears the photo, a still background, and what follows the head.

Everything that does not depend on the motion is computed here, once.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...geometry.head_model import HeadModel, load_head_model
from ...geometry.rasteriser import Fragments, interpolate, rasterise
from ...governance import TALKING_HEAD, Grant
from ..crop import Framing
from ..fit import HeadFit
from .backdrop import continued_background
from .bust import Bust, Deformation, build_bust, mesh_normals, move
from .contact import points
from .contour import Outline, meet_outline
from .eye import Eye, build_eye
from .follow import Follow, build_follow, head_hull, rim_fade, smoothstep
from .light import estimate_light, to_light
from .matte import ROUGH, Reading
from .mouth import Mouth, build_mouth
from .neck import Neck, below_jaw, look_at_neck, neck_behind, neck_column
from .outline import settle_eyes
from .patch import Window, facing
from .refine import Refiner, load_refiner
from .sampling import dilate, distance, erode, fill, resize
from .skin import Skin, even_skin, look_at_skin, skin_colour
from .views import View

FLOW_SIDE = 232  # samples of the flow along the region's longer side, at most one per pixel
GRID_CELL = 4  # flow samples per cell of the follow grid
BAND = 0.008  # of the region's side beside the person where the background may differ from the photo
FAINT = 0.1  # share of the person that is nobody
CAST = 0.33  # power of the lit skin's colour that is the light's, not the skin's
SHARE = 0.6  # of the picture that may move, at most
FACING = 0.35  # cosine to the lens below which a triangle is too aslant to carry the photo
DOME = 0.6  # ... above which hair lies on the skull
AWAY = -0.6  # ... below which it never turns into view
MARGIN = 0.02  # of it kept back for what flow samples round up
REST = 0.3  # of the distance at which the share ends: motion dies out from here
ROOM = 0.06  # of the region's side around the person that may change
WORN = (0.4, 0.9)  # share of bare skin from which on the mesh carries the face, and only the mesh
HELD = (0.7, 0.95)  # weight of the head's bone from which a vertex belongs to the head, not to the neck
CERTAIN = 1.2  # head units inside its outline from which the mesh surely covers the person
AROUND = 9.0  # head units around the head that may move


@dataclass(frozen=True)
class Reach:
    """The N pixels of the region that may change, and what never changes about them."""

    number: Tensor  # [N] counted row by row
    centre: Tensor  # [2, N] pixels, relative to the region's corner
    behind: Tensor  # [3, N] light of the picture without the person


@dataclass(frozen=True)
class Volume:
    """A portrait ready to be moved. The region `window` is the only part of the picture that ever changes."""

    photo: Tensor  # u8 [H, W, 3]
    grant: Grant
    bust: Bust
    reference: Tensor  # [63] the motion that reproduces the photo
    start: Tensor  # [V, 3] the photo's own mesh in head space
    source: Tensor  # [V, 3] and on the screen
    window: Window
    moving: Tensor  # [h, w] 0..1 where the region may change
    rim: Tensor  # [h, w] fades the flow at the picture's rim
    person: Tensor  # [4, h, w] the person's light times their share of each pixel, and that share
    shed: Tensor  # [4, h, w] the person without the bare face, which the mesh carries: what a turn uncovers beside it
    neck: Neck
    even: Tensor  # [3, r, c] the light of the skin without brows and stray hair, at flow resolution
    reach: Reach
    picture: Tensor  # [3, H, W] 0..1
    skin: Tensor  # [M] triangles that wear the photo, also such as only a turn will show
    normal: Tensor  # [V, 3] of the photo's mesh, view axes
    look: Skin
    light: Tensor  # [9] spherical harmonics of the photo's light
    step: float  # pixels per flow sample
    follow: Follow
    mouth: Mouth
    eyes: tuple[Eye, Eye]
    refiner: Refiner
    views: tuple[View, ...] = ()  # other pictures of the person: `footage_enrolment`

    def __repr__(self) -> str:
        return f"Volume({self.photo.shape[1]} x {self.photo.shape[0]} pixels)"

    @property
    def region(self) -> float:
        """Share of the picture that may move."""
        return float((self.moving > 0).sum()) / self.photo[..., 0].numel()


def lift(
    framing: Framing,
    fit: HeadFit,
    mask: Tensor,
    *,
    grant: Grant,
    model: HeadModel | None = None,
    refiner: Refiner | None = None,
    reading: Reading = ROUGH,
) -> Volume:
    """Enrol a framed photo with the fit of its head and its person mask [h, w] 0..1, both in the frame's pixels.

    The grant must be for the photo that was framed and for the face that was fitted. Without `model` and `refiner` the
    embedded ones are used. `reading` says what the mask is: a network's guess, or the person as somebody drew them.
    """
    grant.require(TALKING_HEAD)
    fitted = build_bust(model or load_head_model(), fit)
    settled = settle_eyes(fitted, as_picture(framing))
    return dress(fitted, settled, framing, mask, grant, refiner or load_refiner(), reading)


def dress(
    fitted: Bust,
    bust: Bust,
    framing: Framing,
    mask: Tensor,
    grant: Grant,
    refiner: Refiner,
    reading: Reading = ROUGH,
) -> Volume:
    """Let a bust wear the framed photo it stands in: `fitted` is what the grant knows, `bust` with its eyes settled."""
    model, picture, start = bust.model, as_picture(framing), move(bust, bust.reference)
    height, width = picture.shape[1:]
    known = points(model, move(fitted, fitted.reference).screen, torch.arange(68))[:, :2]
    grant.require(TALKING_HEAD)
    grant.require_portrait(framing.photo, framing.to_photo(known))
    window = _region_window(start, model, height, width)
    view = picture[:, window.rows, window.columns]
    step = max(1.0, max(window.height, window.width) / FLOW_SIDE)
    mask, outline = _meet_photo(bust, start, picture, mask, window, step, reading)
    bust = outline.bust
    start = move(bust, bust.reference)
    drawn, front = _draw_source(start, model, window, step)
    skin = front[_worn(start, model, drawn, front, window)]
    worn = torch.zeros(len(model.triangles), dtype=torch.bool).index_fill(0, skin, True)
    normal, carrying = mesh_normals(start, model), model.triangles[skin].unique()
    rim = rim_fade(height, width)[window.rows, window.columns]
    look = look_at_skin(model, start, normal, picture, mask, outline.met)
    bare = interpolate(drawn, model.triangles[front], look.bare[:, None])[..., 0]
    alpha = reading.firm(mask[window.rows, window.columns], float(start.unit))
    follow = _follow(bust, start, drawn, front, window, step, rim, look, alpha)
    follow, moving = _confine(follow, alpha, drawn, window, height * width)
    person, background = split_layers(to_light(view), alpha)
    neck = look_at_neck(model, start, normal, picture, mask, look.colour)
    shed = without_face(person, _face(drawn, model, front, look.bare, outline.whole * (1 - neck.flank)))
    behind = neck_behind(person, *_head_and_neck(drawn, model, front, start, window), float(start.unit))
    moving = resize(moving[None], window.height, window.width)[0] * (rim > 0)
    light = estimate_light(picture, start.screen[carrying, :2], normal[carrying])
    return Volume(
        photo=framing.image,
        grant=grant,
        bust=bust,
        reference=bust.reference,
        start=start.vertices,
        source=start.screen,
        window=window,
        moving=moving,
        rim=rim,
        person=side_by_side(person),
        shed=shed,
        neck=replace(neck, layer=side_by_side(behind)),
        even=to_light(even_skin(view, bare, float(start.unit) / step)),
        reach=_reach(moving, background),
        picture=picture,
        skin=_wearing(start, model),
        normal=normal,
        look=look,
        light=light,
        step=step,
        follow=follow,
        mouth=build_mouth(bust, start, picture, window, white_light(view, drawn, model, front), light, worn),
        eyes=tuple(build_eye(bust, start, picture, window, side, worn, light) for side in (0, 1)),
        refiner=refiner,
    )


def look_at_mouth(bust: Bust, picture: Tensor) -> tuple[Mouth, Tensor]:
    """The mouth of a bust as another picture [3, H, W] 0..1 of the person shows it, and what white looks like there
    [3]."""
    model, start = bust.model, move(bust, bust.reference)
    window = _region_window(start, model, *picture.shape[1:])
    step = max(1.0, max(window.height, window.width) / FLOW_SIDE)
    drawn, front = _draw_source(start, model, window, step)
    skin = front[_worn(start, model, drawn, front, window)]
    worn = torch.zeros(len(model.triangles), dtype=torch.bool).index_fill(0, skin, True)
    carrying = model.triangles[skin].unique()
    light = estimate_light(picture, start.screen[carrying, :2], mesh_normals(start, model)[carrying])
    white = white_light(picture[:, window.rows, window.columns], drawn, model, front)
    return build_mouth(bust, start, picture, window, white, light, worn), white


def _reach(moving: Tensor, background: Tensor) -> Reach:
    """What is known beforehand of the pixels that may change: moving [h, w] > 0, background [3, h, w]."""
    number = torch.nonzero(moving.view(-1))[:, 0]
    width = moving.shape[1]
    centre = torch.stack([number % width, torch.div(number, width, rounding_mode="floor")]) + 0.5
    return Reach(number, centre, background.flatten(1).index_select(1, number))


def as_picture(framing: Framing) -> Tensor:
    """The frame in 0..1. [3, H, W]"""
    return framing.image.permute(2, 0, 1).float() / 255


def _meet_photo(
    bust: Bust, start: Deformation, picture: Tensor, mask: Tensor, window: Window, step: float, reading: Reading
) -> tuple[Tensor, Outline]:
    """The person's share by the mask [H, W] as it is read, and the mesh brought to the edge of the bare face."""
    model, unit = bust.model, float(start.unit) / step
    drawn, front = _draw_source(start, model, window, step)
    part, view = mask[window.rows, window.columns], picture[:, window.rows, window.columns]
    skull = (model.neck_weight[model.triangles[front]] > 0.98).all(1)
    covered = drawn.triangle >= 0
    sure = erode((covered & skull[drawn.triangle.clamp(min=0)]).float(), round(CERTAIN * unit))
    person = mask.clone()
    person[window.rows, window.columns] = reading.met(view, part, sure)
    normal = mesh_normals(start, model)
    colour = skin_colour(model, start, normal, picture, person)
    cover = resize(covered.float()[None], window.height, window.width)
    layers = torch.cat([view, person[None, window.rows, window.columns], cover])
    return person, meet_outline(bust, start, normal, layers.new_tensor([window.left, window.top]), layers, colour)


def split_layers(view: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Person and background, such that laying one over the other gives the photo back exactly.

    view [3, h, w], alpha [h, w] -> premultiplied person [4, h, w], background [3, h, w]. The background continues
    behind the person; the person is what the photo has more than the background, so stray hair moves with the head, and
    where the photo is darker than the background somebody must cover it.
    """
    height, width = alpha.shape
    clear = 1 - dilate((alpha > FAINT).float(), max(2, round(BAND * max(height, width))))
    background, grain = continued_background(view, clear)
    least = 1 - (view / background.clamp(min=1e-3)).amin(0)  # nobody's light is negative
    alpha = torch.where(clear > 0, 0.0, torch.maximum(alpha, least))
    background = background * torch.lerp(torch.ones_like(grain), grain, alpha)  # behind stray hair it would show twice
    background = torch.where(alpha < 1, torch.minimum(background, view / (1 - alpha)), background)
    return torch.cat([view - (1 - alpha) * background, alpha[None]]), background


def side_by_side(layer: Tensor) -> Tensor:
    """A layer [4, h, w] with a pixel's four values together in memory: one fetch"""
    return layer.permute(1, 2, 0).contiguous().permute(2, 0, 1)


def _face(drawn: Fragments, model: HeadModel, front: Tensor, bare: Tensor, met: Tensor) -> Tensor:
    """How far the mesh, whose outline there is the photo's, carries the skin that the photo shows. [r, c]"""
    values = torch.stack([bare, met * smoothstep(model.neck_weight, *HELD)], 1)
    bare, own = interpolate(drawn, model.triangles[front], values).unbind(-1)
    return smoothstep(bare, *WORN) * own * erode((drawn.triangle >= 0).float(), 1)


def _head_and_neck(
    drawn: Fragments, model: HeadModel, front: Tensor, start: Deformation, window: Window
) -> tuple[Tensor, Tensor]:
    """Where the mesh shows the head, and where its neck is, in front or behind. [r, c] each"""
    head = interpolate(drawn, model.triangles[front], 1 - below_jaw(model)[:, None])[..., 0]
    return head, neck_column(start, model, window, *head.shape)


def without_face(person: Tensor, face: Tensor) -> Tensor:
    """The person's layer [4, h, w] where the face [r, c] is taken away: what lies around it goes on behind it."""
    height, width = person.shape[1:]
    small = resize(person, *face.shape)
    kept = erode((face < 0.02).float(), 1)
    behind = resize(fill(small, kept if kept.any() else torch.ones_like(kept)), height, width)
    share = resize(face[None], height, width)
    return side_by_side(person + share * (behind - person))


def white_light(view: Tensor, drawn: Fragments, model: HeadModel, front: Tensor) -> Tensor:
    """What a white thing in the face would look like: bright as the lit skin, in the picture's own cast. [3]"""
    small = resize(view, *drawn.triangle.shape)
    face = (drawn.triangle >= 0) & (model.triangle_part[front][drawn.triangle.clamp(min=0)] == 0)
    bright = small[:, face].quantile(0.8, dim=1).clamp(min=0.02)
    level = (0.5 + 0.45 * bright.amax()).clamp(max=0.97)
    return level * (bright / bright.amax()) ** CAST


def _region_window(start: Deformation, model: HeadModel, height: int, width: int) -> Window:
    """Pixels that the head and what follows it may reach."""
    head = start.screen[model.neck_weight > 0.98]
    low, high = head[:, :2].amin(0) - AROUND * start.unit, head[:, :2].amax(0) + AROUND * start.unit
    left, top = (int(max(0, v)) for v in low)
    right, bottom = int(min(width, high[0])), int(min(height, high[1]))
    return Window(top, left, max(2, bottom - top), max(2, right - left))


def _draw_source(start: Deformation, model: HeadModel, window: Window, step: float) -> tuple[Fragments, Tensor]:
    """The photo's own mesh over the region at flow resolution; also the triangles drawn."""
    rows, columns = round(window.height / step), round(window.width / step)
    screen = to_samples(start.screen, window, rows, columns)
    body = torch.nonzero(model.triangle_part < 2)[:, 0]
    front = body[facing(screen, model.triangles[body])]
    return rasterise(screen, model.triangles[front], rows, columns), front


def _worn(start: Deformation, model: HeadModel, drawn: Fragments, front: Tensor, window: Window) -> Tensor:
    """Triangles of face and neck that the photo really shows, not too aslant. bool over `front`"""
    corner = model.triangles[front]
    aslant = mesh_normals(start, model)[corner][..., 2].mean(1) < FACING
    rows, columns = drawn.triangle.shape
    at = to_samples(start.screen, window, rows, columns)[corner].mean(1)
    column, row = at[:, 0].long().clamp(0, columns - 1), at[:, 1].long().clamp(0, rows - 1)
    hidden = at[:, 2] > drawn.depth[row, column] + 0.4
    return (model.triangle_part[front] == 0) & ~aslant & ~hidden


def _wearing(start: Deformation, model: HeadModel) -> Tensor:
    """Triangles of face and neck that a turn of the head may show. [M]"""
    corner = model.triangles
    seen = mesh_normals(start, model)[corner][..., 2].mean(1) > AWAY
    return torch.nonzero((model.triangle_part < 2) & seen)[:, 0]


def to_samples(screen: Tensor, window: Window, rows: int, columns: int) -> Tensor:
    """Screen pixels to samples of a region's grid. [V, 3]"""
    scale = screen.new_tensor([columns / window.width, rows / window.height, 1.0])
    return (screen - screen.new_tensor([window.left, window.top, 0.0])) * scale


def _follow(
    bust: Bust,
    start: Deformation,
    drawn: Fragments,
    front: Tensor,
    window: Window,
    step: float,
    rim: Tensor,
    look: Skin,
    alpha: Tensor,
) -> Follow:
    frontal = (mesh_normals(start, bust.model)[:, 2] > DOME).float()
    values = torch.stack([bust.model.neck_weight, look.bare, frontal], 1)
    bone, bare, frontal = interpolate(drawn, bust.model.triangles[front], values).unbind(-1)
    chin = start.screen[bust.model.triangles[bust.model.landmark_triangle[8]][0], :2]
    origin = torch.tensor([window.left, window.top], dtype=torch.float32)
    size = (window.height, window.width)
    person = resize(alpha[None], *bare.shape)[0]
    hull = head_hull(drawn.depth, (frontal > 0.9).float(), bare, person, float(start.unit) / step)
    return build_follow(bust.camera, origin, size, step * GRID_CELL, drawn.depth, hull, bone, rim, chin)


def _confine(follow: Follow, alpha: Tensor, drawn: Fragments, window: Window, pixels: int) -> tuple[Follow, Tensor]:
    """Keep motion to the share of the picture that may move: what lies far from the head comes to rest before it ends.

    Also gives where the region may change, [r, c] at flow resolution: the moving part of the person and room around it.
    """
    head = torch.isfinite(drawn.depth).float()
    rows, columns = head.shape
    allowed = int((SHARE - MARGIN) * pixels * rows * columns / (window.height * window.width))
    weight = resize(follow.weight[None], rows, columns)[0]
    person = torch.maximum(resize(alpha[None], rows, columns)[0], head) > 0.3
    room = ROOM * max(rows, columns)
    around = smoothstep(distance(person.float(), round(room) + 1), room, 0.6 * room)
    strength = smoothstep(weight, 0.03, 0.12) * around
    far = distance(head, max(rows, columns))
    limit = _nearest(far, strength > 0, allowed)
    calm = smoothstep(far, limit, REST * limit)
    still = resize(calm[None], *follow.weight.shape)[0]
    return replace(follow, weight=follow.weight * still), strength * smoothstep(far, limit, limit - 2)


def _nearest(distances: Tensor, among: Tensor, count: int) -> float:
    """The distance within which no more than `count` of the chosen samples lie."""
    chosen = distances[among]
    return float(chosen.kthvalue(count).values) if len(chosen) > count else float(distances.max()) + 1
