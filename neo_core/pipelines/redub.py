"""A clip speaks another sound: the mouth of the person in it follows new speech, and nothing else of it changes.

    clip -> faces -> heads ----------------------+
    sound -> VOCAL -> motion, its mouth ---------+-> each frame redrawn (pictar/redrawn) -> writer
    clip, read again -> frames ------------------+

The clip is read twice, the first time a little ahead: only landmarks are kept of it, so hours take no more memory than
seconds. Frames without the face are the clip's own.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import STYLE_SIZE, Identity, InputError, MotionLatents, Progress, silent
from ..governance import TALKING_HEAD, Grant, authorise, fingerprint, while_allowed
from ..media.audio import Sound, inspect_sound
from ..media.footage import Footage, evenly, inspect_footage
from ..media.video import VideoWriter, read_frames
from ..motion_space import EXPRESSION
from ..pictar.geometric.refine import load_refiner
from ..pictar.head_track import Choice, Head, followed, heads, sighting
from ..pictar.lost_faces import Lost
from ..pictar.redrawn import DETAIL, Inside, Means, look_inside, redrawn
from ..runtime.threads import in_order, one_thread
from ..timebase import frame_count
from .clip import EMBEDDED, Weights
from .frame_progress import FrameProgress
from .hearing import sample_count
from .motion_file import save_motion
from .portrait import Portrait, choose_face, open_clip
from .talking_head import Models, Settings, load_models, perform

STRICT, LENIENT = "error", "pass"  # what to do with frames without the face
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
    lost: str = LENIENT,
    detail: int = DETAIL,
    progress: Progress = silent,
    kept: list[Tensor] | None = None,
) -> list[Lost]:
    """Write the clip with its person speaking a sound; returns the frames that did not show the face.

    `portrait` is the first frame of the clip with the face, which the grant must be for. A list `kept` collects the
    motion, [63] each. Faces are drawn in at most `detail` pixels.
    """
    grant.require(TALKING_HEAD)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    _check_length(footage, sound)
    told, report = FrameProgress(progress, footage.frames), []
    found = _found(models, footage, choose, told)
    identity, found = _who(models, found)
    motion = _at_moments(perform(models, sound, identity, settings, told.again), footage, kept)
    drawing = _Drawing(Means(models.head, load_refiner(), detail))
    items = _items(footage, found, motion, portrait, grant, lost, report)
    with VideoWriter(output, footage.size, footage.fps, sound, ticks=footage.ticks) as writer:
        progress(0, footage.frames, None)
        for frame in in_order(drawing.draw, while_allowed(grant, TALKING_HEAD, drawing.watch(items)), AT_ONCE):
            writer.write(frame, footage.moments[writer.frames] if footage.moments else None)
            told(writer.frames, footage.frames, frame)
        grant.require(TALKING_HEAD)
    return report


def _check_length(footage: Footage, sound: Sound) -> None:
    needed = frame_count(sample_count(sound), sound.sample_rate, footage.fps)
    if needed > footage.frames + 1:
        raise InputError(
            f"{sound.seconds:.2f} s of sound found for {footage.seconds:.2f} s of video; expected no more of it"
        )


def _found(models: Models, footage: Footage, choose: Choice, told: FrameProgress) -> Iterator[Head | None]:
    def pictures() -> Iterator[Tensor]:
        for _, picture in read_frames(footage.path):
            told.again()
            yield picture

    return heads(models.head, followed(models.analyser, pictures(), choose), footage.size)


def _who(models: Models, found: Iterator[Head | None]) -> tuple[Identity, Iterator[Head | None]]:
    """Who speaks, for VOCAL, by the first head that is seen; and the heads, that one among them."""
    passed: list[Head | None] = []
    for head in found:
        passed.append(head)
        if head is not None:
            reference = sighting(models.head, head.fit)
            reference[EXPRESSION.stop : EXPRESSION.stop + 6] = 0.0  # the head as it is filmed
            identity = Identity(head.fit.identity, torch.zeros(STYLE_SIZE), reference)
            return identity, _chained(passed, found)
    raise InputError("no human face found in the clip; expected one that shows a face clearly")


def _chained(first: list[Head | None], rest: Iterator[Head | None]) -> Iterator[Head | None]:
    yield from first
    yield from rest


def _at_moments(pieces: Iterable[Tensor], footage: Footage, kept: list[Tensor] | None) -> Iterator[Tensor]:
    """One motion vector [63] per frame of the clip; after the last one, that one."""
    vectors = (vector for piece in pieces for vector in piece)
    index, last = -1, torch.zeros(0)
    for frame in range(footage.frames):
        moment = footage.moments[frame] if footage.moments else Fraction(frame) / footage.fps
        while index < int(moment * footage.fps):
            last, index = next(vectors, last), index + 1
        if kept is not None:
            kept.append(last)
        yield last


def _items(
    footage: Footage,
    found: Iterator[Head | None],
    motion: Iterator[Tensor],
    portrait: Portrait,
    grant: Grant,
    lost: str,
    report: list[Lost],
) -> Iterator[Item]:
    """Frames in order, with permission handed on from each to the next. Missing faces are told to `report`."""
    met, last = False, None
    for number, ((_, frame), head) in enumerate(zip(read_frames(footage.path), found, strict=False)):
        last = next(motion, last)
        if not met and head is not None:
            if not torch.equal(frame, portrait.photo):
                raise InputError(f"{footage.path} changed while it was read; expected it to stay as it is")
            met = True
        elif met:
            grant = grant.for_next_frame(frame, None if head is None else head.face.landmarks68)
        if head is None:
            if lost == STRICT:
                raise InputError(
                    f"frame {number} of {footage.path} shows no face that could be followed; expected one in every "
                    f"frame, or another choice for lost faces: {LENIENT}"
                )
            _tell(report, number)
        yield Item(frame, head, last, grant)


def _tell(report: list[Lost], number: int) -> None:
    if report and report[-1].last == number - 1:
        report[-1] = Lost(report[-1].first, number, "passed")
    else:
        report.append(Lost(number, number, "passed"))


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
    lost: str = LENIENT,
    detail: int = DETAIL,
    motion: Path | None = None,
    weights: Weights = EMBEDDED,
    progress: Progress,
) -> dict:
    """From files to a file; returns a report of plain values. The performance goes to `motion`. The rate of the
    settings is the clip's."""
    started = time.monotonic()
    footage, sound = inspect_footage(clip), inspect_sound(audio)
    _check_length(footage, sound)
    models = load_models(*weights)
    portrait = open_clip(models.analyser, clip, face)
    looks = fingerprint(portrait.photo, portrait.face.landmarks68)
    grant = authorise(looks, TALKING_HEAD, source=str(clip), face=face)
    kept: list[Tensor] | None = [] if motion else None
    choose = partial(choose_face, name=clip, number=face)
    own = {"grant": grant, "lost": lost, "detail": detail, "progress": progress, "kept": kept}
    report = redub(models, footage, portrait, sound, output, settings, choose, **own)
    if motion:
        save_motion(motion, MotionLatents(torch.stack(evenly(kept, footage)), footage.fps))
    return {
        "output": str(output),
        "frames": footage.frames,
        "fps": str(footage.fps),
        "seconds": footage.seconds,
        "sound_seconds": sound.seconds,
        "width": footage.size[1],
        "height": footage.size[0],
        "detail": detail,
        "lost_policy": lost,
        "lost": [run.told(footage.fps) for run in report],
        "seed": settings.seed,
        "steps": settings.steps,
        "emotion": settings.emotion.state if settings.emotion else None,
        "amplitudes": dict(settings.amplitudes),
        "elapsed": round(time.monotonic() - started, 2),
    }
