"""What of the photo the head wears: which of it is bare skin, and what skin puts on that only a turn of the head shows.

Where the outline of the head is skin, it may slide over what lies behind it; where it is hair, it must not tear. And
skin that turns into view has no picture of its own: it continues its visible neighbours.

Letters: V vertices, F triangles.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.head_model import HeadModel, landmarks
from ...geometry.rasteriser import rasterise
from .bust import Deformation
from .follow import smoothstep
from .light import LUMINANCE
from .sampling import blur, erode, fill, resize, sample_linear

SEEN = 0.25  # cosine to the lens above which the photo shows a vertex well
FRONT = (0.35, 0.6)  # ... from which on whatever it shows is worn by the face: lips, brows, beards
MASK = (3.5, 5.5)  # head units before the middle of the head: ears lie behind
NECK = (-12.5, -11.0)  # head units above the eyes: from here downwards collars begin, and nothing is borrowed
JAW = (-9.5, -8.0)  # ... and from here the shadow of the jaw
EVEN = 0.85  # of the brightness about it, within a head unit, below which skin is a brow or a hair
CORE = (4.8, -8.5, 2.0)  # head units: half the width of the face's middle, its lower and upper end above the eyes
LEND = (4.5, 3.0)  # head units over which skin may be borrowed
EARS = (1.0, 2.5)  # head units before the middle of the head: ears lie behind ...
LOBES = (-5.5, -6.5)  # ... and above this, measured from the eyes
ASLANT = (0.5, 0.2)  # ... at which skin counts as being at the outline
INSET = 0.15  # head units inside it, or a pixel and a half, where its colour is read
BEYOND = 0.1  # head units outside the photo's outline where a mesh that meets it ends: its soft edge cuts nothing off
RINGS = 40  # of vertices that hidden skin may borrow across
DEPTH_SIDE = 256  # pixels of the depth map that tells what the head hides of itself
BEHIND = 0.5  # head units by which something must lie before a vertex to hide it
AVERAGES = 4  # of the likeness to skin with the neighbours
TONE, TINT = 0.45, 0.11  # spread of skin in one photo: of its brightness and of its colour, natural logarithms
LIKE = (2.4, 1.2)  # spreads from the face's own skin that are no longer and that surely are skin
RIM = 0.3  # cosine to the lens below which a vertex lies at the outline of the face ...
FLANK = (-9.0, 1.0)  # ... at these heights above the eyes ...
LEAST = (2.5, 2.5)  # ... so far to the side and to the front, head units
SURE = (0.82, 0.92)  # share of the outline that is skin, from which skin slides at all and wholly
NAPE = (
    (-6.0, -7.5),
    (5.5, 4.0),
)  # heights above the eyes below which, and before the middle, behind which, is the neck
CHEEK = (0.25, 0.6)  # cosine to the lens from which a cheek moves by its own surface, whatever its outline does
CROWN = (6.0, 3.5)  # head units above the eyes: hair from here, skin below


@dataclass(frozen=True)
class Skin:
    """Per vertex of the photo's mesh."""

    borrowed: Tensor  # [V, 2] pixels: where the photo shows the skin, or its nearest visible neighbour
    bare: Tensor  # [V] 1 where the photo shows skin, 0 where hair, cloth or nothing of the person lies over it
    lent: Tensor  # [V] the same for the borrowed skin
    hidden: Tensor  # [V] 1 where another part of the head lies before it
    cheek: Tensor  # [V] 1 where borrowed skin is lit as the face is, 0 under the jaw
    colour: Tensor  # [3] of the face's skin: logarithms of its brightness, and of red and blue over it


