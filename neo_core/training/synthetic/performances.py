"""A data set of rule-made performances: recordings, each acted by several speakers.

    python -m neo_core factory performances --speech DIR --out DIR --takes 3

writes shards that stand alone (sound, phones, motion) and `statistics.safetensors` with the mean and the deviation of
every motion channel. The same seed gives the same shards; `--resume` keeps those already written. Two in five takes of
speech, and four in five of an empty room, act one of the six states at some strength; the others, and what a weaker
state leaves, are as lively as the voice sounds.
"""

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...data_types import EMOTIONS, Emotion
from ...motion_space import NAMES, rest
from ...timebase import MOTION_RATE
from ...weights import safetensors_io
from .emotion import heard_arousal, roused
from .performance import perform_score
from .phones import INDEX, PHONES
from .prosody import read_score
from .recordings import empty_room, record
from .speakers import STYLE_NAMES, Speaker, sample_reference, sample_speaker
from .speech import Corpus, compress, decompress, is_held_out, load_corpus
from .utterance import Phone, Utterance

SHARD_SIZE = 60  # recordings in one shard, about ten minutes of sound
LARGEST_GROUP = 2  # utterances joined to one recording
EMPTY_SHARE = 0.18  # recordings of a room alone
STATED, STATED_ALONE = 0.4, 0.8  # takes that act a state, of speech and of an empty room
WEAKEST = 0.25  # strength of a state
NEUTRAL_SHARE = 1 / 3  # portraits that are exactly at rest
SPREAD_FLOOR = 0.01  # smallest deviation a channel may be divided by
_AS_HEARD = (0.0,) * len(EMOTIONS)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Take:
    """One performance of one recording."""

    utterance: int  # index into `Performances.utterances`
    geometry: Tensor  # [60]
    style: Tensor  # [16]
    reference: Tensor  # [63]
    motion: Tensor  # [T, 63] float16, frame m shows the time (m + 0.5) / 25 s
    seed: int
    held_out: bool  # never to train on
    emotion: Tensor  # [6] the state it acts times its strength (`Emotion.weights`); zeros: as the voice sounds


@dataclass(frozen=True)
class Performances:
    """A whole data set in memory."""

    utterances: tuple[Utterance, ...]
    takes: tuple[Take, ...]
    mean: Tensor  # [63] over the takes that are not held out
    std: Tensor  # [63], at least SPREAD_FLOOR


def load_performances(folder: str | Path) -> Performances:
    """Read every shard of a data set."""
    utterances: list[Utterance] = []
    takes: list[Take] = []
    for path in _shards(folder):
        tensors, config = safetensors_io.load(path)
        takes += _unpack_takes(tensors, config["held_out"], len(utterances))
        utterances += _unpack_utterances(tensors, config)
    if not takes:
        raise FileNotFoundError(f"no shard_*.safetensors in {folder}; make them with `factory performances`")
    statistics, _ = safetensors_io.load(Path(folder) / "statistics.safetensors")
    return Performances(tuple(utterances), tuple(takes), statistics["mean"], statistics["std"])


@dataclass(frozen=True)
class Acted:
    """A performance as it was made."""

    speaker: Speaker
    reference: Tensor  # [63]
    emotion: Emotion | None
    motion: Tensor  # [T, 63]


def act(recording: Utterance, seeds: Sequence[int]) -> list[Acted]:
    """One performance per seed."""
    score = read_score(recording)
    arousal = heard_arousal(score)
    acted = []
    for seed in seeds:
        speaker, emotion = sample_speaker(seed), sample_emotion(seed, STATED if score.phrases else STATED_ALONE)
        neutral = np.random.default_rng([seed, 7]).uniform() < NEUTRAL_SHARE
        reference = rest() if neutral else sample_reference(seed)
        lively = roused(speaker, arousal * (1 - emotion.strength if emotion else 1))
        acted.append(Acted(speaker, reference, emotion, perform_score(score, lively, seed, reference, emotion)))
    return acted


