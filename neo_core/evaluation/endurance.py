"""Unlimited duration, measured: does memory stay flat, does the head wander, is the same speech the same later on?

The bundled speech is said again and again for half an hour, window after window as any long sound is, motion only. A
minute is the unit: its mean and spread of every channel, and how much memory the process has ever held by its end. What
drifts shows as minutes whose means part from the first ones, in spreads of that channel within a minute.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..audio.encoder import encode, encode_stream, mono_blocks
from ..audio.features import RATE
from ..data_types import Waveform
from ..media.audio import read_waveform
from ..motion_space import INDEX, REGIONS, SIZE
from ..pipelines.live import LATENCY
from ..runtime.threads import one_thread
from ..timebase import MOTION_RATE
from ..vocal import sampler
from .bench import CouldNotRun
from .motion import Performer, shipped
from .talking_head import SAMPLES

MINUTES = 30
PAUSE = 1.0  # seconds between two times the speech is said
HEARD_AT_ONCE = 250  # feature frames, as in the pipeline
STILL = 1e-3  # a channel that moves less has no spread to measure by
OFF_GRID = 37  # frames of silence, which is no whole number of windows
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Minute:
    """What one minute of motion was like."""

    mean: Tensor  # [63]
    spread: Tensor  # [63]
    peak_mb: float  # the largest memory of the process so far
    seconds: float  # of CPU that it took


@one_thread()
def bench(minutes: int = MINUTES) -> dict[str, float]:
    """The figures of the benchmark, with the shipped weights; what has no bar is only logged."""
    performer, speech = shipped(), read_waveform(SAMPLES / "speech.flac")
    run = list(minutes_of(unending(performer, speech, minutes)))
    wandered = wander(run)
    more = {
        "memory growth after the first minute, MB": run[-1].peak_mb - run[0].peak_mb,
        "wander of the pose, spreads": wandered["pose"],
        "wander of the face, spreads": max(wandered[name] for name in ("mouth", "brows", "eyes")),
        "speed of half an hour, times real time": 60 * len(run) / sum(minute.seconds for minute in run),
        **later(performer, speech),
    }
    log.info("\n%s\n%s", table(run), "\n".join(f"{name}: {value:.3g}" for name, value in more.items()))
    return {"peak memory, 30 min over 1 min": run[-1].peak_mb / run[0].peak_mb, "look-ahead, live": 1000 * LATENCY}


def unending(performer: Performer, speech: Waveform, minutes: float) -> Iterator[Tensor]:
    """Motion [n, 63] of speech that is said again and again for so long."""
    sound = torch.cat((*mono_blocks(speech), torch.zeros(round(PAUSE * RATE))))
    total = round(60 * minutes * RATE)

    def blocks() -> Iterator[Tensor]:
        for start in range(0, total, len(sound)):
            yield sound[: total - start]

    hidden = encode_stream(performer.encoder, blocks(), performer.encoder.survey(blocks()), HEARD_AT_ONCE)
    yield from sampler.generate_windows(performer.vocal, hidden, performer.identity)


def minutes_of(pieces: Iterable[Tensor]) -> Iterator[Minute]:
    """Sum motion [n, 63] up, whole minute by whole minute."""
    length, waiting, begun = 60 * MOTION_RATE, torch.zeros(0, SIZE), time.process_time()
    for piece in pieces:
        waiting = torch.cat((waiting, piece))
        while len(waiting) >= length:
            minute, waiting = waiting[:length], waiting[length:]
            now = time.process_time()
            yield Minute(minute.mean(0), minute.std(0), peak_memory(), now - begun)
            begun = now


def peak_memory() -> float:
    """The most that this process ever held, MB."""
    try:
        import resource  # Unix only, and the other benches run on Windows too
    except ModuleNotFoundError as error:
        raise CouldNotRun("this system does not tell how much memory a process has held") from error
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def wander(minutes: list[Minute]) -> dict[str, float]:
    """How far the last third of the minutes lies from the first third, by regions: root mean square over channels, in
    spreads within a minute."""
    third = max(1, len(minutes) // 3)
    early, late = (torch.stack([m.mean for m in part]).mean(0) for part in (minutes[:third], minutes[-third:]))
    spread = torch.stack([m.spread for m in minutes]).mean(0)
    away = torch.where(spread > STILL, (late - early) / spread.clamp(min=STILL), 0.0)
    return {name: float(away[list(channels)].square().mean().sqrt()) for name, channels in REGIONS.items()}


def later(performer: Performer, speech: Waveform) -> dict[str, float]:
    """The same speech after more silence with its noise moved along, against that speech after one window of silence:
    root mean square difference in spreads, without the first window, which still sees another past.

    After a whole number of windows it is cut alike and only the past differs; otherwise its windows fall elsewhere.
    """
    step = performer.vocal.config.window - sampler.overlap(performer.vocal.config)
    before, after, between = (_after_silence(performer, speech, n)[step:] for n in (step, 2 * step, step + OFF_GRID))
    spread = before.std(0).clamp(min=STILL)
    found = {}
    for text, other in (("a whole number of windows later", after), ("any number of frames later", between)):
        for region in ("mouth", "pose"):
            apart = ((other - before) / spread)[:, list(REGIONS[region])]
            found[f"the same speech {text}, {region}"] = float(apart.square().mean().sqrt())
    return found


def _after_silence(performer: Performer, speech: Waveform, frames: int) -> Tensor:
    """Motion of the speech alone, said after so many frames of silence, with the noise of saying it at once. [T, 63]"""
    samples = torch.cat((torch.zeros(1, frames * speech.sample_rate // MOTION_RATE), speech.samples.mean(0)[None]), 1)
    hidden = encode(performer.encoder, Waveform(samples, speech.sample_rate)).hidden_states
    windows = sampler.generate_windows(performer.vocal, [hidden], performer.identity, first_frame=-frames)
    return torch.cat(list(windows))[frames:]


def table(minutes: list[Minute]) -> str:
    """Markdown: a row for every fifth minute."""
    lines = ["| minute | pitch, yaw, roll, degrees | jaw open | peak memory, MB | CPU s |", "|---|---|---|---|---|"]
    for number, minute in enumerate(minutes, start=1):
        if number % 5 == 0 or number == 1:
            turned = ", ".join(f"{float(value):+.2f}" for value in minute.mean[list(REGIONS["pose"])[:3]])
            jaw = float(minute.mean[INDEX["jawOpen"]])
            lines.append(f"| {number} | {turned} | {jaw:.3f} | {minute.peak_mb:.0f} | {minute.seconds:.1f} |")
    return "\n".join(lines)
