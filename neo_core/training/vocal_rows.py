"""The rows of `bench vocal`: what the NEO 1.5 post says in words, as measured quantities.

Every figure is computed from sums over units, clips (a speaker saying a sentence) or speakers, so that it can be taken
over any part of them: that is what the intervals come from. `docs/vocal.md` defines each in a sentence.

Letters: U units (clips or speakers), S speakers, C sentences, N sums of a unit, T frames, H habits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..motion_space import EXPRESSION, INDEX
from ..timebase import MOTION_RATE
from .guidance_sweep import LIPS, habits_of, still_points
from .identity_truth import SHUT, Sentence, Take, emphasis
from .synthetic.face_measures import Length, embedded_measures
from .synthetic.gestures import planned_frame
from .synthetic.phones import BILABIALS, PLOSIVES
from .synthetic.prosody import Score
from .synthetic.speakers import Speaker

MILLIMETRES = 10.0  # in a unit of the head model
AROUND = 4  # frames on either side of a plosive
TREMBLE = 0.3  # mm: smaller movements of the lips between two turns are none
JUMP = 1.2  # degrees per frame: slower eyes do not refocus
AFTER_ACCENT, BEFORE_ACCENT = 12, 5  # frames
SETTLED = (0.2, 0.12)  # seconds after a phrase and before the next: in between the lips are where a silence has them

Acted = Sequence[Sequence[Tensor]]  # motion [T, 63] of every speaker, in every sentence


@dataclass(frozen=True)
class Stage:
    """Who speaks what, and how the rules perform it."""

    speakers: tuple[Speaker, ...]
    sentences: tuple[Sentence, ...]
    truth: Acted  # the rules' performance, first seed
    habits: Tensor  # [S, H] the speakers' own, over several seeds
    answers: Tensor  # [S, 3] to accents, over several seeds


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    row: str  # of the post
    name: str
    unit: str
    better: str  # "lower", "higher" or "as the truth"
    sums: Callable[[Stage, Acted], Tensor]  # -> [U, N]
    value: Callable[[Tensor, Tensor], float]  # sums of the column and of the truth, [U, N] each


def by_clip(
    sums: Callable[[Stage, Speaker, Score, Tensor, Tensor], Sequence[float]],
) -> Callable[[Stage, Acted], Tensor]:
    """Sums of every clip, from (stage, speaker, score, motion, the rules' motion)."""

    def every(stage: Stage, acted: Acted) -> Tensor:
        rows = [
            sums(stage, speaker, sentence.score, *_together(ours, theirs))
            for speaker, made, true in zip(stage.speakers, acted, stage.truth, strict=True)
            for sentence, ours, theirs in zip(stage.sentences, made, true, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.float64)

    return every


def _together(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    shared = min(len(ours), len(theirs))
    return ours[:shared], theirs[:shared]


def ratio(sums: Tensor, _: Tensor) -> float:
    """First sum over the second."""
    total = sums.sum(0)
    return float(total[0] / total[1])


def root(sums: Tensor, truth: Tensor) -> float:
    """Root of the first sum over the second."""
    return ratio(sums, truth) ** 0.5


def _takes(stage: Stage, acted: Acted) -> list[tuple[Speaker, list[Take]]]:
    """What each speaker said."""
    scores = [sentence.score for sentence in stage.sentences]
    return [(s, list(zip(scores, own, strict=True))) for s, own in zip(stage.speakers, acted, strict=True)]


# --- identity preservation -------------------------------------------------------------------------------------------


def distances(stage: Stage, acted: Acted) -> Tensor:
    """Each speaker's distance to the own habits, and the mean of those to all others', in spreads. [S, 2]"""
    scores = [sentence.score for sentence in stage.sentences]
    seen = torch.stack(
        [habits_of(s, list(zip(scores, a, strict=True))) for s, a in zip(stage.speakers, acted, strict=True)]
    )
    apart = (seen[:, None] - stage.habits[None]) / stage.habits.std(0)  # [S, S, H]
    apart = apart.square().mean(-1).sqrt()
    own = apart.diagonal()
    return torch.stack((own, (apart.sum(1) - own) / (len(own) - 1)), dim=1)


# --- mouth-shape fit to the face -------------------------------------------------------------------------------------


def _length(length: Length, speaker: Speaker, motion: Tensor) -> np.ndarray:
    """A length of the speaker's face in every frame, mm. [T]"""
    return MILLIMETRES * length.of(speaker.geometry.double().numpy(), motion[:, EXPRESSION].double().numpy())


def gap(speaker: Speaker, motion: Tensor) -> np.ndarray:
    """The lip gap on the speaker's own face, mm; lips that press are shut. [T]"""
    return np.maximum(_length(embedded_measures().lip_gap, speaker, motion), 0.0)


def contact(_: Stage, speaker: Speaker, score: Score, made: Tensor, true: Tensor) -> tuple[float, float]:
    """Error of the lip gap in the middle of every /p b m/, and their number."""
    frames = [planned_frame(p) for p in score.phones if p.symbol in BILABIALS]
    frames = [frame for frame in frames if frame < len(made)]
    return float(np.abs(gap(speaker, made) - gap(speaker, true))[frames].sum()), len(frames)


def reach(_: Stage, speaker: Speaker, __: Score, made: Tensor, true: Tensor) -> tuple[float, float]:
    """Error of the range, 5th to 95th percentile, of the lip gap and of the mouth's width."""
    lengths = embedded_measures().lip_gap, embedded_measures().mouth_width
    ours, theirs = ([np.ptp(np.quantile(_length(x, speaker, m), (0.05, 0.95))) for x in lengths] for m in (made, true))
    return float(np.abs(np.subtract(ours, theirs)).mean()), 1.0


# --- stability on fast consonants ------------------------------------------------------------------------------------


def _around_plosives(score: Score, frames: int) -> list[slice]:
    found = [planned_frame(p) for p in score.phones if p.symbol in PLOSIVES | BILABIALS]
    return [slice(frame - AROUND, frame + AROUND + 1) for frame in found if AROUND <= frame < frames - AROUND]


def steadiness(_: Stage, speaker: Speaker, score: Score, made: Tensor, true: Tensor) -> tuple[float, float]:
    """Squared error of the lips' movement from frame to frame around plosives, and how many steps were looked at."""
    error = np.diff(gap(speaker, made) - gap(speaker, true))
    steps = [error[part.start : part.stop - 1] for part in _around_plosives(score, len(made))]
    return float(sum((step**2).sum() for step in steps)), float(sum(map(len, steps)))


def turns(_: Stage, speaker: Speaker, score: Score, made: Tensor, __: Tensor) -> tuple[float, float]:
    """How often the lips turn round near plosives, and how many plosives there are."""
    lips, parts = gap(speaker, made), _around_plosives(score, len(made))
    return float(sum(count_turns(lips[part]) for part in parts)), float(len(parts))


def count_turns(lips: np.ndarray) -> int:
    """Changes of direction, each after a movement of more than `TREMBLE`."""
    count, way, edge = 0, 0, lips[0]
    for value in lips[1:]:
        if way * (value - edge) >= 0 and (way or abs(value - edge) > TREMBLE):
            way, edge = way or int(np.sign(value - edge)), value
        elif way and abs(value - edge) > TREMBLE:
            count, way, edge = count + 1, -way, value
    return count


# --- pause and gaze coherence ----------------------------------------------------------------------------------------


def silences(score: Score, frames: int) -> np.ndarray:
    """Where nobody speaks. [T] bool"""
    return (score.speaking < 0.5)[:frames]


def pauses(_: Stage, speaker: Speaker, score: Score, made: Tensor, __: Tensor) -> tuple[float, ...]:
    """Blinks in silences and in all, refocusing likewise, frames likewise, then the lips in pauses and in the silence
    around all speech: (gap, frames) each."""
    still = silences(score, len(made))
    lid, gaze = made[:, INDEX["eyeBlink_L"]] > SHUT, made[:, [INDEX["gaze_yaw_L"], INDEX["gaze_pitch_L"]]]
    begins = [_onsets(lid.numpy()), _onsets((gaze.diff(dim=0).norm(dim=-1) > JUMP).numpy())]
    shares = [float(x) for begun in begins for x in (still[begun].sum(), len(begun))]
    breath, rest = breathing(score, len(made))
    lips = gap(speaker, made)
    return (
        *shares,
        float(still.sum()),
        float(len(still)),
        *(float(x) for part in (breath, rest) for x in (lips[part].sum(), part.sum())),
    )


def breathing(score: Score, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames in pauses, where one breathes and is about to go on, and in the silence before and after all speech.
    [T] bool each"""
    times = (np.arange(frames) + 0.5) / MOTION_RATE
    breath = np.zeros(frames, bool)
    for (_, end), (start, _) in pairwise(score.phrases):
        breath |= (times >= end + SETTLED[0]) & (times < start - SETTLED[1])
    rest = (times < score.phrases[0][0] - SETTLED[1]) | (times >= score.phrases[-1][1] + SETTLED[0])
    return breath, rest


def _onsets(on: np.ndarray) -> np.ndarray:
    return np.flatnonzero(on[1:] & ~on[:-1]) + 1


def pause_figures(sums: Tensor) -> Tensor:
    """How much likelier a blink and a new focus are in a silence than in any frame, and how much further
    the lips are parted in a pause than around all speech, mm. [3]"""
    total = sums.sum(0)
    silent = total[4] / total[5]
    parted = total[6] / total[7].clamp(min=1) - total[8] / total[9].clamp(min=1)
    return torch.stack((total[0] / total[1].clamp(min=1) / silent, total[2] / total[3].clamp(min=1) / silent, parted))


def incoherence(sums: Tensor, truth: Tensor) -> float:
    """Mean relative distance of the three to the truth's."""
    ours, theirs = pause_figures(sums), pause_figures(truth)
    return float(((ours - theirs) / theirs).abs().mean())


# --- lip-sync accuracy -----------------------------------------------------------------------------------------------


def lip_error(_: Stage, speaker: Speaker, __: Score, made: Tensor, true: Tensor) -> tuple[float, float]:
    """Squared distance of the points of the lips on a head that stays still, mm², and their number."""
    ours, theirs = (still_points(speaker, motion)[:, LIPS] for motion in (made, true))
    apart = (MILLIMETRES * (ours - theirs)).square().sum(-1)  # [T, 20]
    return float(apart.sum()), float(apart.numel())


def likeness(_: Stage, speaker: Speaker, __: Score, made: Tensor, true: Tensor) -> tuple[float, float]:
    """Correlation of the lip gap with the truth's."""
    return float(np.corrcoef(gap(speaker, made), gap(speaker, true))[0, 1]), 1.0


# --- the same emphasis moves two speakers differently ----------------------------------------------------------------


def answer(speaker: Speaker, acted: Sequence[Take]) -> Tensor:
    """What accents do to a speaker: the brows' rise, the nod in degrees, how much wider stress opens the jaw. [3]"""
    brows, nods = [], []
    for score, motion in acted:
        brow, pitch = motion[:, INDEX["browInnerUp_L"]], motion[:, INDEX["pitch"]]
        for moment, _ in score.accents:
            frame = int(moment * MOTION_RATE)
            if BEFORE_ACCENT <= frame < len(motion) - AFTER_ACCENT:
                around = slice(frame - BEFORE_ACCENT // 2, frame + AFTER_ACCENT)
                brows.append(brow[around].max() - brow[frame - BEFORE_ACCENT])
                nods.append(pitch[around].max() - pitch[frame - BEFORE_ACCENT])
    return torch.stack(
        (torch.stack(brows).mean(), torch.stack(nods).mean(), torch.tensor(emphasis(speaker, acted)))
    ).double()


def answers(stage: Stage, acted: Acted) -> Tensor:
    """Every speaker's answers to accents, and what they are by the rules. [S, 6]"""
    ours = torch.stack([answer(*own) for own in _takes(stage, acted)])
    return torch.cat((ours, stage.answers), dim=1)


def differ_alike(sums: Tensor, _: Tensor) -> float:
    """Over pairs of speakers: how alike the difference of their answers is to the rules', as a cosine."""
    ours, rules = sums.chunk(2, dim=1)  # [U, 3] each
    size = rules.std(0)
    first, second = torch.triu_indices(len(sums), len(sums), offset=1)
    two = (rules[first] != rules[second]).any(-1)  # resampling draws a speaker twice: that is no pair
    ours, rules = (((x[first] - x[second]) / size)[two].flatten() for x in (ours, rules))
    return float((ours * rules).sum() / (ours.square().sum() * rules.square().sum()).sqrt())  # which is first is chance


IDENTITY, MOUTH, CONSONANTS = "identity preservation", "mouth-shape fit", "stability on fast consonants"
PAUSES, SYNC, EMPHASIS = "pause and gaze coherence", "lip-sync accuracy", "emphasis by speaker"
TRUE = "as the truth"
FIGURES = (
    Figure(IDENTITY, "distance to own habits over others'", "ratio", "lower", distances, ratio),
    Figure(MOUTH, "lip contact error in /p b m/", "mm", "lower", by_clip(contact), ratio),
    Figure(MOUTH, "error of the mouth's range", "mm", "lower", by_clip(reach), ratio),
    Figure(CONSONANTS, "wobble around plosives", "mm per frame", "lower", by_clip(steadiness), root),
    Figure(CONSONANTS, "turns of the lips", "per plosive", TRUE, by_clip(turns), ratio),
    Figure(PAUSES, "distance of blinks, refocus, breath", "relative", "lower", by_clip(pauses), incoherence),
    Figure(SYNC, "error of the lips", "mm", "lower", by_clip(lip_error), root),
    Figure(SYNC, "correlation of the lip gap", "correlation", "higher", by_clip(likeness), ratio),
    Figure(EMPHASIS, "same difference between two speakers", "cosine", "higher", answers, differ_alike),
)