def sample_emotion(seed: int, share: float) -> Emotion | None:
    """The state of a take, in a `share` of the seeds; full strength is as likely as a weaker one."""
    rng = np.random.default_rng([seed, 0xE0])
    if rng.uniform() >= share:
        return None
    return Emotion(str(rng.choice(EMOTIONS)), float(np.clip(rng.uniform(WEAKEST, 2 - WEAKEST), 0, 1)))


def write_shard(path: Path, recordings: Sequence[Utterance], seed: int, takes: int) -> None:
    """Act every recording `takes` times and write sound, phones and motion to one file."""
    acted, owner, seeds = [], [], []
    for k, recording in enumerate(recordings):
        own = [seed * 1_000_000 + k * 100 + j for j in range(takes)]
        acted += act(recording, own)
        owner += [k] * takes
        seeds += own
    tensors = {
        **_pack_utterances(recordings),
        "motion": torch.cat([take.motion.half() for take in acted]),
        "motion_offset": _offsets([len(take.motion) for take in acted]),
        "utterance": torch.tensor(owner),
        "seed": torch.tensor(seeds),
        "geometry": torch.stack([take.speaker.geometry for take in acted]),
        "style": torch.stack([take.speaker.style for take in acted]),
        "reference": torch.stack([take.reference for take in acted]),
        "emotion": torch.tensor([take.emotion.weights if take.emotion else _AS_HEARD for take in acted]),
    }
    config = {
        "fps": MOTION_RATE,
        "channels": NAMES,
        "habits": STYLE_NAMES,
        "emotions": EMOTIONS,
        "phones": PHONES,
        "voices": [r.voice for r in recordings],
        "texts": [r.text for r in recordings],
        "languages": [r.language for r in recordings],
        "held_out": [is_held_out(r.voice) for r in recordings],
    }
    safetensors_io.save(path, tensors, config)


