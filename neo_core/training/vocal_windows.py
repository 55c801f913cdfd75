"""Windows of performances for the training of VOCAL: cut exactly as the sampler will meet them.

A window starts either with the sound (no prefix, nothing heard before) or later (with its prefix); one that runs past
the end hears nothing there and holds its last frame. Each recording is encoded as it is and as if another voice had
spoken it: the encoder knows the voices of its own training too well, and VOCAL shall not rely on that.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..motion_space import INDEX, REGIONS, SIZE
from ..timebase import MOTION_RATE, PAIR
from ..vocal.motion_generator import Conditions, WindowConfig
from .synthetic.performances import Performances, Take
from .synthetic.phones import BILABIALS
from .synthetic.utterance import Phone
from .vocal_features import Listener, packed, unpacked

FIRST_SHARE = 0.25  # of all windows start with the sound
SHORTEST_REST = 20  # frames of the performance left in the shortest window
BEYOND_WEIGHT = 0.1  # of frames after the end
CLOSURE_WEIGHT = 5.0  # of the mouth on P, B and M: lips that stay open there are seen at once
SHUT_WEIGHT = 1.3  # of the lids while they are shut; much more would make people blink more often than they do
SPREAD_FLOOR = 0.02  # smallest deviation a channel is divided by
LIDS = [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Windows:
    """A batch: motion in its own units, what steers it, and how much each number counts."""

    motion: Tensor  # [B, W, C]
    weight: Tensor  # [B, W, C]
    conditions: Conditions  # motion inside not normalised yet

    def to(self, device: torch.device) -> "Windows":
        return Windows(self.motion.to(device), self.weight.to(device), self.conditions.to(device))


class WindowStore:
    """Takes of one data set with the hidden states of their recordings, all in memory."""

    def __init__(
        self,
        data: Performances,
        encode: Listener,
        config: WindowConfig,
        *,
        held_out: bool,
    ) -> None:
        self.config = config
        self.takes: list[Take] = [take for take in data.takes if take.held_out == held_out]
        needed = sorted({take.utterance for take in self.takes})
        self.hidden = {k: [packed(version) for version in encode(data.utterances[k])] for k in needed}
        self.weight = {k: mouth_weight(data.utterances[k].phones, self.hidden[k][0].shape[1] // PAIR) for k in needed}
        self.odds = torch.tensor([math.sqrt(len(take.motion)) for take in self.takes])
        frames = sum(len(take.motion) for take in self.takes)
        log.info("%d takes, %.2f hours, held out: %s", len(self.takes), frames / MOTION_RATE / 3600, held_out)

    def draw(self, count: int, dice: torch.Generator) -> Windows:
        """A random batch."""
        chosen = torch.multinomial(self.odds, count, replacement=True, generator=dice).tolist()
        heard = torch.randint(2**16, (count,), generator=dice).tolist()
        return self.cut([(k, self._start(k, dice)) for k in chosen], heard)

    def cut(self, places: Sequence[tuple[int, int]], heard: Sequence[int] | None = None) -> Windows:
        """The windows at (take, first frame); `heard` picks a version of the sound for each, by default the first."""
        heard = heard or [0] * len(places)
        cuts = [self._cut(self.takes[k], start, version) for (k, start), version in zip(places, heard, strict=True)]
        takes = [self.takes[k] for k, _ in places]
        known = torch.ones(len(places), dtype=torch.bool)
        conditions = Conditions(
            audio=torch.stack([cut["audio"] for cut in cuts]),
            heard=torch.stack([cut["heard"] for cut in cuts]),
            geometry=torch.stack([take.geometry for take in takes]).float(),
            style=torch.stack([take.style for take in takes]).float(),
            identity=known,
            reference_motion=torch.stack([take.reference for take in takes]).float(),
            reference=known,
            prefix_motion=torch.stack([cut["prefix"] for cut in cuts]),
            prefix=torch.tensor([start > 0 for _, start in places]),
            emotion=torch.stack([take.emotion for take in takes]),
        )
        motion, weight = (torch.stack([cut[name] for cut in cuts]) for name in ("motion", "weight"))
        return Windows(motion, weight, conditions)

    def _start(self, take: int, dice: torch.Generator) -> int:
        """0, or any frame with a whole prefix before it and something left to perform."""
        last = len(self.takes[take].motion) - SHORTEST_REST
        if last <= self.config.prefix or torch.rand((), generator=dice) < FIRST_SHARE:
            return 0
        return int(torch.randint(self.config.prefix, last, (), generator=dice))

    def _cut(self, take: Take, start: int, version: int) -> dict[str, Tensor]:
        config, frames = self.config, len(take.motion)
        versions = self.hidden[take.utterance]
        moment = torch.arange(start - config.prefix, start - config.prefix + config.audio_tokens)
        heard = (moment >= 0) & (moment < frames)
        rows = (moment.clamp(0, frames - 1)[:, None] * PAIR + torch.arange(PAIR)).flatten()
        shown = torch.arange(start, start + config.window)
        held = shown.clamp(max=frames - 1)
        weight = torch.where(shown < frames, 1.0, BEYOND_WEIGHT)[:, None].repeat(1, SIZE)
        weight[:, REGIONS["mouth"]] *= self.weight[take.utterance][held, None]
        weight[:, LIDS] *= torch.where(take.motion[held][:, LIDS] > 0.6, SHUT_WEIGHT, 1.0)
        before = take.motion[start - config.prefix : start] if start else torch.zeros(config.prefix, SIZE)
        return {
            "audio": unpacked(versions[version % len(versions)][:, rows]),
            "heard": heard,
            "motion": take.motion[held].float(),
            "weight": weight,
            "prefix": before.float(),
        }


def mouth_weight(phones: Sequence[Phone], frames: int) -> Tensor:
    """How much the mouth counts per motion frame: as far as the phone times are trusted, more on closures. [T]"""
    weight = torch.ones(frames)
    for phone in phones:
        first, last = (round(moment * MOTION_RATE - 0.5) for moment in (phone.start, phone.end))
        share = CLOSURE_WEIGHT if phone.symbol in BILABIALS else 1.0
        weight[max(first, 0) : max(last, first + 1)] = share * phone.confidence
    return weight


def spread(data: Performances) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the deviation of each channel, [C] each: what normalises motion."""
    return data.mean.float(), data.std.float().clamp(min=SPREAD_FLOOR).log()
