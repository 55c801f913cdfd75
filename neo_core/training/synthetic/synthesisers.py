"""Speech synthesisers that say when every phone sounds: espeak-ng, flite and SVOX Pico.

espeak-ng and flite are called through ctypes and give exact times. Pico gives none: pocketsphinx aligns it with the
text. All three are tools for making training data; nothing of them is used or shipped by the product.
"""

import ctypes
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ...audio.features import resample
from .phones import PLOSIVES, from_cmu, from_espeak, from_flite
from .utterance import RATE, Phone, Utterance, Word, text_words, tidy


@dataclass(frozen=True)
class Voice:
    """Who speaks and how."""

    source: str  # espeak, flite or pico
    name: str  # "gmw/en-US+f3", "slt", "en-GB"
    rate: float = 1.0  # speed relative to the voice's own
    pitch: float = 1.0  # height relative to the voice's own
    liveliness: float = 1.0  # pitch range relative to the voice's own
    arousal: float = 0.5

    @property
    def label(self) -> str:
        return f"{self.source}/{self.name}/r{self.rate:.2f} p{self.pitch:.2f} v{self.liveliness:.2f}"

    @property
    def language(self) -> str:
        return self.name.split("+")[0] if self.source == "espeak" else "en"


def synthesise(voice: Voice, text: str) -> Utterance:
    """Speak a text. Raises RuntimeError when the synthesiser is missing or cannot say it."""
    samples, phones, words = {"espeak": _espeak, "flite": _flite, "pico": _pico}[voice.source](voice, text)
    peak = samples.abs().max().clamp_min(1e-3)
    phones = tidy(phones, samples.shape[0] / RATE)
    return Utterance(samples * (0.5 / peak), phones, tuple(words), voice.label, text, voice.language, voice.arousal)


def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise RuntimeError(f"{name} was not found; the speech factory needs espeak-ng and flite installed") from error


# --- espeak-ng -------------------------------------------------------------------------------------------------------


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("uid", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("id", _EventId),
    )  # fmt: skip


_END, _WORD, _PHONEME = 0, 1, 7  # espeak_EVENT_TYPE
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass
class _Recording:
    """What espeak-ng hands to its callback, piece by piece."""

    pcm: list[np.ndarray] = field(default_factory=list)
    phonemes: list[tuple[int, str]] = field(default_factory=list)  # (sample, mnemonic)
    words: list[tuple[int, int, int]] = field(default_factory=list)  # (sample, first character from 1, length)

    def take(self, wave: object, count: int, events: object) -> int:
        if count > 0:
            self.pcm.append(np.ctypeslib.as_array(wave, (count,)).copy())
        k = 0
        while events[k].type != _END:
            event = events[k]
            if event.type == _PHONEME:
                self.phonemes.append((event.sample, bytes(event.id.string).split(b"\0")[0].decode("utf8", "replace")))
            elif event.type == _WORD:
                self.words.append((event.sample, event.text_position, event.length))
            k += 1
        return 0


@lru_cache(maxsize=1)
def _open_espeak() -> tuple[ctypes.CDLL, int]:
    library = _library("libespeak-ng.so.1")
    rate = library.espeak_Initialize(2, 0, None, 1)  # synchronous, with phoneme events
    if rate <= 0:
        raise RuntimeError("espeak-ng did not start; is its data installed?")
    return library, rate


