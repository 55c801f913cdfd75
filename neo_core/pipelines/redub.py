"""A clip speaks another sound: the mouth of the person in it follows new speech, and nothing else of it changes.

    clip -> faces -> one person's -> heads, short gaps bridged, steadied --+
    sound -> VOCAL -> motion, its mouth -----------------------------------+-> frames redrawn (pictar/redrawn) -> writer
    clip, read again -> frames --------------------------------------------+

A motion that was made before, say an actor's in a video, may take the place of VOCAL's. The clip is read twice, the
first time a little ahead: only landmarks are kept of it, so hours take no more memory than seconds. Frames in which the
person is not seen, or may be somebody else, are the clip's own, but for gaps too short for anybody to take their place.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import STYLE_SIZE, Identity, InputError, MotionLatents, Progress, silent
from ..governance import TALKING_HEAD, Grant, authorise, fingerprint, while_allowed
from ..media.audio import Sound, inspect_sound
from ..media.footage import Footage, evenly, inspect_pictures, read_pictures
from ..media.video import VideoWriter
from ..motion_space import POSE
from ..pictar.acquaintance import Acquaintance
from ..pictar.geometric.refine import load_refiner
from ..pictar.head_track import ACQUAINTED, Choice, Head, between, followed, heads, sighting
from ..pictar.lost_faces import POLICIES, Lost, without_gaps
from ..pictar.redrawn import DETAIL, Inside, Means, look_inside, redrawn
from ..pictar.smoothing import steadied
from ..pictar.transfer import at_rest
from ..runtime.threads import in_order, one_thread
from ..timebase import frame_count
from .clip import EMBEDDED, Weights
from .frame_progress import FrameProgress
from .hearing import sample_count
from .motion_file import load_motion, save_motion
from .portrait import Portrait, choose_in_clip, open_clip, read_mask
from .talking_head import Models, Settings, load_models, perform

LOST = {name: POLICIES[name] for name in ("interpolate", "hold", "pass", "error")}  # the first is usual
BRIDGED = 0.5  # seconds without the face between two sights of the person: longer gaps are always passed
AT_ONCE = 2  # frames drawn side by side, at most


@dataclass(frozen=True)
class Item:
    """A frame and what is to be done with it; without a head, nothing."""

    frame: Tensor  # u8 [H, W, 3]
    head: Head | None
    motion: Tensor  # [63]
    grant: Grant


@one_thread()
def redub(
    models: Models,
    footage: Footage,
    portrait: Portrait,
    sound: Sound,
    output: Path,
    settings: Settings,
    choose: Choice,
    *,
    grant: Grant,
    lost: str = next(iter(LOST)),
    detail: int = DETAIL,
    mask: Tensor | None = None,
    performance: MotionLatents | None = None,
    progress: Progress = silent,
    kept: list[Tensor] | None = None,
) -> list[Lost]:
    """Write the clip, at its own rate whatever the settings say, with its person speaking a sound; returns the frames
    that did not show them.

    VOCAL performs the sound, unless a `performance` is given that goes with it, for whose use the grant must be, too.
    `portrait` is the first frame of the clip with the face, which the grant must be for. A list `kept` collects the
    motion, [63] each. Faces are drawn in at most `detail` pixels; nothing changes where a `mask` [H, W] is 0.
    """
    use = performance.use if performance else TALKING_HEAD
    for one in (TALKING_HEAD, use):
        grant.require(one)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    _check(footage, sound, mask)
    told, report, settings = FrameProgress(progress, footage.frames), [], replace(settings, fps=footage.fps)
    who = Acquaintance(models.head, footage.size)
    identity, found = _who(models, _found(models, footage, choose, who, lost, report, told))
    if performance:
        motion = _in_step(performance, footage, kept)
    else:
        motion = _at_moments(perform(models, sound, identity, settings, told.again), footage, kept)
    drawing = _Drawing(Means(models.head, load_refiner(), detail, mask))
    items = _items(footage, found, motion, portrait, grant, who)
    with VideoWriter(output, footage.size, footage.fps, sound, ticks=footage.ticks) as writer:
        progress(0, footage.frames, None)
        for frame in in_order(drawing.draw, while_allowed(grant, use, drawing.watch(items)), AT_ONCE):
            writer.write(frame, footage.moment(writer.frames))
            told(writer.frames, footage.frames, frame)
        grant.require(use)
    return report


def _check(footage: Footage, sound: Sound, mask: Tensor | None) -> None:
    """Raise InputError for a clip that cannot be written as it is, more sound than it has room for, another's mask."""
    needed = frame_count(sample_count(sound), sound.sample_rate, footage.fps)
    if needed > footage.frames + 1:
        raise InputError(
            f"{sound.seconds:.2f} s of sound found for {footage.seconds:.2f} s of video; expected no more of it"
        )
    if footage.wide:
        raise InputError(
            f"{footage.path} has colours or brightness (HDR, BT.2020) that would be lost; expected standard ones "
            "(BT.709): make a copy with those first"
        )
    if footage.stretched != 1:
        raise InputError(
            f"{footage.path} has pixels of {footage.stretched.numerator} to {footage.stretched.denominator}; expected "
            "square ones: ffmpeg -i IN -vf scale=iw*sar:ih,setsar=1 OUT.mp4 makes them"
        )
    if mask is not None and tuple(mask.shape) != tuple(footage.size):
        (height, width), (tall, wide) = mask.shape, footage.size
        raise InputError(f"a mask of {width} x {height} pixels found; expected the clip's size, {wide} x {tall}")


