"""Where the chunks of a long video lie: windows over the latents of a group, and groups one after the other.

```
group 0   [ chunk 0  ]                            windows overlap by `overlap` latents and are denoised in parallel
                [ chunk 1  ]
                      [ chunk 2  ]
group 1               [tail]                      the finished end of group 0: known latents
                      [ chunk 3  ]
                            [ chunk 4  ] ...
```

With `phase` the windows of step k of K start later by s_k = round(k S / K) latents, S = chunk - overlap: seams do not
stay where they are, but for the one over a finished tail. At the edges a window becomes longer or shorter within what
the network was trained for, and where that does not do, an overlap becomes longer.

Letters: T latents of a group, S stride, K steps.
"""

from dataclasses import dataclass
from itertools import pairwise

from ..data_types import InputError
from .latent_space import FRAMES

FUSIONS = ("cut", "linear", "pyramid", "flow")
TRAINED = (6, 12)  # latents of a window that the network has seen in training, fewest and most
CONTEXT = 2  # latents before a window that it may be told


@dataclass(frozen=True)
class Sync:
    """How the chunks of a long video are made to agree; lengths in latents."""

    chunk: int = 10
    overlap: int = 4
    fusion: str = "pyramid"  # of clean predictions where windows overlap, one of `FUSIONS`
    phase: bool = True  # windows move between steps
    shared_noise: bool = True  # one noise field that all windows look at; otherwise each chunk draws its own
    context: bool = True  # Latent Context: windows know the latents before them
    group: int = 4  # chunks that are denoised in parallel

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise InputError(f"fusion is {self.fusion!r:.40}; expected one of {', '.join(FUSIONS)}")
        if self.chunk < 2:
            raise InputError(f"a chunk has {self.chunk} latents; expected at least 2")
        if not 0 <= self.overlap < self.chunk:
            raise InputError(f"overlap is {self.overlap} latents; expected 0 to {self.chunk - 1}, less than a chunk")
        if self.group < 1:
            raise InputError(f"a group has {self.group} chunks; expected at least 1")

    @property
    def stride(self) -> int:
        """Latents from the start of a chunk to the start of the next one."""
        return self.chunk - self.overlap

    @property
    def shortest(self) -> int:
        """The fewest latents of a window."""
        return min(TRAINED[0], self.chunk)

    @property
    def longest(self) -> int:
        """The most latents of a window."""
        return max(TRAINED[1], self.chunk)

    def shift(self, step: int, steps: int) -> int:
        """By how many latents the windows start later at a step."""
        return round(step * self.stride / steps) if self.phase else 0


@dataclass(frozen=True)
class Group:
    """Latents first..last - 1 of the video; the first `known` of them are finished."""

    first: int
    last: int
    known: int


def windows(count: int, sync: Sync, shift: int = 0) -> tuple[tuple[int, int], ...]:
    """(first, last) of every window over `count` latents, both rising, from 0 to count."""
    if count <= sync.longest:
        return ((0, count),)
    least = max(sync.shortest, sync.overlap + 1)  # latents of a window at the end: it has to bring something new
    offset = shift % sync.stride
    inner = [
        start
        for start in range(offset or sync.stride, count, sync.stride)
        if start + sync.overlap >= sync.shortest and count - start >= least
    ]
    if offset and not inner and count > sync.longest:
        return windows(count, sync)  # the seams have nowhere to move to
    starts = [0, *inner]
    ends = [start + sync.overlap for start in inner]
    if inner and ends[0] > sync.longest:  # a window that would be too short alone: it gets a longer overlap
        starts.insert(1, inner[0] - sync.stride)
        ends.insert(0, sync.shortest)
    if count - starts[-1] > sync.longest:
        ends.append(starts[-1] + sync.chunk)
        starts.append(count - least)
    return tuple(zip(starts, [*ends, count], strict=True))


def groups(total: int, sync: Sync) -> tuple[Group, ...]:
    """The groups of a video of `total` latents. A rest too short for a window of its own goes to the last group."""
    if total < 1:
        raise InputError(f"the video has {total} latents; expected at least 1")
    found: list[Group] = []
    first, known, last = 0, 0, sync.chunk + (sync.group - 1) * sync.stride
    while total - last + sync.overlap >= max(sync.shortest, sync.overlap + 1):
        found.append(Group(first, last, known))
        first, known, last = last - sync.overlap, sync.overlap, last + sync.group * sync.stride
    return (*found, Group(first, total, known))


def seams(group: Group, sync: Sync, shift: int) -> list[tuple[int, int]]:
    """(first, last) of the latents of the video where two windows, or a finished tail and a window, overlap."""
    layout = windows(group.last - group.first, sync, shift)
    found = [(0, group.known)] if group.first else []
    found += [(after[0], before[1]) for before, after in pairwise(layout)]
    return [(group.first + first, group.first + last) for first, last in found]


def join_frames(total: int, sync: Sync, steps: int) -> tuple[int, ...]:
    """Video frames where two chunks meet, in the middle of their overlap at the last of `steps` steps; rising."""
    shift = sync.shift(steps - 1, steps)
    found = {(first + last) // 2 for group in groups(total, sync) for first, last in seams(group, sync, shift)}
    return tuple(FRAMES * latent for latent in sorted(found))
