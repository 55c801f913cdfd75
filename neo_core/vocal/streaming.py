"""Motion while somebody still speaks: a few frames at a time, each decided by sound that came at most a fifth of a
second after it.

Every hop denoises one window: first the frames that were played already, held as they were; then those that are due;
then what the sound heard so far says of the next ones; and the rest of the window, for which no sound is there yet, so
that head and gaze move with a plan. Only the frames that are due are given out. The next hop sees a little more.

The noise belongs to the frame's number, as offline, so a hop does not change the plan without a reason.

Letters: L layers, D width of the encoder, W frames of a window, P frames of its prefix, C channels.
"""

import copy
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data_types import Emotion, Identity, InputError
from ..flow.guidance import Guidance
from ..flow.schedule import timesteps
from ..timebase import MOTION_RATE, PAIR
from .motion_generator import MotionGenerator
from .sampler import SHIFT, AudioWindow, Held, Recall, frame_noise, sample, window_conditions, window_weights

LIVE_STEPS = 3


@dataclass(frozen=True)
class Pace:
    """Frames of a hop: what is due, what is heard beyond it, what of the past is held, what is planned unheard."""

    hop: int = 3
    ahead: int = 2
    past: int = 30
    plan: int = 10

    @property
    def window(self) -> int:
        return self.past + self.hop + self.ahead + self.plan

    @property
    def look_ahead(self) -> float:
        """Seconds from the begin of a frame to the end of the frames that are heard for it, at most."""
        return (self.hop + self.ahead) / MOTION_RATE


LIVE = Pace()


class LiveMotion:
    """One performance, hop after hop. The portrait is still before it begins."""

    def __init__(
        self,
        vocal: MotionGenerator,
        identity: Identity,
        *,
        seed: int = 0,
        steps: int = LIVE_STEPS,
        guidance: Guidance = Guidance(),  # noqa: B008 - frozen
        pace: Pace = LIVE,
    ) -> None:
        if not guidance.steady:
            raise InputError(
                "guidance changes over the clip, which has no end yet; expected the same weights all along"
            )
        self.pace, self._identity, self._seed = pace, identity, seed
        self._vocal = copy.copy(vocal)  # the same network, for windows of another length
        self._vocal.config = replace(vocal.config, window=pace.window, lookahead=0)
        self._times, self._recall = timesteps(steps, SHIFT), Recall(self._vocal)
        self._steering = guidance.steering(window_weights(guidance, 0, pace.window, None))
        self._past = identity.reference.float().cpu().expand(self._vocal.config.prefix + pace.past, -1)
        self.frames = 0  # given out

    @property
    def span(self) -> int:
        """Frames of sound that a hop looks at."""
        return self._vocal.config.audio_tokens - self.pace.plan

    def next(self, hidden: Tensor, heard: int, emotion: Emotion | None = None) -> Tensor:
        """Motion [hop, C] of the next frames; `hidden` [L, 2 n, D] are the states of the last n frames heard of all the
        `heard` there were. n is `span`, or `heard` when that is less."""
        first = self.frames - self.pace.past
        window = self._window(hidden, heard, first)
        prefix, held = self._past.split((self._vocal.config.prefix, self.pace.past))
        conditions = window_conditions(self._vocal, window, self._identity, prefix, emotion)
        frames = torch.arange(self.pace.window) < self.pace.past
        known = Held(frames, F.pad(held, (0, 0, 0, self.pace.window - self.pace.past)))
        noise = frame_noise(self._seed, first, self.pace.window)[None]
        motion = sample(self._vocal, conditions, noise, self._times, self._steering, held=known, recall=self._recall)[0]
        due = motion[self.pace.past :][: self.pace.hop]
        self._past = torch.cat((self._past, due))[self.pace.hop :]
        self.frames += self.pace.hop
        return due

    def _window(self, hidden: Tensor, heard: int, first: int) -> AudioWindow:
        """The sound around the window that begins with frame `first`, which may lie before the sound."""
        tokens = self._vocal.config.audio_tokens
        begin = first - self._vocal.config.prefix  # of the audio tokens
        said = heard - hidden.shape[1] // PAIR  # first frame that is said
        around = F.pad(hidden, (0, 0, PAIR * (said - begin), PAIR * (begin + tokens - heard)))  # negative cuts
        moment = torch.arange(begin, begin + tokens)
        return AudioWindow(around, (moment >= max(0, said)) & (moment < heard), first, self.pace.window, self.pace.past)
