"""Are the six states told apart? A classifier learns them on rule-made motion and names those of others' and VOCAL's.

    python -m neo_core train emotion-exam --assets DIR [--weights FILE] [--audio-weights FILE]

The classifier is a logistic regression on the mean, the spread and the speed of each channel over three seconds. It
sees performances of speakers and sentences that it is not examined on, spoken and in silence. Confusion matrices are
logged for the rules' own motion and, where the weights know states, for VOCAL's; rows are what was asked for. Last
comes what the voice alone does: how far the size of VOCAL's movements follows how lively a sentence sounds.
"""

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..audio.loading import load_audio_encoder
from ..data_types import EMOTIONS, Emotion, Identity
from ..evaluation.bench import CouldNotRun
from ..motion_space import INDEX, POSE
from ..pipelines.idle import silent_states
from ..timebase import MOTION_RATE
from ..vocal.idle import generate_idle
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import generate_motion
from .identity_truth import Sentence, held_out_sentences
from .synthetic.emotion import heard_arousal
from .synthetic.librispeech import HELD_OUT_SPEAKERS, read_clips
from .synthetic.performance import perform_score
from .synthetic.prosody import Score, read_score
from .synthetic.speakers import sample_reference, sample_speaker
from .synthetic.utterance import RATE, Phone, Utterance

WINDOW = 3 * MOTION_RATE  # frames of which one statement is made
SILENCE = 6.0  # seconds
TAUGHT, EXAMINED = range(9_600_000, 9_600_120), range(9_700_000, 9_700_012)  # speakers that no recipe draws
TAUGHT_STRENGTHS = (0.6, 1.0)
SENTENCES = 24  # to learn from
LIVELY_EACH, LIVELY_SPEAKERS = 6, 3  # sentences of every held-out voice, and who acts them
DECAY = 1e-3  # of the regression's weights
FAINT = 1e-3  # added to spreads and speeds before the logarithm
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classifier:
    """Which state a stretch of motion shows."""

    mean: Tensor  # [F]
    spread: Tensor  # [F]
    weight: Tensor  # [F, E]
    bias: Tensor  # [E]

    def __call__(self, described: Tensor) -> Tensor:
        """Descriptions [N, F] -> the number of a state in `EMOTIONS` for each. [N]"""
        return (((described - self.mean) / self.spread) @ self.weight + self.bias).argmax(-1)


Shown = tuple[int, Tensor]  # the number of the state asked for, motion [T, 63]


def describe(motion: Tensor) -> Tensor:
    """Mean, logarithm of spread and of speed of every channel, for each whole window. [T, 63] -> [N, 189]"""
    windows = motion.unfold(0, WINDOW, WINDOW)  # [N, 63, WINDOW]
    spread, speed = windows.std(-1), windows.diff(dim=-1).abs().mean(-1)
    return torch.cat((windows.mean(-1), (spread + FAINT).log(), (speed + FAINT).log()), dim=-1)


