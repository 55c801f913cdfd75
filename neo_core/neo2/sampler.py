"""Noise -> clean latents in few steps: "the right scheduler timestep spacing, guidance rescaling, and noise level
initialisation to recover quality at the lower step count".

 - spacing: a uniform walk shifted towards the noise (arXiv 2403.03206, eq. 23), a table by name, or any stops
 - guidance: x0 = full + sum_c (w_c - 1) d_c, d_c = full - without c. A weight below 1 so lies between the two, a
   signal of weight 0 is left out and costs nothing; every other weight that is not 1 takes a pass
 - APG (arXiv 2410.02416): of the d_c that are amplified the part along the full prediction is dropped and the size is
   limited
 - rescale (arXiv 2305.08891, eq. 15 and 16, on x0): what was amplified gets back a share of the deviation from the
   anchor that it had before
 - start: below 1, the walk begins at x = s0 noise, the flow time being s0: over the anchor, whose latents are zeros
 - amplitude: what few steps of a small network end at lies nearer to the mean, which is the anchor, than data do;
   finished latents are multiplied, and nothing that is still denoised or known as context
 - prosody: how far the movement of finished bodies grows and shrinks with the energy of the voice (`prosody.py`). It
   needs the latents before and after, so whoever hands out whole videos does it (`pipelines/full_body.py`)

Clean latents are predicted and handed on between the steps, so that whoever joins chunks can do it there.

Letters: B batch, T latents, C h w one latent, P passes.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..flow.schedule import timesteps
from .dit import Conditions

Predictor = Callable[[Tensor, Tensor, Conditions], Tensor]  # (x [B, T, C, h, w], t [B], conditions) -> clean latents
SIGNALS = ("audio", "text", "reference")  # that can be guided
SIGMA_MAX = 80.0  # of rCM's first step
RCM_ANGLES = (math.atan(SIGMA_MAX), 1.5, 1.4, 1.0)  # TrigFlow times of 1 to 4 steps (TurboDiffusion, rCM sampler)
LARGEST_AMPLITUDE = 3.0
LARGEST_PROSODY = 1.0
SMALL = 1e-6  # deviations and squared norms


def rcm(steps: int) -> Tensor:
    """The stops of the rCM sampler: an angle a of TrigFlow is the flow time sin a / (sin a + cos a). [steps + 1]"""
    if steps > len(RCM_ANGLES):
        raise InputError(f"the schedule rcm was asked for {steps} steps, expected 1 to {len(RCM_ANGLES)}")
    angle = torch.tensor(RCM_ANGLES[:steps], dtype=torch.float64)
    stops = angle.sin() / (angle.sin() + angle.cos())
    return torch.cat((stops, stops.new_zeros(1))).float()


def uniform(steps: int) -> Tensor:
    """Equal steps."""
    return timesteps(steps)


TABLES: dict[str, Callable[[int], Tensor]] = {"uniform": uniform, "rcm": rcm}


@dataclass(frozen=True)
class Sampling:
    """How a chunk is sampled."""

    steps: int = 3
    schedule: float | str | tuple[float, ...] = 3.0  # shift of the times, a name in `TABLES`, or the stops before 0
    start: float = 1.0  # noise level s0 of the first step
    rescale: float = 0.7  # 0..1, acts where something is amplified
    apg: bool = True
    limit: float = 0.5  # largest root mean square of what is amplified, with APG
    amplitude: float = 1.0  # of what is handed out, over what the walk ends at
    prosody: float = 0.0  # more movement of the body for each deviation of the voice's energy
    audio: float = 1.0  # weights: 0 ignores the signal, 1 is neutral, above 1 amplifies it
    text: float = 1.0
    reference: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise InputError(f"sampling takes {self.steps} steps, expected 1 to 1000")
        _check_schedule(self.schedule, self.steps)
        if not 0.05 < self.start <= 1:
            raise InputError(f"start is {self.start:g}, expected above 0.05 and at most 1")
        if not 0 <= self.amplitude <= LARGEST_AMPLITUDE:
            raise InputError(f"amplitude is {self.amplitude:g}, expected 0 to {LARGEST_AMPLITUDE:g}")
        if not 0 <= self.prosody <= LARGEST_PROSODY:
            raise InputError(f"prosody is {self.prosody:g}, expected 0 to {LARGEST_PROSODY:g}")
        for name in SIGNALS:
            if not 0 <= getattr(self, name) <= 10:
                raise InputError(f"{name} weight is {getattr(self, name):g}, expected 0 to 10")
        if not 0 <= self.rescale <= 1:
            raise InputError(f"rescale is {self.rescale:g}, expected 0 to 1")

    @property
    def ignored(self) -> tuple[str, ...]:
        """The signals that no pass is told."""
        return tuple(name for name in SIGNALS if getattr(self, name) == 0)

    @property
    def follows(self) -> bool:
        """Whether movement follows the voice: nothing does where sound is ignored."""
        return self.prosody > 0 and self.audio > 0

    @property
    def guided(self) -> tuple[str, ...]:
        """The signals that need a pass without them."""
        return tuple(name for name in SIGNALS if getattr(self, name) not in (0, 1))


def _check_schedule(schedule: float | str | tuple[float, ...], steps: int) -> None:
    """Raise InputError for one that leads nowhere."""
    if isinstance(schedule, str):
        if schedule not in TABLES:
            raise InputError(f"schedule {schedule!r:.40} is unknown, expected a shift, stops or {', '.join(TABLES)}")
    elif isinstance(schedule, tuple):
        if len(schedule) != steps or not all(a > b for a, b in pairwise((1.0 + 1e-9, *schedule, 0.0))):
            raise InputError(f"schedule has the stops {schedule}, expected {steps} that fall from at most 1 to above 0")
    elif not 0.05 <= schedule <= 50:
        raise InputError(f"schedule shift is {schedule:g}, expected 0.05 to 50")


# Of the embedded weights: chosen by hand near what `train neo2-schedule` found (docs/neo2.md, three steps).
SHIPPED = Sampling(schedule=2.0, rescale=0.0, apg=False, audio=1.5, amplitude=1.3, prosody=0.6)


def times(sampling: Sampling) -> Tensor:
    """The stops of the walk, from the start's noise level down to 0: [steps + 1]."""
    schedule = sampling.schedule
    if isinstance(schedule, tuple):
        stops = torch.tensor((*schedule, 0.0))
    else:
        stops = TABLES[schedule](sampling.steps) if isinstance(schedule, str) else timesteps(sampling.steps, schedule)
    return sampling.start * stops


