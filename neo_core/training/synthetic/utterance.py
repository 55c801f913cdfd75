"""A spoken text with the time of every phone and word: what all speech sources give."""

import re
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .phones import BILABIALS, INDEX, PLOSIVES, SIL

RATE = 16000
LABEL_RATE = 100  # phone labels per second
SHORTEST_PAUSE = 0.06  # seconds; a shorter gap inside speech belongs to the closure of the next plosive
CLOSURE = 0.05  # seconds the lips or the tongue close before a plosive that follows a pause


@dataclass(frozen=True)
class Phone:
    symbol: str  # one of `phones.PHONES`
    start: float  # seconds
    end: float
    confidence: float = 1.0  # 1 where the time is known exactly


@dataclass(frozen=True)
class Word:
    text: str
    start: float  # seconds
    end: float
    punctuation: str = ""  # what follows the word in the text: "", ",", ".", "?", "!", ";", ":" or "..."


@dataclass(frozen=True)
class Utterance:
    samples: Tensor  # [N] float32 mono, 16 kHz, -1..1
    phones: tuple[Phone, ...]  # back to back from 0 to the end
    words: tuple[Word, ...]
    voice: str  # "source/voice/settings", for example "espeak/gmw/en-US+f3/r170 p55 v60"
    text: str
    language: str = "en"
    arousal: float | None = None  # 0 calm .. 1 excited, where the synthesiser was told so

    @property
    def seconds(self) -> float:
        return self.samples.shape[0] / RATE

    @property
    def source(self) -> str:
        return self.voice.split("/")[0]


def tidy(phones: list[Phone], seconds: float) -> tuple[Phone, ...]:
    """Phones back to back over the whole sound: holes become silence, short gaps and empty phones disappear.

    A plosive after a pause starts `CLOSURE` before its burst, because the lips are already shut.
    """
    chain: list[Phone] = []
    for phone in _without_holes(phones, seconds):
        if phone.end - phone.start < 1e-3:
            continue
        last = chain[-1] if chain else None
        if last and last.symbol == phone.symbol == "SIL":
            chain[-1] = replace(last, end=phone.end)
            continue
        if last and last.symbol == "SIL" and phone.symbol in PLOSIVES | BILABIALS:
            gap = last.end - last.start
            border = last.start if gap < SHORTEST_PAUSE and len(chain) > 1 else last.end - min(CLOSURE, gap / 2)
            chain[-1], phone = replace(last, end=border), replace(phone, start=border)
            if border <= last.start:
                chain.pop()
        chain.append(phone)
    return _without_short_pauses(chain)


def _without_holes(phones: list[Phone], seconds: float) -> list[Phone]:
    filled, now = [], 0.0
    for phone in phones:
        start, end = max(phone.start, now), min(phone.end, seconds)
        if start > now + 1e-4:
            filled.append(Phone("SIL", now, start))
        filled.append(replace(phone, start=start if start > now + 1e-4 else now, end=max(end, now)))
        now = max(end, now)
    if now < seconds:
        filled.append(Phone("SIL", now, seconds))
    return filled


def _without_short_pauses(chain: list[Phone]) -> tuple[Phone, ...]:
    kept: list[Phone] = []
    for k, phone in enumerate(chain):
        inner = 0 < k < len(chain) - 1
        if inner and phone.symbol == "SIL" and phone.end - phone.start < SHORTEST_PAUSE:
            kept[-1] = replace(kept[-1], end=phone.end)
        else:
            kept.append(phone)
    return tuple(kept)


def labels(utterance: Utterance) -> tuple[Tensor, Tensor]:
    """Phone index and confidence in every hundredth of a second. ([N / 160] int64, [N / 160] float32)"""
    count = utterance.samples.shape[0] * LABEL_RATE // RATE
    index, sure = torch.full((count,), SIL), torch.ones(count)
    for phone in utterance.phones:
        part = slice(round(phone.start * LABEL_RATE), round(phone.end * LABEL_RATE))
        index[part], sure[part] = INDEX[phone.symbol], phone.confidence
    return index, sure


def text_words(text: str) -> list[tuple[str, str]]:
    """The words of a text, each with the punctuation that follows it."""
    found = re.findall(r"([\w'’-]+)([^\w'’]*)", text)
    return [
        (word, "..." if "..." in mark else (re.findall(r"[.,;:!?¿¡。、！？؟،…]", mark) or [""])[0])
        for word, mark in found
    ]


def join(utterances: list[Utterance], gaps: list[float]) -> Utterance:
    """Utterances of one voice in a row, `gaps[k]` seconds of silence before each and `gaps[-1]` at the end."""
    pieces, phones, words, now = [], [], [], 0.0
    for utterance, gap in zip(utterances, gaps, strict=False):
        silence = torch.zeros(round(gap * RATE))
        now += silence.shape[0] / RATE
        pieces += [silence, utterance.samples]
        phones += [replace(p, start=p.start + now, end=p.end + now) for p in utterance.phones]
        words += [replace(w, start=w.start + now, end=w.end + now) for w in utterance.words]
        now += utterance.seconds
    pieces.append(torch.zeros(round(gaps[-1] * RATE)))
    samples = torch.cat(pieces)
    text = " ".join(u.text for u in utterances)
    return replace(
        utterances[0], samples=samples, phones=tidy(phones, samples.shape[0] / RATE), words=tuple(words), text=text
    )
