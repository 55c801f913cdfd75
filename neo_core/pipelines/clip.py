"""From files to a file: a photo and a sound are opened, allowed, animated and written."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from ..data_types import Identity, MotionLatents, Progress, silent
from ..governance import FULL_BODY, TALKING_HEAD, Grant, authorise, fingerprint
from ..media.audio import inspect_sound
from ..media.footage import VIDEOS
from ..media.joins import join_seconds
from ..neo2.chunk_executor import Processes
from ..pictar.mini.face import MiniFace
from ..pictar.volumetric.driven_face import DrivenFace
from .footage_enrolment import enrol_footage, inspect_for_enrolment
from .full_body import FPS, FullBodySettings, encode_anchor, joins_of, load_full_body, perform_full_body, unread
from .half_body import made_up, missing_share, turned_away
from .live_portrait import LivePortrait, enrol_public, load_public
from .mini import MiniRenderer, drawn_by
from .motion_file import save_motion
from .portrait import Portrait, choose_face, open_clip, open_portrait
from .talking_head import Avatar, Models, Settings, enrol, load_models, speak, write_video

Weights = tuple[Path | None, Path | None]  # of the audio encoder and of VOCAL
EMBEDDED: Weights = (None, None)
Neo2Weights = tuple[Path | None, Path | None]  # of the video autoencoder and of the DiT
Idling = Callable[[Models, Identity, float, Settings], MotionLatents]


def make_video(
    photo: Path,
    audio: Path,
    output: Path,
    settings: Settings,
    *,
    face: int | None = None,
    size: int | None = None,
    motion: Path | None = None,
    weights: Weights = EMBEDDED,
    public: LivePortrait | MiniRenderer | None = None,
    progress: Progress,
    watching: Progress = silent,
) -> dict:
    """The person in a photo speaks a sound; returns a report of plain values. The performance goes to `motion`; a
    `public` checkpoint or a mini may render it. Progress of `watching` is that of footage in the place of a photo."""
    started = time.monotonic()
    sound = inspect_sound(audio)
    models = load_models(*weights)
    avatar = enrol_photo(models, photo, face, size, public, watching=watching)
    kept = [] if motion else None  # hours of it take memory
    frames = speak(models, avatar, sound, output, settings, progress, kept)
    if motion:
        save_motion(motion, MotionLatents(torch.cat(kept), settings.fps, avatar.identity.reference))
    return _report(output, frames, sound.seconds, settings, avatar, started)


def make_idle(
    photo: Path,
    seconds: float,
    output: Path,
    settings: Settings,
    perform: Idling,
    *,
    face: int | None = None,
    size: int | None = None,
    motion: Path | None = None,
    weights: Weights = EMBEDDED,
    public: LivePortrait | MiniRenderer | None = None,
    progress: Progress,
    watching: Progress = silent,
) -> dict:
    """The person in a photo waits and listens, as `perform` (`idle` or `idle_loop`) has it; returns the same report."""
    started = time.monotonic()
    models = load_models(*weights)
    avatar = enrol_photo(models, photo, face, size, public, watching=watching)
    latents = perform(models, avatar.identity, seconds, settings)
    frames = write_video(avatar.volume, latents, output, None, progress)
    if motion:
        save_motion(motion, latents)
    return _report(output, frames, float(frames / settings.fps), settings, avatar, started)


def make_full_body(
    photo: Path,
    audio: Path,
    output: Path,
    prompt: str,
    settings: FullBodySettings,
    *,
    face: int | None = None,
    weights: Neo2Weights = EMBEDDED,
    processes: int = 1,
    remark: Callable[[str], object] = lambda _: None,
    progress: Progress,
) -> dict:
    """NEO 2: the person in a photo speaks a sound with head, hands and body; returns a report of plain values. With
    several `processes` of one thread each, chunks are denoised side by side in them. What could be better about photo
    and prompt goes to `remark` before anything is made."""
    started = time.monotonic()
    sound = inspect_sound(audio)
    models = load_full_body(*weights)
    portrait = open_portrait(models.analyser, photo, face)
    missing = missing_share(portrait.photo, portrait.face)  # nobody is asked for consent to what would be refused
    grant = _permission(portrait, FULL_BODY, photo, face)
    for told in filter(None, (made_up(missing), turned_away(portrait.face), unread(prompt))):
        remark(told)
    anchor = encode_anchor(models, portrait, grant=grant)
    with Processes(processes) if processes > 1 else nullcontext() as executor:
        frames = perform_full_body(models, anchor, sound, prompt, output, settings, progress, executor)
    joins = joins_of(frames, settings)
    return {
        "output": str(output),
        "frames": frames,
        "fps": str(FPS),
        "seconds": sound.seconds,
        "width": settings.scale * anchor.picture.shape[1],
        "height": settings.scale * anchor.picture.shape[0],
        "prompt": prompt,
        "missing": round(anchor.missing, 3),
        "joins": list(joins),
        "join_seconds": list(join_seconds(joins, FPS)),
        **asdict(settings),
        "elapsed": round(time.monotonic() - started, 2),
    }


def _report(
    output: Path, frames: int, seconds: float, settings: Settings, avatar: Avatar, started: float
) -> dict[str, object]:
    return {
        "output": str(output),
        "frames": frames,
        "fps": str(settings.fps),
        "seconds": seconds,
        "seed": settings.seed,
        "steps": settings.steps,
        "emotion": settings.emotion.state if settings.emotion else None,
        "emotion_strength": settings.emotion.strength if settings.emotion else None,
        "guidance": {name: value for name, value in asdict(settings.guidance).items() if value is not None},
        "amplitudes": dict(settings.amplitudes),
        **describe(avatar),
        "elapsed": round(time.monotonic() - started, 2),
    }


def enrol_photo(
    models: Models,
    photo: Path,
    face: int | None,
    size: int | None,
    public: LivePortrait | MiniRenderer | None = None,
    use: str = TALKING_HEAD,
    watching: Progress = silent,
) -> Avatar:
    """Find the face, ask for consent to a use, lift: onto our head, or into the renderer of a public checkpoint. In the
    place of a photo there may be a video of the person (`footage_enrolment`), whose frames are watched. A mini draws
    what is on our head: the photo, or the best frame alone."""
    mini = public.load() if isinstance(public, MiniRenderer) else None  # may not be there: said before any work is done
    checkpoint = public if isinstance(public, LivePortrait) else None
    renderer = load_public(checkpoint) if checkpoint else None
    if photo.suffix.lower() in VIDEOS:
        more = {"public": renderer, "choice": checkpoint, "widen": mini is None, "progress": watching}
        avatar = _enrol_clip(models, photo, face, size, use, more)
    else:
        portrait = open_portrait(models.analyser, photo, face)
        grant = _permission(portrait, use, photo, face)
        if renderer:
            return enrol_public(models, renderer, portrait, size, checkpoint, grant=grant)
        avatar = enrol(models, portrait, size, grant=grant)
    return drawn_by(avatar, mini) if mini else avatar


def _enrol_clip(models: Models, clip: Path, face: int | None, size: int | None, use: str, more: dict) -> Avatar:
    """The same from footage, with `more` for `enrol_footage`; the consent is that for the clip, as `redub` asks for
    it."""
    footage = inspect_for_enrolment(clip)
    portrait = open_clip(models.analyser, clip, face, progress=more["progress"])
    grant = _permission(portrait, use, clip, face)
    choose = partial(choose_face, name=clip, number=face)
    return enrol_footage(models, footage, portrait, size, choose, grant=grant, **more).avatar


def _permission(portrait: Portrait, scope: str, photo: Path, face: int | None) -> Grant:
    """What the consent records say to a use of the picture in a file."""
    return authorise(fingerprint(portrait.photo, portrait.face.landmarks68), scope, source=str(photo), face=face)


def describe(avatar: Avatar) -> dict:
    """Size of the frames, distance of the eyes in pixels, the share of the frame that moves, and what draws it."""
    height, width = avatar.volume.photo.shape[:2]
    drawn: dict[str, object] = {"renderer": "geometric"}
    if isinstance(avatar.volume, MiniFace):
        drawn = {"renderer": "mini"}
    if isinstance(avatar.volume, DrivenFace):
        drawn = {"renderer": "liveportrait", "calibrated": avatar.volume.bridge.calibrated}
    return {
        "width": width,
        "height": height,
        "eye_distance": round(avatar.eye_distance, 1),
        "region": round(avatar.volume.region, 4),
        **drawn,
        **avatar.noticed,
    }
