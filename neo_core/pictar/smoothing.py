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
from fractions import Fraction

import torch
from torch import Tensor

from ..motion_space import INDEX, REGIONS
from .expression import lip_gap

REACH = 0.12  # seconds on either side
NEAR = 0.06  # seconds: one standard deviation of the bell over time
BLINKS = (INDEX["eyeBlink_L"], INDEX["eyeBlink_R"])
PARTS = {  # channels that move together, and a difference that may be tremor (one deviation; twice that of measuring)
    "mouth": (REGIONS["mouth"], 0.02),
    "brows": (REGIONS["brows"], 0.025),
    "lids": (REGIONS["eyes"], 0.03),
    "turn": (REGIONS["pose"][:3], 0.4),
    "place": (REGIONS["pose"][3:], 0.15),
    "gaze": (REGIONS["gaze"], 0.6),
}
GAP = 0.03  # the same for the gap between the lips, head units
BLINK = 0.04  # and for the lids


def smooth(sightings: Iterable[Tensor | None], fps: Fraction) -> Iterator[Tensor | None]:
    """The same frames [63], steadied, as many as there are; None stays None, and nothing is mixed across it."""
    reach = max(1, round(REACH * float(fps)))
    window: deque[Tensor | None] = deque([None] * reach)  # frames -reach .. -1 are nobody
    for seen in sightings:
        window.append(seen)
        if len(window) > 2 * reach:
            yield _steadied(window, reach, fps)
            window.popleft()
    for _ in range(len(window) - reach):
        window.append(None)
        yield _steadied(window, reach, fps)
        window.popleft()


def _steadied(window: deque[Tensor | None], middle: int, fps: Fraction) -> Tensor | None:
    """The frame in the middle of a window, as the frames that run on to either side of it say."""
    if window[middle] is None:
        return None
    first = last = middle
    while first > 0 and window[first - 1] is not None:
        first -= 1
    while last + 1 < len(window) and window[last + 1] is not None:
        last += 1
    near = torch.stack([window[k] for k in range(first, last + 1)])
    seconds = (torch.arange(first, last + 1) - middle) / float(fps)
    bell = (seconds / NEAR).square()  # [T]
    out = near[middle - first].clone()
    for part, (channels, tremor) in PARTS.items():
        values = near[:, channels]  # [T, C]
        unlike = ((values - values[middle - first]) / tremor).square().mean(1) + _told_apart(part, near, middle - first)
        weight = torch.softmax(-0.5 * (bell + unlike), 0)
        out[list(channels)] = weight @ values
    return out


def _told_apart(part: str, near: Tensor, middle: int) -> Tensor:
    """What sets frames apart although few channels show it: lips that meet, lids that close. [T]"""
    if part == "mouth":
        gap = lip_gap(near).mean(1)
        return ((gap - gap[middle]) / GAP).square()
    if part == "lids":
        return ((near[:, BLINKS] - near[middle, list(BLINKS)]) / BLINK).square().mean(1)
    return near.new_zeros(len(near))
