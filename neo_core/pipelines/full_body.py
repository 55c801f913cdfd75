"""NEO 2, whole: a photo of a person, a sound and a prompt become a video of the body that speaks.

    sound  -> audio encoder ----------+
    prompt -> words ------------------+-> DiT in a few steps, chunk beside chunk -> latents -> VAE -> frames -> writer
    photo  -> half body -> anchor ----+        (Neural Continuum Sync)                          |
                             +------------------------------------------------------------------+

`perform_full_body` does it in one go: a chain of generators in which a group of chunks is heard, denoised, decoded
slice by slice and written before the next, so that half an hour takes no more memory than half a minute.
`denoise_chunk`, `continuum_latents` and `write_latents` are the same stage by stage, with the whole of each result in
between, held once: half an hour is about 0.6 GB of what was heard and 0.2 GB of latents. A `progress` that raises stops
any of them and leaves no file.

A grant belongs to what was made of its picture: anchor and latents carry its stamp, and what does not fit it is
neither moved nor shown. It is asked again while latents are made and while frames are written.

Letters: C channels of a latent, T latents (25 / 4 Hz), h w cells, L layers and D width of the audio encoder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ..audio.encoder import AudioEncoder
from ..audio.loading import load_audio_encoder
from ..data_types import AudioFeatures, InputError, Progress, VideoLatents, Waveform, silent
from ..governance import FULL_BODY, Grant, require_grant, while_allowed
from ..media.audio import Sound
from ..media.image import enlarged
from ..media.joins import joins_comment
from ..media.video import VideoWriter
from ..neo2.chunk_executor import Executor
from ..neo2.continuum_sync import continuum
from ..neo2.decoding import SLICE, decode_stream
from ..neo2.dit import Conditions, DiT
from ..neo2.latent_space import CELL, FRAMES, HEARD, RATE, SIZE, latent_count, latent_shape
from ..neo2.loading import load_dit, load_video_vae
from ..neo2.prosody import Energy, Prosody, following
from ..neo2.sampler import SHIPPED, Sampling, noise_field, sample_chunk
from ..neo2.text_encoder import LETTERS, WORDS, places, tokenise
from ..neo2.video_vae import VideoVAE
from ..neo2.window_layout import Sync, join_frames
from ..pictar.analysis import Analyser, load_analyser
from ..timebase import frame_count
from .frame_progress import FrameProgress
from .half_body import frame_half_body
from .hearing import HEARD_AT_ONCE, HeardSpan, heard, sample_count, silence, usable
from .portrait import Portrait, refuse_child

FPS = Fraction(RATE)
SHIFT = 3.0  # of the flow times where the shipped ones are for another number of steps
SCALES = (1, 8)  # the model's own pixels, and as many times as large in the file


@dataclass(frozen=True)
class FullBodyModels:
    analyser: Analyser
    audio_encoder: AudioEncoder
    vae: VideoVAE
    dit: DiT

    def require_hearing(self, layers: int, width: int, encoder: str) -> None:
        """Raise InputError unless this is sound as the DiT was trained to hear it."""
        config = self.dit.config
        if (layers, width) != (config.audio_layers, config.audio_width):
            raise InputError(
                f"the sound was heard by {encoder} ({layers} layers of {width} numbers); expected an encoder with "
                f"{config.audio_layers} layers of {config.audio_width}, as this NEO 2 was trained with"
            )


@dataclass(frozen=True)
class FullBodySettings:
    sampling: Sampling = SHIPPED
    sync: Sync = field(default_factory=Sync)
    scale: int = 1  # pixels of the file per pixel of the model, on each side

    def __post_init__(self) -> None:
        if not SCALES[0] <= self.scale <= SCALES[1]:
            raise InputError(f"scale is {self.scale}; expected a whole number from {SCALES[0]} to {SCALES[1]}")


@dataclass(frozen=True)
class Anchor:
    """A person that may be moved, as NEO 2 knows them."""

    latent: Tensor  # [C, 4h, 4w] the code of the picture
    picture: Tensor  # u8 [SIZE, SIZE, 3] what was encoded
    missing: float  # 0..1, of the picture that the photo does not show
    grant: Grant
    stamp: bytes  # of the grant, on latent and picture

    def require(self) -> None:
        """Raise ConsentRequired unless the grant holds and this is the person it was given for."""
        require_grant(self.grant).require(FULL_BODY)
        self.grant.require_stamp(self.stamp, self.latent, self.picture)

    def __repr__(self) -> str:
        return f"Anchor({self.picture.shape[1]} x {self.picture.shape[0]} pixels)"


@dataclass(frozen=True, repr=False)
class PerformedLatents(VideoLatents):
    """A video in latents with the permission to show it."""

    grant: Grant | None = None
    stamp: bytes = b""  # of the grant, on latents and anchor

    def require(self) -> None:
        """Raise ConsentRequired unless the grant holds and these are the latents made with it."""
        require_grant(self.grant).require(FULL_BODY)
        self.grant.require_stamp(self.stamp, self.latents, self.anchor)


def load_full_body(vae: Path | None = None, dit: Path | None = None) -> FullBodyModels:
    """The embedded weights, or others of the two networks of NEO 2. Raises InputError when there are none."""
    return joined(load_analyser(), load_audio_encoder(), load_video_vae(vae), load_dit(dit))


def joined(analyser: Analyser, audio_encoder: AudioEncoder, vae: VideoVAE, dit: DiT) -> FullBodyModels:
    """Networks that were loaded before. Raises InputError when they do not go together."""
    models = FullBodyModels(analyser, audio_encoder, vae.eval(), dit.eval())
    models.require_hearing(audio_encoder.layers, audio_encoder.width, audio_encoder.name)
    return models


def shipped_sampling(steps: int, **changes: object) -> Sampling:
    """The sampling as the model ships, with `changes` and another number of steps: stops are for their own number."""
    fits = steps == SHIPPED.steps or not isinstance(SHIPPED.schedule, tuple)
    return replace(SHIPPED, **{"steps": steps, "schedule": SHIPPED.schedule if fits else SHIFT} | changes)


def unread(prompt: str) -> str | None:
    """What to tell a user of a prompt that is too long to be read to its end; None of one that is not."""
    taken = places(prompt)
    if taken <= WORDS:
        return None
    return (
        f"the prompt takes {taken} places, one for every {LETTERS} letters of a word; expected at most {WORDS}: "
        "its end is not read"
    )


@torch.no_grad()
def encode_anchor(models: FullBodyModels, portrait: Portrait, *, grant: Grant, progress: Progress = silent) -> Anchor:
    """Frame the person in a photo as NEO 2 was trained and encode what is seen.

    Raises ConsentRequired without consent to a full body, UnderAge for a child, InputError when the photo shows too
    little of the body.
    """
    grant.require(FULL_BODY)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    refuse_child(portrait.face, "the photo")
    progress(0, 1, None)
    half = frame_half_body(portrait.photo, portrait.face, SIZE)
    latent = still_latent(models.vae, half.picture)
    progress(1, 1, half.picture)
    return Anchor(latent, half.picture, half.missing, grant, grant.stamp(latent, half.picture))


def denoise_chunk(
    models: FullBodyModels,
    anchor: Anchor,
    features: AudioFeatures,
    prompt: str,
    settings: FullBodySettings,
    first: int = 0,
    progress: Progress = silent,
) -> PerformedLatents:
    """One chunk of a performance, alone: the latents from `first` on, fewer where the sound ends. Nothing is known of
    what comes before. Raises InputError when the sound ends before it begins."""
    anchor.require()
    frames = frame_count(features.samples, features.sample_rate, FPS) - FRAMES * first
    if frames < 1:
        raise InputError(f"the chunk begins at frame {FRAMES * first}; expected one before the end of the sound")
    count = min(settings.sync.chunk, latent_count(frames))
    length = max(count, settings.sync.shortest)  # beyond the end of the sound where a window would be too short
    hidden = _span(models, features)(HEARD * first, HEARD * (first + length))
    conditions = _alone(anchor.latent, hidden, tokenise(prompt))
    noise = noise_field(settings.sampling.seed, first, length, latent_shape(anchor.latent.shape))
    latents = sample_chunk(_Placed(models.dit), conditions, noise[None], settings.sampling, progress)[0, :count]
    energy = models.dit.prosody(hidden)
    pieces = _followed([latents], lambda begin, end: energy[begin:end], settings.sampling)
    return _performed(torch.cat(list(pieces)), anchor, min(frames, FRAMES * count))


def continuum_latents(
    models: FullBodyModels,
    anchor: Anchor,
    features: AudioFeatures,
    prompt: str,
    settings: FullBodySettings,
    progress: Progress = silent,
) -> PerformedLatents:
    """The performance of a whole sound, its chunks denoised side by side and made to agree."""
    anchor.require()
    frames = frame_count(features.samples, features.sample_rate, FPS)
    latents, done = anchor.latent.new_empty(latent_count(frames), *latent_shape(anchor.latent.shape)), 0
    span = _span(models, features)
    for piece in latent_pieces(models.dit, anchor.latent, span, prompt, len(latents), settings, progress):
        anchor.grant.require(FULL_BODY)
        latents[done : done + len(piece)] = piece
        done += len(piece)
    return _performed(latents, anchor, frames, joins_of(frames, settings))


def _performed(latents: Tensor, anchor: Anchor, frames: int, joins: tuple[int, ...] = ()) -> PerformedLatents:
    stamp = anchor.grant.stamp(latents, anchor.latent)
    return PerformedLatents(latents, anchor.latent, frames, FPS, joins, anchor.grant, stamp)


def perform_full_body(
    models: FullBodyModels,
    anchor: Anchor,
    sound: Sound | Waveform,
    prompt: str,
    output: Path,
    settings: FullBodySettings,
    progress: Progress = silent,
    executor: Executor | None = None,
) -> int:
    """Make the person speak a sound; returns the number of frames. An `executor` denoises chunks elsewhere."""
    anchor.require()
    sound = usable(sound)
    frames = frame_count(sample_count(sound), sound.sample_rate, FPS)
    told = FrameProgress(progress, frames)
    encoder = models.audio_encoder
    models.require_hearing(encoder.layers, encoder.width, encoder.name)
    span = HeardSpan(heard(encoder, sound, told.again), silence(encoder))
    total = latent_count(frames)
    pieces = latent_pieces(models.dit, anchor.latent, span, prompt, total, settings, told.again, executor)
    shown = decoded_frames(models.vae, anchor.latent, pieces, frames)
    comment = joins_comment(joins_of(frames, settings), frames, FPS)
    writer = _writer(output, anchor.latent, settings.scale, sound, comment)
    _write(writer, shown, frames, settings.scale, anchor.grant, told)
    return frames


def write_latents(
    models: FullBodyModels,
    latents: PerformedLatents,
    output: Path,
    sound: Sound | Waveform | None,
    scale: int = 1,
    progress: Progress = silent,
    tile: int | None = None,
) -> int:
    """Decode a performance and write it with a sound; returns the number of frames. With `tile`, pictures are decoded
    in squares of that many cells of 4 x 4 pixels: the same ones."""
    latents.require()
    sound = usable(sound)
    shown = decoded_frames(models.vae, latents.anchor, [latents.latents], latents.frames, tile)
    comment = joins_comment(latents.joins, latents.frames, FPS)
    writer = _writer(output, latents.anchor, scale, sound, comment)
    _write(writer, shown, latents.frames, scale, latents.grant, progress)
    return latents.frames


def joins_of(frames: int, settings: FullBodySettings) -> tuple[int, ...]:
    """The frames of a video where two of its chunks meet."""
    found = join_frames(latent_count(frames), settings.sync, settings.sampling.steps)
    return tuple(frame for frame in found if frame < frames)


def _writer(
    output: Path, anchor: Tensor, scale: int, sound: Sound | Waveform | None, comment: str | None
) -> VideoWriter:
    """Of a video as large as an anchor [C, 4h, 4w] is shown, which says of itself where its chunks meet."""
    height, width = (scale * CELL * cells for cells in anchor.shape[1:])
    return VideoWriter(output, (height, width), FPS, sound, comment=comment)


def _write(
    to: VideoWriter, pictures: Iterable[Tensor], frames: int, scale: int, grant: Grant, progress: Progress
) -> None:
    """Write frames u8 [H, W, 3] as long as the grant holds, which is asked once more at the end."""
    with to as writer:
        progress(0, frames, None)
        for frame in while_allowed(grant, FULL_BODY, pictures):
            shown = enlarged(frame, scale)
            writer.write(shown)
            progress(writer.frames, frames, shown)
        grant.require(FULL_BODY)


# --- numbers in, numbers out: whoever calls these has asked, or shows nobody --------------------------------------


@torch.no_grad()
def still_latent(vae: VideoVAE, picture: Tensor) -> Tensor:
    """The code of a picture. u8 [H, W, 3] -> [C, 4h, 4w]"""
    pixels = rearrange(picture, "h w c -> 1 c h w").to(vae.mean) / 127.5 - 1
    return vae.encode_still(pixels)[0].cpu().float()


def latent_pieces(
    dit: DiT,
    anchor: Tensor,
    span: HeardSpan,
    prompt: str,
    total: int,
    settings: FullBodySettings,
    progress: Progress = silent,
    executor: Executor | None = None,
) -> Iterator[Tensor]:
    """The `total` latents of a video in pieces [t, C, h, w], as they are finished. anchor [C, 4h, 4w]"""
    sampling, voice = settings.sampling, _Voice(span, dit.prosody)
    pieces = continuum(
        dit if executor else _Placed(dit),  # an executor finds a place for it
        anchor,
        voice,
        tokenise(prompt),
        total,
        settings.sync,
        sampling,
        executor,
        progress,
    )
    return _followed(pieces, voice.energy, sampling)


def _followed(pieces: Iterable[Tensor], energy: Energy, sampling: Sampling) -> Iterator[Tensor]:
    """The same pieces, moved as the voice asks; as they are where nothing follows it."""
    return following(pieces, energy, sampling.prosody) if sampling.follows else iter(pieces)


def decoded_frames(
    vae: VideoVAE, anchor: Tensor, pieces: Iterable[Tensor], frames: int, tile: int | None = None
) -> Iterator[Tensor]:
    """The frames of a video one by one; of the last latent only what the sound still covers. u8 [H, W, 3]"""
    slices = (part for piece in pieces for part in piece.split(SLICE))
    for shown in decode_stream(vae, anchor, slices, tile):
        yield from shown[:frames]
        frames -= len(shown[:frames])


def _span(models: FullBodyModels, features: AudioFeatures) -> HeardSpan:
    """Any span of a sound that was heard as a whole, of which no copy is made."""
    layers, _, width = features.hidden_states.shape
    models.require_hearing(layers, width, features.encoder)
    return HeardSpan(iter(features.hidden_states.split(HEARD_AT_ONCE, 1)), silence(models.audio_encoder))


def _alone(anchor: Tensor, hidden: Tensor, words: Tensor) -> Conditions:
    """What steers a chunk that knows of no other. [C, 4h, 4w], [L, t, D], [W, G]"""
    yes = torch.ones(1, dtype=torch.bool)
    context = anchor.new_zeros(1, 0, *latent_shape(anchor.shape))
    said = yes & bool(len(words))
    return Conditions(anchor[None], hidden[None], words[None], context, anchor.new_zeros(1, 0), yes, said, ~yes, yes)


class _Voice:
    """A sound as chunks ask for it, from the beginning on, and how much its voice does."""

    def __init__(self, span: HeardSpan, prosody: Prosody) -> None:
        self._span, self._prosody = span, prosody
        self._energy = torch.empty(0)  # of all latents that were asked for, a number each

    def __call__(self, first: int, last: int) -> Tensor:
        """What is heard during some latents: [L, 8 (last - first), D]"""
        hidden = self._span(HEARD * first, HEARD * last)
        self._energy = torch.cat((self._energy[:first], self._prosody(hidden)))
        return hidden

    def energy(self, first: int, last: int) -> Tensor:
        """Of latents whose sound was asked for, in deviations. [last - first]"""
        return self._energy[first:last]


@dataclass(frozen=True)
class _Placed:
    """The network as a function of numbers on the CPU, wherever it lives."""

    dit: DiT

    def __call__(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        device = next(self.dit.parameters()).device
        return self.dit(x.to(device), t.to(device), conditions.to(device)).cpu().float()
