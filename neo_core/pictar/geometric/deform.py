"""Deform: a motion vector moves the head, and with it a field that tells each pixel where in the photo it came from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ... import motion_space
from ...geometry.camera import project
from ...geometry.rasteriser import interpolate, rasterise
from .bust import Deformation, mesh_normals, move, place
from .follow import backward_flow, smoothstep
from .lift import Volume, to_samples
from .light import relight
from .neck import as_sheet, neck_flow
from .patch import facing
from .sampling import blur, dilate, erode, fill, resize
from .views import carried, needed

SHINE = 3.0  # flow samples over which the change of light is smoothed: noses are not cut from paper
EDGE = 2.5  # flow samples over which what an expression adds is carried on beside the mesh
TURNED = (0.01, 0.08)  # radians of turn over which skin behind other skin does
SKIN_REACH = 4.0  # head units beyond the mesh over which an expression still pulls at the skin
GAINED = (0.0, 0.2)  # cosine to the lens gained, over which hidden skin comes to wear its visible neighbours
UNCOVERED = (0.01, 0.08)  # ... over which the neck's outline comes to be the photo's
OPENED = (0.05, 0.3)  # ... and the share of an open jaw
WHOLE = 0.3  # of the way there from which on the neck behind the head is wholly seen: no backdrop shines through it


@dataclass(frozen=True)
class Field:
    """Where each pixel of the region came from, relative to itself, and how its light has changed."""

    skin: Tensor  # [2, h, w] pixels, on the head
    beside: Tensor  # [2, h, w] pixels, for what follows the head
    cover: Tensor  # [h, w] share of each pixel that is the head
    shine: Tensor  # [h, w] factor on display values
    plain: Tensor  # [h, w] 1 where the head wears its own, visible skin
    lent: Tensor  # [h, w] 1 where it wears its neighbours' and is lit as they are
    flank: Tensor  # [h, w] 1 where the neck's outline has come into view, and nothing but the neck is seen
    behind: Tensor  # [2, h, w] pixels, for the neck behind the head
    seen: Tensor  # [h, w] 1 where that may be seen
    views: tuple[tuple[int, Tensor], ...] = ()  # other pictures that show something: `views.carried` [6, h, w]


def deform(volume: Volume, motion: Tensor) -> Deformation:
    """The head at a motion vector [63]; `volume.reference` gives the photo back."""
    return move(volume.bust, motion)


def photo_flow(volume: Volume, now: Deformation) -> Field:
    """The region's field at a deformation.

    On the head it is the projected flow of the surface in front. Skin that turns into view wears what lies mirrored at
    the photo's outline, where its own hidden vertices are projected. Beside the head the pose carries hair and neck,
    and what the expression adds dies out over `SKIN_REACH`.
    """
    window, bust = volume.window, volume.bust
    rows, columns = round(window.height / volume.step), round(window.width / volume.step)
    rigid = backward_flow(volume.follow, bust.camera, now.turn, bust.model.pivot, now.shift)
    rigid = resize(rigid.permute(2, 0, 1), rows, columns)
    screen = to_samples(now.screen, window, rows, columns)
    triangles = bust.model.triangles[volume.skin]
    triangles = triangles[facing(screen, triangles)]
    fragments = rasterise(screen, triangles, rows, columns)
    turn = bust.camera.rotation @ now.turn @ bust.camera.rotation.T
    shine = relight(volume.light, volume.normal, mesh_normals(now, bust.model)).log()[:, None]
    back = volume.source[:, :2] - now.screen[:, :2]
    look, neck, shown = volume.look, volume.neck, _coming_into_view(volume, turn)
    uncovered = _uncovered(volume, now, turn)
    worn = back + (look.borrowed - volume.source[:, :2]) * shown
    bare = look.bare[:, None] + (look.lent - look.bare)[:, None] * shown
    elsewhere = ((look.borrowed - volume.source[:, :2]).norm(dim=1, keepdim=True) > 0.5) * shown
    values = torch.cat(
        [
            worn,
            shine,
            back + _carried(volume, now),
            bare,
            bare * (1 - elsewhere),
            bare * elsewhere * look.cheek[:, None],
            neck.flank[:, None] * uncovered,
            torch.lerp(back, as_sheet(bust, volume.start, now), neck.flat[:, None]),
            smoothstep(uncovered, 0.0, WHOLE) * neck.bare,
            neck.below[:, None],
        ],
        1,
    )
    count, (used, others) = values.shape[1], _elsewhere(volume, now, shown)
    mesh = interpolate(fragments, triangles, torch.cat([values, *others], 1)).permute(2, 0, 1)
    covered = (fragments.triangle >= 0).float()
    shine = _smooth(mesh[2], covered, SHINE) * covered
    extra = _beyond(mesh[3:5] * covered, erode(covered, 1), float(now.unit) / volume.step)
    mesh = _past_the_rim(mesh, covered)
    beside = rigid + extra
    skin = beside + mesh[5] * (mesh[:2] - beside)
    behind = neck_flow(mesh[9:12], covered * (mesh[12] > 0.5))
    planes = torch.cat([skin, beside, shine[None], mesh[6:9], behind])
    planes = resize(planes, window.height, window.width).mul_(volume.rim)
    inside = erode(covered, 1)
    carried = covered * (1 - mesh[8])
    cover = smoothstep(resize(blur(carried[None], 0.9), window.height, window.width)[0], 0.25, 0.75)
    views = tuple(
        (k, resize(_share_within(mesh[first : first + 6], inside), window.height, window.width))
        for k, first in zip(used, range(count, len(mesh), 6), strict=True)
    )
    return Field(planes[:2], planes[2:4], cover, planes[4].exp_(), *planes[5:8], planes[8:10], planes[10], views)


def _elsewhere(volume: Volume, now: Deformation, shown: Tensor) -> tuple[list[int], list[Tensor]]:
    """Which views show something of the head as it stands, and what each vertex has there. [V, 6] each"""
    used = [k for k, view in enumerate(volume.views) if needed(view, shown)]
    if not used:
        return [], []
    corner = now.screen.new_tensor([volume.window.left, volume.window.top])
    normal = mesh_normals(now, volume.bust.model)
    return used, [carried(volume.views[k], corner, now, normal, volume.normal, volume.light, shown) for k in used]


def _share_within(planes: Tensor, inside: Tensor) -> Tensor:
    """Planes of a view [6, r, c] whose share ends with the mesh."""
    return torch.cat([planes[:2], (planes[2] * inside)[None], planes[3:]])


def _coming_into_view(volume: Volume, turn: Tensor) -> Tensor:
    """How far each vertex is on its way from the photo's hidden side into view. [V, 1]"""
    gained = smoothstep(_gained(volume, turn), *GAINED)
    angle = ((turn.trace() - 1) / 2).clamp(-1, 1).acos()
    return torch.maximum(gained, volume.look.hidden * smoothstep(angle, *TURNED))[:, None]


