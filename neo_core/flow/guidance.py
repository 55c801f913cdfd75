"""Classifier-free guidance over several signals (NEO: "CFG across multiple conditioning signals like audio, identity,
and reference latent"), in two forms:

    leave-one-out   v = v_full + sum_c (w_c - 1) (v_full - v_without_c)
    nested          v = v_none + w_r (v_r - v_none) + w_i (v_ri - v_r) + w_a (v_full - v_ri)

In the first every weight means how strongly its signal steers, independent of the others; 1 is neutral and costs
nothing, so a step takes 1 + (number of weights that are not 1) passes. The second adds one signal after the other. In
both, weights may change over the clip, frame by frame: a pass that counts in no frame of a stretch is not made there.

The reference is a place in motion space, and a weight above 1 would lead past it: what its term adds ends where the
reference is reached, in every frame and channel (`towards`). So more of it always means nearer.

Weights far from 1 also blow the motion up or flatten it: `rescale` gives each channel back some of the deviation it has
without guidance over the frames of a window, about its own mean there (after arXiv 2305.08891, eq. 15 and 16, which
rescale a sample as a whole), and `interval` keeps guidance to the flow times where it helps (arXiv 2404.07724).

Letters: P passes, B batch, T frames, C channels.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data_types import InputError

SIGNALS = ("audio", "identity", "reference")
BEYOND = (0.4, 0.4, 1.0)  # of what a slider goes beyond 1, its weight goes: the first two turn round near 1.5
LARGEST_SLIDER = 3.0  # as far as people may push one; the formulas take more
SMALL = 1e-4  # deviations: a channel that moves less than this keeps its size


@dataclass(frozen=True)
class Steering:
    """Guidance as the passes over one window need it."""

    left_out: tuple[tuple[str, ...], ...]  # signals that each pass leaves out; the first pass has all of them
    coefficients: Tensor  # summing to 1: [P] where they are the same in every frame, else [P, T]
    rescale: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)  # flow times

    def acts(self, t: float) -> bool:
        """Whether more than the first pass is needed at flow time t."""
        return len(self.left_out) > 1 and self.interval[0] <= t <= self.interval[1]

    def combine(self, outputs: Tensor, reference: Tensor) -> Tensor:
        """Clean motion by pass [P, B, T, C] -> the guided one [B, T, C]. One pass is returned as it is.

        reference [B, 1, C]: the portrait's own motion, in the units of the outputs.
        """
        if len(outputs) == 1:
            return outputs[0]
        coefficients = self.coefficients.to(outputs.device)
        sum_over = "pbtc,p->btc" if coefficients.ndim == 1 else "pbtc,pt->btc"
        guided = torch.einsum(sum_over, outputs, coefficients)
        without = self._without_reference
        if without is not None:
            extra = -coefficients[without].reshape(-1, 1)  # [T or 1, 1] weight of the reference less 1
            term = extra * (outputs[self.left_out.index(_kept(self.left_out[without]))] - outputs[without])
            limited = torch.where(extra > 0, towards(term, reference - outputs[0]), term)
            guided = guided + (limited - term)
        return rescaled(guided, outputs[0], self.rescale) if self.rescale else guided

    @property
    def _without_reference(self) -> int | None:
        """The pass that knows no reference, where its term adds to the motion in some frame."""
        found = [
            k for k, names in enumerate(self.left_out) if "reference" in names and (self.coefficients[k] < 0).any()
        ]
        return found[0] if found else None


NEUTRAL = Steering(((),), torch.ones(1))


@dataclass(frozen=True)
class Guidance:
    """How strongly each signal steers: 0 ignores it, 1 is neutral, above 1 exaggerates what it alone explains.

    These are sliders; `slider_weight` is the w of the formulas above.

    Over time: the sliders act from `start` to `end`, as shares of the clip, and outside of them all is neutral. A
    curve says how much of its signal's slider acts, from 0 (neutral) to 1 (all of it), by values equally spaced from
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
    form: str = "leave-one-out"  # or "nested"
    rescale: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)  # flow times, 0 the data and 1 the noise

    def __post_init__(self) -> None:
        for name in SIGNALS:
            _check(name, getattr(self, name), 0, 10)
            for share in self._curve(name):
                _check(f"{name}_over_time", share, 0, 1)
        _check("end", self.end, 0, 1)
        _check("start", self.start, 0, self.end)
        _check("rescale", self.rescale, 0, 1)
        _check("interval end", self.interval[1], 0, 1)
        _check("interval start", self.interval[0], 0, self.interval[1])
        if self.form not in FORMS:
            raise InputError(f"guidance form is {self.form!r:.40}, expected one of {', '.join(FORMS)}")

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
        weight = moments.new_tensor([slider_weight(name, getattr(self, name)) for name in SIGNALS])
        share = torch.stack([interpolated(self._curve(name), moments) for name in SIGNALS], dim=-1)
        return 1 + inside[:, None] * share * (weight - 1)

    def steering(self, weights: Tensor) -> Steering:
        """The passes that the weights of some frames [T, 3] need: those that count in any of them, and the full one."""
        form = FORMS[self.form](weights.double())
        counted = {left for left, c in form.items() if not left or c.any()}
        counted |= {_kept(left) for left in counted if "reference" in left and (form[left] < 0).any()}
        needed = {left: c.float() for left, c in form.items() if left in counted}
        coefficients = torch.stack(list(needed.values()))
        if (coefficients == coefficients[:, :1]).all():
            coefficients = coefficients[:, 0]
        return Steering(tuple(needed), coefficients, self.rescale, self.interval)

    def _curve(self, signal: str) -> tuple[float, ...]:
        curve = getattr(self, f"{signal}_over_time")
        if curve is None:
            return (1.0,)
        if not curve:
            raise InputError(f"guidance {signal}_over_time is empty, expected numbers from 0 to 1")
        return curve


