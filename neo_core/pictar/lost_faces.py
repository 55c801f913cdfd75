"""What happens in frames that do not show the face, by the user's choice, and the report of what did.

Frames are never dropped and never added, and only counted while they are waited for: a face may be away for hours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from ..data_types import InputError

POLICIES = {
    "hold": "as it was seen last",
    "interpolate": "from as it was seen last to as it is seen next",
    "pass": "nothing is moved",
    "error": "stop",
}


@dataclass(frozen=True)
class Lost:
    """A run of frames without the face, and what was done."""

    first: int
    last: int
    done: str

    def told(self, fps: Fraction) -> dict:
        """As plain values, for a report."""
        seconds = [round(float(frame / fps), 3) for frame in (self.first, self.last + 1)]
        return {"frames": [self.first, self.last], "seconds": seconds, "done": self.done}


def without_gaps(
    sightings: Iterable[Tensor | None], policy: str, report: list[Lost], name: object = "the video"
) -> Iterator[Tensor | None]:
    """The same frames [63] with each missing one made up by a policy; None where nothing is to be moved.

    What was missing is added to `report` as it is met. Raises InputError when no frame shows the face, and with the
    policy `error` at the first one that does not.
    """
    if policy not in POLICIES:
        raise InputError(f"{policy!r:.40} found as what to do without a face; expected one of {', '.join(POLICIES)}")
    before: Tensor | None = None
    missing = frame = 0
    for frame, seen in enumerate(sightings):
        if seen is None:
            if policy == "error":
                raise InputError(
                    f"frame {frame} of {name} shows no face that could be followed; expected one in every frame, or "
                    f"another choice for lost faces: {', '.join(POLICIES)}"
                )
            missing += 1
            continue
        yield from _made_up(before, seen, missing, frame, policy, report)
        missing, before = 0, seen
        yield seen
    if before is None:
        raise InputError(f"no human face found in {name}; expected a video that shows one clearly")
    yield from _made_up(before, None, missing, frame + 1, policy, report)


def _made_up(
    before: Tensor | None, after: Tensor | None, missing: int, end: int, policy: str, report: list[Lost]
) -> Iterator[Tensor | None]:
    """The `missing` frames before frame `end`, between what was seen before and after them."""
    if not missing:
        return
    if policy == "interpolate" and before is not None and after is not None:
        report.append(Lost(end - missing, end - 1, "interpolated"))
        for k in range(missing):
            share = torch.tensor((k + 1) / (missing + 1))
            yield torch.lerp(before, after, 0.5 - 0.5 * torch.cos(torch.pi * share))
        return
    report.append(Lost(end - missing, end - 1, "passed" if policy == "pass" else "held"))
    held = before if before is not None else after
    for _ in range(missing):
        yield None if policy == "pass" else held