def learn(shown: Iterable[Shown]) -> Classifier:
    """Fit the regression."""
    parts = [(describe(motion), state) for state, motion in shown]
    described = torch.cat([part for part, _ in parts])
    states = torch.tensor([state for part, state in parts for _ in part])
    mean, spread = described.mean(0), described.std(0).clamp(min=FAINT)
    inputs = (described - mean) / spread
    weight = torch.zeros(inputs.shape[1], len(EMOTIONS), requires_grad=True)
    bias = torch.zeros(len(EMOTIONS), requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def error() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(inputs @ weight + bias, states) + DECAY * weight.square().sum()
        value.backward()
        return value

    solver.step(error)
    return Classifier(mean, spread, weight.detach(), bias.detach())


def confusion(classifier: Classifier, shown: Iterable[Shown]) -> Tensor:
    """Share of the windows of each state (rows) that are taken for each (columns). [E, E]"""
    counts = torch.zeros(len(EMOTIONS), len(EMOTIONS))
    for state, motion in shown:
        counts[state] += torch.bincount(classifier(describe(motion)), minlength=len(EMOTIONS))
    return counts / counts.sum(1, keepdim=True).clamp(min=1)


def by_rules(scores: Sequence[Score], speakers: Sequence[int], strength: float = 1.0) -> Iterable[Shown]:
    """Every speaker acts every state once, the sentences taking turns."""
    for k, seed in enumerate(speakers):
        for state, name in enumerate(EMOTIONS):
            score = scores[(k + state) % len(scores)]
            acted = Emotion(name, strength)
            yield state, perform_score(score, sample_speaker(seed), seed, sample_reference(seed), acted)


def by_vocal(vocal: MotionGenerator, sentences: Sequence[Sentence], speakers: Sequence[int]) -> Iterable[Shown]:
    """The same by VOCAL."""
    for k, seed in enumerate(speakers):
        for state, name in enumerate(EMOTIONS):
            heard = sentences[(k + state) % len(sentences)].features
            yield state, generate_motion(vocal, heard, _identity(seed), seed=seed, emotion=Emotion(name)).motion


def by_idle_vocal(vocal: MotionGenerator, silence: Tensor, speakers: Sequence[int]) -> Iterable[Shown]:
    """The same without a sound; `silence` [L, T, F] is what the encoder makes of it."""
    frames = round(SILENCE * MOTION_RATE)
    for seed in speakers:
        for state, name in enumerate(EMOTIONS):
            idling = generate_idle(vocal, silence, _identity(seed), frames, seed=seed, emotion=Emotion(name))
            yield state, torch.cat(list(idling))


def _identity(seed: int) -> Identity:
    speaker = sample_speaker(seed)
    return Identity(speaker.geometry, speaker.style, sample_reference(seed))


def silent_score() -> Score:
    """What the rules read in a silence."""
    samples = torch.zeros(round(SILENCE * RATE))
    return read_score(Utterance(samples, (Phone("SIL", 0.0, SILENCE),), (), "silence", ""))


def teach(scores: Sequence[Score]) -> Classifier:
    """The classifier, from sentences and silence."""
    spoken = [*scores, *[silent_score()] * max(1, len(scores) // 2)]
    return learn(shown for strength in TAUGHT_STRENGTHS for shown in by_rules(spoken, TAUGHT, strength))


def liveliness(vocal: MotionGenerator, sentences: Sequence[Sentence], speakers: Sequence[int]) -> float:
    """Correlation, over sentences, of how lively a voice sounds with how much the head turns and the brows rise, where
    no state is asked for; movements as the mean logarithm of their spread over the speakers."""
    sizes = []
    for sentence in sentences:
        made = [generate_motion(vocal, sentence.features, _identity(seed), seed=seed).motion for seed in speakers]
        sizes.append(torch.stack([_size(motion) for motion in made]).mean())
    heard = torch.tensor([heard_arousal(sentence.score) for sentence in sentences])
    return float(torch.corrcoef(torch.stack([heard, torch.stack(sizes)]))[0, 1])


def _size(motion: Tensor) -> Tensor:
    moved = torch.cat((motion[:, POSE][:, :3], 30 * motion[:, [INDEX["browInnerUp_L"], INDEX["browOuterUp_L"]]]), 1)
    return (moved.std(0) + FAINT).log().mean()


def table(shares: Tensor) -> str:
    """Markdown of a confusion matrix."""
    lines = ["| asked for | " + " | ".join(EMOTIONS) + " |", "|---|" + "---|" * len(EMOTIONS)]
    for name, row in zip(EMOTIONS, shares.tolist(), strict=True):
        lines.append(f"| {name} | " + " | ".join(f"{share:.2f}" for share in row) + " |")
    return "\n".join([*lines, "", f"recognised: {accuracy(shares):.3f}, of the hardest state {lowest(shares):.3f}"])


def lowest(shares: Tensor) -> float:
    """Share of the windows of the hardest state that are named rightly."""
    return float(shares.diagonal().min())


def accuracy(shares: Tensor) -> float:
    """Mean share of windows that are named rightly, every state counting the same."""
    return float(shares.diagonal().mean())


def _taught_scores(assets: Path) -> Iterable[Score]:
    """Sentences of voices that are not held out, of a good length."""
    for clip in read_clips(assets):
        if clip.voice.split("/")[1] not in HELD_OUT_SPEAKERS and clip.seconds > 2 * WINDOW / MOTION_RATE:
            yield read_score(clip)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train emotion-exam`."""
    parser.add_argument("--assets", type=Path, required=True, help="training assets, for the speech")
    parser.add_argument("--weights", type=Path, help="VOCAL (default: the embedded one)")
    parser.add_argument("--audio-weights", type=Path, help="the audio encoder (default: the embedded one)")
    parser.add_argument("--speakers", type=int, default=len(EXAMINED))
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="to learn from")


def run(arguments: argparse.Namespace) -> None:
    """Log the tables."""
    vocal, encoder = load_vocal(arguments.weights), load_audio_encoder(arguments.audio_weights)
    classifier = teach(list(islice(_taught_scores(arguments.assets), arguments.sentences)))
    sentences = held_out_sentences(arguments.assets, encoder, each=1)
    speakers = EXAMINED[: arguments.speakers]
    for name, shares in examine_rules(classifier, sentences, speakers).items():
        log.info("%s\n%s", name, table(shares))
    if vocal.config.emotions:
        silence = silent_states(encoder, vocal.config.audio_tokens)
        for name, shares in examine_vocal(classifier, vocal, silence, sentences, speakers).items():
            log.info("%s\n%s", name, table(shares))
    more = held_out_sentences(arguments.assets, encoder, each=LIVELY_EACH)
    followed = liveliness(vocal, more, speakers[:LIVELY_SPEAKERS])
    log.info(
        "no state: size of VOCAL's movements against the voice's liveliness, %d sentences: r = %.2f",
        len(more),
        followed,
    )


def bench(assets: Path) -> dict[str, float]:
    """The figures of the benchmark, with the shipped weights."""
    vocal, encoder = load_vocal(), load_audio_encoder()
    if not vocal.config.emotions:
        raise CouldNotRun("the shipped weights of VOCAL know no emotions; expected some that do")
    sentences = held_out_sentences(assets, encoder, each=1)
    classifier = teach(list(islice(_taught_scores(assets), SENTENCES)))
    silence = silent_states(encoder, vocal.config.audio_tokens)
    tables = examine_vocal(classifier, vocal, silence, sentences, EXAMINED)
    for name, shares in tables.items():
        log.info("%s\n%s", name, table(shares))
    return {
        "states told apart, speaking": lowest(tables["VOCAL, speaking"]),
        "states told apart, in silence": lowest(tables["VOCAL, in silence"]),
    }


def examine_rules(classifier: Classifier, sentences: Sequence[Sentence], speakers: Sequence[int]) -> dict[str, Tensor]:
    """Confusion on rule-made motion."""
    scores = [sentence.score for sentence in sentences]
    shown = {
        "rules, speaking": by_rules(scores, speakers),
        "rules, in silence": by_rules([silent_score()], speakers),
        "rules, speaking, at half strength": by_rules(scores, speakers, 0.5),
    }
    return {name: confusion(classifier, clips) for name, clips in shown.items()}


def examine_vocal(
    classifier: Classifier,
    vocal: MotionGenerator,
    silence: Tensor,  # [L, T, F] hidden states of the encoder in the middle of a silence
    sentences: Sequence[Sentence],
    speakers: Sequence[int],
) -> dict[str, Tensor]:
    """Confusion on VOCAL's motion."""
    shown = {
        "VOCAL, speaking": by_vocal(vocal, sentences, speakers),
        "VOCAL, in silence": by_idle_vocal(vocal, silence, speakers),
    }
    return {name: confusion(classifier, clips) for name, clips in shown.items()}
