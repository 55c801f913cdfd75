"""What happens in frames that do not show the face, by the user's choice, and the report of what did.

Frames are never dropped and never added, and only counted while they are waited for: a face may be away for hours.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ..data_types import InputError
from ..media.footage import Footage

Seen = TypeVar("Seen")
Mix = Callable[[Seen, Seen, Tensor], Seen]  # what is between two of them, a share [] of the way from the first

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

    def told(self, footage: Footage) -> dict:
        """As plain values, for a report: from when to when it was in the video."""
        seconds = [round(float(footage.moment(frame)), 3) for frame in (self.first, self.last + 1)]
        return {"frames": [self.first, self.last], "seconds": seconds, "done": self.done}

    @property
    def frames(self) -> str:
        """For people."""
        return f"frame {self.first}" if self.first == self.last else f"frames {self.first} to {self.last}"


def without_gaps(
    sightings: Iterable[Seen | None],
    policy: str,
    report: list[Lost],
    name: object = "the video",
    mix: Mix = torch.lerp,
    bridges: Callable[[int, int], bool] | None = None,
) -> Iterator[Seen | None]:
    """The same frames with each missing one made up by a policy; None where nothing is to be moved.

    With `bridges`, only gaps between two frames that show the face are made up, and of them those of whose first and
    last frame it says so; others are passed.
    What was missing is added to `report` as it is met. Raises InputError when no frame shows the face, and with the
    policy `error` at the first one that does not.
    """
    if policy not in POLICIES:
        raise InputError(f"{policy!r:.40} found as what to do without a face; expected one of {', '.join(POLICIES)}")
    before: Seen | None = None
    missing = frame = 0
    made_up = partial(_made_up, policy=policy, report=report, mix=mix, bridges=bridges)
    for frame, seen in enumerate(sightings):
        if seen is None:
            if policy == "error":
                raise InputError(
                    f"frame {frame} of {name} shows no face that could be followed; expected one in every frame, or "
                    f"another choice for lost faces: {', '.join(POLICIES)}"
                )
            missing += 1
            continue
        yield from made_up(before, seen, missing, frame)
        missing, before = 0, seen
        yield seen
    if before is None:
        raise InputError(f"no human face found in {name}; expected a video that shows one clearly")
    yield from made_up(before, None, missing, frame + 1)


def _made_up(
    before: Seen | None,
    after: Seen | None,
    missing: int,
    end: int,
    *,
    policy: str,
    report: list[Lost],
    mix: Mix,
    bridges: Callable[[int, int], bool] | None,
) -> Iterator[Seen | None]:
    """The `missing` frames before frame `end`, between what was seen before and after them."""
    if not missing:
        return
    enclosed = before is not None and after is not None
    if bridges is not None and not (enclosed and bridges(end - missing, end - 1)):
        policy = "pass"
    if policy == "interpolate" and enclosed:
        report.append(Lost(end - missing, end - 1, "interpolated"))
        for k in range(missing):
            share = torch.tensor((k + 1) / (missing + 1))
            yield mix(before, after, 0.5 - 0.5 * torch.cos(torch.pi * share))
        return
    report.append(Lost(end - missing, end - 1, "passed" if policy == "pass" else "held"))
    held = before if before is not None else after
    for _ in range(missing):
        yield None if policy == "pass" else held
