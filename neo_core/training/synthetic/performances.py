"""A data set of rule-made performances: recordings, each acted by several speakers.

    python -m neo_core factory performances --speech DIR --out DIR --takes 3

writes shards that stand alone (sound, phones, motion) and `statistics.safetensors` with the mean and the deviation of
every motion channel. The same seed gives the same shards; `--resume` keeps those already written.
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

from ...motion_space import NAMES, rest
from ...timebase import MOTION_RATE
from ...weights import safetensors_io
from .performance import perform_score
from .phones import INDEX, PHONES
from .prosody import read_score
from .recordings import empty_room, record
from .speakers import STYLE_NAMES, Speaker, sample_reference, sample_speaker
from .speech import Corpus, compress, decompress, is_held_out, load_corpus
from .utterance import Phone, Utterance

SHARD_SIZE = 60  # recordings in one shard, about ten minutes of sound
LARGEST_GROUP = 2  # utterances joined to one recording
EMPTY_SHARE = 0.1  # recordings of a room alone
NEUTRAL_SHARE = 1 / 3  # portraits that are exactly at rest
SPREAD_FLOOR = 0.01  # smallest deviation a channel may be divided by

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


def act(recording: Utterance, seeds: Sequence[int]) -> list[tuple[Speaker, Tensor, Tensor]]:
    """(speaker, reference, motion) of one performance per seed."""
    score = read_score(recording)
    acted = []
    for seed in seeds:
        speaker = sample_speaker(seed)
        neutral = np.random.default_rng([seed, 7]).uniform() < NEUTRAL_SHARE
        reference = rest() if neutral else sample_reference(seed)
        acted.append((speaker, reference, perform_score(score, speaker, seed, reference)))
    return acted


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
        "motion": torch.cat([motion.half() for _, _, motion in acted]),
        "motion_offset": _offsets([len(motion) for _, _, motion in acted]),
        "utterance": torch.tensor(owner),
        "seed": torch.tensor(seeds),
        "geometry": torch.stack([speaker.geometry for speaker, _, _ in acted]),
        "style": torch.stack([speaker.style for speaker, _, _ in acted]),
        "reference": torch.stack([reference for _, reference, _ in acted]),
    }
    config = {
        "fps": MOTION_RATE,
        "channels": NAMES,
        "habits": STYLE_NAMES,
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
    return [
        Take(
            utterance=first + owner,
            geometry=tensors["geometry"][k],
            style=tensors["style"][k],
            reference=tensors["reference"][k],
            motion=tensors["motion"][border[k] : border[k + 1]],
            seed=int(tensors["seed"][k]),
            held_out=held_out[owner],
        )
        for k, owner in enumerate(tensors["utterance"].tolist())
    ]