def _espeak(voice: Voice, text: str) -> tuple[Tensor, list[Phone], list[Word]]:
    library, rate = _open_espeak()
    if library.espeak_SetVoiceByName(voice.name.encode()):
        raise RuntimeError(f"espeak-ng has no voice {voice.name!r}")
    settings = {1: 165 * voice.rate, 3: 50 * voice.pitch, 4: 50 * voice.liveliness}  # rate, pitch, range
    for parameter, value in settings.items():
        library.espeak_SetParameter(parameter, int(min(max(value, 0), 450 if parameter == 1 else 99)), 0)
    recording, raw = _Recording(), text.encode()
    callback = _CALLBACK(recording.take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Synth(raw, len(raw) + 1, 0, 0, 0, 1, None, None)
    library.espeak_Synchronize()
    sound = torch.from_numpy(np.concatenate(recording.pcm).astype(np.float32) / 32768)
    phones = _espeak_phones(recording, voice.language, sound, rate)
    return resample(sound, rate), phones, _espeak_words(recording, text, rate, sound.shape[0], phones)


def _espeak_phones(recording: _Recording, language: str, sound: Tensor, rate: int) -> list[Phone]:
    """Phones of the events: marks join the sound before, swallowed consonants get a share, closures go to plosives."""
    chain: list[list] = []  # [symbol, start, end] in samples
    ends = [start for start, _ in recording.phonemes[1:]] + [sound.shape[0]]
    for (start, mnemonic), end in zip(recording.phonemes, ends, strict=True):
        symbols = from_espeak(mnemonic, language)
        if not symbols and chain:
            chain[-1][2] = end
        elif end == start and chain and symbols and symbols[0] != "SIL" and chain[-1][0] != "SIL":
            share = (chain[-1][2] - chain[-1][1]) // 3  # espeak-ng draws vowel + l, r as one sound: the last third
            chain.append([symbols[0], chain[-1][2] - share, end])
            chain[-2][2] -= share
        else:
            steps = np.linspace(start, end, len(symbols) + 1).astype(int)
            chain += [[s, a, b] for s, a, b in zip(symbols, steps[:-1], steps[1:], strict=True)]
    for before, phone in pairwise(chain):
        if phone[0] in PLOSIVES and before[0] != "SIL":
            before[2] = phone[1] = phone[1] - _quiet_tail(sound[before[1] : phone[1]], rate)
    return [Phone(symbol, a / rate, b / rate) for symbol, a, b in chain]


def _quiet_tail(sound: Tensor, rate: int) -> int:
    """Samples of dead silence at the end of a phone: espeak-ng books the closure of a plosive on the phone before."""
    step = rate // 200
    count = sound.shape[0] // step
    if count < 2:
        return 0
    level = sound[sound.shape[0] - count * step :].unflatten(0, (count, step)).abs().amax(1)
    loud = torch.nonzero(level > 3e-4)
    quiet = count - 1 - int(loud[-1]) if len(loud) else 0
    return step * min(quiet, count - 1)


def _espeak_words(recording: _Recording, text: str, rate: int, total: int, phones: list[Phone]) -> list[Word]:
    words = []
    starts = [start for start, _, length in recording.words if length] + [total]
    spoken = [(s, p, n) for s, p, n in recording.words if n]
    for (start, position, length), after in zip(spoken, starts[1:], strict=True):
        piece = text[position - 1 : position - 1 + length]
        rest = text[position - 1 + length :]
        mark = text_words("x" + re.match(r"\W*", rest).group())[0][1]
        inside = [p.end for p in phones if p.symbol != "SIL" and start / rate - 0.02 <= p.start < after / rate - 0.02]
        if inside:
            words.append(Word(piece, start / rate, max(inside), mark))
    return words


# --- flite -----------------------------------------------------------------------------------------------------------


class _FliteVoice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


class _FliteWave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p), ("sample_rate", ctypes.c_int), ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int), ("samples", ctypes.POINTER(ctypes.c_short)),
    )  # fmt: skip


_FLITE_PITCH = {"kal16": (95.0, 11.0), "awb": (120.0, 15.0), "rms": (100.0, 12.0), "slt": (175.0, 20.0)}  # mean, range


@lru_cache(maxsize=1)
def _open_flite() -> ctypes.CDLL:
    library = _library("libflite.so.1")
    for name in ("flite_synth_text", "utt_relation", "relation_head", "item_daughter", "item_next", "utt_wave"):
        getattr(library, name).restype = ctypes.c_void_p
    library.item_feat_string.restype = ctypes.c_char_p
    library.item_feat_float.restype = ctypes.c_float
    library.flite_init()
    return library


