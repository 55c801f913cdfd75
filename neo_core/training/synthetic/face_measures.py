"""Lengths of a face that decide how it speaks: lip gap, mouth width, lip thickness, lower face.

All are linear in the head model's coefficients: identity [60] and expression [53]. Units about 1 cm.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from ...geometry.head_model import HeadModel, landmarks, load_head_model


@dataclass(frozen=True)
class Length:
    """One length: base + identity . geometry + expression . coefficients."""

    base: float
    identity: np.ndarray  # [60]
    expression: np.ndarray  # [53]

    def of(self, geometry: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """The length of a face (geometry [60]) in its expressions [..., 53]."""
        return self.base + self.identity @ geometry + expression @ self.expression

    def deviation(self, geometry: np.ndarray) -> float:
        """How far a neutral face is from the mean face, in standard deviations of people."""
        return float(self.identity @ geometry / max(np.linalg.norm(self.identity), 1e-6))


@dataclass(frozen=True)
class FaceMeasures:
    """The lengths the performance rules know of a face."""

    lip_gap: Length  # inner upper to inner lower lip, middle; negative where they press into each other
    mouth_width: Length  # corner to corner
    upper_lip: Length  # thickness, middle
    lower_lip: Length
    lower_face: Length  # base of the nose to the chin


# (from, to, axis) by the 68 Multi-PIE points: the length is to - from along the axis
_SPANS = {
    "lip_gap": (66, 62, 1),
    "mouth_width": (48, 54, 0),
    "upper_lip": (62, 51, 1),
    "lower_lip": (57, 66, 1),
    "lower_face": (8, 33, 1),
}


def measure(head: HeadModel) -> FaceMeasures:
    """The linear lengths of a head model."""
    template = landmarks(head, head.template)  # [K, 3]
    by_identity = landmarks(head, head.template + head.identity) - template  # [60, K, 3]
    by_expression = landmarks(head, head.template + head.expression) - template  # [53, K, 3]

    def length(start: int, end: int, axis: int) -> Length:
        spans = [(p[..., end, axis] - p[..., start, axis]).double() for p in (template, by_identity, by_expression)]
        return Length(float(spans[0]), spans[1].numpy(), spans[2].numpy())

    with torch.no_grad():
        return FaceMeasures(**{name: length(*span) for name, span in _SPANS.items()})


@cache
def embedded_measures() -> FaceMeasures:
    """The lengths of the embedded head model."""
    return measure(load_head_model())
