"""A head model that grows up: MakeHuman's ages (CC0) as further identity modes of ours, from infancy to old age.

MakeHuman knows four ages of either sex on three continents. Each becomes a mode: what sets that age apart from the
grown-up of the same sex and origin, so that the modes of the head model keep what makes a person and these add the
years. They are smooth fields, for growth is: lips that touch and lids that fit go on doing so.

Letters: V vertices, M age modes, S skin vertices.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import motion_space
from ..geometry.head_model import PARTS, HeadModel
from . import makehuman
from .makehuman import ETHNICITIES, MakeHuman

AGES = ("baby", "child", "young", "old")
SEXES = ("female", "male")
MODES = len(AGES) * len(SEXES) * len(ETHNICITIES)
SMOOTH, INSIDE = 0.8, 2.5  # head units: reach of the smoothing on the skin, and from it to teeth and tongue
BUILD = (0.58, 0.8, 1.0, 1.0)  # of neck and shoulders at AGES, as a share of a grown-up's
RAISED = (5.8, 2.5, 0.0, 0.0)  # head units by which shoulders stand nearer to the eyes
COLLAR = (0.0, -13.0, -2.0)  # the point about which they are smaller

# Share of each of AGES by years. MakeHuman's own scale is linear from 1 to 10 to 25 years; heads are not: these shares
# are set so that the distance between the eyes grows about as children's does (0.79 of a grown-up's at 3 years, 0.88 at
# 7, 0.91 at 10) and that faces are nearly grown up at 16.
YEARS = (1, 3, 5, 7, 10, 12, 14, 16, 18, 30, 80)
SHARES = {
    "baby": (0.76, 0.52, 0.32, 0.16, 0, 0, 0, 0, 0, 0, 0),
    "child": (0.24, 0.48, 0.68, 0.84, 1, 0.75, 0.45, 0.2, 0, 0, 0),
    "young": (0, 0, 0, 0, 0, 0.25, 0.55, 0.8, 1, 0.9, 0.1),
    "old": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0.1, 0.9),
}


def growing_head(head: HeadModel, assets: Path) -> HeadModel:
    """The head model with M more identity modes, last; `age_weights` are their coefficients."""
    skin = torch.nonzero(head.vertex_part <= PARTS.index("head"))[:, 0]
    source = makehuman.load_makehuman(assets)
    fields, eyes = _differences(source, _nearest(head, source, skin))
    modes = _spread(head, skin, fields)
    for eye, part in enumerate(("eye_left", "eye_right")):
        modes[:, head.vertex_part == PARTS.index(part)] = eyes[:, eye, None]
    still = head.lid_closure.new_zeros(MODES, *head.lid_closure.shape[1:])
    return replace(
        head,
        identity=torch.cat([head.identity, modes]),
        eye_center_identity=torch.cat([head.eye_center_identity, eyes]),
        lid_closure=torch.cat([head.lid_closure, still]),
    )


def age_weights(years: float, masculine: float, origin: np.ndarray, strength: float = 1.0) -> Tensor:
    """Coefficients of the age modes: masculine 0..1, origin [3] shares of ETHNICITIES. [M]"""
    ages = np.array([np.interp(years, YEARS, SHARES[age]) for age in AGES])
    sexes = np.array([1 - masculine, masculine])
    return torch.from_numpy(strength * np.einsum("a,s,e->ase", ages, sexes, origin).ravel()).float()


def fitted(points: Tensor, weights: Tensor) -> Tensor:
    """Clothes made for a grown-up on the neck and shoulders that go with these coefficients [M]. [N, 3]"""
    shares = weights.unflatten(0, (len(AGES), -1)).sum(1)
    return points + torch.einsum("a,and->nd", shares, _smaller(points))


def _smaller(points: Tensor) -> Tensor:
    """What the build at AGES moves points [N, 3] near neck and shoulders by. [4, N, 3]"""
    about = (torch.tensor(BUILD) - 1)[:, None, None] * (points - torch.tensor(COLLAR))
    return about + torch.tensor(RAISED)[:, None, None] * torch.tensor([0.0, 1.0, 0.0])


def _nearest(head: HeadModel, source: MakeHuman, skin: Tensor) -> np.ndarray:
    """MakeHuman's vertex at each of our skin vertices. [S]"""
    number = torch.full((len(head.template),), -1)
    number[skin] = torch.arange(len(skin))
    triangles = number[head.triangles]
    triangles = triangles[(triangles >= 0).all(1)].numpy()
    guides = [motion_space.INDEX[name] for name in makehuman.GUIDES]
    place, eyes = head.template[skin].double().numpy(), head.eye_center.double().numpy()
    return makehuman.register(source, place, triangles, head.expression[guides][:, skin].numpy(), eyes)


def _differences(source: MakeHuman, nearest: np.ndarray) -> tuple[Tensor, Tensor]:
    """Each age against the grown-up of its sex and origin: of our skin [M, S, 3] and of the eye centres [M, 2, 3]."""
    used = np.unique(source.triangles)
    skin, eyes = [], []
    for age in AGES:
        for sex in SEXES:
            for ethnicity in ETHNICITIES:
                grown = (_person(source, "young", sex, ethnicity) + _person(source, "old", sex, ethnicity)) / 2
                other = _person(source, age, sex, ethnicity)
                step = makehuman.rigidly(other, other[used], grown[used]) - grown
                skin.append(step[nearest])
                eyes.append([step[eye].mean(0) for eye in source.eyes])
    return torch.tensor(np.array(skin)).float(), torch.tensor(np.array(eyes)).float()


def _person(source: MakeHuman, age: str, sex: str, ethnicity: str) -> np.ndarray:
    """[N, 3]"""
    body = f"macrodetails/universal-{sex}-{age}-averagemuscle-averageweight"
    return source.moved({f"macrodetails/{ethnicity}-{sex}-{age}": 1.0, body: 1.0})


def _spread(head: HeadModel, skin: Tensor, fields: Tensor) -> Tensor:
    """Fields on the skin [M, S, 3] made smooth, continued into the mouth, and ending in a collar. [M, V, 3]"""
    place = head.template
    flat = fields.transpose(0, 1).flatten(1)  # [S, M * 3]
    reach = torch.full((len(place),), INSIDE)
    reach[skin] = SMOOTH
    kernel = torch.exp(-0.5 * (torch.cdist(place, place[skin]) / reach[:, None]).square())
    smooth = ((kernel @ flat) / kernel.sum(1, keepdim=True)).unflatten(1, (len(fields), 3)).transpose(0, 1)
    collar = _smaller(place).repeat_interleave(len(fields) // len(AGES), 0)
    return torch.lerp(collar, smooth, head.neck_weight[:, None]).contiguous()
