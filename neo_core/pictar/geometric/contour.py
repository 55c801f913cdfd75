"""The mesh's outline against the photo's: where bare skin ends before the background, the mesh ends there too.

Landmarks pin the middle of a face; its edge the fit knows by a few points of the jaw. A mesh that ends beside the cheek
would leave a strip of it behind when the head turns, or take some of the background along.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .bust import Bust, Deformation
from .follow import smoothstep
from .sampling import sample_linear
from .skin import BEYOND, above_eyes, likeness

RIM = 0.35  # cosine to the lens, either way, within which a vertex lies at the outline
HEIGHT = (-8.3, 3.0)  # above the eyes, where cheeks and jaws are bare
BESIDE = 0.5  # head units beside the outline where no other part of the person, an ear or the neck, may lie
BELOW = (1.0, 2.0, 3.0, 4.0)  # head units below that no person may be: a neck goes on behind a jaw, its skin with it
SEARCH = 1.2  # head units to either side of the outline in which the picture's edge is looked for
STEPS = 33  # samples along that way
INNER = 0.5  # head units inside the edge that must be skin
REACH = 0.9  # head units over which a correction is carried along and into the face
SPREAD = 1.0  # head units about a vertex over which it is counted how much of the outline is met
MOST = (0.5, 0.85)  # ... from which share on it is
CORNER = (-8.3, -7.5)  # heights of the jaw's lower end, where the outline must be met ...
FROM_THERE = 0.2  # ... by this share, or the whole side is left as it is: a piece met alone would stand off
TRUST = 0.4  # neighbours at least, weighed by nearness, that make a correction whole
LEFT_ALONE = (0.45, 0.75)  # cosine to the lens from which on the landmarks know better


@dataclass(frozen=True)
class Outline:
    bust: Bust  # with the mesh's outline on the photo's
    met: Tensor  # [V] 1 near where that is so
    whole: Tensor  # [V] 1 where that holds for most of the outline about a vertex


def meet_outline(
    bust: Bust, start: Deformation, normal: Tensor, origin: Tensor, layers: Tensor, skin: Tensor
) -> Outline:
    """Let a bust's outline meet the photo's.

    start: its mesh, normal [V, 3] in view axes; layers [5, h, w]: a part of the picture whose corner is `origin` [2],
    the person's share, the mesh's; skin [3] as in `Skin.colour`.
    """
    model, unit = bust.model, start.unit
    height = above_eyes(model)
    body = (model.vertex_part < 2) & (model.neck_weight > 0.9)
    rim = body & (normal[:, 2].abs() < RIM) & (height > HEIGHT[0]) & (height < HEIGHT[1])
    flat = normal[:, :2] * normal.new_tensor([1.0, -1.0])
    flat = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-3)
    number = torch.nonzero(rim)[:, 0]
    gap, found = _edges(start.screen[number, :2] - origin, flat[number], layers, skin, unit)
    found = found & carried_up(model.template[number, 0], height[number], found)
    share = _nearness(start.screen, number, SPREAD * unit)
    share = smoothstep(share @ found.float() / share.sum(1).clamp(min=1e-3), *MOST)
    number, gap = number[found], gap[found]
    if len(number) == 0:
        return Outline(bust, share, share)
    near = _nearness(start.screen, number, REACH * unit)
    total = near.sum(1)
    mean = near @ ((gap + BEYOND * unit)[:, None] * flat[number]) / total.clamp(min=1e-6)[:, None]
    met = smoothstep(total / TRUST, 0.0, 1.0) * share * body
    shift = mean * (met * (1 - smoothstep(normal[:, 2], *LEFT_ALONE)))[:, None]
    flipped = torch.cat([shift[:, :1], -shift[:, 1:], torch.zeros_like(shift[:, :1])], 1)
    offset = (flipped * start.screen[:, 2:] / bust.camera.focal) @ bust.camera.rotation
    return Outline(replace(bust, offset=bust.offset + offset), met, share)


def carried_up(side: Tensor, height: Tensor, found: Tensor) -> Tensor:
    """Whether the outline on the own side of each of N vertices, by the sign of `side`, is found where the jaw ends.
    bool [N]"""
    corner = (height > CORNER[0]) & (height < CORNER[1])
    left, right = (found[corner & of].float().mean() > FROM_THERE for of in (side > 0, side <= 0))
    return torch.where(side > 0, left, right)


def _nearness(screen: Tensor, number: Tensor, reach: Tensor) -> Tensor:
    """How near each of V vertices lies on the screen to those of a number [N]. [V, N] 0..1"""
    way = screen[:, None, :2] - screen[None, number, :2]
    return torch.exp(-0.5 * (way / reach).square().sum(-1))


def _edges(at: Tensor, out: Tensor, layers: Tensor, skin: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
    """How far beyond points [N, 2] of the mesh's outline, along out [N, 2], the person ends: pixels [N], and whether
    bare skin ends there at all: bool [N]"""
    away = torch.linspace(-SEARCH, SEARCH, STEPS) * unit  # [S]
    way = at[:, None] + away[:, None] * out[:, None]
    inside = sample_linear(layers[3:4], way)[0] > 0.5  # [N, S]
    until = inside.long().cumprod(1).sum(1)  # samples before the first outside
    ends = (until > 1) & (until < STEPS)
    gap = away[(until - 1).clamp(min=0)] + 0.5 * (away[1] - away[0])
    bare = likeness(sample_linear(layers[:3], (at + (gap - INNER * unit)[:, None] * out)[None])[:, 0], skin) > 0.5
    beside = at + BESIDE * unit * out
    free = sample_linear(layers[3:], beside[None])[:, 0].prod(0) < 0.5
    down = torch.stack([torch.zeros(len(BELOW)), torch.tensor(BELOW) * unit], 1)  # [B, 2]
    past = at + (gap.clamp(min=0) + BESIDE * unit)[:, None] * out
    below = sample_linear(layers[3:4], past[:, None] + down)[0] > 0.5  # [N, B]
    return gap, ends & bare & free & ~below.any(1)
