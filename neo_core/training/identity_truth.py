"""What a speaker's head and habits do to VOCAL's performance, beside what they do by the rules that it learned from.

    python -m neo_core train identity-exam --assets DIR [--weights FILE] [--audio-weights FILE] [--plot FILE]

Speakers and sentences are held out. All of them speak the same sentences with the same seed; first only the jaw and
the lips of their heads differ, then only their habits. Whatever is measured on VOCAL's motion is measured in the same
way on the same speaker's rule-made performances, and the two are correlated over the speakers.
"""

import argparse
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, encode
from ..audio.loading import load_audio_encoder
from ..data_types import GEOMETRY_SIZE, STYLE_SIZE, AudioFeatures, Identity, Waveform
from ..evaluation.bench import CouldNotRun
from ..evaluation.line_plot import Line, Panel, plot_lines
from ..flow.guidance import Guidance
from ..media.image import write_image
from ..motion_space import EXPRESSION, INDEX, rest
from ..timebase import MOTION_RATE
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import generate_motion
from .synthetic.curves import smooth
from .synthetic.face_measures import embedded_measures
from .synthetic.gestures import planned_frame
from .synthetic.librispeech import HELD_OUT_SPEAKERS, read_clips
from .synthetic.performance import perform_score
from .synthetic.phones import BILABIALS, VOWELS
from .synthetic.prosody import Score, read_score
from .synthetic.speakers import STYLE_NAMES, Speaker, sample_speaker
from .synthetic.utterance import RATE, Utterance

SPEAKERS = range(9_500_000, 9_500_016)  # no recipe draws these: theirs end in less than 10,000 within a million
LENGTHS = (8.0, 13.0)  # seconds of a sentence
SENTENCES = 2  # of each held-out voice; together more than a minute
RULE_SEEDS = 4  # performances of each sentence where chance is to be averaged out
SHUT = 0.5  # closure from which a lid counts as shut
QUICK = 0.4  # seconds: slower movements of the head are no nods
CONTACT, RANGE = "lip gap left in /p b m/, cm", "lip gap's range, cm"  # rows of `HEADS` that the bench counts
MOUTH_LENGTHS = ("lip_gap", "mouth_width", "upper_lip", "lower_lip", "lower_face")
RISE, RISE_FRAMES = 3.0, 10  # semitones within 0.4 s
BEFORE, AFTER = 10, 30  # frames around the begin of a rise
LIVELINESS = 2.0  # habit of the lively speaker; the calm one has its negative
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sentence:
    """A held-out sentence, as the rules read it and as VOCAL hears it."""

    score: Score
    features: AudioFeatures


Take = tuple[Score, Tensor]  # what was said, motion [T, 63]
Performer = Callable[[Sentence, Speaker, int], Tensor]  # sentence, speaker, seed -> motion [T, 63]
Measure = Callable[[Speaker, Sequence[Take]], float]


@dataclass(frozen=True)
class Followed:
    """One measure over the speakers: VOCAL's and the rules'. [N] each"""

    name: str
    ours: Tensor
    rules: Tensor

    @property
    def correlation(self) -> float:
        """0 where VOCAL does not change at all."""
        found = float(torch.corrcoef(torch.stack([self.ours, self.rules]))[0, 1])
        return found if math.isfinite(found) else 0.0


def bench(assets: Path) -> dict[str, float]:
    """The figures of the benchmark, with the shipped weights."""
    sentences = held_out_sentences(assets, load_audio_encoder())
    heads, habits = examine(by_vocal(load_vocal()), sentences)
    log.info("\n%s\n\n%s", table(heads), table(habits))
    found = {followed.name: followed.correlation for followed in (*heads, *habits)}
    return {
        "contact follows the head": found[CONTACT],
        "range follows the head": found[RANGE],
        "blink rate follows the style": found["blinks per minute"],
        "nods follow the style": found["nods, degrees"],
        "emphasis follows the style": found["emphasis"],
    }


def held_out_sentences(assets: Path, encoder: AudioEncoder, each: int = SENTENCES) -> list[Sentence]:
    """The first sentences of a good length of each held-out voice."""
    return [
        Sentence(read_score(clip), encode(encoder, Waveform(clip.samples[None], RATE)))
        for clip in held_out_clips(assets, each)
    ]


