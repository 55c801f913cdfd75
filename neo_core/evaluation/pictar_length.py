"""Thousands of frames: does a head wander, grow, or become somebody else, when it is drawn or followed for minutes?

*Drawn*: VOCAL's motion of the bundled portrait, there and back again, as one long video by the volumetric renderer with
dynamic regions of interest, which carry what they know from keyframe to keyframe. *Read*: a film of the bundled
portrait by a camera that goes to and fro, in which the face is followed as in every driving video, each frame from the
one before. Both are rounds that are alike, so whatever parts one round from another has added up.

Random weights draw a face that nobody would know, but they draw it by the same steps; place and size are told by where
one round's mean picture is to be moved to be the first one's.

Letters: N rounds, C colours in 0..1, H, W the size of a picture.
"""

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..media.image import read_photo
from ..media.video import read_frames
from ..pictar.analysis import load_analyser
from ..pictar.head_track import followed
from ..pictar.squares import Squares, cut, frame_head, to_picture
from ..pictar.volumetric.driven_face import DrivenFace
from ..pictar.volumetric.driving import LIPS
from ..pictar.volumetric.dynamic_roi import Focus, plan
from ..pictar.volumetric.family import renderer_config
from ..pictar.volumetric.spade_generator import GeneratorConfig
from ..pipelines.talking_head import write_frames
from .bench import CouldNotRun
from .continuity import appearance
from .endurance import peak_memory
from .pictar_performance import SAMPLES, performed, random_renderer

TINY = renderer_config(  # `small` made so small that it draws eighty frames a second on one thread
    picture=64,
    keypoints=21,
    appearance=(8, 2, 2),
    volume=(8, 2),
    motion=((1, 1, 2, 1), (8, 8, 16, 16)),
    hourglass=(1, 4, 16, 2, 3),
    generator=GeneratorConfig(features=16, width=24, blocks=2, rising=(16,), hidden=8, enlarge=2),
    stitching=((16, 16), (16, 8), (16, 16, 8)),
)
FOCUS = Focus(halo=3, sides=((4, 8), (6, 8), (8, 8)), keypoints=(("lips", (LIPS,)),))  # one window, in so small a grid
SIDE, RATE = 64, Fraction(25)  # pixels of a drawn frame
ROUND, ROUNDS = 100, 20  # frames drawn
FOLLOWED = 2000  # frames read
FILM = 96  # pixels of a frame of the film
LOOP = 50  # frames in which its camera comes back
SWAY, ZOOM, NOISE = 0.04, 0.05, 2.0  # how far it goes, shares of what it sees; levels by which pixels differ by chance
STILL = 0.05  # levels: pictures that change less from frame to frame prove nothing
THOUSAND = 1000
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """What the frames of one round are like, all together."""

    picture: Tensor  # [C, H, W] their mean
    look: Tensor  # [D] `continuity.appearance`
    colour: Tensor  # [2 C] mean and deviation of each channel


