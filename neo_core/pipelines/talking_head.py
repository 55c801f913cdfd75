"""The talking head, whole: a photo and a sound become a video.

    sound -> audio encoder -> VOCAL -> motion at the video's rate -+
    photo -> face -> head fit -> lift ----------------------------+-> deform, translate -> writer

Everything after `enrol` is a chain of generators: a second of sound is read, heard, performed, drawn and written before
the next, so ten hours take no more memory than ten seconds.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, clip_loudness, encode_stream, load_audio_encoder
from ..audio.features import RATE
from ..data_types import STYLE_SIZE, Identity
from ..flow.guidance import Guidance
from ..geometry.head_model import HeadModel, load_head_model
from ..governance import Grant
from ..media.audio import Sound, read_mono
from ..media.video import VideoWriter
from ..pictar.analysis import Analyser, load_analyser, person_mask
from ..pictar.crop import square_around, whole
from ..pictar.fit import fit_head
from ..pictar.geometric import Volume, lift, render
from ..runtime.threads import one_thread
from ..timebase import FEATURE_RATE, MOTION_RATE, frame_count
from ..vocal.sampler import STEPS, generate_windows
from ..vocal.unified_mmdit import UnifiedMMDiT, load_vocal
from .frame_rate import resample_motion
from .portrait import Portrait

SCOPE = "talking-head"
HEARD_AT_ONCE = 5 * FEATURE_RATE  # feature frames: little, so that short and long sounds take the same memory
Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass(frozen=True)
class Models:
    analyser: Analyser
    head: HeadModel
    audio_encoder: AudioEncoder
    vocal: UnifiedMMDiT


@dataclass(frozen=True)
class Settings:
    fps: Fraction = Fraction(MOTION_RATE)
    seed: int = 0
    steps: int = STEPS  # Euler steps of VOCAL
    guidance: Guidance = field(default_factory=Guidance)


@dataclass(frozen=True)
class Avatar:
    """A portrait that may be moved: its 3D head wearing the photo, and who that is for VOCAL."""

    volume: Volume
    identity: Identity
    eye_distance: float  # pixels in the frame


def load_models() -> Models:
    """The embedded weights of every stage."""
    return Models(load_analyser(), load_head_model(), load_audio_encoder(), load_vocal())


@one_thread()
def enrol(models: Models, portrait: Portrait, size: int | None, *, grant: Grant) -> Avatar:
    """Lift a portrait: the whole photo at its own size, or head and shoulders in a `size` square."""
    grant.require(SCOPE)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    box = portrait.face.box
    framing = square_around(portrait.photo, box, size) if size else whole(portrait.photo)
    face = replace(
        portrait.face,
        box=framing.to_frame(box.view(2, 2)).flatten(),
        landmarks=framing.to_frame(portrait.face.landmarks),
        sigma=portrait.face.sigma * framing.scale[0],
    )
    fit = fit_head(models.head, face.landmarks, face.sigma, tuple(framing.image.shape[:2]))
    mask = person_mask(models.analyser, framing.image, face)
    volume = lift(framing, fit, mask, grant=grant, model=models.head)
    identity = Identity(fit.identity, torch.zeros(STYLE_SIZE), volume.reference)
    eyes = face.landmarks68[36:48].unflatten(0, (2, 6)).mean(1)  # [2, 2]
    return Avatar(volume, identity, float((eyes[0] - eyes[1]).norm()))


def perform(models: Models, sound: Sound, identity: Identity, settings: Settings) -> Iterator[Tensor]:
    """Motion for a sound at the rate of the video, in pieces as they are ready. [n, 63]"""
    level = clip_loudness(read_mono(sound, RATE))  # a first pass: speech is heard relative to its own loudness
    hidden = encode_stream(models.audio_encoder, read_mono(sound, RATE), level, HEARD_AT_ONCE)
    motion = generate_windows(
        models.vocal, hidden, identity, seed=settings.seed, steps=settings.steps, guidance=settings.guidance
    )
    return resample_motion(motion, settings.fps, frame_count(sound.samples, sound.sample_rate, settings.fps))


def animate(
    models: Models,
    avatar: Avatar,
    sound: Sound,
    output: Path,
    settings: Settings,
    *,
    progress: Progress,
    kept: list[Tensor] | None = None,
) -> int:
    """Make the avatar speak a sound; returns the number of frames. A list `kept` collects the motion, [n, 63] each."""
    frames = frame_count(sound.samples, sound.sample_rate, settings.fps)
    motion = perform(models, sound, avatar.identity, settings)
    motion = motion if kept is None else _keeping(motion, kept)
    write_frames(avatar, motion, frames, output, settings.fps, sound, progress=progress)
    return frames


@one_thread()
def write_frames(
    avatar: Avatar,
    motion: Iterable[Tensor],
    frames: int,
    output: Path,
    fps: Fraction,
    sound: Sound | None,
    *,
    progress: Progress,
) -> None:
    """Draw pieces of motion [n, 63] and write them with the sound; the grant is asked once more at the end."""
    vectors = (vector for piece in motion for vector in piece)
    with VideoWriter(output, tuple(avatar.volume.photo.shape[:2]), fps, sound) as writer:
        for frame in render(avatar.volume, vectors):
            writer.write(frame)
            progress(writer.frames, frames)
        avatar.volume.grant.require(SCOPE)


def _keeping(pieces: Iterable[Tensor], kept: list[Tensor]) -> Iterator[Tensor]:
    for piece in pieces:
        kept.append(piece)
        yield piece
