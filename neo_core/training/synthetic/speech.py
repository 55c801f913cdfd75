"""The speech factory: speech of many voices with the time of every phone, packed into a few small files.

    python -m neo_core factory speech --assets DIR --out DIR --minutes 80

About half of the synthetic speech is espeak-ng (English accents and other languages, exact times), the rest flite
(exact) and SVOX Pico (aligned). With `--assets` the LibriSpeech clips join. Sound is stored as Opus, so that two hours
of speech stay below 60 MB; reading a pack back needs torch, numpy, safetensors and av only.
"""

import argparse
import io
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

import av
import numpy as np
import torch
from torch import Tensor

from ...audio.features import resample
from ...weights import safetensors_io
from . import sentences
from .librispeech import HELD_OUT_SPEAKERS, read_clips
from .phones import BILABIALS, INDEX, PHONES, VISEME_OF, VISEMES
from .synthesisers import Voice, synthesise
from .utterance import RATE, Phone, Utterance, Word, join, labels

__all__ = [
    "BILABIALS", "HELD_OUT_SPEAKERS", "HELD_OUT_VOICES", "INDEX", "PHONES", "VISEMES", "VISEME_OF", "Corpus", "Phone",
    "Utterance", "Word", "is_held_out", "labels", "load_corpus",
]  # fmt: skip

log = logging.getLogger(__name__)

HELD_OUT_VOICES = ("f5", "m8", "klatt3", "steph")  # espeak-ng variants that no training hears
_VARIANTS = """
    f1 f2 f3 f4 m1 m2 m3 m4 m5 m6 m7 klatt klatt2 klatt4 klatt5 Alex Andrea Andy Annie Denis Gene Jacky Lee Marco
    Mario Michael Mike adam anika antonio aunty belinda benjamin boris ed edward grandma grandpa iven john linda max
    michel miguel norbert pablo paul pedro rob robert sandro shelby travis victor zac
"""
_ENGLISH_ACCENTS = (
    "gmw/en-US", "gmw/en-US", "gmw/en-US", "gmw/en", "gmw/en", "gmw/en-GB-x-rp", "gmw/en-GB-scotland",
    "gmw/en-GB-x-gbclan", "gmw/en-GB-x-gbcwmd", "gmw/en-US-nyc", "gmw/en-029",
)  # fmt: skip
_SHARES = (("espeak", 0.32), ("foreign", 0.18), ("flite", 0.23), ("pico", 0.18), ("held", 0.06), ("held out", 0.03))
_SHARD_SECONDS = 900
_BIT_RATE = 40000


def is_held_out(voice: str) -> bool:
    """Whether no training may hear this voice (`Utterance.voice`): a named test-other speaker or espeak-ng variant."""
    source, *rest = voice.split("/")
    if source == "librispeech":
        return rest[0] in HELD_OUT_SPEAKERS
    return source == "espeak" and rest[1].partition("+")[2] in HELD_OUT_VOICES


# --- making ----------------------------------------------------------------------------------------------------------


def sample_voice(kind: str, random: Random) -> Voice:
    """A voice of one of the kinds of `_SHARES`: how excited it is sets its speed, height and melody."""
    arousal = random.random()
    rate = random.uniform(0.78, 1.05) + 0.3 * arousal
    pitch = random.uniform(0.85, 1.1) + 0.15 * arousal
    liveliness = random.uniform(0.5, 0.9) + 0.9 * arousal
    if kind == "held":  # vowels held as in song
        rate, pitch, kind = random.uniform(0.42, 0.62), random.uniform(0.9, 1.8), random.choice(("flite", "espeak"))
    if kind == "flite":
        name = random.choice(("kal16", "awb", "rms", "slt"))
        return Voice("flite", name, rate, pitch, liveliness, arousal)
    if kind == "pico":
        return Voice("pico", random.choice(("en-US", "en-GB")), rate, random.uniform(0.75, 1.3), 1.0, arousal)
    language = random.choice(tuple(sentences.OTHER_LANGUAGES) if kind == "foreign" else _ENGLISH_ACCENTS)
    variant = random.choice(HELD_OUT_VOICES if kind == "held out" else _VARIANTS.split())
    return Voice("espeak", f"{language}+{variant}", rate, random.uniform(0.4, 1.6), liveliness, arousal)


def sample_utterance(seed: int) -> Utterance:
    """One to three sentences of one voice with pauses between them; the seed decides everything."""
    random = Random(seed)
    kinds, shares = zip(*_SHARES, strict=True)
    voice = sample_voice(random.choices(kinds, shares)[0], random)
    spoken: list[Utterance] = []
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        text = _sentence(voice, random)
        try:
            spoken.append(synthesise(voice, text))
        except RuntimeError as fault:  # a word Pico's aligner does not know: another sentence will do
            if voice.source != "pico":
                raise
            log.debug("left out: %s", fault)
    if not spoken:
        return sample_utterance(seed + 1_000_003)
    gaps = [random.uniform(0.1, 0.6)] + [random.uniform(0.0, 0.9) for _ in spoken[1:]] + [random.uniform(0.2, 0.8)]
    return join(spoken, gaps)


def _sentence(voice: Voice, random: Random) -> str:
    if voice.language in sentences.OTHER_LANGUAGES:
        return random.choice(sentences.foreign_sentences(voice.language))
    return sentences.english_sentence(random)


def synthetic_speech(minutes: float, seed: int) -> Iterator[Utterance]:
    """Utterances until their lengths add up to `minutes`."""
    seconds, number = 0.0, 0
    while seconds < 60 * minutes:
        utterance = sample_utterance(1000 * seed + number)
        seconds, number = seconds + utterance.seconds, number + 1
        yield utterance


