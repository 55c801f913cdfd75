"""What it costs to perform live: the same held-out speech heard as a whole and while it is spoken.

    python -m neo_core train live-exam --assets DIR [--weights FILE] [--audio-weights FILE] [--speakers 8] [--steps N]

Held-out speakers with portraits of their own say held-out sentences. Lips are compared by the points of the head model
(`guidance_sweep.lip_error`), with the rule-made performance and with each other; spread and speed of every region are
those of the rule-made performance times the figure.
"""

import argparse
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, encode
from ..audio.loading import load_audio_encoder
from ..data_types import Identity, Waveform
from ..motion_space import REGIONS
from ..pipelines.live import LATENCY, LIVE_STEPS, LivePerformance
from ..runtime.threads import one_thread
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import generate_motion
from .guidance_sweep import lip_error
from .identity_truth import held_out_clips
from .synthetic.performance import perform_score
from .synthetic.prosody import read_score
from .synthetic.speakers import Speaker, sample_reference, sample_speaker
from .synthetic.utterance import RATE, Utterance

SPEAKERS = range(9_700_000, 9_700_008)  # never drawn in training, see `identity_truth.SPEAKERS`
BLOCK = RATE // 50  # samples that a microphone gives at once
WHOLE, LIVE = "heard as a whole", "live"
log = logging.getLogger(__name__)

Perform = Callable[[Utterance, Identity, int], Tensor]  # what is said, who says it, seed -> motion [T, 63]


def as_a_whole(encoder: AudioEncoder, vocal: MotionGenerator) -> Perform:
    """The offline performance, its encoding included."""

    def perform(clip: Utterance, identity: Identity, seed: int) -> Tensor:
        return generate_motion(vocal, encode(encoder, Waveform(clip.samples[None], RATE)), identity, seed=seed).motion

    return perform


def live(encoder: AudioEncoder, vocal: MotionGenerator, steps: int = LIVE_STEPS) -> Perform:
    """The live performance of the same sound, from the first word of a voice that nobody knows yet."""

    def perform(clip: Utterance, identity: Identity, seed: int) -> Tensor:
        performance = LivePerformance(encoder, vocal, identity, RATE, seed=seed, steps=steps)
        return torch.cat([*(performance.hear(block) for block in clip.samples.split(BLOCK)), performance.finish()])

    return perform


@one_thread()
def examine(
    whole: Perform, live: Perform, clips: Sequence[Utterance], speakers: Sequence[int] = SPEAKERS
) -> dict[str, dict[str, float]]:
    """Means over the speakers: for either way of hearing, figure by figure."""
    found: dict[str, dict[str, list[float]]] = {WHOLE: {}, LIVE: {}}
    for k, number in enumerate(speakers):
        clip, speaker, reference = clips[k % len(clips)], sample_speaker(number), sample_reference(number)
        identity = Identity(speaker.geometry, speaker.style, reference)
        truth = perform_score(read_score(clip), speaker, k, reference)
        made = {}
        for name, perform in ((WHOLE, whole), (LIVE, live)):
            begun = time.process_time()
            made[name] = perform(clip, identity, k)
            figures = compared(speaker, made[name], truth)
            figures["CPU s for a second of sound"] = (time.process_time() - begun) / clip.seconds
            figures["lips apart from the whole's, cm"] = lip_error(speaker, made[name], made[WHOLE])
            for figure, value in figures.items():
                found[name].setdefault(figure, []).append(value)
    return {name: {figure: sum(v) / len(v) for figure, v in one.items()} for name, one in found.items()}


def compared(speaker: Speaker, made: Tensor, truth: Tensor) -> dict[str, float]:
    """A performance against the rule-made one."""
    shared = min(len(made), len(truth))
    made, truth = made[:shared], truth[:shared]
    figures = {"lips apart from the rules', cm": lip_error(speaker, made, truth)}
    for name, channels in REGIONS.items():
        ours, theirs = made[:, list(channels)], truth[:, list(channels)]
        figures[f"spread, {name}"] = float(ours.std(0).mean() / theirs.std(0).mean())
        figures[f"speed, {name}"] = float(ours.diff(dim=0).abs().mean() / theirs.diff(dim=0).abs().mean())
    return figures


def table(found: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    lines = [f"| | {WHOLE} | {LIVE}, {1000 * LATENCY:.0f} ms behind |", "|---|---|---|"]
    lines += [f"| {figure} | {value:.3f} | {found[LIVE][figure]:.3f} |" for figure, value in found[WHOLE].items()]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train live-exam`."""
    parser.add_argument("--assets", type=Path, required=True, help="training assets, for the held-out speech")
    parser.add_argument("--weights", type=Path, help="VOCAL (default: the embedded one)")
    parser.add_argument("--audio-weights", type=Path, help="the audio encoder (default: the embedded one)")
    parser.add_argument("--speakers", type=int, default=len(SPEAKERS))
    parser.add_argument("--steps", type=int, default=LIVE_STEPS, help="of the live performance")


def run(arguments: argparse.Namespace) -> None:
    """Log the table."""
    encoder, vocal = load_audio_encoder(arguments.audio_weights), load_vocal(arguments.weights)
    ways = as_a_whole(encoder, vocal), live(encoder, vocal, arguments.steps)
    found = examine(*ways, held_out_clips(arguments.assets), SPEAKERS[: arguments.speakers])
    log.info("%s", table(found))