def write_statistics(folder: Path) -> None:
    """Mean and deviation of every channel over the takes to train on."""
    count, total, square = 0, torch.zeros(len(NAMES), dtype=torch.float64), torch.zeros(len(NAMES), dtype=torch.float64)
    for path in _shards(folder):
        tensors, config = safetensors_io.load(path)
        for take in _unpack_takes(tensors, config["held_out"], 0):
            if not take.held_out:
                motion = take.motion.double()
                count, total, square = count + len(motion), total + motion.sum(0), square + (motion**2).sum(0)
    mean = total / max(count, 1)
    std = (square / max(count, 1) - mean**2).clamp(min=SPREAD_FLOOR**2).sqrt()
    hours = count / MOTION_RATE / 3600
    safetensors_io.save(folder / "statistics.safetensors", {"mean": mean.float(), "std": std.float()}, {"hours": hours})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `factory performances`."""
    parser.add_argument("--speech", required=True, help="folder made by `factory speech`")
    parser.add_argument("--out", required=True, help="folder for the shards")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--takes", type=int, default=3, help="performances of every recording")
    parser.add_argument("--minutes", type=float, default=30.0, help="stop after this much computing time")
    parser.add_argument("--resume", action="store_true", help="keep the shards that are already there")


def run(arguments: argparse.Namespace) -> None:
    """Make the data set."""
    out, started = Path(arguments.out), time.monotonic()
    corpus = load_corpus(arguments.speech)
    for number, groups in enumerate(_plan(corpus, arguments.seed)):
        path = out / f"shard_{number:05d}.safetensors"
        if arguments.resume and path.exists():
            continue
        seed = arguments.seed * 1000 + number
        recordings = _record(corpus, groups, seed)
        write_shard(path, recordings, seed, arguments.takes)
        minutes = (time.monotonic() - started) / 60
        log.info("%s: %d recordings, %.1f min", path.name, len(recordings), minutes)
        if minutes > arguments.minutes:
            log.warning("stopped after %.1f of %.1f minutes", minutes, arguments.minutes)
            break
    write_statistics(out)


def _plan(corpus: Corpus, seed: int) -> list[list[list[int]]]:
    """Which utterances make each recording of each shard: one or two of a speaker, shuffled; none is an empty room."""
    rng = np.random.default_rng([seed, 0xD0])
    voices: dict[str, list[int]] = {}
    for index in range(len(corpus)):
        voices.setdefault(corpus.voice(index).rpartition("/")[0], []).append(index)
    groups: list[list[int]] = []
    for indices in voices.values():
        while indices:
            size = int(rng.integers(1, LARGEST_GROUP + 1))
            groups.append(indices[:size])
            indices = indices[size:]
    groups += [[]] * round(EMPTY_SHARE * len(groups))
    order = rng.permutation(len(groups)).tolist()
    return [[groups[k] for k in order[i : i + SHARD_SIZE]] for i in range(0, len(order), SHARD_SIZE)]


def _record(corpus: Corpus, groups: Sequence[Sequence[int]], seed: int) -> list[Utterance]:
    rng = np.random.default_rng([seed, 0x2EC])
    return [record([corpus[k] for k in group], rng) if group else empty_room(rng) for group in groups]


def _shards(folder: str | Path) -> list[Path]:
    return sorted(Path(folder).glob("shard_*.safetensors"))


def _offsets(lengths: Sequence[int]) -> Tensor:
    return torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int64)


def _pack_utterances(utterances: Sequence[Utterance]) -> dict[str, Tensor]:
    phones = [phone for u in utterances for phone in u.phones]
    sounds = [compress(u.samples) for u in utterances]
    return {
        "sound": torch.frombuffer(bytearray(b"".join(sounds)), dtype=torch.uint8),  # Ogg Opus files end to end
        "sound_offset": _offsets([len(sound) for sound in sounds]),
        "samples": torch.tensor([len(u.samples) for u in utterances]),
        "phone": torch.tensor([INDEX[p.symbol] for p in phones], dtype=torch.uint8),
        "phone_time": torch.tensor([(p.start, p.end) for p in phones], dtype=torch.float32),
        "phone_confidence": torch.tensor([p.confidence for p in phones], dtype=torch.float32),
        "phone_offset": _offsets([len(u.phones) for u in utterances]),
    }


def _unpack_utterances(tensors: dict[str, Tensor], config: dict) -> list[Utterance]:
    sound, sign = tensors["sound_offset"].tolist(), tensors["phone_offset"].tolist()
    names = [PHONES[k] for k in tensors["phone"].tolist()]
    spans, sure = tensors["phone_time"].tolist(), tensors["phone_confidence"].tolist()
    phones = [Phone(name, *span, trust) for name, span, trust in zip(names, spans, sure, strict=True)]
    return [
        Utterance(
            samples=decompress(tensors["sound"][sound[k] : sound[k + 1]].numpy().tobytes(), count),
            phones=tuple(phones[sign[k] : sign[k + 1]]),
            words=(),
            voice=config["voices"][k],
            text=config["texts"][k],
            language=config["languages"][k],
        )
        for k, count in enumerate(tensors["samples"].tolist())
    ]


def _unpack_takes(tensors: dict[str, Tensor], held_out: Sequence[bool], first: int) -> list[Take]:
    border = tensors["motion_offset"].tolist()
    emotion = tensors.get("emotion", torch.zeros(len(border) - 1, len(EMOTIONS)))  # data older than the states has none
    return [
        Take(
            utterance=first + owner,
            geometry=tensors["geometry"][k],
            style=tensors["style"][k],
            reference=tensors["reference"][k],
            motion=tensors["motion"][border[k] : border[k + 1]],
            seed=int(tensors["seed"][k]),
            held_out=held_out[owner],
            emotion=emotion[k],
        )
        for k, owner in enumerate(tensors["utterance"].tolist())
    ]
