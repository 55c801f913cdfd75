"""A sound to act without any synthesiser: a buzz for vowels, next to nothing for the rest."""

import numpy as np
import pytest
import torch

from neo_core.training.synthetic.phones import VOWELS
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance

SOUNDS = "SIL M AY N EY M IH Z B AA B IY SIL HH UW W UH D F AY N D S IH K S P IY P AH L SIL"
LENGTHS = (
    *(0.9, 0.07, 0.15, 0.06, 0.12, 0.06, 0.05, 0.08, 0.06, 0.16, 0.05, 0.14, 0.8, 0.06, 0.14, 0.07, 0.09, 0.05, 0.1),
    *(0.15, 0.06, 0.05, 0.1, 0.08, 0.06, 0.1, 0.08, 0.1, 0.06, 0.07, 0.09, 1.2),
)


def _utter(sounds: str = SOUNDS, lengths: tuple[float, ...] = LENGTHS, pitch: float = 120.0) -> Utterance:
    ends = np.cumsum(lengths)
    spans = zip(sounds.split(), lengths, ends, strict=True)
    phones = tuple(Phone(symbol, float(end - length), float(end)) for symbol, length, end in spans)
    time = np.arange(int(ends[-1] * RATE)) / RATE
    buzz = np.sign(np.sin(2 * np.pi * pitch * (1 + 0.1 * np.sin(3 * time)) * time)) * (0.2 + 0.1 * np.sin(7 * time))
    samples = 1e-4 * np.sin(2 * np.pi * 60 * time)
    for phone in phones:
        part = slice(int(phone.start * RATE), int(phone.end * RATE))
        samples[part] += buzz[part] * (1.0 if phone.symbol in VOWELS else 0.15 if phone.symbol != "SIL" else 0.0)
    return Utterance(torch.from_numpy(samples).float(), phones, (), "test/buzz/0", "")


@pytest.fixture(scope="session")
def utter():
    """A function (sounds, lengths, pitch) -> Utterance; the default line has bilabials, a pause and rounded vowels."""
    return _utter


@pytest.fixture(scope="session")
def spoken():
    """The default line."""
    return _utter()
