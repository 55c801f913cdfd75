"""Classifier-free guidance over several signals (NEO: "CFG across multiple conditioning signals like audio, identity,
and reference latent"), leave-one-out form:

    v = v_full + sum_c (w_c - 1) (v_full - v_without_c)

Every weight means how strongly its signal steers, independent of the others; 1 is neutral and costs nothing, so a step
takes 1 + (number of weights that are not 1) passes. Weights may change over the clip, frame by frame: a signal that is
neutral in every frame of a stretch takes no pass there. Guidance acts by combining passes and in no other way.

Letters: P passes, B batch, T frames, C channels.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data_types import InputError

SIGNALS = ("audio", "identity", "reference")
NEUTRAL = torch.ones(1, len(SIGNALS))  # weights that stand for any number of frames


@dataclass(frozen=True)
class Guidance:
    """How strongly each signal steers: 0 ignores it, 1 is neutral, above 1 exaggerates what it alone explains.

    Over time: the weights apply from `start` to `end`, as shares of the clip, and outside of them all is neutral. A
    curve says how much of its signal's weight applies, from 0 (neutral) to 1 (all of it), by values equally spaced from
    the first moment of the clip to the last and straight lines between them; without a curve it is 1 throughout.
    """

    audio: float = 1.0
    identity: float = 1.0
    reference: float = 1.0
    start: float = 0.0
    end: float = 1.0
    audio_over_time: tuple[float, ...] | None = None
    identity_over_time: tuple[float, ...] | None = None
    reference_over_time: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in SIGNALS:
            _check(name, getattr(self, name), 0, 10)
            for share in self._curve(name):
                _check(f"{name}_over_time", share, 0, 1)
        _check("end", self.end, 0, 1)
        _check("start", self.start, 0, self.end)

    @property
    def steady(self) -> bool:
        """Whether the weights are the same all along, so that nobody needs to know how long the clip is."""
        curves = (self.audio_over_time, self.identity_over_time, self.reference_over_time)
        return (self.start, self.end) == (0, 1) and all(curve is None for curve in curves)

    def weights(self, moments: Tensor, ease: float = 0.0) -> Tensor:
        """The weights at moments of the clip, from 0 (its begin) to 1 (its end). [T] -> [T, 3] in order of `SIGNALS`

        They come in during `ease` (a share of the clip) after `start` and go out before `end`; at the clip's own begin
        and end there is nothing to ease. What lies beyond them counts as they do.
        """
        moments = moments.double().clamp(0, 1)
        inside = _ramp(moments - self.start, ease if self.start > 0 else 0.0)
        inside = inside * _ramp(self.end - moments, ease if self.end < 1 else 0.0)
        slider = moments.new_tensor([getattr(self, name) for name in SIGNALS])
        share = torch.stack([interpolated(self._curve(name), moments) for name in SIGNALS], dim=-1)
        return 1 + inside[:, None] * share * (slider - 1)

    def _curve(self, signal: str) -> tuple[float, ...]:
        curve = getattr(self, f"{signal}_over_time")
        if curve is None:
            return (1.0,)
        if not curve:
            raise InputError(f"guidance {signal}_over_time is empty, expected numbers from 0 to 1")
        return curve


def _ramp(x: Tensor, width: float) -> Tensor:
    """0 below 0, 1 from `width` on, smooth between. [T] -> [T]"""
    rising = (x / width).clamp(0, 1) if width else torch.ones_like(x)
    return torch.where(x < 0, 0.0, rising * rising * (3 - 2 * rising))


def interpolated(values: tuple[float, ...], moments: Tensor) -> Tensor:
    """A curve of equally spaced values at moments from 0 to 1. [T] -> [T]"""
    points = moments.new_tensor(values)
    place = moments * (len(points) - 1)
    before = place.long()
    after = (before + 1).clamp(max=len(points) - 1)
    return torch.lerp(points[before], points[after], place - before)


def passes(weights: Tensor) -> tuple[tuple[str | None, ...], Tensor]:
    """What to evaluate for the weights of some frames [T, 3]: the signal that each pass leaves out (None: the full
    one), and the coefficients, which sum to 1 in every frame: [P] where they are the same in all of them, else [P, T].
    """
    extra = weights.double() - 1
    needed = [k for k in range(len(SIGNALS)) if extra[:, k].any()]
    coefficients = torch.stack([1 + extra.sum(-1), *(-extra[:, k] for k in needed)]).float()
    if (coefficients == coefficients[:, :1]).all():
        coefficients = coefficients[:, 0]
    return (None, *(SIGNALS[k] for k in needed)), coefficients


def combine(outputs: Tensor, coefficients: Tensor) -> Tensor:
    """Weighted sum of the passes: [P, B, T, C] and [P] or [P, T] -> [B, T, C]. One pass is returned as it is."""
    if len(coefficients) == 1:
        return outputs[0]
    sum_over = "pbtc,p->btc" if coefficients.ndim == 1 else "pbtc,pt->btc"
    return torch.einsum(sum_over, outputs, coefficients)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"guidance {name} is {value:g}, expected a number from {low:g} to {high:g}")