def look_at_skin(
    model: HeadModel, start: Deformation, normal: Tensor, picture: Tensor, alpha: Tensor, met: Tensor
) -> Skin:
    """Read the skin of a photo [3, H, W] with person mask alpha [H, W]. start: the mesh in it, normal [V, 3] in view
    axes; met [V] 1 where the mesh ends where skin ends before the background"""
    edges, hidden = both_ways(model.triangles[model.triangle_part < 2]), concealed(model, start.screen)
    at = start.screen[:, :2] - _inset(normal, start.unit, met)
    inside = sample_linear(alpha[None], at[None])[0, 0] > 0.5
    seen = _seen(model, normal, hidden) & inside
    side, front = _skin_side(model), _front(model, normal)
    shown = sample_linear(picture, at[None])[:, 0]  # [3, V]
    colour = _middle_colour(model, shown, seen)
    alike = likeness(shown, colour)
    likely = torch.maximum(alike * side, front * seen)
    lent = continued(torch.cat([likely[:, None], model.template], 1), seen, edges, RINGS)
    far = (lent[:, 1:] - model.template).norm(dim=1)
    lent = lent[:, 0] * smoothstep(far, *LEND) * side
    lent, own = (smoothstep(_averaged(values, edges), 0.25, 0.75) for values in (lent, likely * inside))
    donor = seen & (alike > 0.5) & (_averaged(alike * inside, edges) > 0.85)
    keep = donor | (seen & (front > 0.5))
    borrowed = torch.where(keep[:, None], at, continued(at, donor, edges, RINGS))
    sure = _outline_is_skin(model, normal, alike * side * inside)
    facing = smoothstep(normal[:, 2], *CHEEK) * seen * side
    facing = torch.maximum(facing, met * side * (normal[:, 2] > 0) * ~hidden)
    facing = facing * torch.maximum(1 - _neck(model), smoothstep(_averaged(alike * inside, edges), 0.25, 0.75))
    own, lent = torch.maximum(sure * own, facing), torch.maximum(sure * lent, facing)
    borrowed = torch.lerp(start.screen[:, :2], borrowed, sure[:, None])
    core, head = _core(model), smoothstep(above_eyes(model), *NECK)
    return Skin(
        torch.where(core[:, None], start.screen[:, :2], borrowed),
        torch.where(core, 1.0, own),
        torch.where(core, 1.0, own + head * (lent - own)),
        (hidden & ~core) * head,
        smoothstep(above_eyes(model), *JAW),
        colour,
    )


def _outline_is_skin(model: HeadModel, normal: Tensor, alike: Tensor) -> Tensor:
    """Whether the photo shows skin along the outline of the face, by side: where it shows hair, or the mesh misses the
    cheek's edge, a sliding outline would tear. [V]"""
    height, x, z = above_eyes(model), model.template[:, 0], model.template[:, 2]
    rim = (normal[:, 2].abs() < RIM) & (height > FLANK[0]) & (height < FLANK[1]) & (z > LEAST[1])
    left, right = (_share(alike, rim & (sign * x > LEAST[0])) for sign in (1, -1))
    return torch.where(x > 0, smoothstep(left, *SURE), smoothstep(right, *SURE))


def _share(values: Tensor, chosen: Tensor) -> Tensor:
    return values[chosen].mean() if chosen.any() else values.new_zeros(())


def even_skin(view: Tensor, bare: Tensor, unit: float) -> Tensor:
    """The skin of a picture [3, h, w] without brows, lashes and stray hair, smooth. [3, r, c]

    What is darker than its surroundings is left out. bare [r, c] is 1 on skin; `unit` in its samples.
    """
    small = resize(view, *bare.shape)
    bright = (LUMINANCE[:, None, None] * small).sum(0)
    around = blur(torch.stack([bright * bare, bare]), unit)
    known = (bare > 0.9) & (bright > EVEN * around[0] / around[1].clamp(min=1e-3))
    known = erode(known.float(), 1)
    return blur(fill(small, known if known.any() else torch.ones_like(known)), 1.0)


def _core(model: HeadModel) -> Tensor:
    """Lids, nose and lips: whatever the photo shows there belongs to the face, folds and linings too. bool [V]"""
    x, height, z = model.template[:, 0], above_eyes(model), model.template[:, 2]
    return (x.abs() < CORE[0]) & (height > CORE[1]) & (height < CORE[2]) & (z > MASK[1])


def above_eyes(model: HeadModel) -> Tensor:
    """How far vertices lie above the eyes, head units. [V]"""
    return model.template[:, 1] - model.template[model.vertex_part > 6, 1].mean()


def _inset(normal: Tensor, unit: Tensor, met: Tensor) -> Tensor:
    """How far inside the outline skin is surely itself: there the colours mix, and where the mesh has met the photo's
    outline it ends a little outside. [V, 2] pixels"""
    flat = normal[:, :2] * normal.new_tensor([1.0, -1.0])
    flat = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-3)
    away = (INSET * unit).clamp(min=1.5) + BEYOND * unit * met
    return flat * (away * smoothstep(normal[:, 2], *ASLANT))[:, None]


def _skin_side(model: HeadModel) -> Tensor:
    """Where a head may be bare: not under its hair, and not on the ears, which no landmark fits to the photo's. [V]"""
    height, depth = above_eyes(model), model.template[:, 2]
    return smoothstep(height, *CROWN) * torch.maximum(smoothstep(depth, *EARS), smoothstep(height, *LOBES))


def _front(model: HeadModel, normal: Tensor) -> Tensor:
    """Where the mask of the face looks at the lens. [V]"""
    return smoothstep(normal[:, 2], *FRONT) * smoothstep(model.template[:, 2], *MASK)


