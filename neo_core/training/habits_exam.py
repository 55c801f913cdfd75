"""How well footage tells a speaker's habits: `python -m neo_core train habits-exam --performances DIR`.

Windows of performances whose speaker is known, with tremor as of measuring, are read by `vocal.habits`; printed are the
numbers of its table, and how far the guesses are from the truth: the table comes from such windows, too. With --read N
the heads of N speakers are also projected and fitted again, as footage is read, and what that changes is printed.
"""

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..geometry.camera import Camera, project, rotation_matrix
from ..geometry.head_model import HeadModel, landmarks, load_head_model, shape, turn_eyes
from ..motion_space import EXPRESSION, GAZE, INDEX, POSE
from ..pictar.analysis import Face
from ..pictar.head_track import heads, sighting
from ..pictar.smoothing import smooth
from ..timebase import MOTION_RATE
from ..vocal.habits import HALF, MEASURES, RATE, SPEAKING, STYLE_NAMES, read_habits
from .synthetic.performances import Take, load_performances

log = logging.getLogger(__name__)
TREMOR = ((EXPRESSION, 0.01), (POSE, 0.2), (GAZE, 0.7))  # of measured and steadied motion, one deviation
SIZE, LENS, FAR = 512, 1200.0, 85.0  # pixels of a picture, of its focal length; head units from the lens
TURNS_ONLY = torch.tensor([1.0, 1.0, 1.0, 0.1, 0.1, 0.1])  # places are measured in head units


@dataclass(frozen=True)
class Row:
    """One habit, from windows of one length."""

    name: str
    mean: float
    spread: float
    correlation: float  # of the measure with the habit
    error: float  # of the guess, root mean square; guessing nothing makes about 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--performances", type=Path, required=True, help="folder of `factory performances`")
    parser.add_argument("--seconds", type=float, nargs="+", default=(3.5, 12.0))
    parser.add_argument("--read", type=int, default=0, metavar="N", help="speakers to read off landmarks, too")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    takes = load_performances(arguments.performances).takes
    if arguments.read:
        _tell_changes(takes, arguments.read, torch.Generator().manual_seed(arguments.seed))
    for seconds in arguments.seconds:
        windows = spoken_windows(takes, seconds, torch.Generator().manual_seed(arguments.seed))
        log.info("%d speakers, %g s each", len(windows), seconds)
        for row in examine(windows):
            endless = row.correlation * ((seconds + HALF) / seconds) ** 0.5
            log.info(
                "%-16s mean %6.2f  spread %5.2f  follows %5.2f -> %5.2f  error %5.2f",
                *(row.name, row.mean, row.spread, row.correlation, endless, row.error),
            )


def spoken_windows(takes: tuple[Take, ...], seconds: float, dice: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    """Motion [T, 63] at the habits' rate, as measured, and the style [16] of whoever speaks; one window a take."""
    frames, every = round(seconds * MOTION_RATE), round(MOTION_RATE / RATE)
    found = []
    for take in takes:
        if len(take.motion) < frames:
            continue
        first = int(torch.randint(0, len(take.motion) - frames + 1, (1,), generator=dice))
        motion = take.motion[first : first + frames : every].float()
        if motion[:, INDEX["jawOpen"]].std() > SPEAKING:
            found.append((measured(motion, dice), take.style.float()))
    return found


def measured(motion: Tensor, dice: torch.Generator) -> Tensor:
    """Motion with the tremor that reading a video leaves. [T, 63]"""
    noisy = motion.clone()
    for channels, tremor in TREMOR:
        noise = torch.randn(noisy[:, channels].shape, generator=dice) * tremor
        noisy[:, channels] += noise * TURNS_ONLY if channels == POSE else noise
    return noisy


def examine(windows: list[tuple[Tensor, Tensor]]) -> list[Row]:
    """Every habit's measure beside the truth."""
    rows = []
    for name, measure in MEASURES.items():
        values = torch.tensor([measure.of(motion) for motion, _ in windows])
        truth = torch.stack([style for _, style in windows])[:, STYLE_NAMES.index(name)]
        guess = torch.tensor([read_habits(motion).read[name] for motion, _ in windows])
        together = float(torch.corrcoef(torch.stack([values, truth]))[0, 1])
        error = float((guess - truth).square().mean().sqrt())
        rows.append(Row(name, float(values.mean()), float(values.std()), together, error))
    return rows


def _tell_changes(takes: tuple[Take, ...], count: int, dice: torch.Generator) -> None:
    """What reading 3.5 s off landmarks changes in every measure."""
    model, changes = load_head_model(), {name: [] for name in MEASURES}
    frames, every = round(3.5 * MOTION_RATE), round(MOTION_RATE / RATE)
    for take in takes[:: max(1, len(takes) // (2 * count))]:
        motion = take.motion[:frames:every].float()
        if motion[:, INDEX["jawOpen"]].std() < SPEAKING or len(changes["blink_rate"]) == count:
            continue
        read = read_again(model, motion, take.geometry.float(), dice)
        for name, measure in MEASURES.items():
            changes[name].append(measure.of(read) - measure.of(motion))
    for name, values in changes.items():
        told = torch.tensor(values)
        log.info("%-16s read off landmarks %+5.2f on average, deviation %4.2f", name, told.mean(), told.std())


def read_again(model: HeadModel, motion: Tensor, identity: Tensor, dice: torch.Generator) -> Tensor:
    """Motion [T, 63] as it is read off the landmarks of a head that moves so, uncertain by a pixel. [T, 63]"""
    faces = []
    for vector in motion:
        vertices = turn_eyes(model, shape(model, identity, vector[EXPRESSION]), identity, vector[GAZE])
        turn, shift = rotation_matrix(*vector[POSE][:3]), vector[POSE][3:]
        place = torch.tensor([0.0, 0.0, -FAR]) + shift + model.pivot - turn @ model.pivot
        camera = Camera(torch.tensor(LENS), torch.tensor([SIZE / 2, SIZE / 2]), turn, place)
        points = project(camera, landmarks(model, vertices))[:, :2]
        points = points + torch.randn(points.shape, generator=dice)
        none = torch.zeros(4)
        faces.append(Face(none, 1.0, points, torch.full((len(points),), 1.5), none[:3], vector[EXPRESSION], none))
    found = heads(model, iter(faces), (SIZE, SIZE))
    steady = smooth((sighting(model, head.fit) for head in found if head), RATE)
    return torch.stack([seen for seen in steady if seen is not None])
