"""Enrolment from footage: three and a half seconds of a person instead of one photo of them.

    clip -> faces -> one person's -> heads (pictar/head_track) -> looks -> chosen (pictar/footage_enrolment) -+
    clip, read again -> the chosen frames, each with its permission ------------------------------------------+-> lifted
    heads -> habits of the speaker (vocal/habits) ------------------------------------------------------------> identity

The clip is read twice: of the first reading landmarks are kept, of the second only the chosen frames. Permission is for
the first frame with the face and handed on from frame to frame, as long as the clip is one shot. It does not go along
with a chair: whoever comes back after a gap, or takes the person's place, must have the same shape of the head.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..governance import TALKING_HEAD, Grant
from ..media.footage import Footage, inspect_pictures, read_pictures
from ..pictar.acquaintance import Acquaintance
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
            return round(float(footage.moment(look.number)), 2)

        return {
            "footage_seconds": round(float(footage.moment(self.watched)), 2),
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


def inspect_for_enrolment(path: str | Path) -> Footage:
    """What a video holds; raises InputError when it is too short to enrol anybody from, or its colours are others than
    pictures have here."""
    footage = inspect_pictures(path)
    if footage.wide:
        raise InputError(
            f"{path} has colours or brightness (HDR, BT.2020) that would look washed out; expected standard ones "
            "(BT.709): film without HDR, or make a copy with those first"
        )
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
    widen: bool = True,
    progress: Progress = silent,
) -> Enrolment:
    """Lift the person in footage: the best frame whole, or head and shoulders in a `size` square.

    `portrait` is the first frame with the face, which the grant must be for. A `public` renderer gets the best frame
    and nothing of the others: its volume belongs to the one view it was made from; nor is anything of them added where
    the renderer could not show it, without `widen`. Progress is in frames that are watched.
    Raises InputError when the face is seen too little, and ConsentRequired at a cut.
    """
    grant.require(TALKING_HEAD)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    total = min(footage.frames, max(1, round(LONGEST * float(footage.fps))))
    who = Acquaintance(models.head, footage.size)
    seen = _watched(models, footage, choose, total, who, progress)
    if len(seen) < LEAST_SEEN * float(footage.fps):
        raise InputError(
            f"{len(seen) / float(footage.fps):.2f} s with the person's face found in {footage.path}; expected at least "
            f"{LEAST_SEEN:g} s of it, in the first {LONGEST:g}"
        )
    looks, habits = _looked_at(models, footage, seen, total)
    chosen = choose_frames(models.head, looks)
    if public is not None or not widen:
        chosen = replace(chosen, sides=(), mouths=())
    allowed = _allowed(footage, portrait, seen, chosen.numbers, who, grant, partial(progress, total - 1, total, None))
    base = chosen.base
    photo, leave = allowed[base.number]
    lifted = Portrait(photo, base.face)
    refuse_child(base.face, footage.path)
    if public is not None:
        avatar = enrol_public(models, public, lifted, size, choice, grant=leave)
    else:
        avatar = enrol(models, lifted, size, grant=leave)  # a head fitted to all frames fits this one less well
        avatar = replace(avatar, volume=_widened(models, avatar.volume, chosen, allowed))
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
    models: Models, footage: Footage, choose: Choice, total: int, who: Acquaintance, progress: Progress
) -> list[_Seen]:
    """The frames that show the person, and nobody in their place."""
    shown: list[Tensor] = []
    sharp: list[float] = []  # of every frame; ahead of what `who` has judged

    def pictures() -> Iterator[Tensor]:
        for number, picture in enumerate(islice(read_pictures(footage), total)):
            progress(number, total, None)
            shown[:] = [picture]
            yield picture

    def faces() -> Iterator[Face | None]:
        for face in followed(models.analyser, pictures(), choose):
            sharp.append(0.0 if face is None else sharpness(shown[0], face.landmarks68))
            yield face

    found = enumerate(who.only(faces()))
    return [_Seen(number, face, sharp[number]) for number, face in found if face is not None]


def _looked_at(models: Models, footage: Footage, seen: list[_Seen], total: int) -> tuple[list[Look], Habits]:
    """The heads at the moments that habits want, of one person before one lens, and the habits: whatever the rate of
    the footage, and whether its frames come evenly."""
    known = {item.number: item for item in seen}
    moments = (k / RATE for k in range(int(footage.moment(total) * RATE)))
    shown = [min(footage.place(moment), total - 1) for moment in moments]
    numbers = sorted(set(shown))
    faces = (known[number].face if number in known else None for number in numbers)
    found = dict(zip(numbers, heads(models.head, faces, footage.size), strict=True))
    looks = [Look(k, head.face, head.fit, known[k].sharpness) for k, head in found.items() if head is not None]
    told = (None if head is None else sighting(models.head, head.fit) for head in found.values())
    steady = dict(zip(numbers, smooth(told, min(footage.fps, RATE)), strict=True))
    return looks, read_habits(torch.stack([steady[k] for k in shown if steady[k] is not None]))


def _allowed(
    footage: Footage,
    portrait: Portrait,
    seen: list[_Seen],
    wanted: set[int],
    who: Acquaintance,
    grant: Grant,
    go_on: Callable[[], None],
) -> dict[int, tuple[Tensor, Grant]]:
    """The wanted frames by number, each with the permission that was handed on to it from the first one with the face;
    which is handed on to the last one with it, since habits were read of all. u8 [H, W, 3]"""
    faces = {item.number: item.face for item in seen}
    first, last = seen[0].number, seen[-1].number
    allowed = {}
    for number, picture in enumerate(islice(read_pictures(footage), last + 1)):
        go_on()
        if number < first:
            continue
        if number == first:
            if not torch.equal(picture, portrait.photo):
                raise InputError(f"{footage.path} changed while it was read; expected it to stay as it is")
            grant = grant.recognising(who.likeness)
        points = faces[number].landmarks68 if number in faces else None
        grant = grant.for_next_frame(picture, points, who.returns.get(number))
        if number in wanted:
            allowed[number] = picture, grant
    return allowed


def _widened(models: Models, volume: Volume, chosen: Chosen, allowed: dict[int, tuple[Tensor, Grant]]) -> Volume:
    """The portrait with what the other frames show of its person."""
    known: dict[int, Picture] = {}
    for look in (*chosen.sides, *chosen.mouths):
        if look.number not in known:
            photo, leave = allowed[look.number]
            known[look.number] = Picture(photo, look.fit, person_mask(models.analyser, photo, look.face), leave)
    sides, mouths = ([known[look.number] for look in some] for some in (chosen.sides, chosen.mouths))
    return fused(volume, sides, mouths) if known else volume
