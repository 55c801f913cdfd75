"""What each guidance slider does between 0.5 and 2.

    python -m neo_core train guidance-exam --assets DIR [--weights FILE] [--audio-weights FILE] [--plot FILE]

Held-out speakers with portraits of their own say held-out sentences. For the slider of the audio: the error of the
lips with another sentence's sound over the error with the right one, both against the rule-made performance. For the
identity: the distance of blink rate, nods and emphasis to the speaker's own, and that of every habit. For the
reference: the distance of pose and expression to the portrait's. Where a face is compared with a face, it is by the
head model's 68 landmarks, in cm.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..audio.loading import load_audio_encoder
from ..evaluation.line_plot import Line, Panel, plot_lines
from ..flow.guidance import SIGNALS, Guidance
from ..geometry.camera import rotation_matrix
from ..geometry.head_model import landmarks, load_head_model, shape
from ..media.image import write_image
from ..motion_space import EXPRESSION, POSE, rest
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from .identity_truth import HABITS, RULE_SEEDS, Performer, Sentence, Take, by_rules, by_vocal, held_out_sentences, takes
from .synthetic.performance import perform_score
from .synthetic.speakers import Speaker, sample_reference, sample_speaker

SLIDERS = (0.5, 0.75, 1.0, 1.5, 2.0)
SPEAKERS = range(9_600_000, 9_600_006)  # never drawn in training, see `identity_truth.SPEAKERS`
NAMED = [k for k, name in enumerate(HABITS) if name in ("blinks per minute", "nods, degrees", "emphasis")]
EVERY = "identity, every habit"  # shown, not counted: what fits at 1 cannot come nearer at 2
WAY = {"audio": 1, "identity": -1, "reference": -1, EVERY: -1}  # where a slider is to move its effect: up or down
LIPS = slice(48, 68)  # of the Multi-PIE 68
WORD = {1: "to grow", -1: "to shrink"}
MEANING = {
    "audio": "error with wrong sound over error with right sound",
    "identity": "distance to the speaker's own blink rate, nods and emphasis, spreads of people",
    "reference": "distance to the portrait's pose and expression, cm",
    EVERY: "the same for every habit that is measured",
}
LEGEND = {
    "audio": "error with wrong sound over right",
    "identity": "distance to own blinks, nods, emphasis",
    "reference": "distance to the portrait's face, cm",
    EVERY: "distance to every own habit",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scene:
    """A speaker with a portrait, about to say a sentence, while another sentence could be heard instead."""

    speaker: Speaker
    reference: Tensor  # [63]
    sentence: Sentence
    other: Sentence
    seed: int


Stage = Callable[[Tensor, Guidance], Performer]  # the portrait's motion [63], weights -> who performs


def bench(assets: Path) -> dict[str, float]:
    """The figure of the benchmark, with the shipped weights."""
    effects = sweep(stage_of(load_vocal()), held_out_sentences(assets, load_audio_encoder(), each=1))
    log.info("\n%s", table(effects))
    return {"guidance that is monotone": sum(is_monotone(effects[signal], WAY[signal]) for signal in SIGNALS)}


def stage_of(vocal: MotionGenerator) -> Stage:
    """Where VOCAL performs."""
    return lambda reference, guidance: by_vocal(vocal, reference, guidance)


def sweep(stage: Stage, sentences: Sequence[Sentence], seeds: Sequence[int] = SPEAKERS) -> dict[str, list[float]]:
    """Every slider's effect at every position, the other two being neutral."""
    scenes = [
        Scene(
            sample_speaker(seed),
            sample_reference(seed),
            sentences[k % len(sentences)],
            sentences[k % len(sentences) - 1],
            k,
        )
        for k, seed in enumerate(seeds)
    ]
    audio = [wrong_over_right(stage, scenes, Guidance(audio=slider)) for slider in SLIDERS]
    distances = habit_distances(stage, sentences, [scene.speaker for scene in scenes])
    named, every = zip(*map(distances, SLIDERS), strict=True)
    reference = [reference_distance(stage, scenes, Guidance(reference=slider)) for slider in SLIDERS]
    return {"audio": audio, "identity": list(named), "reference": reference, EVERY: list(every)}


def is_monotone(values: Sequence[float], way: int) -> bool:
    """Always up (way 1), or always down (way -1)."""
    return all(way * (b - a) > 0 for a, b in pairwise(values))


def wrong_over_right(stage: Stage, scenes: Sequence[Scene], guidance: Guidance) -> float:
    """How much worse the lips fit the sentence when another one is heard."""
    right = wrong = 0.0
    for scene in scenes:
        truth = perform_score(scene.sentence.score, scene.speaker, scene.seed, scene.reference)
        perform = stage(scene.reference, guidance)
        right += lip_error(scene.speaker, perform(scene.sentence, scene.speaker, scene.seed), truth)
        wrong += lip_error(scene.speaker, perform(scene.other, scene.speaker, scene.seed), truth)
    return wrong / right


