"""Re-enactment: the head in a driving video moves the person in a photo, frame for frame, with the video's sound.

    video -> faces -> heads -> sightings -> steadied -> gaps filled -> motion of the portrait -> renderer -> writer
             (pictar/head_track)          (smoothing)  (lost_faces)   (transfer)

Pictures of the driving video are looked at one by one and forgotten. What is kept of each is a sighting, 63 numbers:
which face is at rest is known only when all have been seen. Measured from the first frame, not even those are kept.
What crosses to the renderer is motion [63] and nothing else.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import MotionLatents, Progress, silent
from ..geometry.camera import Camera
from ..governance import REENACTMENT
from ..media.footage import Footage, evenly, inspect_footage, read_pictures
from ..pictar.expression import amplified
from ..pictar.geometric import Volume
from ..pictar.head_track import Choice, followed, heads, sighting
from ..pictar.lost_faces import Lost, without_gaps
from ..pictar.smoothing import smooth
from ..pictar.transfer import Transfer, at_rest, transferred
from ..pictar.volumetric.driven_face import DrivenFace
from ..runtime.threads import one_thread
from .clip import describe, enrol_photo
from .frame_progress import FrameProgress
from .live_portrait import LivePortrait
from .mini import MiniRenderer
from .motion_file import save_motion
from .portrait import choose_face
from .talking_head import Avatar, Models, load_models, write_frames


@dataclass(frozen=True)
class Reenactment:
    """What of the driving video the portrait takes over, and how."""

    region: str = "all"  # `pictar.transfer.REGION`
    relation: str = "mixed"  # `pictar.transfer.RELATIONS`
    lost: str = "hold"  # `pictar.lost_faces.POLICIES`
    steady: bool = True  # take the tremor of measuring out of it
    amplitudes: tuple[tuple[str, float], ...] = ()  # of parts or channels: `pictar.expression.amplified`
    anchor: str = "quiet"  # `pictar.transfer.ANCHORS`: what changes are measured from


@dataclass
class Watched:
    """What was noticed while a driving video was read."""

    frames: int = 0
    lost: list[Lost] = field(default_factory=list)


def watch(
    models: Models,
    footage: Footage,
    choose: Choice,
    settings: Reenactment,
    watched: Watched,
    progress: Progress = silent,
) -> Iterator[Tensor | None]:
    """The driving head [63] in every frame of a video (`head_track.sighting`); None where nothing is to be moved.

    Raises InputError when no frame shows the face, and for a lost face if that is the wish.
    """
    faces = followed(models.analyser, _pictures(footage, watched, progress), choose)
    found = heads(models.head, faces, footage.size)
    seen = (None if head is None else sighting(models.head, head.fit) for head in found)
    seen = smooth(seen, footage.fps) if settings.steady else seen
    return without_gaps(seen, settings.lost, watched.lost, footage.path)


def _pictures(footage: Footage, watched: Watched, progress: Progress) -> Iterator[Tensor]:
    for picture in read_pictures(footage):
        progress(watched.frames, footage.frames, None)
        watched.frames += 1
        yield picture


def carried_over(
    volume: Volume | DrivenFace,
    sightings: Iterable[Tensor | None],
    settings: Reenactment,
    anchor: Tensor | None = None,
) -> Iterator[Tensor]:
    """Motion of the portrait [63] for each sighting of the driving head; where there is none, the portrait itself.
    Changes are measured from an `anchor` [63], or else from the first sighting."""
    reference = volume.reference.float().cpu()
    transfer = Transfer(reference, _camera(volume).rotation, settings.region, settings.relation)
    for seen in sightings:
        if seen is None:
            yield reference
            continue
        anchor = seen if anchor is None else anchor
        motion = transferred(transfer, anchor, seen)
        yield amplified(motion[None], reference, settings.amplitudes)[0]


def driven_by(
    models: Models,
    volume: Volume | DrivenFace,
    footage: Footage,
    settings: Reenactment,
    choose: Choice,
    watched: Watched,
    progress: Progress = silent,
) -> Iterator[Tensor]:
    """Motion of the portrait [63] for every frame of a video: at once, from the first frame on, or, measured from a
    face at rest, when the whole video has been seen."""
    seen = watch(models, footage, choose, settings, watched, progress)
    if settings.anchor != "quiet":
        return carried_over(volume, seen, settings)
    with one_thread():
        sightings = list(seen)
    progress(footage.frames, footage.frames, None)
    made_up = {frame for run in watched.lost for frame in range(run.first, run.last + 1)}
    real = torch.stack([one for frame, one in enumerate(sightings) if frame not in made_up])
    return carried_over(volume, sightings, settings, at_rest(real))


def _camera(volume: Volume | DrivenFace) -> Camera:
    """Before which the portrait's head stands."""
    return volume.sight.camera if isinstance(volume, DrivenFace) else volume.bust.camera