def held_out_clips(assets: Path, each: int = SENTENCES) -> list[Utterance]:
    """Their recordings, voice by voice."""
    if not (assets / "speech" / "index.json").is_file():
        raise CouldNotRun(
            f"{assets / 'speech' / 'index.json'} does not exist; expected the speech of the training assets"
        )
    voices: dict[str, list[Utterance]] = {name: [] for name in HELD_OUT_SPEAKERS}
    for clip in read_clips(assets):
        own = voices.get(clip.voice.split("/")[1])
        if own is not None and len(own) < each and LENGTHS[0] <= clip.seconds <= LENGTHS[1]:
            own.append(clip)
    return list(chain.from_iterable(voices.values()))


def by_vocal(vocal: MotionGenerator, reference: Tensor | None = None, guidance: Guidance = Guidance()) -> Performer:  # noqa: B008 - frozen
    """VOCAL as a performer."""
    face = rest() if reference is None else reference

    def perform(sentence: Sentence, speaker: Speaker, seed: int) -> Tensor:
        identity = Identity(speaker.geometry, speaker.style, face)
        return generate_motion(vocal, sentence.features, identity, seed=seed, guidance=guidance).motion

    return perform


def by_rules(sentence: Sentence, speaker: Speaker, seed: int) -> Tensor:
    """The rules as a performer."""
    return perform_score(sentence.score, speaker, seed, rest())


def examine(
    vocal: Performer, sentences: Sequence[Sentence], seeds: Sequence[int] = SPEAKERS
) -> tuple[list[Followed], list[Followed]]:
    """What follows the jaw and the lips, and what follows the habits, over the speakers of some seeds."""
    speakers = [sample_speaker(seed) for seed in seeds]
    heads = [Speaker(mouth_only(s.geometry), torch.zeros(STYLE_SIZE)) for s in speakers]
    habits = [Speaker(torch.zeros(GEOMETRY_SIZE), s.style) for s in speakers]
    return (
        follow(HEADS, heads, lambda s: takes(vocal, sentences[::2], s), lambda s: takes(by_rules, sentences[::2], s)),
        follow(
            HABITS, habits, lambda s: takes(vocal, sentences, s), lambda s: takes(by_rules, sentences, s, RULE_SEEDS)
        ),
    )


def follow(
    measures: dict[str, Measure],
    speakers: Sequence[Speaker],
    ours: Callable[[Speaker], Sequence[Take]],
    rules: Callable[[Speaker], Sequence[Take]],
) -> list[Followed]:
    """Every measure of every speaker, on both performances."""

    def measured(perform: Callable[[Speaker], Sequence[Take]]) -> Tensor:
        rows = []
        for speaker in speakers:
            acted = perform(speaker)
            rows.append([measure(speaker, acted) for measure in measures.values()])
        return torch.tensor(rows).double()

    columns = zip(measured(ours).T, measured(rules).T, strict=True)
    return [Followed(name, *both) for name, both in zip(measures, columns, strict=True)]


def takes(perform: Performer, sentences: Sequence[Sentence], speaker: Speaker, seeds: int = 1) -> list[Take]:
    """Every sentence, acted with `seeds` seeds; a sentence has the same ones for every speaker."""
    return [
        (sentence.score, perform(sentence, speaker, number + 1000 * k))
        for k in range(seeds)
        for number, sentence in enumerate(sentences)
    ]


@cache
def _mouth_directions() -> Tensor:
    """Orthonormal directions of geometry that change the jaw and the lips. [5, 60]"""
    measures = embedded_measures()
    lengths = torch.tensor(np.stack([getattr(measures, name).identity for name in MOUTH_LENGTHS])).float()
    return torch.linalg.qr(lengths.T)[0].T


def mouth_only(geometry: Tensor) -> Tensor:
    """The average head with the jaw and the lips of another. [60] -> [60]"""
    directions = _mouth_directions()
    return (directions @ geometry) @ directions


def table(rows: Sequence[Followed]) -> str:
    """Markdown."""
    lines = ["| measure | correlation | VOCAL, mean ± spread | rules, mean ± spread |", "|---|---|---|---|"]
    for row in rows:
        ours, rules = (f"{float(x.mean()):.3g} ± {float(x.std()):.2g}" for x in (row.ours, row.rules))
        lines.append(f"| {row.name} | {row.correlation:.2f} | {ours} | {rules} |")
    return "\n".join(lines)


