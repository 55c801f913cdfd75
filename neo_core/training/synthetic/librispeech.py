"""LibriSpeech clips with their phone alignments (speech/ of the training assets), as utterances.

Texts that were recognised, not known, carry a confidence for each phone; the others were aligned with the true text.
Four speakers of test-other are held out: no training sees them, judging may.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from ...media.audio import read_waveform
from .phones import from_cmu
from .utterance import Phone, Utterance, Word, tidy

HELD_OUT_SPEAKERS = ("533", "1688", "3005", "3080")
ALIGNED = 0.9  # confidence of a forced alignment with the true text


def read_clips(assets: str | Path) -> Iterator[Utterance]:
    """All clips in the folder `assets`/speech, held-out speakers too (see `speech.is_held_out`)."""
    folder = Path(assets) / "speech"
    for row in json.loads((folder / "index.json").read_text()):
        alignment = json.loads((folder / "phones" / f"{row['id']}.json").read_text())
        samples = read_waveform(folder / "flac" / f"{row['id']}.flac").samples.mean(0)
        sure = alignment.get("phone_confidence") or [ALIGNED] * len(alignment["phones"])
        phones = [
            Phone(from_cmu(symbol)[0] if symbol != "SIL" else symbol, start, end, _confidence(symbol, value))
            for (symbol, start, end), value in zip(alignment["phones"], sure, strict=True)
        ]
        words = tuple(Word(text, a, b) for text, a, b in alignment["words"] if not text.startswith("<"))
        phones = tidy(phones, samples.shape[0] / 16000)
        yield Utterance(samples, phones, words, f"librispeech/{row['speaker']}/{row['id']}", row["text"])


def _confidence(symbol: str, value: float) -> float:
    """Borders between speech and silence are reliable even where the words are not."""
    return max(value, 0.8) if symbol == "SIL" else min(value, ALIGNED)