def begin(noise: Tensor, sampling: Sampling) -> Tensor:
    """Where the walk starts: noise over the anchor. [B, T, C, h, w] -> the same"""
    return float(times(sampling)[0]) * noise


def advance(x: Tensor, clean: Tensor, t: float, s: float) -> Tensor:
    """The Euler step from t to s < t towards a clean prediction: x_s = x_t + (s - t) v with v = (x_t - x0) / t, in the
    form that divides by no small time. At s = 0 it is the prediction itself."""
    return (s / t) * x + (1 - s / t) * clean


def predict(dit: Predictor, x: Tensor, t: Tensor, conditions: Conditions, sampling: Sampling) -> Tensor:
    """Clean latents of x_t at flow times t [B], with as many passes as the weights need, in one batch."""
    conditions, names = conditions.without(*sampling.ignored), sampling.guided
    if not names:
        return dit(x, t, conditions)
    passes = 1 + len(names)
    several = Conditions.stack([conditions, *(conditions.without(name) for name in names)])
    full, *left_out = dit(x.repeat(passes, 1, 1, 1, 1), t.repeat(passes), several).chunk(passes)
    plain, more = full, torch.zeros_like(full)
    for name, without in zip(names, left_out, strict=True):
        weight, term = getattr(sampling, name), full - without
        if weight < 1:
            plain = plain + (weight - 1) * term
        else:
            more = more + (weight - 1) * (projected(term, full, sampling.limit) if sampling.apg else term)
    if all(getattr(sampling, name) < 1 for name in names):
        return plain
    return rescaled(plain + more, plain, sampling.rescale)


def projected(term: Tensor, full: Tensor, limit: float) -> Tensor:
    """Adaptive projected guidance: a term of at most the root mean square `limit`, less its part along the full
    prediction, sample by sample. [B, ...] each"""
    size = term.flatten(1).square().mean(1).sqrt()
    term = term * _spread((limit / size.clamp(min=SMALL)).clamp(max=1), term)
    along = (term * full).flatten(1).sum(1) / full.flatten(1).square().sum(1).clamp(min=SMALL)
    return term - _spread(along, term) * full


def rescaled(guided: Tensor, plain: Tensor, share: float) -> Tensor:
    """Give a guided prediction a share of the deviation from the anchor that the plain one has, sample by sample.
    [B, T, C, h, w] each"""
    wanted, has = (x.flatten(1).std(1) for x in (plain, guided))
    size = torch.where(wanted > SMALL, wanted / has.clamp(min=SMALL), 1.0)
    return _spread(1 + share * (size - 1), guided) * guided


def _spread(values: Tensor, x: Tensor) -> Tensor:
    """[B] -> [B, 1, ...] as x has dims"""
    return values.view(-1, *(1,) * (x.ndim - 1))


def noise_field(seed: int, first: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """Noise of the latents `first` .. `first + count - 1` of a video, which may begin before 0. That of latent k
    depends on the seed and on k alone, and is the same on every device. [count, *shape]"""
    return torch.stack([torch.randn(shape, generator=_dice(seed, k)) for k in range(first, first + count)])


def _dice(seed: int, latent: int) -> torch.Generator:
    """The generator keeps 32 bits of its seed: those of a digest differ wherever seed or latent do."""
    digest = hashlib.blake2b(f"{seed} {latent}".encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


@torch.no_grad()
def sample_chunk(
    dit: Predictor, conditions: Conditions, noise: Tensor, sampling: Sampling, progress: Progress = silent
) -> Tensor:
    """One window from its noise [B, T, C, h, w] -> clean latents [B, T, C, h, w]."""
    stops = times(sampling).tolist()
    x = begin(noise, sampling)
    for step, (t, s) in enumerate(pairwise(stops)):
        progress(step, sampling.steps, None)
        clean = predict(dit, x, x.new_full((len(x),), t), conditions, sampling)
        x = advance(x, clean, t, s)
    progress(sampling.steps, sampling.steps, None)
    return sampling.amplitude * x