# --- packing ---------------------------------------------------------------------------------------------------------


def write_corpus(utterances: Iterator[Utterance], out: str | Path) -> int:
    """Pack utterances into `out`/shard_00000.safetensors and so on; returns how many."""
    pending: list[Utterance] = []
    shards = total = 0
    for utterance in utterances:
        pending.append(utterance)
        if sum(u.seconds for u in pending) > _SHARD_SECONDS:
            _write_shard(pending, Path(out) / f"shard_{shards:05d}.safetensors")
            shards, total, pending = shards + 1, total + len(pending), []
    if pending:
        _write_shard(pending, Path(out) / f"shard_{shards:05d}.safetensors")
    return total + len(pending)


def _write_shard(utterances: Sequence[Utterance], path: Path) -> None:
    sounds = [compress(u.samples) for u in utterances]
    phones = [p for u in utterances for p in u.phones]
    tensors = {
        "sound": torch.frombuffer(bytearray(b"".join(sounds)), dtype=torch.uint8),  # Ogg Opus files end to end
        "sound_offset": _offsets(map(len, sounds)),
        "samples": torch.tensor([u.samples.shape[0] for u in utterances]),
        "phone": torch.tensor([INDEX[p.symbol] for p in phones], dtype=torch.uint8),
        "phone_time": torch.tensor([(p.start, p.end) for p in phones]),
        "phone_confidence": torch.tensor([p.confidence for p in phones]),
        "phone_offset": _offsets(len(u.phones) for u in utterances),
    }
    notes = [
        {"voice": u.voice, "text": u.text, "language": u.language, "arousal": u.arousal,
         "words": [list(asdict(w).values()) for w in u.words]}
        for u in utterances
    ]  # fmt: skip
    safetensors_io.save(path, tensors, {"utterances": notes})
    log.info("%s: %d utterances, %.1f minutes", path, len(utterances), sum(u.seconds for u in utterances) / 60)


def _offsets(lengths: Iterator[int]) -> Tensor:
    return torch.tensor([0, *np.cumsum(list(lengths))])


def compress(samples: Tensor) -> bytes:
    """Mono sound at 16 kHz as an Ogg Opus file. samples [N]"""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono", options={"application": "audio"})
        stream.bit_rate = _BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples.clamp(-1, 1).numpy()[None].copy(), format="flt", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return buffer.getvalue()


def decompress(data: bytes, samples: int) -> Tensor:
    """The sound `compress` was given, in time to the sample. [samples]"""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(stream)]
        rate = stream.codec_context.sample_rate
    sound = torch.from_numpy(np.concatenate(blocks)).float()
    return resample(sound, rate, 0, samples)


# --- reading ---------------------------------------------------------------------------------------------------------


class Corpus(Sequence[Utterance]):
    """The utterances of a folder of shards; each is decoded when it is asked for."""

    def __init__(self, folder: str | Path):
        self.shards = []
        self.rows: list[tuple[int, int]] = []  # (shard, row in the shard)
        for path in sorted(Path(folder).glob("shard_*.safetensors")):
            tensors, config = safetensors_io.load(path)
            self.rows += [(len(self.shards), k) for k in range(len(config["utterances"]))]
            self.shards.append((tensors, config["utterances"]))
        if not self.rows:
            raise FileNotFoundError(
                f"no shard_*.safetensors in {folder}; make them with: python -m neo_core factory speech"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def voice(self, index: int) -> str:
        """Who speaks, without decoding the sound."""
        shard, row = self.rows[index]
        return self.shards[shard][1][row]["voice"]

    def __getitem__(self, index: int) -> Utterance:
        shard, row = self.rows[index]
        tensors, notes = self.shards[shard][0], self.shards[shard][1][row]
        first, last = tensors["sound_offset"][row : row + 2].tolist()
        samples = decompress(tensors["sound"][first:last].numpy().tobytes(), int(tensors["samples"][row]))
        part = slice(*tensors["phone_offset"][row : row + 2].tolist())
        phones = tuple(
            Phone(PHONES[k], a, b, sure)
            for k, (a, b), sure in zip(
                tensors["phone"][part].tolist(),
                tensors["phone_time"][part].tolist(),
                tensors["phone_confidence"][part].tolist(),
                strict=True,
            )
        )
        words = tuple(Word(*word) for word in notes["words"])
        return Utterance(samples, phones, words, notes["voice"], notes["text"], notes["language"], notes["arousal"])


def load_corpus(folder: str | Path) -> Corpus:
    """Everything `factory speech` wrote, held-out voices too (ask `is_held_out(utterance.voice)`)."""
    return Corpus(folder)


# --- command ---------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", help="folder of the training assets, for the LibriSpeech clips")
    parser.add_argument(
        "--transcripts", help="folder of LibriSpeech's .trans.txt files, for clips without a known text"
    )
    parser.add_argument("--out", required=True, help="folder for the shards")
    parser.add_argument("--minutes", type=float, default=80.0, help="minutes of synthetic speech")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    start = time.time()

    def everything() -> Iterator[Utterance]:
        yield from synthetic_speech(arguments.minutes, arguments.seed)
        if arguments.assets:
            yield from read_clips(arguments.assets, arguments.transcripts)

    count = write_corpus(everything(), arguments.out)
    facts = {"held_out_speakers": HELD_OUT_SPEAKERS, "held_out_voices": HELD_OUT_VOICES, "seed": arguments.seed}
    (Path(arguments.out) / "corpus.json").write_text(json.dumps(facts | {"utterances": count}, indent=1))
    log.info("%d utterances in %.0f s, in %s", count, time.time() - start, arguments.out)