def _gained(volume: Volume, turn: Tensor) -> Tensor:
    """Cosine to the lens that each vertex gains by a turn. [V]"""
    return (volume.normal @ turn.T)[:, 2] - volume.normal[:, 2]


def _uncovered(volume: Volume, now: Deformation, turn: Tensor) -> Tensor:
    """How far each vertex of the neck has come into view: by a turn, or beside a jaw that narrows on opening. [V, 1]"""
    opened = smoothstep((now.motion - volume.reference)[motion_space.INDEX["jawOpen"]], *OPENED)
    gained = _gained(volume, turn)
    kept = 1 - smoothstep(-gained, *UNCOVERED)
    return torch.maximum(smoothstep(gained, *UNCOVERED), opened * kept)[:, None]


def _carried(volume: Volume, now: Deformation) -> Tensor:
    """How far the head pose alone carries each vertex on the screen. [V, 2] pixels"""
    bust, start = volume.bust, volume.start
    posed = place(bust, start, now.turn, now.shift)
    return project(bust.camera, posed)[:, :2] - volume.source[:, :2]


def _past_the_rim(values: Tensor, covered: Tensor) -> Tensor:
    """Values [C, r, c] of the mesh continued by one sample, so that enlarging them mixes nothing in."""
    flat, known = values.flatten(1), covered.flatten()
    columns = covered.shape[1]
    beside = torch.nonzero(dilate(covered, 1).flatten() > known)[:, 0]  # [K]
    steps = torch.tensor([(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)])[..., None]  # [9, 2, 1]
    row, column = beside // columns + steps[:, 0], beside % columns + steps[:, 1]
    inside = (row >= 0) & (row < len(covered)) & (column >= 0) & (column < columns)
    around = torch.where(inside, row * columns + column, 0)  # [9, K]
    weight = known[around] * inside
    mean = (flat[:, around] * weight).sum(1) / weight.sum(0).clamp(min=1)
    return flat.index_copy(1, beside, mean).view_as(values)


def _smooth(values: Tensor, covered: Tensor, sigma: float) -> Tensor:
    """Values [r, c] averaged with their neighbours on the mesh."""
    total = blur(torch.stack([values * covered, covered]), sigma)
    return total[0] / total[1].clamp(min=1e-3)


def _beyond(extra: Tensor, covered: Tensor, unit: float) -> Tensor:
    """What the skin adds continued beside the mesh, dying out with distance; unit in samples. [C, r, c]"""
    rows, columns = covered.shape
    half = (max(1, rows // 2), max(1, columns // 2))
    known = resize(covered[None], *half)[0]
    carried = fill(resize(extra * covered, *half) / known.clamp(min=1e-3), (known > 0.5).float())
    fade = blur((known > 0.5).float()[None], max(1.0, SKIN_REACH * unit / 4))
    return resize(blur(carried, EDGE) * smoothstep(fade, 0.03, 0.45), rows, columns)
