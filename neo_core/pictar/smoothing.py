"""Take the tremor out of measured motion, and leave what is quick for a reason.

A mean over neighbouring frames would cost the closures of p, b and m, which may last a single frame, and blinks. So
frames count by how alike they are as well as by how near (a bilateral filter: Tomasi and Manduchi, "Bilateral filtering
for gray and color images", 1998): a closed mouth among open ones is alike to none and stays what it is, and a mouth
that rests is averaged with all that rest around it. Head, lids, brows, mouth and eyes are alike or not each for itself.
The window is symmetric, so nothing comes late.

Letters: T frames of a window, C channels of a part.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

import torch
from torch import Tensor

from ..geometry.camera import project, rotation_matrix
from ..geometry.head_model import HeadModel, landmarks, shape
from ..motion_space import EXPRESSION, GAZE, INDEX, POSE, REGIONS
from .expression import lip_gap
from .head_track import Head, sighting

REACH = 0.12  # seconds on either side
NEAR = 0.06  # seconds: one standard deviation of the bell over time
BLINKS = (INDEX["eyeBlink_L"], INDEX["eyeBlink_R"])
PARTS = {  # channels that move together, and a difference that may be tremor (one deviation)
    "mouth": (REGIONS["mouth"], 0.02),
    "brows": (REGIONS["brows"], 0.025),
    "lids": (REGIONS["eyes"], 0.03),
    "turn": (REGIONS["pose"][:3], 0.4),
    "place": (REGIONS["pose"][3:], 0.15),
    "gaze": (REGIONS["gaze"], 0.6),
}
GAP = 0.03  # the same for the gap between the lips, head units
BLINK = 0.04  # and for the lids
Seen = TypeVar("Seen")


def smooth(sightings: Iterable[Tensor | None], fps: Fraction) -> Iterator[Tensor | None]:
    """The same frames [63], steadied, as many as there are; None stays None, and nothing is mixed across it."""
    for window in windows(sightings, fps):
        yield window and _steadied(torch.stack(window[0]), window[1], fps)[0]


def steadied(model: HeadModel, found: Iterable[Head | None], fps: Fraction) -> Iterator[Head | None]:
    """The same heads with less tremor in where they stand and what they do, and their faces where those show them."""

    def told(head: Head) -> tuple[Head, Tensor]:
        seen = sighting(model, head.fit)
        seen[EXPRESSION] = head.fit.expression
        return head, seen

    for window in windows((head and told(head) for head in found), fps):
        if window is None:
            yield None
            continue
        (near, middle), (head, _) = window, window[0][window[1]]
        seen, weights = _steadied(torch.stack([one for _, one in near]), middle, fps)
        rotation = rotation_matrix(*seen[POSE][:3])
        camera = replace(head.fit.camera, rotation=rotation, translation=seen[POSE][3:] - rotation @ model.pivot)
        residual = torch.einsum("t,tvc->vc", weights["mouth"], torch.stack([one.fit.residual for one, _ in near]))
        fit = replace(
            head.fit, expression=seen[EXPRESSION].clone(), gaze=seen[GAZE].clone(), camera=camera, residual=residual
        )
        place = project(camera, shape(model, fit.identity, fit.expression))[:, :2] + residual
        yield Head(replace(head.face, landmarks=landmarks(model, place)), fit)


def windows(items: Iterable[Seen | None], fps: Fraction) -> Iterator[tuple[list[Seen], int] | None]:
    """For each item those that run on to either side of it, and its place among them; None for None."""
    reach = max(1, round(REACH * float(fps)))
    window: deque[Seen | None] = deque([None] * reach)  # frames -reach .. -1 are nobody
    for seen in items:
        window.append(seen)
        if len(window) > 2 * reach:
            yield _around(window, reach)
            window.popleft()
    for _ in range(len(window) - reach):
        window.append(None)
        yield _around(window, reach)
        window.popleft()


def _around(window: deque[Seen | None], middle: int) -> tuple[list[Seen], int] | None:
    if window[middle] is None:
        return None
    first = last = middle
    while first > 0 and window[first - 1] is not None:
        first -= 1
    while last + 1 < len(window) and window[last + 1] is not None:
        last += 1
    return [window[k] for k in range(first, last + 1)], middle - first


def _steadied(near: Tensor, middle: int, fps: Fraction) -> tuple[Tensor, dict[str, Tensor]]:
    """One of the frames [T, 63] as all of them say, and how much each had to say of every part [T]."""
    seconds = (torch.arange(len(near)) - middle) / float(fps)
    bell = (seconds / NEAR).square()  # [T]
    out, weights = near[middle].clone(), {}
    for part, (channels, tremor) in PARTS.items():
        values = near[:, channels]  # [T, C]
        unlike = ((values - values[middle]) / tremor).square().mean(1) + _told_apart(part, near, middle)
        weights[part] = torch.softmax(-0.5 * (bell + unlike), 0)
        out[list(channels)] = weights[part] @ values
    return out, weights


def _told_apart(part: str, near: Tensor, middle: int) -> Tensor:
    """What sets frames apart although few channels show it: lips that meet, lids that close. [T]"""
    if part == "mouth":
        gap = lip_gap(near).mean(1)
        return ((gap - gap[middle]) / GAP).square()
    if part == "lids":
        return ((near[:, BLINKS] - near[middle, list(BLINKS)]) / BLINK).square().mean(1)
    return near.new_zeros(len(near))