def _channel(motion: Tensor, name: str) -> np.ndarray:
    return motion[:, INDEX[name]].double().numpy()


def _mean(over_takes: Callable[[np.ndarray], float], channel: str) -> Measure:
    """The mean over the takes of a figure of one channel."""

    def measure(_: Speaker, acted: Sequence[Take]) -> float:
        return float(np.mean([over_takes(_channel(motion, channel)) for _, motion in acted]))

    return measure


def _closures(acted: Sequence[Take]) -> list[Tensor]:
    """The frames in the middle of every /p b m/. [63] each"""
    return [
        motion[min(planned_frame(phone), len(motion) - 1)]
        for score, motion in acted
        for phone in score.phones
        if phone.symbol in BILABIALS
    ]


def raised_lip(_: Speaker, acted: Sequence[Take]) -> float:
    """How far the lower lip is raised where the lips must meet, mean of mouthClose."""
    return float(torch.stack(_closures(acted))[:, INDEX["mouthClose"]].mean())


def left_gap(speaker: Speaker, acted: Sequence[Take]) -> float:
    """The lip gap that is left there on the speaker's own face, mean, cm; negative where lips press."""
    return float(_gaps(speaker, torch.stack(_closures(acted))).mean())


def gap_range(speaker: Speaker, acted: Sequence[Take]) -> float:
    """From the 5th to the 95th percentile of the lip gap on the speaker's own face, mean over the takes, cm."""
    return float(np.mean([np.diff(np.quantile(_gaps(speaker, motion), (0.05, 0.95))) for _, motion in acted]))


def _gaps(speaker: Speaker, motion: Tensor) -> np.ndarray:
    """The lip gap of a speaker's face in every frame [T, 63], cm; pressing lips count below 0. [T]"""
    expression = motion[:, EXPRESSION].double().numpy()
    return embedded_measures().lip_gap.of(speaker.geometry.double().numpy(), expression)


def blinks(_: Speaker, acted: Sequence[Take]) -> float:
    """Per minute, over all takes."""
    shut = [_channel(motion, "eyeBlink_L") > SHUT for _, motion in acted]
    return sum(int((lid[1:] & ~lid[:-1]).sum()) for lid in shut) * 60 * MOTION_RATE / sum(map(len, shut))


def nods(_: Speaker, acted: Sequence[Take]) -> float:
    """Deviation of the quick part of the head's pitch, degrees."""
    pitch = [_channel(motion, "pitch") for _, motion in acted]
    return float(np.mean([(p - smooth(p, QUICK)).std() for p in pitch]))


def emphasis(_: Speaker, acted: Sequence[Take]) -> float:
    """How much wider the jaw opens in a vowel per unit of its stress, as a share of its mean opening."""
    return float(np.mean([_slope(score, _channel(motion, "jawOpen")) for score, motion in acted]))


def _slope(score: Score, jaw: np.ndarray) -> float:
    vowels = [k for k, phone in enumerate(score.phones) if phone.symbol in VOWELS]
    spans = [_frames(score.phones[k], len(jaw)) for k in vowels]
    opening = np.array([jaw[span].max() for span in spans])
    return float(np.polyfit(score.stress[vowels], opening, 1)[0] / max(opening.mean(), 1e-3))


def _frames(phone, count: int) -> slice:
    first = min(int(phone.start * MOTION_RATE), count - 1)
    return slice(first, max(int(phone.end * MOTION_RATE), first + 1))


def _wide(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.95))


HEADS: dict[str, Measure] = {
    CONTACT: left_gap,
    "raised lower lip there": raised_lip,
    RANGE: gap_range,
    "jaw range": _mean(_wide, "jawOpen"),
    "lower lip's range": _mean(_wide, "mouthLowerDown_L"),
}
HABITS: dict[str, Measure] = {
    "blinks per minute": blinks,
    "nods, degrees": nods,
    "emphasis": emphasis,
    "brows": _mean(np.std, "browInnerUp_L"),
    "turns of the head, degrees": _mean(np.std, "yaw"),
    "tilt of the head, degrees": _mean(np.mean, "roll"),
    "gaze, degrees": _mean(np.std, "gaze_yaw_L"),
    "smile": _mean(np.mean, "mouthSmile_L"),
    "jaw range": _mean(_wide, "jawOpen"),
}


