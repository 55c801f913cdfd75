"""Re-enactment in which a public checkpoint reads the driving head itself (`pictar.volumetric.imitation`).

    video -> faces, first pass -> one square for all frames -> second pass: crops -> readings, steadied, gaps filled
          -> keypoints

The square is the mean of all frames' own, as published: one that follows the face would take its movement away.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..governance import REENACTMENT
from ..media.footage import Footage, inspect_footage, read_pictures
from ..pictar.geometric import Volume
from ..pictar.head_crop import HeadCrop
from ..pictar.head_track import Choice, followed
from ..pictar.lost_faces import Lost, without_gaps
from ..pictar.squares import Squares, frame_head
from ..pictar.volumetric.driven_face import DrivenFace
from ..pictar.volumetric.family import Renderer
from ..pictar.volumetric.imitation import NOBODY, halfway, imitator, read_head, require_imitator
from ..pictar.volumetric.steadying import steadied
from .clip import describe, enrol_photo
from .frame_progress import FrameProgress
from .live_portrait import LivePortrait
from .motion_file import save_motion
from .portrait import choose_face
from .reenactment import told_evenly
from .talking_head import Models, load_models, write_frames

HEAD, RISE = 2.2, 0.1  # of the square around a driving head, as published
READINGS = 2  # of the video: for where the face is, and for what it does


def read_driving(
    models: Models,
    renderer: Renderer,
    footage: Footage,
    choose: Choice,
    lost: str,
    told: FrameProgress,
    *,
    steady: bool = True,
) -> tuple[Tensor, list[Lost]]:
    """Readings of every frame of a video, those without the face made up by a policy: `NOBODY` where nothing is to be
    moved; their tremor taken out unless they are not to be `steady`. [T, N]

    Raises InputError when no frame shows the face.
    """
    report: list[Lost] = []
    faces = followed(models.analyser, _pictures(footage, told.reading(0)), choose)
    points = [face and face.landmarks68 for face in faces]
    seen = [one for one in points if one is not None]
    if not seen:
        raise InputError(f"no human face found in {footage.path}; expected a video that shows one clearly")
    if lost == "error":  # before all is read once more
        list(without_gaps(points, lost, report, footage.path))
    square = mean_square(torch.stack(seen))

    def readings() -> Iterator[Tensor | None]:
        for picture, landmarks68 in zip(_pictures(footage, told.reading(1)), points, strict=True):
            crop = HeadCrop(picture, square, (renderer.config.side,) * 2)
            yield None if landmarks68 is None else read_head(renderer, crop, landmarks68)

    measured = steadied(list(readings()), footage.fps) if steady else readings()
    filled = list(without_gaps(measured, lost, report, footage.path, halfway))
    size = next(len(one) for one in filled if one is not None)
    return torch.stack([torch.full((size,), NOBODY) if one is None else one for one in filled]), report


def _pictures(footage: Footage, progress: Progress) -> Iterator[Tensor]:
    for done, picture in enumerate(read_pictures(footage)):
        progress(done, footage.frames, None)
        yield picture


def mean_square(landmarks68: Tensor) -> Squares:
    """One level square for the faces of all frames. [T, 68, 2]"""
    squares = frame_head(landmarks68, HEAD, RISE)
    return Squares(squares.center.mean(0, keepdim=True), squares.side.mean(0, keepdim=True), torch.zeros(1))


def imitate(
    models: Models,
    face: Volume | DrivenFace,
    footage: Footage,
    output: Path,
    choose: Choice,
    *,
    lost: str,
    anchor: str,
    steady: bool = True,
    progress: Progress = silent,
    kept: list[Tensor] | None = None,
) -> list[Lost]:
    """Move a portrait that a public checkpoint draws by what that checkpoint reads of a video, without the tremor of
    that unless it is not to be `steady`; frames, moments and sound are the video's. A list `kept` collects the motion
    [T, 63]. Returns where the face was lost."""
    require_imitator(face)
    face.grant.require(REENACTMENT)
    told = FrameProgress(progress, footage.frames, READINGS)
    readings, report = read_driving(models, face.volume.renderer, footage, choose, lost, told, steady=steady)
    moved = imitator(face, readings, anchor)
    if kept is not None:
        kept.append(moved.motion(readings))
    given = {"moments": footage.moments, "use": REENACTMENT}
    write_frames(moved, [readings], len(readings), output, footage.fps, footage.sound, told, **given)
    return report


def make_imitation(
    driving: Path,
    photo: Path,
    output: Path,
    *,
    public: LivePortrait,
    relative: bool = True,
    region: str = "all",
    anchor: str = "quiet",
    lost: str = "hold",
    steady: bool = True,
    face: int | None = None,
    driving_face: int | None = None,
    size: int | None = None,
    motion: Path | None = None,
    progress: Progress,
    watching: Progress = silent,
) -> dict:
    """From files to a file; returns a report of plain values. The performance, as far as our motion vectors can say it,
    goes to `motion`."""
    started = time.monotonic()
    footage = inspect_footage(driving)
    models = load_models()
    chosen = replace(public, rules=replace(public.rules, relative=relative, region=region))
    avatar = enrol_photo(models, photo, face, size, chosen, REENACTMENT, watching)
    kept: list[Tensor] | None = [] if motion else None
    choose = partial(choose_face, name=driving, number=driving_face, option="--driving-face")
    wishes = {"lost": lost, "anchor": anchor, "steady": steady, "progress": progress, "kept": kept}
    report = imitate(models, avatar.volume, footage, output, choose, **wishes)
    if motion:
        save_motion(motion, told_evenly(kept[0], footage, avatar.identity.reference))
    return {
        "output": str(output),
        "frames": footage.frames,
        "fps": str(footage.fps),
        "seconds": footage.seconds,
        "sound": footage.sound is not None,
        "even": footage.moments is None,
        "region": region,
        "relation": "relative" if relative else "absolute",
        "read_by": "checkpoint",
        "anchor": anchor,
        "steadied": steady,
        "lost_policy": lost,
        "lost": [run.told(footage) for run in report],
        **describe(avatar),
        "elapsed": round(time.monotonic() - started, 2),
    }
