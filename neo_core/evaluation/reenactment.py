"""Re-enactment and redub where the truth is known: one bundled person, moved by VOCAL, is filmed by our own renderer,
unseen for a moment; the other one is moved by that film.

Letters: T frames.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..data_types import Waveform
from ..governance import REENACTMENT, TALKING_HEAD, Grant, authorise, fingerprint
from ..media.audio import read_waveform
from ..media.footage import Footage, inspect_footage
from ..media.video import VideoWriter
from ..motion_space import INDEX, rest
from ..pictar.fit import fit_head
from ..pictar.geometric import render
from ..pictar.geometric.refine import load_refiner
from ..pictar.head_track import Head
from ..pictar.lost_faces import Lost
from ..pictar.redrawn import Means, crop_of, look_inside, mouth_mask, redrawn
from ..pictar.squares import Squares, to_crop
from ..pipelines.portrait import Portrait, choose_face, open_portrait
from ..pipelines.reenactment import Reenactment, Watched, reenact
from ..pipelines.talking_head import Avatar, Models, Settings, enrol, load_models, perform

SAMPLES = Path(__file__).parents[1] / "samples"
DRIVER, DRIVEN = "portrait.jpg", "painting.jpg"
SECONDS, SIDE = 4.0, 256  # of the film; pixels
UNSEEN = range(30, 36)  # frames that are blank
FARTHEST = 5  # frames either way in which a lag is looked for
COMPARED = ("jawOpen", "eyeBlink_L", "mouthSmile_L", "yaw", "pitch", "gaze_yaw_L")


@dataclass(frozen=True)
class Film:
    """A film, and the motion [T, 63] of the person in it."""

    footage: Footage
    truth: Tensor


def bench(work: Path, notes: dict[str, float]) -> dict[str, float]:
    """The values of the bars; beside them, in notes, how much of the motion arrives."""
    models = load_models()
    film = filmed(models, read_waveform(SAMPLES / "speech.flac"), work / "driving.mp4")
    star = _enrolled(models, DRIVEN, REENACTMENT)
    told: list[Tensor] = []
    choose = partial(choose_face, name="the film", number=1)
    watched = reenact(models, star, film.footage, work / "reenacted.mp4", Reenactment(), choose, kept=told)
    made, seen = inspect_footage(work / "reenacted.mp4"), torch.stack(told)
    notes.update(_arrived(seen, film.truth))
    return {
        "re-enactment, frames more or fewer": float(abs(made.frames - film.footage.frames)),
        "re-enactment, frames out of step": float(out_of_step(seen, film.truth, made)),
        "re-enactment, lost frames told wrongly": float(told_wrongly(watched, UNSEEN)),
        "redub, pixels outside the mask": float(outside_the_mask(models)),
    }


def filmed(models: Models, speech: Waveform, path: Path) -> Film:
    """The driver speaks the beginning of a speech, blank where nobody is to be seen."""
    sound = replace(speech, samples=speech.samples[:, : round(SECONDS * speech.sample_rate)])
    avatar, settings = _enrolled(models, DRIVER, TALKING_HEAD), Settings()
    motion = torch.cat(list(perform(models, sound, avatar.identity, settings)))
    size = tuple(avatar.volume.photo.shape[:2])
    with VideoWriter(path, size, settings.fps, sound) as writer:
        for number, frame in enumerate(render(avatar.volume, motion)):
            writer.write(torch.full_like(frame, 90) if number in UNSEEN else frame)
    return Film(inspect_footage(path), motion)


def out_of_step(told: Tensor, truth: Tensor, made: Footage) -> float:
    """Frames by which motion [T, 63] agrees best with the driver's, or by which the sound begins late, if that is more.
    Infinitely many where there is no sound."""
    jaw = INDEX["jawOpen"]
    late = round(abs(made.sound.late) * made.fps) if made.sound else torch.inf
    return max(abs(lag(told[:, jaw], truth[:, jaw], UNSEEN)), late)


def lag(told: Tensor, truth: Tensor, unseen: Iterable[int] = ()) -> int:
    """By how many frames one track [T] is later than the other, but for frames that were not seen: what is held in
    them is late by its nature."""
    shown = torch.tensor([frame for frame in range(len(told)) if frame not in unseen])

    def agreement(shift: int) -> float:
        there = shown[(shown >= shift) & (shown < len(truth) + shift)]
        pair = torch.stack([told[there], truth[there - shift]])
        return float(torch.corrcoef(pair)[0, 1].nan_to_num(-1.0))

    return max(range(-FARTHEST, FARTHEST + 1), key=lambda shift: (agreement(shift), -abs(shift)))


def told_wrongly(watched: Watched, unseen: Iterable[int]) -> int:
    """Frames reported as lost that showed the face, and such as did not and are not reported."""
    runs: list[Lost] = watched.lost
    reported = {frame for run in runs for frame in range(run.first, run.last + 1)}
    return len(reported ^ set(unseen))


def outside_the_mask(models: Models) -> int:
    """Levels by which the pixels of a redrawn frame change where the mask of mouth and chin is 0, at most."""
    portrait = open_portrait(models.analyser, SAMPLES / DRIVER)
    photo, face = portrait.photo, portrait.face
    head = Head(face, fit_head(models.head, face.landmarks, face.sigma, tuple(photo.shape[:2])))
    means, grant = Means(models.head, load_refiner()), _grant(portrait, TALKING_HEAD)
    moved = rest()
    moved[INDEX["jawOpen"]] = 0.5
    opened = redrawn(photo, head, moved, look_inside(photo, head, means, grant=grant), means, grant=grant)
    crop = crop_of(photo, head, means)
    reached = reach(mouth_mask(crop.to_frame(face.landmarks68), crop.size[0]), crop.square, tuple(photo.shape[:2]))
    return int((opened.int() - photo.int()).abs().amax(-1)[~reached].max())


def reach(mask: Tensor, square: Squares, size: tuple[int, int]) -> Tensor:
    """Which pixels of a picture (H, W) a mask [n, n] of a square touches. bool [H, W]"""
    y, x = torch.meshgrid(*(torch.arange(side) + 0.5 for side in size), indexing="ij")
    at = to_crop(square, torch.stack([x, y], -1).view(1, -1, 2)).view(1, *size, 2)
    touched = functional.grid_sample((mask > 0).float()[None, None], at, padding_mode="zeros", align_corners=False)
    return touched[0, 0] > 0


def _arrived(told: Tensor, truth: Tensor) -> dict[str, float]:
    """How channels of the portrait's motion go with the driver's, where that is seen: how alike, and how large."""
    seen = [frame for frame in range(len(truth)) if frame not in UNSEEN]
    notes: dict[str, float] = {}
    for name in COMPARED:
        tracks = torch.stack([track[seen, INDEX[name]] for track in (told, truth)])
        own, given = tracks - tracks.mean(1, keepdim=True)
        power = given.square().sum().clamp(min=1e-9)
        notes[f"re-enactment, {name}: correlation with the driver's"] = float(torch.corrcoef(tracks)[0, 1])
        notes[f"re-enactment, {name}: size over the driver's"] = float((own * given).sum() / power)
    return notes


def _enrolled(models: Models, name: str, use: str) -> Avatar:
    portrait = open_portrait(models.analyser, SAMPLES / name)
    return enrol(models, portrait, SIDE, grant=_grant(portrait, use))


def _grant(portrait: Portrait, use: str) -> Grant:
    return authorise(fingerprint(portrait.photo, portrait.face.landmarks68), use, source="a bundled sample")
