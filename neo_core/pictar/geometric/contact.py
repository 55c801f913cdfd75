"""Contact: lids that close to the last pixel and lips that meet exactly, for every source.

A fitted mesh misses contact by a pixel or two, and two open pixels are a leer or a lisp. Pairs of points on opposite
margins measure the gap of every frame; a correction, spread over the skin around, closes what the motion says is
closed. At the portrait's own motion every correction is zero, so the photo comes back untouched.

Letters: V vertices, P pairs of margin points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.head_model import HeadModel
from ...motion_space import INDEX

LIP_REACH = 1.1  # head units above and below the lip line over which a lip correction dies out
NEARLY = 0.8  # of the way to contact in the middle from which the rest of the lips is drawn along
CLOSED = -0.025  # gap of the model's lips, head units, at which a motion means them closed


@dataclass(frozen=True)
class Pairs:
    """Opposite margin points and how far each vertex follows either of them."""

    upper: Tensor  # [P] landmark numbers
    lower: Tensor  # [P]
    upper_weight: Tensor  # [V, P]
    lower_weight: Tensor  # [V, P]


@dataclass(frozen=True)
class Contact:
    lips: Pairs
    lids: tuple[Pairs, Pairs]  # left, right
    lip_source: Tensor  # [P] gap between the model's lips in the portrait, upwards
    lip_floor: Tensor  # [P] least gap ever drawn: none, or the portrait's own overlap
    blink_source: Tensor  # [2] eyeBlink in the portrait


def points(model: HeadModel, vertices: Tensor, numbers: Tensor) -> Tensor:
    """Positions of some landmarks. vertices [V, 3], numbers [P] -> [P, 3]"""
    corner = model.landmark_triangle[numbers]  # [P, 3]
    return (vertices[model.triangles[corner]] * model.landmark_weight[numbers][..., None]).sum(1)


def hats(position: Tensor, knots: Tensor) -> Tensor:
    """Weights of linear interpolation between knots, dying out one knot beyond the ends. [V], [P] -> [V, P]

    Knots that do not ascend, as on a mouth seen from the side, are pushed apart.
    """
    knots = knots.cummax(0).values + 1e-3 * torch.arange(len(knots))
    low = torch.cat([knots[:1] - (knots[1] - knots[0]), knots[:-1]])
    high = torch.cat([knots[1:], knots[-1:] + (knots[-1] - knots[-2])])
    rise = (position[:, None] - low) / (knots - low)
    fall = (high - position[:, None]) / (high - knots)
    return torch.minimum(rise, fall).clamp(0, 1)


def lip_pairs(model: HeadModel, upper: Tensor, lower: Tensor) -> Pairs:
    """How the skin around the mouth follows the inner lip edges; upper and lower skin are told apart by the jaw."""
    template = model.template
    top, bottom = points(model, template, upper), points(model, template, lower)
    order = top[:, 0].argsort()
    upper, lower, top, bottom = upper[order], lower[order], top[order], bottom[order]
    along = hats(template[:, 0], (top[:, 0] + bottom[:, 0]) / 2)  # [V, P]
    jaw = model.expression[INDEX["jawOpen"]]
    split = (points(model, jaw, upper)[:, 1].mean() + points(model, jaw, lower)[:, 1].mean()) / 2
    line = (along @ ((top + bottom) / 2)) / along.sum(1, keepdim=True).clamp(min=1e-6)  # [V, 3]
    near = torch.exp(-((template - line)[:, 1] / LIP_REACH).square() * 2) * (template[:, 2] > line[:, 2] - 2.5)
    soft = model.vertex_part < 3  # skin and mouth socket, not teeth
    near = near * soft
    is_lower = (jaw[:, 1] < split).float()
    return Pairs(upper, lower, along * (near * (1 - is_lower))[:, None], along * (near * is_lower)[:, None])


def lid_pairs(model: HeadModel, upper: Tensor, lower: Tensor, blink: int) -> Pairs:
    """How the lids of one eye follow their margins: in proportion to what a blink does to them."""
    template, shape = model.template, model.expression[blink]
    top, bottom = points(model, template, upper), points(model, template, lower)
    order = top[:, 0].argsort()
    upper, lower, top, bottom = upper[order], lower[order], top[order], bottom[order]
    along = hats(template[:, 0], top[:, 0])
    travel = points(model, shape, upper)[:, 1].clamp(max=-0.05)  # [P] downwards
    local = (along @ travel) / along.sum(1).clamp(min=1e-6)
    share = torch.where(local < -0.01, shape[:, 1] / local.clamp(max=-0.01), torch.zeros_like(local)).clamp(0, 1)
    share = share * (model.vertex_part < 3)
    return Pairs(upper, lower, along * share[:, None], torch.zeros_like(along))


def closing_lips(contact: Contact, model: HeadModel, bare: Tensor, vertices: Tensor) -> Tensor:
    """Correction [V, 3] that makes lips meet when the motion closes them, and never pass through each other.

    bare [V, 3] is the model without the fit's residual. What the residual adds to the gap is faded as the model's own
    gap shrinks from the portrait's to `CLOSED`: the photo's parted lips close too. Lips that meet in the middle meet up
    to the corners, which a press of the model's rolled lips leaves open.
    """
    pairs = contact.lips
    own, gap = (points(model, v, pairs.upper) - points(model, v, pairs.lower) for v in (bare, vertices))  # [P, 3]
    shut = (contact.lip_source - own[:, 1]) / (contact.lip_source - CLOSED).clamp(min=0.02)
    shut = shut.clamp(0, 1)
    middle = shut[len(shut) // 2 - 2 : len(shut) // 2 + 3].mean()
    along = ((middle - NEARLY) / (1 - NEARLY)).clamp(min=0)
    wanted = own + (1 - torch.maximum(shut, along))[:, None] * (gap - own)
    wanted[:, 1] -= along * own[:, 1].clamp(min=0)
    wanted[:, 1] = torch.maximum(wanted[:, 1], contact.lip_floor)
    excess = gap - wanted
    return (pairs.lower_weight @ excess - pairs.upper_weight @ excess) / 2


def closing_lids(contact: Contact, model: HeadModel, blink: Tensor, vertices: Tensor) -> Tensor:
    """Correction [V, 3] that makes the lid margins meet when eyeBlink is 1. blink [2]: left, right."""
    out = torch.zeros_like(vertices)
    for side, pairs in enumerate(contact.lids):
        start = contact.blink_source[side]
        amount = ((blink[side] - start) / (1 - start).clamp(min=0.05)).clamp(0, 1)
        basis = model.expression[INDEX["eyeBlink_L"] + side]
        travel = points(model, basis, pairs.upper) - points(model, basis, pairs.lower)
        gap = points(model, vertices, pairs.upper) - points(model, vertices, pairs.lower)
        shut = gap + (1 - blink[side]) * travel  # what is left between the margins at a full blink
        out = out - pairs.upper_weight @ (shut * amount)
    return out