def habit_distances(
    stage: Stage, sentences: Sequence[Sentence], speakers: Sequence[Speaker]
) -> Callable[[float], tuple[float, float]]:
    """slider -> root mean square distance of the speakers' habits to their own: the named ones, every one.

    In spreads of those over the speakers.
    """
    own = torch.stack([habits_of(speaker, takes(by_rules, sentences, speaker, RULE_SEEDS)) for speaker in speakers])

    def distances(slider: float) -> tuple[float, float]:
        perform = stage(rest(), Guidance(identity=slider))
        seen = torch.stack([habits_of(speaker, takes(perform, sentences, speaker)) for speaker in speakers])
        square = ((seen - own) / own.std(0)).square()  # [speakers, habits]
        return float(square[:, NAMED].mean().sqrt()), float(square.mean().sqrt())

    return distances


def reference_distance(stage: Stage, scenes: Sequence[Scene], guidance: Guidance) -> float:
    """How far the face's points are from where the portrait has them, mean over points, frames and scenes, cm."""
    found = []
    for scene in scenes:
        made = stage(scene.reference, guidance)(scene.sentence, scene.speaker, scene.seed)
        apart = face_points(scene.speaker, made) - face_points(scene.speaker, scene.reference[None])
        found.append(float(apart.norm(dim=-1).mean()))
    return float(np.mean(found))


def face_points(speaker: Speaker, motion: Tensor) -> Tensor:
    """The 68 landmarks of a speaker's head in every frame, where its pose takes them, cm. [T, 63] -> [T, 68, 3]"""
    pitch, yaw, roll, *shift = motion[:, POSE].T
    turned = still_points(speaker, motion) @ rotation_matrix(pitch, yaw, roll).transpose(1, 2)
    return turned + torch.stack(shift, dim=-1)[:, None]


def still_points(speaker: Speaker, motion: Tensor) -> Tensor:
    """The same on a head that stays still, moved by the expression alone."""
    head = load_head_model()
    return landmarks(head, shape(head, speaker.geometry.expand(len(motion), -1), motion[:, EXPRESSION]))[:, :68]


def lip_error(speaker: Speaker, made: Tensor, truth: Tensor) -> float:
    """Root mean square distance of the lips' points while both last, cm."""
    shared = min(len(made), len(truth))
    ours, theirs = (still_points(speaker, motion[:shared])[:, LIPS] for motion in (made, truth))
    return float((ours - theirs).square().mean().sqrt())


def habits_of(speaker: Speaker, acted: Sequence[Take]) -> Tensor:
    """Every habit, measured. [H]"""
    return torch.tensor([measure(speaker, acted) for measure in HABITS.values()]).double()


def table(effects: dict[str, list[float]]) -> str:
    """Markdown."""
    head = " | ".join(f"{slider:g}" for slider in SLIDERS)
    lines = [f"| slider | effect | {head} | monotone, the right way |", "|---|---|" + "---|" * (len(SLIDERS) + 1)]
    for signal, values in effects.items():
        figures = " | ".join(f"{value:.3f}" for value in values)
        met = "yes" if is_monotone(values, WAY[signal]) else "**no**"
        lines.append(f"| {signal} | {MEANING[signal]} ({WORD[WAY[signal]]}) | {figures} | {met} |")
    return "\n".join(lines)


def plot(effects: dict[str, list[float]]) -> Tensor:
    """A panel for each slider. u8 [H, W, 3]"""
    shown = {"audio": ("audio",), "identity": ("identity", EVERY), "reference": ("reference",)}
    return plot_lines(
        [
            Panel(signal, "slider", SLIDERS, tuple(Line(LEGEND[name], tuple(effects[name])) for name in names))
            for signal, names in shown.items()
        ]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train guidance-exam`."""
    parser.add_argument("--assets", type=Path, required=True, help="training assets, for the held-out speech")
    parser.add_argument("--weights", type=Path, help="VOCAL (default: the embedded one)")
    parser.add_argument("--audio-weights", type=Path, help="the audio encoder (default: the embedded one)")
    parser.add_argument("--speakers", type=int, default=len(SPEAKERS))
    parser.add_argument("--plot", type=Path, help="picture to write")


def run(arguments: argparse.Namespace) -> None:
    """Log the table."""
    sentences = held_out_sentences(arguments.assets, load_audio_encoder(arguments.audio_weights), each=1)
    effects = sweep(stage_of(load_vocal(arguments.weights)), sentences, SPEAKERS[: arguments.speakers])
    log.info("%s", table(effects))
    if arguments.plot:
        write_image(arguments.plot, plot(effects))
