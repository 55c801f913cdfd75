"""Examine VOCAL on performances of voices it never heard, generated whole, window after window.

    python -m neo_core train vocal-exam --data DIR [--weights FILE] [--audio-weights FILE] [--takes 24]

For every take: how near the lips come to the rule-made truth with the right sound and with another's, whether they are
in time (best lag of the lip gap), whether they close on P, B and M, whether they rest in pauses, and what a second
seed changes. Errors are in deviations of the channels, gaps in head units (about 1 cm).
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from ..audio.encoder import encode
from ..audio.loading import load_audio_encoder
from ..data_types import AudioFeatures, Identity, Waveform
from ..motion_space import EXPRESSION, REGIONS
from ..timebase import MOTION_RATE
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import STEPS, generate_motion
from .synthetic.face_measures import embedded_measures
from .synthetic.performances import Performances, Take, load_performances
from .synthetic.phones import BILABIALS
from .synthetic.utterance import RATE, Phone

CLOSED = 0.06  # largest lip gap that counts as closed
LAGS = range(-6, 7)  # frames
PAUSE_MARGIN = 0.25  # seconds between the last phone and what counts as a pause
SURE = 0.5  # smallest confidence of a phone whose closure is examined

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train vocal-exam`."""
    parser.add_argument("--data", type=Path, required=True, help="folder made by `factory performances`")
    parser.add_argument("--weights", type=Path, help="VOCAL (default: the embedded one)")
    parser.add_argument("--audio-weights", type=Path, help="the audio encoder (default: the embedded one)")
    parser.add_argument("--takes", type=int, default=24)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    """Log the mean of every figure over the takes."""
    vocal, encoder = load_vocal(arguments.weights), load_audio_encoder(arguments.audio_weights)

    def listen(data: Performances, take: Take) -> AudioFeatures:
        return encode(encoder, Waveform(data.utterances[take.utterance].samples[None], RATE))

    data = load_performances(arguments.data)
    takes = [take for take in data.takes if take.held_out]
    order = torch.randperm(len(takes), generator=torch.Generator().manual_seed(arguments.seed))
    takes = [takes[k] for k in order[: arguments.takes].tolist()]
    for name, value in examine(vocal, listen, data, takes, arguments.steps).items():
        log.info("%-28s %8.3f", name, value)


def examine(
    vocal: MotionGenerator,
    listen: Callable[[Performances, Take], AudioFeatures],
    data: Performances,
    takes: list[Take],
    steps: int = STEPS,
) -> dict[str, float]:
    """Means over the takes; a figure that a take does not have (no pause, no P) is left out of its mean."""
    found: dict[str, list[float]] = {}
    for take, other in zip(takes, takes[1:] + takes[:1], strict=True):
        identity = Identity(take.geometry.float(), take.style.float(), take.reference.float())
        own, foreign = listen(data, take), listen(data, other)
        begun = time.process_time()
        made = generate_motion(vocal, own, identity, seed=1, steps=steps).motion
        found.setdefault("CPU seconds per second", []).append((time.process_time() - begun) * MOTION_RATE / len(made))
        again = generate_motion(vocal, own, identity, seed=2, steps=steps).motion
        wrong = generate_motion(vocal, foreign, identity, seed=1, steps=steps).motion
        phones = data.utterances[take.utterance].phones
        scale = vocal.motion_log_scale.exp()
        for part in (
            _errors(made / scale, again / scale, wrong / scale, take.motion.float() / scale),
            _liveliness(made, take.motion.float()),
            _lips(_gap(take, made), _gap(take, again), _gap(take, take.motion.float()), phones),
            _pauses(made, take.motion.float(), phones),
        ):
            for name, value in part.items():
                found.setdefault(name, []).append(float(value))
    result = {name: sum(values) / len(values) for name, values in found.items()}
    result["audio gain"] = result["mouth error, wrong sound"] / result["mouth error"]
    return result


