"""Classifier-free guidance over several signals (NEO: "CFG across multiple conditioning signals like audio, identity,
and reference latent"), leave-one-out form:

    v = v_full + sum_c (w_c - 1) (v_full - v_without_c)

Every weight means how strongly its signal steers, independent of the others; 1 is neutral and costs nothing, so a step
takes 1 + (number of weights that are not 1) passes. Guidance acts by combining passes and in no other way.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

SIGNALS = ("audio", "identity", "reference")


@dataclass(frozen=True)
class Guidance:
    """How strongly each signal steers: 0 ignores it, 1 is neutral, above 1 exaggerates what it alone explains."""

    audio: float = 1.0
    identity: float = 1.0
    reference: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            weight = getattr(self, field.name)
            if not (math.isfinite(weight) and 0 <= weight <= 10):
                raise ValueError(f"guidance {field.name} is {weight}, expected a number from 0 to 10")


def passes(guidance: Guidance) -> tuple[tuple[str | None, float], ...]:
    """What to evaluate: (signal left out or None, coefficient of that pass); the coefficients sum to 1."""
    extra = {name: getattr(guidance, name) - 1.0 for name in SIGNALS if getattr(guidance, name) != 1.0}
    return ((None, 1.0 + sum(extra.values())), *((name, -weight) for name, weight in extra.items()))


def combine(outputs: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Weighted sum of the passes: [P, B, T, C] -> [B, T, C]. One pass is returned as it is."""
    if len(coefficients) == 1:
        return outputs[0]
    return torch.einsum("pbtc,p->btc", outputs, outputs.new_tensor(coefficients))
