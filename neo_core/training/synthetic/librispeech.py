"""LibriSpeech clips with their phone alignments (speech/ of the training assets), as utterances.

Texts that were recognised, not known, carry a confidence for each phone; the others were aligned with the true text.
Four speakers of test-other are held out: no training sees them, judging may.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from ...data_types import InputError
from ...media.audio import read_waveform
from .phones import from_cmu
from .synthesisers import align
from .utterance import RATE, Phone, Utterance, Word, tidy

HELD_OUT_SPEAKERS = ("533", "1688", "3005", "3080")
ALIGNED = 0.9  # confidence of a forced alignment with the true text


def read_clips(assets: str | Path, transcripts: str | Path | None = None) -> Iterator[Utterance]:
    """All clips in the folder `assets`/speech, held-out speakers too (see `speech.is_held_out`).

    `transcripts`: a folder with LibriSpeech's own .trans.txt files; clips whose text was only recognised are then
    aligned anew with the text that was read.
    """
    folder = Path(assets) / "speech"
    texts = _read_texts(Path(transcripts)) if transcripts else {}
    for row in json.loads((folder / "index.json").read_text()):
        samples = read_waveform(folder / "flac" / f"{row['id']}.flac").samples.mean(0)
        recognised = row["text_source"] == "recognised"
        if recognised and row["id"] in texts:
            text = texts[row["id"]].lower()
            phones, words = align((samples * 32767).short().numpy(), text.split())
        else:
            text = row["text"]
            phones, words = _read_alignment(folder / "phones" / f"{row['id']}.json")
        phones = tidy(phones, samples.shape[0] / RATE)
        yield Utterance(samples, phones, tuple(words), f"librispeech/{row['speaker']}/{row['id']}", text)


def _read_texts(folder: Path) -> dict[str, str]:
    """Clip id -> text, from every line `ID TEXT` of the .trans.txt files at any depth below a folder."""
    files = sorted(folder.rglob("*.trans.txt"))
    if not files:
        raise InputError(f"{folder} holds no .trans.txt file; expected the transcripts as LibriSpeech lays them out")
    lines = [line for file in files for line in file.read_text().splitlines() if line.strip()]
    return {clip: text for clip, _, text in (line.partition(" ") for line in lines)}


def _read_alignment(path: Path) -> tuple[list[Phone], list[Word]]:
    alignment = json.loads(path.read_text())
    sure = alignment.get("phone_confidence") or [ALIGNED] * len(alignment["phones"])
    phones = [
        Phone(from_cmu(symbol)[0] if symbol != "SIL" else symbol, start, end, _confidence(symbol, value))
        for (symbol, start, end), value in zip(alignment["phones"], sure, strict=True)
    ]
    return phones, [Word(text, a, b) for text, a, b in alignment["words"] if not text.startswith("<")]


def _confidence(symbol: str, value: float) -> float:
    """Borders between speech and silence are reliable even where the words are not."""
    return max(value, 0.8) if symbol == "SIL" else min(value, ALIGNED)