def slider_weight(signal: str, slider: float) -> float:
    """The weight w of a signal's slider. Up to 1 they are the same; beyond it those of audio and identity grow more
    slowly, because what they do turns round near a weight of 1.5 (docs/benchmarks.md, "What the guidance sliders do"):
    so it grows up to 2."""
    return 1 + BEYOND[SIGNALS.index(signal)] * (slider - 1) if slider > 1 else slider


def towards(term: Tensor, way: Tensor) -> Tensor:
    """As much of a term as leads the way that is left, and not beyond it; nothing of what leads away. [...] each"""
    return term.clamp(min=way.clamp(max=0), max=way.clamp(min=0))


def _kept(left_out: tuple[str, ...]) -> tuple[str, ...]:
    """The pass that differs by knowing the reference."""
    return tuple(name for name in left_out if name != "reference")


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


def leave_one_out(weights: Tensor) -> dict[tuple[str, ...], Tensor]:
    """Signals left out -> coefficient of that pass in every frame, from weights [T, 3]."""
    extra = weights - 1
    return {(): 1 + extra.sum(-1)} | {(name,): -extra[:, k] for k, name in enumerate(SIGNALS)}


def nested(weights: Tensor) -> dict[tuple[str, ...], Tensor]:
    """The same for one signal after the other: the reference first, then identity, then audio."""
    audio, identity, reference = weights.unbind(-1)
    return {
        (): audio,
        ("audio",): identity - audio,
        ("audio", "identity"): reference - identity,
        ("audio", "identity", "reference"): 1 - reference,
    }


FORMS = {"leave-one-out": leave_one_out, "nested": nested}


def rescaled(guided: Tensor, full: Tensor, share: float) -> Tensor:
    """Give each channel of guided motion [B, T, C] a share of the deviation over time that the full pass has."""
    mean, wanted = guided.mean(1, keepdim=True), full.std(1, keepdim=True)
    size = torch.where(wanted > SMALL, wanted / guided.std(1, keepdim=True).clamp(min=SMALL), 1.0)
    return mean + (1 + share * (size - 1)) * (guided - mean)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"guidance {name} is {value:g}, expected a number from {low:g} to {high:g}")
