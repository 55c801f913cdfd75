"""The neck where it ends before the background: one outline that goes on upwards behind the jaw.

A turn of the head uncovers what the jaw hides in the photo, and no fit knows a neck's outline: where the mesh's is not
the photo's, background would show between neck and jaw, and the neck would end in a step. So the neck of the photo is
continued upwards behind the head, and at its outline it moves as one flat sheet.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import project
from ...geometry.head_model import HeadModel
from ...geometry.rasteriser import rasterise
from .bust import Bust, Deformation, place
from .follow import smoothstep
from .patch import Window
from .sampling import blur, dilate, fill, resize, sample_linear
from .skin import above_eyes, likeness

THROAT = (-11.7, 10.0, 0.35, 1.0)  # head units: height above the eyes and depth of the chin's lower edge; per unit of
# depth by which the jaw's edge rises from there to the ears; height over which the neck becomes the head
ASIDE = (0.6, 0.85)  # cosine to the side from which on the neck's surface is no longer the mesh's
FLAT = (0.4, 0.9)  # ... from which on it moves as a sheet
END = (-13.3, -12.3)  # head units above the eyes where the neck becomes the body
JAW = (-8.5, -9.5)  # ... below which the photo's jaw hides none of it
RIM, DEPTH = (
    0.45,
    4.0,
)  # cosine to the lens, either way, within which a vertex lies at the outline; of the neck, not jaw
FLANK = (-12.5, -8.0)  # heights above the eyes at which that is looked at
AROUND = (-2.5, 3.0)  # head units inside and outside it, in which the photo's neck ends before nothing but background
STEPS = 45  # samples along that way
INNER = 0.5  # head units inside the photo's outline that must be skin
MOST = (0.6, 0.72)  # share of the outline for which that holds, from which on the neck is continued, and wholly
COLUMN = (-18.0, -5.5, 7.0)  # head units: heights above the eyes of the neck behind the jaw, and how far to the front
MARGIN = 0.5  # head units about the head's edge and the neck's in which the photo may have them
FAINT = (0.2, 0.6)  # share of the person below which nothing is continued: the photo's noise, not skin
SHADE = 0.8  # head units below the jaw where the neck is surely itself


@dataclass(frozen=True)
class Neck:
    """Nothing is known of it where the photo's neck does not end before the background on both sides."""

    bare: Tensor  # [] 1 where it does
    below: Tensor  # [V] 1 on the neck, below the jaw
    flank: Tensor  # [V] 1 at its outline, which is the photo's and not the mesh's
    flat: Tensor  # [V] 1 where it moves as a sheet
    layer: Tensor  # [4, h, w] the neck's light times its share, and that share: it goes on behind the head


def look_at_neck(
    model: HeadModel, start: Deformation, normal: Tensor, picture: Tensor, alpha: Tensor, skin: Tensor
) -> Neck:
    """Find in a photo [3, H, W] with person mask alpha [H, W] where the neck ends before the background; the layer is
    still empty. start: the mesh, normal [V, 3] in view axes; skin [3] as in `Skin.colour`"""
    side, height = normal[:, 0].abs(), above_eyes(model)
    bare = _bare(model, start, normal, picture, alpha, skin)
    below = bare * below_jaw(model)
    return Neck(
        bare,
        below,
        below * smoothstep(side, *ASIDE) * smoothstep(height, *END) * smoothstep(height, *JAW),
        torch.maximum(smoothstep(side, *FLAT), (normal[:, 2] < 0).float()),
        picture.new_zeros(4, 2, 2),
    )


def below_jaw(model: HeadModel) -> Tensor:
    """1 on the neck, 0 above the jaw's lower edge. [V]"""
    height, depth, rise, width = THROAT
    edge = height + rise * (depth - model.template[:, 2]).clamp(0, depth)
    return smoothstep(above_eyes(model), edge + width, edge)


def _bare(model: HeadModel, start: Deformation, normal: Tensor, picture: Tensor, alpha: Tensor, skin: Tensor) -> Tensor:
    """Whether the neck is skin that ends before the background on either side. [] 0..1"""
    height, x, unit = above_eyes(model), model.template[:, 0], start.unit
    rim = (model.vertex_part < 2) & (normal[:, 2].abs() < RIM) & (model.template[:, 2] < DEPTH)
    rim &= (height > FLANK[0]) & (height < FLANK[1])
    flat = normal[:, :2] * normal.new_tensor([1.0, -1.0])
    out = (flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-3))[rim]
    at, away = start.screen[rim, :2], torch.linspace(*AROUND, STEPS) * unit
    inside = (sample_linear(alpha[None], at[:, None] + away[:, None] * out[:, None])[0] > 0.5).long()  # [N, S]
    until = inside.cumprod(1).sum(1)
    ends = (until > 1) & (until < STEPS * 2 // 3) & (inside.sum(1) == until)
    edge = away[(until - 1).clamp(min=0)] - INNER * unit
    bare = likeness(sample_linear(picture, (at + edge[:, None] * out)[None])[:, 0], skin) > 0.3
    found = (ends & bare).float()
    left, right = (_mean(found[of[rim]]) for of in (x > 0, x <= 0))
    return smoothstep(torch.minimum(left, right), *MOST)


def _mean(values: Tensor) -> Tensor:
    return values.mean() if len(values) else values.new_zeros(())


def neck_column(start: Deformation, model: HeadModel, window: Window, rows: int, columns: int) -> Tensor:
    """1 where the mesh's neck is, also behind the jaw. [rows, columns]"""
    height, scale = above_eyes(model), start.screen.new_tensor([columns / window.width, rows / window.height, 1.0])
    inside = (height > COLUMN[0]) & (height < COLUMN[1]) & (model.template[:, 2] < COLUMN[2]) & (model.vertex_part < 2)
    screen = (start.screen - start.screen.new_tensor([window.left, window.top, 0.0])) * scale
    triangles = model.triangles[inside[model.triangles].all(1)]
    return (rasterise(screen, triangles, rows, columns).triangle >= 0).float()


def neck_behind(person: Tensor, head: Tensor, column: Tensor, unit: float) -> Tensor:
    """The person's layer [4, h, w] in the neck's column [r, c], going on upwards behind the head [r, c] as it is below
    it; unit in pixels."""
    height, width = person.shape[1:]
    head, column = resize(torch.stack([head, column]), height, width)
    hidden = dilate((head > 0.5).float(), round(MARGIN * unit)) > 0.5
    rows = torch.arange(height)[:, None]
    below = torch.where(hidden, height, rows).flip(0).cummin(0).values.flip(0)  # first row that is not, here or below
    at = torch.where(hidden, below + round(SHADE * unit), rows).clamp(max=height - 1)
    share = smoothstep(blur(column[None], MARGIN * unit), 0.02, 0.2) * (below < height)
    layer = person.gather(1, at.expand_as(person))
    return layer * share * smoothstep(layer[3], *FAINT)


def as_sheet(bust: Bust, start: Tensor, now: Deformation) -> Tensor:
    """Where the head pose takes each vertex [V, 3] from, were it as far back as the neck's outline. [V, 2] pixels"""
    flat = start * start.new_tensor([1.0, 1.0, 0.0])
    return (project(bust.camera, flat) - project(bust.camera, place(bust, flat, now.turn, now.shift)))[:, :2]


def neck_flow(drawn: Tensor, neck: Tensor) -> Tensor:
    """What is drawn of a neck [r, c], its flow and how far it comes into view [3, r, c], continued everywhere."""
    return fill(drawn, neck) if neck.any() else torch.zeros_like(drawn)
