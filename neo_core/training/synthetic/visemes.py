"""What the mouth aims at for every phone: targets of eight articulators and how much each phone cares about them.

A phone that does not care about an articulator (an /s/ about rounding) leaves it to its neighbours, which is
coarticulation. Targets are in the units of the expression coefficients, except `close` and `tuck`: 1 is first contact
of the lips (or of lower lip and upper teeth), and a target beyond 1 presses, because lips aim past the contact
(Löfqvist and Gracco 1997).
"""

from dataclasses import dataclass

import numpy as np

ARTICULATORS = ("jaw", "lower", "upper", "round", "funnel", "spread", "close", "tuck")
INDEX = {name: k for k, name in enumerate(ARTICULATORS)}
COUNT = len(ARTICULATORS)
LABIODENTALS = frozenset(["F", "V"])


@dataclass(frozen=True)
class Gesture:
    """One aim inside a phone: it holds over [start, end] of the phone's duration (0..1)."""

    target: np.ndarray  # [A]
    care: np.ndarray  # [A] weight against effort and against the neighbours
    start: float = 0.0
    end: float = 1.0


# articulators:          jaw  lower upper round funnel spread
_VOWEL_AIMS = {
    "AA": (0.40, 0.30, 0.16, 0.00, 0.00, 0.06),
    "AE": (0.35, 0.42, 0.36, 0.00, 0.00, 0.36),
    "AH": (0.23, 0.28, 0.12, 0.00, 0.00, 0.08),
    "AO": (0.32, 0.18, 0.00, 0.42, 0.12, 0.00),
    "EH": (0.26, 0.38, 0.28, 0.00, 0.00, 0.36),
    "ER": (0.15, 0.24, 0.06, 0.36, 0.08, 0.00),
    "IH": (0.15, 0.36, 0.20, 0.00, 0.00, 0.36),
    "IY": (0.10, 0.42, 0.26, 0.00, 0.00, 0.68),
    "UH": (0.15, 0.18, 0.02, 0.56, 0.05, 0.00),
    "UW": (0.09, 0.10, 0.00, 0.90, 0.04, 0.00),
    "OW": (0.22, 0.12, 0.00, 0.72, 0.10, 0.00),
}
_GLIDES = {  # diphthong: (nucleus, off-glide, where the glide starts)
    "AW": ("AA", "UW", 0.60),
    "AY": ("AA", "IH", 0.62),
    "EY": ("EH", "IY", 0.50),
    "OW": ("OW", "UW", 0.55),
    "OY": ("AO", "IY", 0.58),
}
_VOWEL_CARE = (1.0, 0.8, 0.8, 1.2, 1.2, 1.0, 1.0, 1.0)
_GLIDE_CARE = (0.7, 0.7, 0.7, 0.9, 0.8, 0.8, 1.0, 1.0)