@lru_cache(maxsize=8)
def _flite_voice(name: str) -> ctypes.POINTER(_FliteVoice):
    _open_flite()
    register = getattr(_library(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype = ctypes.POINTER(_FliteVoice)
    return register(None)


def _flite(voice: Voice, text: str) -> tuple[Tensor, list[Phone], list[Word]]:
    library, speaker = _open_flite(), _flite_voice(voice.name)
    mean, spread = _FLITE_PITCH[voice.name]
    features = {
        b"duration_stretch": 1.0 / voice.rate,
        b"int_f0_target_mean": mean * voice.pitch,
        b"int_f0_target_stddev": spread * voice.liveliness,
    }
    for key, value in features.items():
        library.feat_set_float(ctypes.c_void_p(speaker.contents.features), key, ctypes.c_float(value))
    utterance = ctypes.c_void_p(library.flite_synth_text(text.encode("ascii", "ignore"), speaker))
    wave = ctypes.cast(library.utt_wave(utterance), ctypes.POINTER(_FliteWave)).contents
    rate, pcm = wave.sample_rate, np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32) / 32768
    phones, now = [], 0.0
    for item in _items(library, utterance, b"Segment"):
        end = library.item_feat_float(item, b"end")
        phones.append(Phone(from_flite(library.item_feat_string(item, b"name").decode())[0], now, end))
        now = end
    words = _flite_words(library, utterance, text, phones)
    library.delete_utterance(utterance)
    return resample(torch.from_numpy(pcm), rate), phones, words


def _items(library: ctypes.CDLL, utterance: ctypes.c_void_p, relation: bytes):
    head = library.relation_head(ctypes.c_void_p(library.utt_relation(utterance, relation)))
    yield from _siblings(library, head)


def _siblings(library: ctypes.CDLL, item: int | None):
    while item:
        yield ctypes.c_void_p(item)
        item = library.item_next(ctypes.c_void_p(item))


def _flite_words(library: ctypes.CDLL, utterance: ctypes.c_void_p, text: str, phones: list[Phone]) -> list[Word]:
    """Words with their times from the syllable tree; a segment starts where the one before it ends."""
    starts = {phone.end: phone.start for phone in phones}
    words = []
    for item in _items(library, utterance, b"SylStructure"):
        ends = [
            library.item_feat_float(segment, b"end")
            for syllable in _siblings(library, library.item_daughter(item))
            for segment in _siblings(library, library.item_daughter(syllable))
        ]
        if ends:
            words.append(Word(library.item_feat_string(item, b"name").decode(), starts[ends[0]], ends[-1]))
    return _with_punctuation(words, text_words(text))


def _with_punctuation(words: list[Word], written: list[tuple[str, str]]) -> list[Word]:
    """Marks of the text on the spoken words; a word that is spoken in parts takes its mark on the last part."""
    marked, k = [], 0
    for word in words:
        plain = word.text.lower()
        near = next((j for j in range(k, min(k + 4, len(written))) if plain in written[j][0].lower()), None)
        mark = ""
        if near is not None:
            mark, k = written[near][1], near + (written[near][0].lower().endswith(plain))
        marked.append(Word(word.text, word.start, word.end, mark))
    return marked


# --- SVOX Pico, aligned by pocketsphinx ------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _open_pico(language: str) -> object:
    try:
        import ttspico  # a data tool: only this recipe needs it
    except ImportError as error:
        raise RuntimeError("the Python package ttspico was not found; the speech factory needs it") from error
    return ttspico.TtsEngine(language)


def _pico(voice: Voice, text: str) -> tuple[Tensor, list[Phone], list[Word]]:
    engine = _open_pico(voice.name)
    engine.rate, engine.pitch = int(100 * voice.rate), int(100 * voice.pitch)
    pcm = np.frombuffer(engine.speak(text), np.int16)
    written = text_words(text)
    phones, words = align(pcm, [word.lower().replace("’", "'") for word, _ in written])
    return torch.from_numpy(pcm.astype(np.float32) / 32768), phones, _with_punctuation(words, written)


@lru_cache(maxsize=1)
def _aligner() -> object:
    try:
        from pocketsphinx import Decoder  # a data tool, as above
    except ImportError as error:
        raise RuntimeError("the Python package pocketsphinx was not found; the speech factory needs it") from error
    return Decoder(lm=None, bestpath=False, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)


def align(pcm: np.ndarray, words: list[str]) -> tuple[list[Phone], list[Word]]:
    """Phone and word times of a known English text. pcm [N] int16 at 16 kHz

    Words outside the dictionary are pronounced by espeak-ng. Raises RuntimeError when the text does not fit the sound.
    """
    decoder = _aligner()
    words = [part for word in words for part in word.replace("-", " ").split()]
    for word in words:
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, " ".join(_guess(word)), update=True)
    decoder.set_align_text(" ".join(words))
    _run(decoder, pcm)
    if decoder.hyp() is None:
        raise RuntimeError("the text could not be aligned with the sound")
    decoder.set_alignment()
    _run(decoder, pcm)
    phones, spoken = [], []
    for word in decoder.get_alignment():
        name = re.sub(r"\(\d+\)$", "", word.name)
        if not name.startswith(("<", "[", "+")):
            spoken.append(Word(name, word.start / 100, (word.start + word.duration) / 100))
        for phone in word:
            symbol = "SIL" if phone.name in ("SIL", "+NSN+", "+SPN+") else from_cmu(phone.name)[0]
            phones.append(Phone(symbol, phone.start / 100, (phone.start + phone.duration) / 100, 0.9))
    return phones, spoken


def _guess(word: str) -> list[str]:
    """How espeak-ng says a word, as phones."""
    _, phones, _ = _espeak(Voice("espeak", "gmw/en-US"), word)
    return [phone.symbol for phone in phones if phone.symbol != "SIL"] or ["AH"]


def _run(decoder: object, pcm: np.ndarray) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