def _neck(model: HeadModel) -> Tensor:
    """The neck and what lies below: unlike a face, it may be covered with cloth, which must not tear. [V]"""
    return smoothstep(above_eyes(model), *NAPE[0]) * smoothstep(model.template[:, 2], *NAPE[1])


def concealed(model: HeadModel, screen: Tensor) -> Tensor:
    """Vertices that lie behind another part of the head. bool [V]"""
    low, high = screen[:, :2].amin(0), screen[:, :2].amax(0)
    local = torch.cat([(screen[:, :2] - low) * (DEPTH_SIDE / (high - low).amax()), screen[:, 2:]], 1)
    depth = rasterise(local, model.triangles[model.triangle_part < 2], DEPTH_SIDE, DEPTH_SIDE).depth
    column, row = (local[:, axis].long().clamp(0, DEPTH_SIDE - 1) for axis in (0, 1))
    return local[:, 2] > depth[row, column] + BEHIND


def _averaged(values: Tensor, edges: Tensor) -> Tensor:
    """Values [V] evened out over the mesh."""
    everywhere = torch.ones_like(values, dtype=torch.bool)
    for _ in range(AVERAGES):
        values = 0.5 * values + 0.5 * _neighbours(values[:, None], everywhere, edges)[0][:, 0]
    return values


def continued(values: Tensor, known: Tensor, edges: Tensor, rings: int) -> Tensor:
    """Values [V, C] where unknown vertices take the mean of their known neighbours, ring by ring; edges [E, 2]"""
    out, known = values.clone(), known.clone()
    for _ in range(rings):
        mean, count = _neighbours(out, known, edges)
        fresh = ~known & (count > 0)
        out[fresh] = mean[fresh]
        known = known | fresh
    return out


def _neighbours(values: Tensor, known: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [V, C] of the known neighbours of each vertex, and their number [V]."""
    weight = known[edges[:, 1]].float()
    total = torch.zeros_like(values).index_add_(0, edges[:, 0], values[edges[:, 1]] * weight[:, None])
    count = torch.zeros(len(values)).index_add_(0, edges[:, 0], weight)
    return total / count.clamp(min=1)[:, None], count


def both_ways(triangles: Tensor) -> Tensor:
    """Both directions of every edge of some triangles [F, 3]. [E, 2]"""
    edge = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return torch.cat([edge, edge.flip(1)])


def likeness(colour: Tensor, skin: Tensor) -> Tensor:
    """How much display colours [3, ...] look like skin of `Skin.colour` [3]. [...] 0..1"""
    own = _tone(colour) - skin.view(3, *[1] * (colour.ndim - 1))
    away = (own[0] / TONE).square() + (own[1:] / TINT).square().sum(0)
    return smoothstep(away.sqrt(), *LIKE)


def _tone(colour: Tensor) -> Tensor:
    """Logarithms of brightness, and of red and blue over it: what `TONE` and `TINT` are measured in. [3, ...]"""
    light = colour.clamp(min=0.02)
    tone = torch.einsum("c,c...->...", LUMINANCE, light).log()
    return torch.stack([tone, light[0].log() - tone, light[2].log() - tone])


def skin_colour(model: HeadModel, start: Deformation, normal: Tensor, picture: Tensor, alpha: Tensor) -> Tensor:
    """`Skin.colour` alone, of a mesh that need not meet the photo's outline. [3]"""
    at = start.screen[:, :2] - _inset(normal, start.unit, torch.zeros(len(normal)))
    inside = sample_linear(alpha[None], at[None])[0, 0] > 0.5
    seen = _seen(model, normal, concealed(model, start.screen)) & inside
    return _middle_colour(model, sample_linear(picture, at[None])[:, 0], seen)


def _seen(model: HeadModel, normal: Tensor, hidden: Tensor) -> Tensor:
    """Which vertices face the lens with nothing before them. bool [V]"""
    return (normal[:, 2] > SEEN) & (model.vertex_part < 2) & ~hidden


def _middle_colour(model: HeadModel, colour: Tensor, seen: Tensor) -> Tensor:
    """What skin looks like in the middle of the face. colour [3, V] -> [3]"""
    low, high = (landmarks(model, model.template)[numbers, 1].mean() for numbers in ([48, 54], [36, 45]))
    x, y = model.template[:, 0].abs(), model.template[:, 1]
    middle = (y > low) & (y < high) & (x < 6) & (model.vertex_part == 0)
    seen = middle & seen
    return _tone(colour[:, seen if seen.any() else middle]).median(1).values