def drawn(work: Path, notes: dict[str, float], rounds: int = ROUNDS) -> dict[str, float]:
    """The figures of a long video that random weights draw. What has no bar is noted."""
    face, motion = performed(random_renderer(TINY), ROUND // 2 + 1, SIDE)
    face = replace(face, focus=FOCUS)
    there_and_back = torch.cat([motion, motion[1:-1].flip(0)])
    notes["2000 frames drawn, share in windows"] = windowed(face, there_and_back)
    path, frames, memory = work / "long.mp4", rounds * len(there_and_back), []

    def tell(done: int, total: int, _: Tensor | None) -> None:
        if done in (total // 4, total):
            memory.append(peak_memory())

    write_frames(face, [there_and_back] * rounds, frames, path, RATE, None, tell)
    notes["2000 frames drawn, peak memory over that of a quarter of them"] = memory[-1] / memory[0]
    return drawn_figures((frame for _, frame in read_frames(path)), len(there_and_back))


def windowed(face: DrivenFace, motion: Tensor) -> float:
    """Share of frames of which only windows are computed. Raises CouldNotRun where there are none."""
    intervals = list(plan(face.volume, face.keypoints(motion), FOCUS))
    share = sum(len(one.between) for one in intervals if not one.whole) / len(motion)
    if not share:
        raise CouldNotRun("all frames are drawn as a whole, each for itself; expected some with windows")
    return share


def drawn_figures(frames: Iterable[Tensor], length: int) -> dict[str, float]:
    """How frames u8 [H, W, 3] drift from round to round of so many. Raises CouldNotRun for those that stand still."""
    found = list(rounds_of(frames, length))
    places = torch.stack([moved(found[0].picture, one.picture) for one in found])  # [N, 3]
    likeness = F.cosine_similarity(torch.stack([one.look for one in found]), found[0].look[None], dim=1)
    colours = torch.stack([one.colour for one in found])
    right, down, larger = (slope(values, length) for values in places.T)
    return {
        "drift of place, 2000 frames drawn": math.hypot(right, down),
        "drift of size, 2000 frames drawn": abs(larger),
        "drift of identity, 2000 frames drawn": slope(likeness, length),
        "drift of colour, 2000 frames drawn": 255 * max(abs(slope(values, length)) for values in colours.T),
    }


def rounds_of(frames: Iterable[Tensor], length: int) -> Iterator[Round]:
    """Their rounds, one at a time in memory."""
    waiting: list[Tensor] = []
    for frame in frames:
        waiting.append(frame.permute(2, 0, 1).float() / 255)
        if len(waiting) == length:
            pictures, waiting = torch.stack(waiting), []
            if 255 * float(pictures.diff(dim=0).abs().mean()) < STILL:
                raise CouldNotRun("a round of the video stands still; expected one that moves")
            colour = torch.cat([pictures.mean((2, 3)), pictures.std((2, 3))], 1)
            yield Round(pictures.mean(0), appearance(pictures).mean(0), colour.mean(0))


def moved(reference: Tensor, picture: Tensor) -> Tensor:
    """How far a picture [C, H, W] is a reference moved right and down, in shares of the width, and by which share
    larger, by least squares: for little of it. [3]"""
    height, width = reference.shape[-2:]
    down, right = torch.gradient(reference.double(), spacing=1 / width, dim=(1, 2))
    y = ((torch.arange(height) + 0.5 - height / 2) / width)[:, None]
    x = ((torch.arange(width) + 0.5 - width / 2) / width)[None]
    changes = torch.stack([right, down, right * x + down * y], -1).flatten(0, -2)
    return torch.linalg.lstsq(changes, (reference - picture).double().flatten()[:, None]).solution[:, 0]


def slope(values: Tensor, frames: int = 1) -> float:
    """Of values [n] that are so many frames apart, per thousand frames, by least squares."""
    places = torch.arange(len(values), dtype=torch.float64)
    places -= places.mean()
    return float((places * values.double()).sum() / places.square().sum()) * THOUSAND / frames


def read(notes: dict[str, float], frames: int = FOLLOWED) -> dict[str, float]:
    """The figures of a face that is followed through a long film. Raises CouldNotRun where it is lost."""
    analyser, photo = load_analyser(), read_photo(SAMPLES / "portrait.jpg")
    begun = next(followed(analyser, [photo], lambda found: found[0]))
    views = [view(frame_head(begun.landmarks68[None]), k) for k in range(frames)]
    faces = followed(analyser, film(photo, views), lambda found: found[0])
    seen = [None if face is None else face.landmarks68 / FILM * 2 - 1 for face in faces]
    if lost := sum(one is None for one in seen):
        raise CouldNotRun(f"the face is lost in {lost} of {frames} frames; expected it in all")
    found = torch.cat([to_picture(view, one[None]) for view, one in zip(views, seen, strict=True)])  # [T, 68, 2]
    return read_figures(found, notes)


def view(framing: Squares, frame: int) -> Squares:
    """What the camera sees in a frame: to and fro around a framing, nearer and farther, again and again."""
    turn = math.tau * frame / LOOP
    aside = framing.side * SWAY * framing.center.new_tensor([math.sin(turn), math.sin(2 * turn)])
    return replace(framing, center=framing.center + aside, side=framing.side * (1 + ZOOM * math.cos(turn)))


def film(photo: Tensor, views: list[Squares]) -> Iterator[Tensor]:
    """A photo u8 [H, W, 3] as it is filmed. u8 [FILM, FILM, 3]"""
    dice = torch.Generator().manual_seed(0)
    for one in views:
        levels = 255 * cut(photo, one, FILM)[0] + NOISE * torch.randn(3, FILM, FILM, generator=dice)
        yield levels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def read_figures(landmarks: Tensor, notes: dict[str, float]) -> dict[str, float]:
    """How landmarks [T, K, 2] that should stay where they are wander and grow."""
    places = landmarks.mean(1)
    sizes = (landmarks - places[:, None]).square().sum(-1).mean(-1).sqrt()  # [T]
    width = landmarks[..., 0].amax(1).mean() - landmarks[..., 0].amin(1).mean()
    right, down = (slope(values / width) for values in places.T)
    steps = [float((after - before).norm(dim=1).mean() / width) for before, after in pairwise(landmarks)]
    notes["2000 frames read, change of landmarks from frame to frame, face widths"] = sum(steps) / len(steps)
    return {
        "drift of place, 2000 frames read": math.hypot(right, down),
        "drift of size, 2000 frames read": abs(slope(sizes / sizes.mean())),
    }