# consonants: {articulator: (target, care)}; the rest of the lips stays open to the neighbours
_CONSONANT_AIMS = {
    "P": {"jaw": (0.03, 0.8), "close": (1.40, 30.0), "lower": (0.0, 0.5), "upper": (0.0, 0.8), "spread": (0.02, 0.5)},
    "B": {"jaw": (0.04, 0.7), "close": (1.32, 30.0), "lower": (0.0, 0.5), "upper": (0.0, 0.8), "spread": (0.02, 0.5)},
    "M": {"jaw": (0.04, 0.6), "close": (1.22, 30.0), "lower": (0.0, 0.5), "upper": (0.0, 0.8), "spread": (0.02, 0.5)},
    "F": {"jaw": (0.05, 1.0), "tuck": (1.20, 10.0), "upper": (0.22, 1.0), "spread": (0.08, 0.2)},
    "V": {"jaw": (0.05, 0.9), "tuck": (1.12, 10.0), "upper": (0.20, 1.0), "spread": (0.06, 0.2)},
    "W": {
        "jaw": (0.05, 0.8),
        "round": (0.92, 3.0),
        "funnel": (0.02, 1.5),
        "spread": (0.0, 2.0),
        "lower": (0.0, 0.8),
        "upper": (0.0, 0.8),
    },
    "R": {"jaw": (0.07, 0.6), "round": (0.46, 0.9), "funnel": (0.10, 0.8), "spread": (0.0, 0.6), "lower": (0.12, 0.4)},
    "Y": {"jaw": (0.08, 0.7), "spread": (0.42, 0.7), "lower": (0.34, 0.4), "upper": (0.15, 0.3)},
    "L": {"jaw": (0.14, 0.5), "lower": (0.30, 0.35), "upper": (0.10, 0.25), "spread": (0.04, 0.15)},
    "S": {"jaw": (0.04, 2.0), "lower": (0.44, 0.9), "upper": (0.30, 0.7), "spread": (0.38, 0.45), "funnel": (0.0, 0.2)},
    "Z": {"jaw": (0.04, 1.8), "lower": (0.42, 0.9), "upper": (0.30, 0.7), "spread": (0.36, 0.45), "funnel": (0.0, 0.2)},
    "SH": {"jaw": (0.03, 1.8), "funnel": (0.28, 1.6), "round": (0.34, 1.0), "upper": (0.14, 0.8), "lower": (0.14, 0.7)},
    "TH": {"jaw": (0.09, 1.0), "lower": (0.32, 0.5), "upper": (0.14, 0.4)},
    "DH": {"jaw": (0.09, 0.8), "lower": (0.30, 0.4), "upper": (0.13, 0.3)},
    "T": {"jaw": (0.07, 0.8), "lower": (0.32, 0.45), "upper": (0.22, 0.4), "spread": (0.22, 0.2)},
    "D": {"jaw": (0.08, 0.7), "lower": (0.32, 0.45), "upper": (0.21, 0.4), "spread": (0.20, 0.2)},
    "N": {"jaw": (0.09, 0.6), "lower": (0.30, 0.4), "upper": (0.19, 0.35), "spread": (0.20, 0.2)},
    "K": {"jaw": (0.13, 0.45), "lower": (0.28, 0.25), "upper": (0.18, 0.25), "spread": (0.20, 0.12)},
    "G": {"jaw": (0.13, 0.45), "lower": (0.28, 0.25), "upper": (0.18, 0.25), "spread": (0.20, 0.12)},
    "NG": {"jaw": (0.14, 0.4), "lower": (0.28, 0.25), "upper": (0.11, 0.2)},
    "HH": {"jaw": (0.16, 0.08), "lower": (0.24, 0.05)},
}
_CONSONANT_AIMS |= {"ZH": _CONSONANT_AIMS["SH"], "CH": _CONSONANT_AIMS["SH"], "JH": _CONSONANT_AIMS["SH"]}
_FREE = 0.03  # care of a consonant for what it does not shape
_APART = 0.8  # care of every other sound that the lips do not touch

# silence: lips touch without a press, or rest a hair apart, as relaxed lips do
REST = Gesture(np.array([0.035, 0.045, 0.018, 0.0, 0.0, 0.0, 0.73, 0.0]), np.array([0.7] * 8))

# breathing in, or about to go on: lips part a little
BREATHING = Gesture(np.array([0.14, 0.17, 0.06, 0.0, 0.0, 0.0, 0.0, 0.0]), np.array([0.7] * 8))


def _vowel(name: str, care: tuple[float, ...], start: float, end: float) -> Gesture:
    return Gesture(np.array((*_VOWEL_AIMS[name], 0.0, 0.0)), np.array(care), start, end)


def _consonant(aims: dict[str, tuple[float, float]]) -> Gesture:
    target, care = np.zeros(COUNT), np.full(COUNT, _FREE)
    care[[INDEX["close"], INDEX["tuck"]]] = _APART
    for name, (aim, weight) in aims.items():
        target[INDEX[name]], care[INDEX[name]] = aim, weight
    return Gesture(target, care)


def _gestures() -> dict[str, tuple[Gesture, ...]]:
    table = {name: (_consonant(aims),) for name, aims in _CONSONANT_AIMS.items()}
    table |= {name: (_vowel(name, _VOWEL_CARE, 0.0, 1.0),) for name in _VOWEL_AIMS}
    for name, (nucleus, glide, turn) in _GLIDES.items():
        first = _vowel(nucleus, _VOWEL_CARE, 0.0, turn)
        table[name] = (first, _vowel(glide, _GLIDE_CARE, turn + 0.08, 1.0))
    return table


GESTURES = _gestures()  # phone -> its aims in order of time; silence is not in it