def _found(
    models: Models,
    footage: Footage,
    choose: Choice,
    who: Acquaintance,
    lost: str,
    report: list[Lost],
    told: FrameProgress,
) -> Iterator[Head | None]:
    """The head of the person in every frame; None where it is to stay as filmed, which is told to `report`."""

    def pictures() -> Iterator[Tensor]:
        for picture in read_pictures(footage):
            told.again()
            yield picture

    def bridges(first: int, last: int) -> bool:
        return footage.moment(last + 1) - footage.moment(first) <= BRIDGED and who.alone(first, last)

    faces = who.only(followed(models.analyser, pictures(), choose))
    found = without_gaps(heads(models.head, faces, footage.size), lost, report, footage.path, between, bridges)
    return steadied(models.head, found, footage.fps)


def _who(models: Models, found: Iterator[Head | None]) -> tuple[Identity, Iterator[Head | None]]:
    """Who speaks, for VOCAL, and how that face is at rest, by the first heads that are seen; and the heads, those among
    them."""
    passed: list[Head | None] = []
    seen: list[Tensor] = []
    for head in found:
        passed.append(head)
        if head is not None:
            identity = head.fit.identity  # everywhere the same
            seen.append(sighting(models.head, head.fit))
        if len(seen) == ACQUAINTED:
            break
    reference = at_rest(torch.stack(seen))  # there are some: without any, `without_gaps` has refused the clip
    reference[POSE] = 0.0  # the head as it is filmed
    return Identity(identity, torch.zeros(STYLE_SIZE), reference), _chained(passed, found)


def _chained(first: list[Head | None], rest: Iterator[Head | None]) -> Iterator[Head | None]:
    yield from first
    yield from rest


def _at_moments(pieces: Iterable[Tensor], footage: Footage, kept: list[Tensor] | None) -> Iterator[Tensor]:
    """One motion vector [63] per frame of the clip; after the last one, that one."""
    vectors = (vector for piece in pieces for vector in piece)
    index, last = -1, torch.zeros(0)
    for frame in range(footage.frames):
        while index < int(footage.moment(frame) * footage.fps):
            last, index = next(vectors, last), index + 1
        if kept is not None:
            kept.append(last)
        yield last


