"""The lips and what lies right behind them, as parts of the head model's mesh."""

import torch
from torch import Tensor

from ...geometry.head_model import PARTS, HeadModel
from ...geometry.rasteriser import rasterise
from .bust import MOUTH, Bust, Deformation
from .contact import Pairs, points
from .follow import smoothstep
from .patch import BLANK, INNER, SKIN, Cut, Window
from .skin import both_ways, continued

INNER_LIP = 0.6  # head units of the mouth's lining that look like lip
SEAM = 0.3  # head units about the lips' seam that the photo may show as its dark line
CORNER = 1.85  # head units from the middle to where lips grow together
PUSH = 1.5  # head units the inside is set back, so that a badly fitted lip or chin still covers it
RINGS = 24  # of neighbours from which hidden lip skin takes its place
SHEETS = torch.tensor([PARTS.index(name) for name in ("tongue", "teeth_upper", "teeth_lower")])  # see `inside`


def mouth_cut(model: HeadModel, pairs: Pairs, worn: Tensor) -> Cut:
    """The inside, the lips, and the skin around them as far as it carries the photo."""
    rim = torch.cat([points(model, model.template, pairs.upper), points(model, model.template, pairs.lower)])
    low, high = rim.amin(0) - 2.8, rim.amax(0) + 4.2
    centre = model.template[model.triangles].mean(1)
    near = ((centre > low) & (centre < high))[:, :2].all(1) & (centre[:, 2] > rim[:, 2].amin() - 5)
    lips = ((pairs.upper_weight + pairs.lower_weight).sum(1) > 0.3)[model.triangles].all(1)
    layer = torch.where(worn | lips, SKIN, BLANK)
    behind = behind_lips(model)[model.triangles].amax(1)
    layer = torch.where(torch.isin(model.triangle_part, MOUTH) & (behind > INNER_LIP), INNER, layer)
    lining = torch.isin(model.triangle_part, MOUTH) & ~torch.isin(model.triangle_part, SHEETS)
    chosen = torch.nonzero((near & (model.triangle_part < 2)) | lining)[:, 0]
    return Cut(chosen, layer[chosen], torch.isin(model.vertex_part, MOUTH).float() * PUSH)


def lower_lip(model: HeadModel, pairs: Pairs) -> Tensor:
    """1 on the lower lip, as far as lips are two. [V]"""
    apart = model.template[:, 0].abs() < CORNER
    return (apart & (pairs.lower_weight.sum(1) > pairs.upper_weight.sum(1))).float()


def lip_shade(model: HeadModel) -> Tensor:
    """Factor on the skin: 1 on the lips, less behind their seam. [V]"""
    behind = (behind_lips(model) / INNER_LIP).clamp(max=1)
    lining = model.vertex_part == PARTS.index("mouth_socket")
    return torch.where(lining, 1 - 0.4 * behind, torch.ones_like(behind))


def behind_lips(model: HeadModel) -> Tensor:
    """Distance of the mouth's lining from the seam of the lips, head units; far for teeth, gums and tongue. [V]"""
    lining = model.vertex_part == PARTS.index("mouth_socket")
    rim = torch.cat([torch.tensor(model.landmark_groups[f"lips_inner_{name}"]) for name in ("upper", "lower")])
    gap = torch.cdist(model.template, points(model, model.template, rim)).amin(1)
    return torch.where(lining | (model.vertex_part == 0), gap, torch.full_like(gap, 99.0))


def lip_source(bust: Bust, start: Deformation, window: Window) -> Tensor:
    """Photo positions of the skin; lip skin that the photo hides, or shows only as the dark line between the lips,
    takes its neighbours'. [V, 2]"""
    model = bust.model
    behind = behind_lips(model)
    triangles = model.triangles[model.triangle_part < 2]
    local = start.screen - torch.tensor([window.left, window.top, 0.0])
    depth = rasterise(local, triangles, window.height, window.width).depth
    column = local[:, 0].long().clamp(0, window.width - 1)
    row = local[:, 1].long().clamp(0, window.height - 1)
    soft = model.vertex_part < 3
    hidden = (local[:, 2] > depth[row, column] + 0.12) & (behind < INNER_LIP) & soft
    seam = (behind < SEAM) & soft
    own = start.screen[:, :2]
    middle = smoothstep(model.template[:, 0].abs(), 2.2, 1.2)  # corners have no lip to spare
    weight = torch.maximum(hidden.float(), middle)
    return own + weight[:, None] * (continued(own, ~(hidden | seam), both_ways(model.triangles), RINGS) - own)
