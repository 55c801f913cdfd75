"""What each guidance slider does between half and double its weight.

    python -m neo_core train guidance-exam --assets DIR [--weights FILE] [--audio-weights FILE] [--plot FILE]

Held-out speakers with portraits of their own say held-out sentences. For the weight of the audio: the error of the
mouth with another sentence's sound over the error with the right one, both against the rule-made performance. For the
identity: the distance of the habits that are seen to the speaker's own. For the reference: the distance of pose and
expression to the portrait's.
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

from ..audio.encoder import load_audio_encoder
from ..evaluation.line_plot import Line, Panel, plot_lines
from ..flow.guidance import SIGNALS, Guidance
from ..media.image import write_image
from ..motion_space import EXPRESSION, POSE, REGIONS, rest
from ..vocal.unified_mmdit import UnifiedMMDiT, load_vocal
from .identity_truth import HABITS, RULE_SEEDS, Sentence, by_rules, by_vocal, held_out_sentences, takes
from .synthetic.performance import perform_score
from .synthetic.speakers import Speaker, sample_reference, sample_speaker

WEIGHTS = (0.5, 0.75, 1.0, 1.5, 2.0)
SPEAKERS = range(9_600_000, 9_600_006)  # never drawn in training, see `identity_truth.SPEAKERS`
MEANING = {
    "audio": "error with wrong sound over error with right sound",
    "identity": "distance to the speaker's own habits, spreads of people",
    "reference": "distance to the portrait's pose and expression, deviations",
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


Effect = Callable[[float], float]  # weight -> figure


def bench(assets: Path) -> dict[str, float]:
    """The figure of the benchmark, with the shipped weights."""
    effects = sweep(load_vocal(), held_out_sentences(assets, load_audio_encoder(), each=1))
    log.info("\n%s", table(effects))
    return {"guidance that is monotone": sum(is_monotone(values) for values in effects.values())}


def sweep(
    vocal: UnifiedMMDiT, sentences: Sequence[Sentence], seeds: Sequence[int] = SPEAKERS
) -> dict[str, list[float]]:
    """Every slider's effect at every weight, the other two being neutral."""
    scenes = [
        Scene(
            sample_speaker(seed),
            sample_reference(seed),
            sentences[k % len(sentences)],
            sentences[(k - 1) % len(sentences)],
            k,
        )
        for k, seed in enumerate(seeds)
    ]
    effects: dict[str, Effect] = {
        "audio": lambda weight: wrong_over_right(vocal, scenes, Guidance(audio=weight)),
        "identity": habit_distance(vocal, sentences, [scene.speaker for scene in scenes]),
        "reference": lambda weight: reference_distance(vocal, scenes, Guidance(reference=weight)),
    }
    return {signal: [effects[signal](weight) for weight in WEIGHTS] for signal in SIGNALS}


def is_monotone(values: Sequence[float]) -> bool:
    """Always up or always down."""
    steps = [b - a for a, b in pairwise(values)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def wrong_over_right(vocal: UnifiedMMDiT, scenes: Sequence[Scene], guidance: Guidance) -> float:
    """How much worse the mouth fits the sentence when another one is heard."""
    right, wrong = 0.0, 0.0
    scale, mouth = vocal.motion_log_scale.exp(), list(REGIONS["mouth"])
    for scene in scenes:
        truth = perform_score(scene.sentence.score, scene.speaker, scene.seed, scene.reference)
        perform = by_vocal(vocal, scene.reference, guidance)
        for heard in (scene.sentence, scene.other):
            made = perform(heard, scene.speaker, scene.seed)
            shared = min(len(made), len(truth))
            error = float(((made[:shared] - truth[:shared]) / scale)[:, mouth].square().mean().sqrt())
            right, wrong = (right + error, wrong) if heard is scene.sentence else (right, wrong + error)
    return wrong / right


def habit_distance(vocal: UnifiedMMDiT, sentences: Sequence[Sentence], speakers: Sequence[Speaker]) -> Effect:
    """The root mean square distance of the speakers' habits to their own, in spreads of those over the speakers."""
    own = torch.stack([_habits(speaker, takes(by_rules, sentences, speaker, RULE_SEEDS)) for speaker in speakers])

    def distance(weight: float) -> float:
        perform = by_vocal(vocal, rest(), Guidance(identity=weight))
        seen = torch.stack([_habits(speaker, takes(perform, sentences, speaker)) for speaker in speakers])
        return float(((seen - own) / own.std(0)).square().mean().sqrt())

    return distance


def _habits(speaker: Speaker, acted: Sequence) -> Tensor:
    """Every habit, measured. [H]"""
    return torch.tensor([measure(speaker, acted) for measure in HABITS.values()]).double()


def reference_distance(vocal: UnifiedMMDiT, scenes: Sequence[Scene], guidance: Guidance) -> float:
    """The root mean square distance of every frame's pose and expression to the portrait's, in deviations."""
    scale, errors = vocal.motion_log_scale.exp(), []
    channels = [*range(EXPRESSION.start, EXPRESSION.stop), *range(POSE.start, POSE.stop)]
    for scene in scenes:
        made = by_vocal(vocal, scene.reference, guidance)(scene.sentence, scene.speaker, scene.seed)
        errors.append(float(((made - scene.reference) / scale)[:, channels].square().mean().sqrt()))
    return float(np.mean(errors))


def table(effects: dict[str, list[float]]) -> str:
    """Markdown."""
    head = " | ".join(f"{weight:g}" for weight in WEIGHTS)
    lines = [f"| slider | effect | {head} | monotone |", "|---|---|" + "---|" * (len(WEIGHTS) + 1)]
    for signal, values in effects.items():
        figures = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {signal} | {MEANING[signal]} | {figures} | {'yes' if is_monotone(values) else '**no**'} |")
    return "\n".join(lines)


def plot(effects: dict[str, list[float]]) -> Tensor:
    """A panel for each slider. u8 [H, W, 3]"""
    return plot_lines(
        [
            Panel(signal, "weight", WEIGHTS, (Line(MEANING[signal], tuple(values)),))
            for signal, values in effects.items()
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
    effects = sweep(load_vocal(arguments.weights), sentences, SPEAKERS[: arguments.speakers])
    log.info("%s", table(effects))
    if arguments.plot:
        write_image(arguments.plot, plot(effects))
