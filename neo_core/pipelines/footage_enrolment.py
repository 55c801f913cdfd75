"""Enrolment from footage: three and a half seconds of a person instead of one photo of them.

    clip -> faces -> heads (pictar/head_track) -> looks -> chosen frames (pictar/footage_enrolment) -+
    clip, read again -> those frames ----------------------------------------------------------------+-> lifted, fused
    heads -> habits of the speaker (vocal/habits) ------------------------------------------------------> identity

The clip is read twice: of the first reading landmarks are kept, of the second only the chosen frames. Permission is for
the first frame with the face and handed on from frame to frame, as long as the clip is one shot.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..governance import TALKING_HEAD, Grant
from ..media.footage import Footage, inspect_footage
from ..media.video import read_frames
from ..pictar.analysis import Face, person_mask
from ..pictar.footage_enrolment import Chosen, Look, choose_frames, sharpness
from ..pictar.geometric import Picture, Volume, fused
from ..pictar.head_track import Choice, followed, heads, sighting
from ..pictar.smoothing import smooth
from ..runtime.threads import one_thread
from ..vocal.habits import RATE, Habits, read_habits
from .live_portrait import LivePortrait, PublicRenderer, enrol_public
from .portrait import Portrait, refuse_child
from .talking_head import Avatar, Models, enrol

LEAST = Fraction(7, 2)  # seconds of footage, as NEO's post has it
LEAST_SEEN = 2.0  # seconds of it that show the face
LONGEST = 12.0  # seconds that are looked at


@dataclass(frozen=True)
class Enrolment:
    """The avatar, and what was noticed of the footage."""

    avatar: Avatar
    chosen: Chosen
    watched: int  # frames
    seen: int  # of them with the face
    habits: dict[str, float]  # of the speaker, those that could be read

    def told(self, footage: Footage) -> dict:
        """As plain values, for a report."""

        def moment(look: Look) -> float:
            return round(float(look.number / footage.fps), 2)

        return {
            "footage_seconds": round(float(self.watched / footage.fps), 2),
            "footage_seen": round(float(self.seen / footage.fps), 2),
            "portrait_at": moment(self.chosen.base),
            "sides_at": [moment(look) for look in self.chosen.sides],
            "mouth_at": [moment(look) for look in self.chosen.mouths],
            "habits": {name: round(value, 2) for name, value in self.habits.items()},
        }

    def __repr__(self) -> str:
        return f"Enrolment({self.seen} of {self.watched} frames)"


@dataclass(frozen=True)
class _Seen:
    """A frame with the face."""

    number: int
    face: Face
    sharpness: float
    grant: Grant


def inspect_for_enrolment(path: str | Path) -> Footage:
    """What a video holds; raises InputError when it is too short to enrol anybody from."""
    footage = inspect_footage(path)
    if Fraction(2 * footage.frames + 1, 2) / footage.fps < LEAST:
        raise InputError(
            f"{footage.seconds:.2f} s of video found in {path}; expected at least {float(LEAST):g} s of one person, or "
            "a photo: a single frame will do for that"
        )
    return footage


@one_thread()
def enrol_footage(
    models: Models,
    footage: Footage,
    portrait: Portrait,
    size: int | None,
    choose: Choice,
    *,
    grant: Grant,
    public: PublicRenderer | None = None,
    choice: LivePortrait | None = None,
    progress: Progress = silent,
) -> Enrolment:
    """Lift the person in footage: the best frame whole, or head and shoulders in a `size` square.

    `portrait` is the first frame with the face, which the grant must be for. A `public` renderer gets the best frame
    and nothing of the others: its volume belongs to the one view it was made from.
    Raises InputError when the face is seen too little, and ConsentRequired at a cut.
    """
    grant.require(TALKING_HEAD)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    total = min(footage.frames, max(1, round(LONGEST * float(footage.fps))))
    seen = list(_watched(models, footage, portrait, choose, total, grant, progress))
    if len(seen) < LEAST_SEEN * float(footage.fps):
        raise InputError(
            f"{len(seen) / float(footage.fps):.2f} s with the face found in {footage.path} before it was lost; "
            f"expected at least {LEAST_SEEN:g} s of it without a break"
        )
    looks, habits = _looked_at(models, footage, seen)
    chosen = choose_frames(models.head, looks)
    grants = {item.number: item.grant for item in seen}
    pictures = _pictures(footage, chosen, total)
    base = chosen.base
    lifted = Portrait(pictures[base.number], base.face)
    refuse_child(base.face, footage.path)
    allowed = grants[base.number]
    if public is not None:
        avatar = enrol_public(models, public, lifted, size, choice, grant=allowed)
    else:
        avatar = enrol(models, lifted, size, grant=allowed)  # a head fitted to all frames fits this one less well
        avatar = replace(avatar, volume=_widened(models, avatar.volume, chosen, pictures, grants))
    identity = replace(avatar.identity, style=habits.style)
    progress(total, total, None)
    enrolment = Enrolment(replace(avatar, identity=identity), chosen, total, len(seen), habits.read)
    return replace(enrolment, avatar=replace(enrolment.avatar, noticed=enrolment.told(footage)))


def summary(enrolment: Enrolment) -> str:
    """What was noticed, for people."""
    told = enrolment.avatar.noticed

    def moments(name: str) -> str:
        return ", ".join(f"{value:g} s" for value in told[name]) or "none"

    return "\n".join(
        [
            f"the face is seen in {told['footage_seen']:g} of {told['footage_seconds']:g} s",
            f"portrait at {told['portrait_at']:g} s",
            f"sides at {moments('sides_at')}",
            f"open mouths at {moments('mouth_at')}",
            "habits " + (", ".join(f"{name} {value:+.1f}" for name, value in told["habits"].items()) or "none"),
        ]
    )


def _watched(
    models: Models,
    footage: Footage,
    portrait: Portrait,
    choose: Choice,
    total: int,
    grant: Grant,
    progress: Progress,
) -> Iterator[_Seen]:
    """The frames that show the face, up to where it is lost: whoever comes back need not be the same person. Permission
    is handed on from each frame to the next."""
    shown: list[Tensor] = []

    def pictures() -> Iterator[Tensor]:
        for number, (_, picture) in enumerate(islice(read_frames(footage.path), total)):
            progress(number, total, None)
            shown[:] = [picture]
            yield picture

    met = False
    for number, face in enumerate(followed(models.analyser, pictures(), choose)):
        if face is None:
            if met:
                return
            continue
        picture = shown[0]
        if met:
            grant = grant.for_next_frame(picture, face.landmarks68)
        elif not torch.equal(picture, portrait.photo):
            raise InputError(f"{footage.path} changed while it was read; expected it to stay as it is")
        met = True
        yield _Seen(number, face, sharpness(picture, face.landmarks68), grant)


def _looked_at(models: Models, footage: Footage, seen: list[_Seen]) -> tuple[list[Look], Habits]:
    """The heads in as many frames as habits want, of one person before one lens, and the habits."""
    every = max(1, round(footage.fps / RATE))
    seen = seen[::every]
    found = heads(models.head, (item.face for item in seen), footage.size)
    looks = [
        Look(item.number, item.face, head.fit, item.sharpness)
        for item, head in zip(seen, found, strict=True)
        if head is not None
    ]
    steady = smooth((sighting(models.head, look.fit) for look in looks), footage.fps / every)
    return looks, read_habits(torch.stack([seen for seen in steady if seen is not None]))


def _pictures(footage: Footage, chosen: Chosen, total: int) -> dict[int, Tensor]:
    """The chosen frames by number. u8 [H, W, 3]"""
    wanted = chosen.numbers
    frames = enumerate(islice(read_frames(footage.path), min(total, max(wanted) + 1)))
    return {number: picture for number, (_, picture) in frames if number in wanted}


def _widened(
    models: Models, volume: Volume, chosen: Chosen, pictures: dict[int, Tensor], grants: dict[int, Grant]
) -> Volume:
    """The portrait with what the other frames show of its person."""
    known: dict[int, Picture] = {}
    for look in (*chosen.sides, *chosen.mouths):
        if look.number not in known:
            photo = pictures[look.number]
            mask = person_mask(models.analyser, photo, look.face)
            known[look.number] = Picture(photo, look.fit, mask, grants[look.number])
    sides, mouths = ([known[look.number] for look in some] for some in (chosen.sides, chosen.mouths))
    return fused(volume, sides, mouths)
