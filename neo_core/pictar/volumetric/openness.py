"""How far a performance opens eyes and lips, and which of its channels say so: what retargeting goes by.

The public networks for eyes and lips move the same keypoints as the bridge does, and do it better: they close an eye
whole. Where they are asked, the channels that open and close are left to them; all others stay with the bridge.

Letters: T frames, K landmarks.
"""

from functools import cache

import torch
from torch import Tensor

from ...geometry.head_model import landmarks, load_head_model
from ...motion_space import EXPRESSION, INDEX, SIZE

PARTS = ("eyes", "lips")
LIDS = ("eyeBlink", "eyeWide", "eyeSquint")
JAW = ("jawOpen", "mouthClose")
LIPS = ("mouthLowerDown", "mouthUpperUp")
ALMOST = 0.005  # ratio that is as good as shut
ACROSS = {"eyes": ((36, 39), (42, 45)), "lips": ((48, 54),)}  # of the 68: corners of each opening
APART = {"eyes": (((37, 41), (38, 40)), ((43, 47), (44, 46))), "lips": (((62, 66),),)}  # upper, lower, of each opening


def handed_over(motion: Tensor, reference: Tensor, parts: tuple[str, ...]) -> Tensor:
    """A performance [T, 63] in which retargeted parts neither open nor close; a wink stays a wink."""
    rest = motion.clone()
    if "lips" in parts:
        rest[:, [INDEX[name] for name in JAW]] = reference[[INDEX[name] for name in JAW]]
    for stem in (LIDS if "eyes" in parts else ()) + (LIPS if "lips" in parts else ()):
        sides = [INDEX[f"{stem}_L"], INDEX[f"{stem}_R"]]
        change = motion[:, sides] - reference[sides]
        rest[:, sides] -= change.mean(1, keepdim=True)
    return rest


def openness(part: str, motion: Tensor) -> Tensor:
    """The ratio to which the mean head opens its eyes, on average, or its lips: height over width, beyond shut. What
    presses on shut lids and lips moves them past each other, and opens nothing. [T, 63] -> [T]"""
    return (_heights(part, motion) - _heights(part, _shut(part)[None]).clamp(min=0)).clamp(min=0).mean(1)


def _heights(part: str, motion: Tensor) -> Tensor:
    """Of each opening, over its width; below 0 where the lower edge is above the upper one. [T, 63] -> [T, 1 or 2]"""
    still, per_unit = _landmarks()
    points = still + torch.einsum("te,ekc->tkc", motion[:, EXPRESSION], per_unit)
    width = torch.stack([(points[:, a] - points[:, b]).norm(dim=1) for a, b in ACROSS[part]], 1)
    high = [sum(points[:, up, 1] - points[:, low, 1] for up, low in pairs) / len(pairs) for pairs in APART[part]]
    return torch.stack(high, 1) / width


def wanted(part: str, own: Tensor, motion: Tensor, reference: Tensor) -> Tensor:
    """The ratio that a portrait whose own one is `own` [] should open to. [T]

    Wider than in the photo by as much as the mean head; closing in proportion, so that what is shut is shut whatever
    the shape of these eyes.
    """
    open_to, still = openness(part, motion), openness(part, reference[None])
    share = (open_to + ALMOST) / (still + ALMOST)
    return torch.where(open_to >= still, own + open_to - still, own * share.clamp(max=1))


def _shut(part: str) -> Tensor:
    """The motion vector of closed eyes, or of closed lips, which is rest. [63]"""
    motion = torch.zeros(SIZE)
    motion[[INDEX[f"eyeBlink_{side}"] for side in "LR"]] = float(part == "eyes")
    return motion


@cache
def _landmarks() -> tuple[Tensor, Tensor]:
    """The 68 from the front, at rest [68, 2] and per unit of every expression [53, 68, 2]."""
    model = load_head_model()
    return landmarks(model, model.template)[:68, :2], landmarks(model, model.expression)[:, :68, :2]