def _in_step(performance: MotionLatents, footage: Footage, kept: list[Tensor] | None) -> Iterator[Tensor]:
    """One motion vector [63] per frame of the clip, as the performance is at its moment; after its end, as it ends."""
    last = len(performance.motion) - 1
    for frame in range(footage.frames):
        place = min(footage.moment(frame) * performance.fps, last)
        before = int(place)
        near = performance.motion[[before, min(before + 1, last)]]
        vector = torch.lerp(*near, float(place - before))
        if kept is not None:
            kept.append(vector)
        yield vector


def _items(
    footage: Footage,
    found: Iterator[Head | None],
    motion: Iterator[Tensor],
    portrait: Portrait,
    grant: Grant,
    who: Acquaintance,
) -> Iterator[Item]:
    """Frames in order, with permission handed on from each to the next."""
    met = False
    for number, (frame, head, moved) in enumerate(zip(read_pictures(footage), found, motion, strict=True)):
        points = None if head is None else head.face.landmarks68
        if met:
            grant = grant.for_next_frame(frame, points, who.returns.pop(number, None))
        elif head is not None:
            if not torch.equal(frame, portrait.photo):
                raise InputError(f"{footage.path} changed while it was read; expected it to stay as it is")
            grant, met = grant.recognising(who.likeness).for_next_frame(frame, points), True
        yield Item(frame, head, moved, grant)


class _Drawing:
    """Draws frames, all with the inside of the mouth that the first one shows."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._inside: Inside | None = None

    def watch(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same, looked at in their order."""
        for item in items:
            if self._inside is None and item.head is not None:
                self._inside = look_inside(item.frame, item.head, self._means, grant=item.grant)
            yield item

    def draw(self, item: Item) -> Tensor:
        """The frame. u8 [H, W, 3]"""
        if item.head is None:
            return item.frame
        return redrawn(item.frame, item.head, item.motion, self._inside, self._means, grant=item.grant)


def make_redub(
    clip: Path,
    audio: Path,
    output: Path,
    settings: Settings,
    *,
    face: int | None = None,
    mask: Path | None = None,
    lost: str = next(iter(LOST)),
    detail: int = DETAIL,
    motion: Path | None = None,
    performed: Path | None = None,
    weights: Weights = EMBEDDED,
    progress: Progress,
) -> dict:
    """From files to a file; returns a report of plain values. The performance goes to `motion`; one that was kept so,
    or of a video, may be `performed` in the place of VOCAL's. A `mask` is a picture, white where the speaker is and
    pixels may change."""
    started = time.monotonic()
    footage, sound = inspect_pictures(clip), inspect_sound(audio)
    allowed = read_mask(mask) if mask else None
    _check(footage, sound, allowed)
    performance = load_motion(performed) if performed else None
    models = load_models(*weights)
    portrait = open_clip(models.analyser, clip, face, allowed, progress)
    looks = fingerprint(portrait.photo, portrait.face.landmarks68)
    use = performance.use if performance else TALKING_HEAD
    grant = authorise(looks, use, source=str(clip), face=face, mask=mask)
    kept: list[Tensor] | None = [] if motion else None
    choose = partial(choose_in_clip, name=clip, number=face, mask=allowed)
    own = {"grant": grant, "lost": lost, "detail": detail, "mask": allowed, "performance": performance}
    own |= {"progress": progress, "kept": kept}
    report = redub(models, footage, portrait, sound, output, settings, choose, **own)
    if motion:
        save_motion(motion, MotionLatents(torch.stack(evenly(kept, footage)), footage.fps, use=use))
    return {
        "output": str(output),
        "frames": footage.frames,
        "fps": str(footage.fps),
        "seconds": footage.seconds,
        "even": footage.moments is None,
        "sound_seconds": sound.seconds,
        "width": footage.size[1],
        "height": footage.size[0],
        "detail": detail,
        "masked": mask is not None,
        "lost_policy": lost,
        "lost": [run.told(footage) for run in report],
        "performed_by": "vocal" if performance is None else performance.use,
        "seed": settings.seed,
        "steps": settings.steps,
        "emotion": settings.emotion.state if settings.emotion else None,
        "amplitudes": dict(settings.amplitudes),
        "elapsed": round(time.monotonic() - started, 2),
    }
