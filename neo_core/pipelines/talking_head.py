"""The talking head, whole: a photo and a sound become a video.

    sound -> audio encoder -> VOCAL -> motion at the video's rate -+
    photo -> face -> head fit -> lift ----------------------------+-> deform, translate -> writer

`speak` does it in one go: a chain of generators in which a second of sound is read, heard, performed, drawn and written
before the next, so ten hours take no more memory than ten seconds. `hear`, `generate` and `write_video` are the same
stage by stage, with the whole of each result in between. A `progress` that raises stops any of them and leaves no file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, encode
from ..audio.loading import load_audio_encoder
from ..data_types import (
    STYLE_SIZE,
    AudioFeatures,
    Emotion,
    Identity,
    InputError,
    MotionLatents,
    Progress,
    Waveform,
    silent,
)
from ..flow.guidance import Guidance
from ..geometry.head_model import HeadModel, load_head_model
from ..governance import TALKING_HEAD, Grant
from ..media.audio import Sound, check_waveform
from ..media.footage import TICKS
from ..media.video import VideoWriter
from ..pictar.analysis import Analyser, Face, load_analyser, person_mask
from ..pictar.crop import Framing, square_around, whole
from ..pictar.expression import amplify
from ..pictar.fit import fit_head
from ..pictar.geometric import DRAWN, ROUGH, Volume, lift, render
from ..pictar.mini.face import MiniFace, render_mini
from ..pictar.volumetric.driven_face import DrivenFace, render_face
from ..runtime.threads import one_thread
from ..timebase import MOTION_RATE, frame_count
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import STEPS, generate_motion, generate_windows
from .frame_progress import FrameProgress
from .frame_rate import resample_motion
from .hearing import heard, sample_count, usable
from .portrait import Portrait, refuse_child


@dataclass(frozen=True)
class Models:
    analyser: Analyser
    head: HeadModel
    audio_encoder: AudioEncoder
    vocal: MotionGenerator


@dataclass(frozen=True)
class Settings:
    fps: Fraction = Fraction(MOTION_RATE)
    seed: int = 0
    steps: int = STEPS  # Euler steps of VOCAL
    guidance: Guidance = field(default_factory=Guidance)
    emotion: Emotion | None = None  # the state to act; without one, as the voice sounds
    amplitudes: tuple[tuple[str, float], ...] = ()  # of parts or channels, after VOCAL: `pictar.expression.amplify`


@dataclass(frozen=True)
class Avatar:
    """A portrait that may be moved, and who that is for VOCAL."""

    volume: Volume | MiniFace | DrivenFace  # a 3D head wearing the photo; or a learned renderer's
    identity: Identity
    eye_distance: float  # pixels in the frame
    person: Tensor  # [h, w] 0..1 what of the frame is drawn as the person
    noticed: Mapping[str, object] = field(default_factory=dict)  # of the footage it was enrolled from, for a report


def load_models(audio_encoder: Path | None = None, vocal: Path | None = None) -> Models:
    """The embedded weights of every stage, or others of these two. Raises InputError when they do not go together."""
    models = Models(load_analyser(), load_head_model(), load_audio_encoder(audio_encoder), load_vocal(vocal))
    heard = models.audio_encoder
    models.vocal.require_encoder(heard.name, heard.layers, heard.width)
    return models


@one_thread()
def enrol(
    models: Models,
    portrait: Portrait,
    size: int | None,
    *,
    grant: Grant,
    person: Tensor | None = None,
    progress: Progress = silent,
) -> Avatar:
    """Lift a portrait: the whole photo at its own size, or head and shoulders in a `size` square.

    `person` [H, W] in 0..1 says which pixels of the photo are the person, and is taken as it is; without it,
    `person_mask` tells roughly and the renderer brings that to the picture's edges.
    """
    grant.require(TALKING_HEAD)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    refuse_child(portrait.face, "the photo")
    box = portrait.face.box
    framing = square_around(portrait.photo, box, size) if size else whole(portrait.photo)
    face = replace(
        portrait.face,
        box=framing.to_frame(box.view(2, 2)).flatten(),
        landmarks=framing.to_frame(portrait.face.landmarks),
        sigma=portrait.face.sigma * framing.scale[0],
    )
    progress(0, 3, None)
    fit = fit_head(models.head, face.landmarks, face.sigma, tuple(framing.image.shape[:2]))
    progress(1, 3, None)
    mask = person_mask(models.analyser, framing.image, face) if person is None else _drawn(framing, person, face)
    progress(2, 3, None)
    reading = ROUGH if person is None else DRAWN
    volume = lift(framing, fit, mask, grant=grant, model=models.head, reading=reading)
    identity = Identity(fit.identity, torch.zeros(STYLE_SIZE), volume.reference)
    progress(3, 3, None)
    eyes = face.landmarks68[36:48].unflatten(0, (2, 6)).mean(1)  # [2, 2]
    return Avatar(volume, identity, float((eyes[0] - eyes[1]).norm()), _final(mask, volume))


def _drawn(framing: Framing, person: Tensor, face: Face) -> Tensor:
    """What belongs to the frame of a mask of the photo. [h, w]"""
    mask = framing.framed(person)
    at = face.landmarks68.long()
    inside = mask[at[:, 1].clamp(0, len(mask) - 1), at[:, 0].clamp(0, mask.shape[1] - 1)]
    if inside.max() < 0.5:
        raise InputError("the mask of the person covers nothing of the face; expected 1 where the person is")
    return mask


def _final(mask: Tensor, volume: Volume) -> Tensor:
    """What of the frame the renderer takes for the person: beyond the region that it draws, the mask. [h, w]"""
    shown = mask.clone()
    shown[volume.window.rows, volume.window.columns] = volume.person[3]
    return shown


def hear(models: Models, waveform: Waveform, progress: Progress = silent) -> AudioFeatures:
    """What the audio encoder makes of a whole sound."""
    return encode(models.audio_encoder, check_waveform(waveform), progress)


@one_thread()
def generate(
    models: Models, features: AudioFeatures, identity: Identity, settings: Settings, progress: Progress = silent
) -> MotionLatents:
    """The performance of a whole sound: one motion vector per frame of a video that covers it."""
    fps = settings.fps
    latents = generate_motion(
        models.vocal,
        features,
        identity,
        seed=settings.seed,
        steps=settings.steps,
        guidance=settings.guidance,
        emotion=settings.emotion,
        progress=progress,
    )
    frames = frame_count(features.samples, features.sample_rate, fps)
    motion = torch.cat(list(resample_motion([latents.motion], fps, frames)))
    return amplify(replace(latents, motion=motion, fps=fps), settings.amplitudes)


def write_video(
    volume: Volume | MiniFace | DrivenFace,
    motion: MotionLatents,
    output: Path,
    sound: Sound | Waveform | None,
    progress: Progress = silent,
) -> int:
    """Draw a performance and write it with a sound; returns the number of frames. The portrait's grant must cover the
    use that the performance is."""
    frames = len(motion.motion)
    write_frames(volume, [motion.motion], frames, output, motion.fps, sound, progress, use=motion.use)
    return frames


def speak(
    models: Models,
    avatar: Avatar,
    sound: Sound | Waveform,
    output: Path,
    settings: Settings,
    progress: Progress = silent,
    kept: list[Tensor] | None = None,
) -> int:
    """Make the avatar speak a sound; returns the number of frames. A list `kept` collects the motion, [n, 63] each."""
    sound = usable(sound)
    frames = frame_count(sample_count(sound), sound.sample_rate, settings.fps)
    told = FrameProgress(progress, frames)
    motion = perform(models, sound, avatar.identity, settings, told.again)
    motion = motion if kept is None else _keeping(motion, kept)
    write_frames(avatar.volume, motion, frames, output, settings.fps, sound, told)
    return frames


def perform(
    models: Models, sound: Sound | Waveform, identity: Identity, settings: Settings, progress: Progress = silent
) -> Iterator[Tensor]:
    """Motion for a sound at the rate of the video, in pieces as they are ready. [n, 63]"""
    encoder = models.audio_encoder
    models.vocal.require_encoder(encoder.name, encoder.layers, encoder.width)
    models.vocal.asked(settings.emotion)
    samples, rates = sample_count(sound), (Fraction(MOTION_RATE), settings.fps)
    frames = [frame_count(samples, sound.sample_rate, fps) for fps in rates]
    hidden = heard(encoder, sound, partial(progress, 0, frames[0], None))
    motion = generate_windows(
        models.vocal,
        hidden,
        identity,
        seed=settings.seed,
        steps=settings.steps,
        guidance=settings.guidance,
        emotion=settings.emotion,
        total=frames[0],
        progress=progress,
    )
    pieces, reference = resample_motion(motion, settings.fps, frames[1]), identity.reference.float().cpu()
    return (amplify(MotionLatents(piece, settings.fps, reference), settings.amplitudes).motion for piece in pieces)


def write_frames(
    volume: Volume | MiniFace | DrivenFace,
    motion: Iterable[Tensor],
    frames: int,
    output: Path,
    fps: Fraction,
    sound: Sound | Waveform | None,
    progress: Progress = silent,
    moments: Sequence[Fraction] | None = None,
    use: str = TALKING_HEAD,
) -> int:
    """Draw pieces of motion [n, 63] and write them with the sound; whether the grant covers the use is asked before the
    first frame and once more at the end, while there is no file yet.

    Frames come evenly, or at these `moments` in seconds. Returns how many were written.
    """
    volume.grant.require(use)
    ticks = TICKS if moments else 1
    vectors = (vector for piece in motion for vector in piece)
    learned = isinstance(volume, DrivenFace | MiniFace)  # whose networks are large enough to be worth all threads
    drawn = _drawing(volume)(volume, vectors)
    writing = VideoWriter(output, tuple(volume.photo.shape[:2]), fps, usable(sound), ticks=ticks)
    with nullcontext() if learned else one_thread(), writing as writer:
        progress(0, frames, None)
        for frame in drawn:
            writer.write(frame, moments[writer.frames] if moments else None)
            progress(writer.frames, frames, frame)
        volume.grant.require(use)
    return writer.frames


def _drawing(volume: Volume | DrivenFace | MiniFace) -> Callable[..., Iterable[Tensor]]:
    """Who draws such a face."""
    if isinstance(volume, DrivenFace):
        return render_face
    return render_mini if isinstance(volume, MiniFace) else render


def _keeping(pieces: Iterable[Tensor], kept: list[Tensor]) -> Iterator[Tensor]:
    for piece in pieces:
        kept.append(piece)
        yield piece