@dataclass(frozen=True)
class Response:
    """What a rising pitch does, mean over many rises, from `BEFORE` frames before to `AFTER` frames after. [F] each"""

    brows: Tensor  # weight of browInnerUp, less that at the begin of the rise
    head: Tensor  # pitch, degrees (up is negative), likewise


def rises(score: Score) -> list[int]:
    """Frames where the steepest rises of the voice begin."""
    climb = score.pitch[RISE_FRAMES:] - score.pitch[:-RISE_FRAMES]
    steepest = [k for k in range(len(climb)) if climb[k] >= RISE and k == _top(climb, k)]
    return [k for k in steepest if BEFORE <= k < score.frames - AFTER]


def _top(climb: np.ndarray, frame: int) -> int:
    """Where it climbs most within half a second of a frame."""
    first = max(frame - 12, 0)
    return first + int(climb[first : frame + 13].argmax())


def response(acted: Sequence[Take]) -> Response:
    """Mean course of brows and head around the rises of some takes."""
    window = torch.arange(-BEFORE, AFTER)
    around = [motion[begin + window] for score, motion in acted for begin in rises(score)]  # [F, 63] each
    if not around:
        raise CouldNotRun("the voice never rises in these takes")
    course = torch.stack([course - course[BEFORE] for course in around]).mean(0)
    return Response(course[:, INDEX["browInnerUp_L"]], course[:, INDEX["pitch"]])


def lively(amount: float) -> Speaker:
    """The average speaker with so much more movement of brows and head."""
    style = torch.zeros(STYLE_SIZE)
    style[[STYLE_NAMES.index("brow_gain"), STYLE_NAMES.index("nod_gain")]] = amount
    return Speaker(torch.zeros(GEOMETRY_SIZE), style)


def respond(vocal: Performer, sentences: Sequence[Sentence]) -> dict[str, Response]:
    """The same rises, performed by a lively and a calm speaker with the same seeds, by VOCAL and by the rules."""
    return {
        f"{name} speaker{by}": response(takes(perform, sentences, lively(amount), RULE_SEEDS))
        for by, perform in (("", vocal), (", rules", by_rules))
        for name, amount in (("lively", LIVELINESS), ("calm", -LIVELINESS))
    }


def plot(responses: dict[str, Response]) -> Tensor:
    """Brows and head around a rise. u8 [H, W, 3]"""
    seconds = tuple(k / MOTION_RATE for k in range(-BEFORE, AFTER))

    def panel(title: str, part: str) -> Panel:
        lines = [Line(name, tuple(getattr(r, part).tolist())) for name, r in responses.items()]
        return Panel(title, "seconds from the begin of a rise", seconds, tuple(lines))

    return plot_lines([panel("inner brows raised", "brows"), panel("pitch of the head, degrees", "head")])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train identity-exam`."""
    parser.add_argument("--assets", type=Path, required=True, help="training assets, for the held-out speech")
    parser.add_argument("--weights", type=Path, help="VOCAL (default: the embedded one)")
    parser.add_argument("--audio-weights", type=Path, help="the audio encoder (default: the embedded one)")
    parser.add_argument("--speakers", type=int, default=len(SPEAKERS))
    parser.add_argument("--plot", type=Path, help="picture to write: two speakers and the same rising pitch")


def run(arguments: argparse.Namespace) -> None:
    """Log both tables and what a rising pitch does."""
    sentences = held_out_sentences(arguments.assets, load_audio_encoder(arguments.audio_weights))
    vocal = by_vocal(load_vocal(arguments.weights))
    heads, habits = examine(vocal, sentences, SPEAKERS[: arguments.speakers])
    log.info("%s\n\n%s", table(heads), table(habits))
    responses = respond(vocal, sentences)
    for name, course in responses.items():
        log.info("%s: brows %+.3f, head %+.2f degrees", name, course.brows.amax(), course.head.amin())
    if arguments.plot:
        write_image(arguments.plot, plot(responses))