def _errors(made: Tensor, again: Tensor, wrong: Tensor, true: Tensor) -> dict[str, Tensor]:
    mouth, pose, shared = list(REGIONS["mouth"]), list(REGIONS["pose"]), min(len(wrong), len(true))
    return {
        "mouth error": _rms(made - true, mouth),
        "mouth error, wrong sound": _rms(wrong[:shared] - true[:shared], mouth),
        "two seeds, mouth": _rms(made - again, mouth),
        "two seeds, pose": _rms(made - again, pose),
    }


def _liveliness(made: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Spread and speed of each region over the truth's."""
    result = {}
    for name, channels in REGIONS.items():
        ours, theirs = made[:, list(channels)], true[:, list(channels)]
        result[f"spread, {name}"] = ours.std(0).mean() / theirs.std(0).mean().clamp(min=1e-6)
        result[f"speed, {name}"] = ours.diff(dim=0).abs().mean() / theirs.diff(dim=0).abs().mean().clamp(min=1e-6)
    return result


def _lips(ours: Tensor, again: Tensor, theirs: Tensor, phones: Iterable[Phone]) -> dict[str, Tensor | float]:
    """Agreement of the lip gaps [T], their lag, and closures."""
    if theirs.std() < 1e-3 or ours.std() < 1e-3:
        return {}  # nobody speaks
    agreement = {lag: _correlation(*_shifted(ours, theirs, lag)) for lag in LAGS}
    result = {
        "gap correlation": agreement[0],
        "gap lag, frames": float(max(agreement, key=lambda lag: agreement[lag])),
        "gap correlation, two seeds": _correlation(ours, again),
        "closed by chance": (ours < CLOSED).float().mean(),
    }
    spans = [_frames(p, len(ours)) for p in phones if p.symbol in BILABIALS and p.confidence > SURE]
    if spans:
        for name, gap in (("closed on P B M", ours), ("closed on P B M, truth", theirs)):
            result[name] = sum(float(gap[span].min() < CLOSED) for span in spans) / len(spans)
    return result


def _pauses(made: Tensor, true: Tensor, phones: Iterable[Phone]) -> dict[str, Tensor]:
    """How far the mouth moves where nobody speaks, mean deviation of its channels."""
    moment = (torch.arange(len(true)) + 0.5) / MOTION_RATE
    quiet = torch.ones(len(true), dtype=torch.bool)
    for phone in phones:
        if phone.symbol != "SIL":
            quiet &= (moment < phone.start - PAUSE_MARGIN) | (moment > phone.end + PAUSE_MARGIN)
    if quiet.sum() < MOTION_RATE // 2:
        return {}
    mouth = list(REGIONS["mouth"])
    return {f"mouth in pauses{name}": m[quiet][:, mouth].std(0).mean() for name, m in (("", made), (", truth", true))}


def _gap(take: Take, motion: Tensor) -> Tensor:
    gap = embedded_measures().lip_gap.of(take.geometry.double().numpy(), motion[:, EXPRESSION].double().numpy())
    return torch.as_tensor(gap, dtype=torch.float32)


def _frames(phone: Phone, count: int) -> slice:
    first = min(max(round(phone.start * MOTION_RATE - 0.5), 0), count - 1)
    return slice(first, max(round(phone.end * MOTION_RATE + 0.5), first + 1))


def _shifted(ours: Tensor, theirs: Tensor, lag: int) -> tuple[Tensor, Tensor]:
    """Both where they overlap when ours is `lag` frames late."""
    count = len(ours) - abs(lag)
    return ours[max(lag, 0) :][:count], theirs[max(-lag, 0) :][:count]


def _correlation(a: Tensor, b: Tensor) -> float:
    return torch.corrcoef(torch.stack((a, b)))[0, 1].item()


def _rms(difference: Tensor, channels: list[int]) -> Tensor:
    return difference[:, channels].square().mean().sqrt()