def reenact(
    models: Models,
    avatar: Avatar,
    footage: Footage,
    output: Path,
    settings: Reenactment,
    choose: Choice,
    progress: Progress = silent,
    kept: list[Tensor] | None = None,
) -> Watched:
    """Move a portrait as the head in a video moves; the result has the video's frames, moments and sound.

    The portrait's grant must allow re-enactment. A list `kept` collects the motion, [63] each.
    """
    avatar.volume.grant.require(REENACTMENT)
    quiet, watched = settings.anchor == "quiet", Watched()
    told = FrameProgress(progress, footage.frames, readings=int(quiet))
    reading = told.reading(0) if quiet else told.again
    pieces = _in_pieces(driven_by(models, avatar.volume, footage, settings, choose, watched, reading), kept)
    given = {"moments": footage.moments, "use": REENACTMENT}
    write_frames(avatar.volume, pieces, footage.frames, output, footage.fps, footage.sound, told, **given)
    return watched


@one_thread()
def motion_of(
    models: Models,
    volume: Volume | DrivenFace,
    footage: Footage,
    settings: Reenactment,
    choose: Choice,
    progress: Progress = silent,
) -> tuple[MotionLatents, Watched]:
    """What a video makes of a portrait, to be edited or drawn; frames that come unevenly are told evenly. The
    portrait's grant must allow re-enactment."""
    volume.grant.require(REENACTMENT)
    watched = Watched()
    vectors = list(driven_by(models, volume, footage, settings, choose, watched, progress))
    return told_evenly(vectors, footage, volume.reference), watched


def told_evenly(vectors: Sequence[Tensor], footage: Footage, reference: Tensor) -> MotionLatents:
    """Motion [63] of every frame of a video as a performance at its mean rate: re-enactment, whomever it moves."""
    return MotionLatents(torch.stack(evenly(vectors, footage)), footage.fps, reference.float().cpu(), REENACTMENT)


def summary(watched: Watched, footage: Footage) -> str:
    """What was noticed, for people."""
    lines = [f"{watched.frames} frames at {float(footage.fps):g} fps"]
    if footage.moments:
        lines.append("frames come unevenly; the motion is told evenly")
    for run in watched.lost:
        lines.append(f"no face in {run.frames}: {run.done}")
    return "\n".join(lines)


def _in_pieces(motion: Iterable[Tensor], kept: list[Tensor] | None) -> Iterator[Tensor]:
    """Pieces of one frame. [1, 63]"""
    for vector in motion:
        if kept is not None:
            kept.append(vector)
        yield vector[None]


def make_reenactment(
    driving: Path,
    photo: Path,
    output: Path,
    settings: Reenactment,
    *,
    face: int | None = None,
    driving_face: int | None = None,
    size: int | None = None,
    motion: Path | None = None,
    public: LivePortrait | MiniRenderer | None = None,
    progress: Progress,
    watching: Progress = silent,
) -> dict:
    """From files to a file; returns a report of plain values. The performance goes to `motion`; a `public` checkpoint
    or a mini may render it. Progress of `watching` is that of footage in the place of a photo."""
    started = time.monotonic()
    footage = inspect_footage(driving)
    models = load_models()
    avatar = enrol_photo(models, photo, face, size, public, REENACTMENT, watching)
    kept: list[Tensor] | None = [] if motion else None
    choose = partial(choose_face, name=driving, number=driving_face, option="--driving-face")
    watched = reenact(models, avatar, footage, output, settings, choose, progress, kept)
    if motion:
        save_motion(motion, told_evenly(kept, footage, avatar.identity.reference))
    return {
        "output": str(output),
        "frames": watched.frames,
        "fps": str(footage.fps),
        "seconds": footage.seconds,
        "sound": footage.sound is not None,
        "even": footage.moments is None,
        "region": settings.region,
        "relation": settings.relation,
        "anchor": settings.anchor,
        "lost_policy": settings.lost,
        "lost": [run.told(footage) for run in watched.lost],
        "amplitudes": dict(settings.amplitudes),
        **describe(avatar),
        "elapsed": round(time.monotonic() - started, 2),
    }
