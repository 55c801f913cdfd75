"""Films as the DiT of NEO 2 learns from them: latents that are encoded once, and windows cut out of them.

Beside the films of a folder lies `codes.safetensors`, made once per video autoencoder: the codes of every film and of
its anchor, from which the latents are made. A window has its own latents, the sound of exactly its frames, and the
latents before it as context.

Letters: n latents of a film, B batch, T latents of a window, K of context, C channels, h w cells, L layers of the audio
encoder.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from einops import rearrange, reduce
from torch import Tensor

from ..data_types import InputError
from ..neo2.dit import Conditions
from ..neo2.latent_space import CELL, COARSE, FRAMES, HEARD
from ..neo2.text_encoder import pad_words, tokenise
from ..neo2.video_vae import VideoVAE
from ..weights.safetensors_io import load, load_config, save
from .films import Film
from .flow_matching import fingerprint
from .video_crops import pixels
from .vocal_features import unpacked

CACHE = "codes.safetensors"
SAVE_EVERY = 300.0  # seconds of encoding
NONE, HANDS, MOUTH = 0, 1, 2  # what a cell shows
PARTS = ("latents", "anchor")  # of a version of a film in the file
JITTER = ((3, 0.12), (1, 0.25), (1, 0.25))  # count and largest logarithm: gain of a colour, gamma, saturation
LOOKED_AT, CHANGED, CHANGE = 24, 6, 0.3  # films, every which latent, by how much, to tell how far channels are seen
VERSION_SEED = 1009

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """One film in latents, or in the codes that they are made from."""

    film: Film
    latents: Tensor  # [n, C, h, w] float16
    anchor: Tensor  # [C, 4h, 4w] float16, a code
    shows: Tensor  # [n, h, w] uint8: nothing in particular, a hand, the mouth
    words: Tensor  # [W, G] the prompt
    version: int = 0
    match: Tensor | None = None  # [n, 3, h, w] where in the anchor cells are to be seen, see `anchor_matches`
    voice: Tensor | None = None  # int8 [L, 8 n, F] hidden states of the sound in another voice, `packed`

    def heard(self, first: int, last: int) -> Tensor:
        """Hidden states of the audio encoder for the latents first .. last - 1. [L, 8 t, F]"""
        if self.voice is None:
            return self.film.heard(FRAMES * first, FRAMES * last).float()
        return unpacked(self.voice[:, HEARD * first : HEARD * last])


@dataclass(frozen=True)
class Windows:
    """A batch."""

    latents: Tensor  # [B, T, C, h, w]
    shows: Tensor  # [B, T, h, w] uint8
    conditions: Conditions

    def to(self, device: torch.device) -> "Windows":
        return Windows(self.latents.to(device), self.shows.to(device), self.conditions.to(device))

    def take(self, part: slice) -> "Windows":
        """Some of the batch."""
        return Windows(self.latents[part], self.shows[part], self.conditions.take(part))


def load_codes(
    films: Sequence[Film], vae: VideoVAE, device: torch.device | str = "cpu", versions: int = 1
) -> list[Clip]:
    """Films with the codes of their pictures, each in so many versions: from the files beside them, or made now. Raises
    InputError where a file disagrees with its films."""
    folders: dict[Path, list[Film]] = {}
    for film in films:
        folders.setdefault(film.path.parent, []).append(film)
    return [clip for folder, here in folders.items() for clip in _load_folder(folder, here, vae.to(device), versions)]


def load_clips(
    films: Sequence[Film], vae: VideoVAE, device: torch.device | str = "cpu", versions: int = 1
) -> list[Clip]:
    """The same films with their latents."""
    return [in_latents(clip, vae) for clip in load_codes(films, vae, device, versions)]


@torch.no_grad()
def in_latents(clip: Clip, vae: VideoVAE) -> Clip:
    """A clip of codes as one of latents."""
    codes, anchor = (x.to(vae.mean.device).float() for x in (clip.latents, clip.anchor))
    with torch.autocast(codes.device.type, torch.bfloat16):
        latents = vae.motion.encode(codes[None], anchor[None])[0]
    return replace(clip, latents=latents.half().cpu(), shows=coarse(clip.shows))


def coarse(shows: Tensor) -> Tensor:
    """What cells of latents show, by what those of codes do: a mouth before a hand. [..., 4h, 4w] -> [..., h, w]"""
    return reduce(shows, "... (h p) (w q) -> ... h w", "max", p=COARSE, q=COARSE)


def _load_folder(folder: Path, films: list[Film], vae: VideoVAE, versions: int) -> list[Clip]:
    """Encode what the file does not hold yet, saving as it goes."""
    path, maker = folder / CACHE, digest(vae)
    known = load(path)[0] if path.is_file() and load_config(path).get("vae") == maker else {}
    wanted = [(film, version) for film in films for version in range(versions)]
    missing = [pair for pair in wanted if _name("latents", *pair) not in known]
    saved = time.monotonic()
    for done, pair in enumerate(missing, start=1):
        known |= {_name(part, *pair): value for part, value in zip(PARTS, encode(*pair, vae), strict=True)}
        if done == len(missing) or time.monotonic() - saved > SAVE_EVERY:
            save(path, known, {"vae": maker})
            log.info("encoded %d of %d versions of films in %s", done, len(missing), folder)
            saved = time.monotonic()
    return [_clip(*pair, *(known[_name(part, *pair)] for part in PARTS)) for pair in wanted]


def _name(part: str, film: Film, version: int) -> str:
    """What a tensor is called in the file."""
    return f"{film.path.stem}/{version}/{part}"


def digest(vae: VideoVAE) -> str:
    """A name for the weights of an autoencoder: latents of another one mean something else."""
    return fingerprint(vae, but=("motion.", "interpolation."))  # codes do not depend on these


@torch.no_grad()
def encode(film: Film, version: int, vae: VideoVAE) -> tuple[Tensor, Tensor]:
    """Latents [n, C, h, w] and anchor [C, h, w] of a version of a film, float16. Frames that fill no latent are left
    out."""
    frames = film.frames // FRAMES * FRAMES
    seen = restyled(torch.cat((pixels(film.anchor()[None]), pixels(film.video(0, frames))), dim=1), film, version)
    seen = seen[None].to(vae.mean.device)
    with torch.autocast(seen.device.type, torch.bfloat16):  # half the time, and errors far below the autoencoder's own
        return vae.codes(seen[:, :, 1:])[0].half().cpu(), vae.encode_still(seen[:, :, 0])[0].half().cpu()


def restyled(pictures: Tensor, film: Film, version: int) -> Tensor:
    """The same in another light: version 0 is the film itself, others have colours of their own, and those of odd
    number are mirrored. [3, T, H, W] in -1..1"""
    if not version:
        return pictures
    dice = torch.Generator().manual_seed(VERSION_SEED * film.person + version)
    gain, gamma, saturation = (spread * (2 * torch.rand(n, generator=dice) - 1) for n, spread in JITTER)
    light = ((pictures + 1) / 2).clamp(min=1e-4) ** gamma.exp() * gain.exp()[:, None, None, None]
    grey = light.mean(0, keepdim=True)
    light = (grey + saturation.exp() * (light - grey)).clamp(0, 1)
    return (light.flip(-1) if mirrored(version) else light) * 2 - 1


def mirrored(version: int) -> bool:
    """Whether left is right in a version."""
    return version % 2 == 1


def _clip(film: Film, version: int, latents: Tensor, anchor: Tensor) -> Clip:
    if len(latents) != film.frames // FRAMES:
        raise InputError(f"{film.path} has {film.frames} frames but {len(latents)} latents; expected {CACHE} made anew")
    mouth = covered(film.mouth_box()[:, None], latents.shape[-2:])
    hands = covered(film.hand_boxes(), latents.shape[-2:])
    shows = torch.where(mouth, MOUTH, torch.where(hands, HANDS, NONE)).byte()
    shows = shows.flip(-1) if mirrored(version) else shows
    return Clip(film, latents, anchor, shows, tokenise(film.prompt), version)


def covered(boxes: Tensor, grid: tuple[int, int]) -> Tensor:
    """The cells that any of N boxes touches in any frame of a latent: [4 n, N, 4] pixels -> bool [n, h, w].

    A box is left, top, right, bottom; one that is empty or not a number touches nothing.
    """
    boxes = boxes[: len(boxes) // FRAMES * FRAMES].float() / CELL
    left, top, right, bottom = (edge[..., None] for edge in boxes.unbind(-1))  # [4 n, N, 1]
    row, column = (torch.arange(size) for size in grid)
    down = (row + 1 > top) & (row < bottom)  # [4 n, N, h]
    across = (column + 1 > left) & (column < right)
    inside = down[..., None] & across[..., None, :] & ((right > left) & (bottom > top))[..., None]
    return reduce(inside, "(n f) k h w -> n h w", "any", f=FRAMES)


def cut(clips: Sequence[Clip], starts: Sequence[int], length: int, context: int = 0) -> Windows:
    """The windows of `length` latents that begin at `starts`, with the `context` latents before them."""
    latents, shows, audio, before = [], [], [], []
    for clip, start in zip(clips, starts, strict=True):
        window = slice(start, start + length)
        if start < context or start + length > len(clip.latents):
            raise ValueError(f"a window at {start} of {length} with context {context} is not in {clip.film.path}")
        latents.append(clip.latents[window].float())
        shows.append(clip.shows[window])
        audio.append(clip.heard(start, start + length))
        before.append(clip.latents[start - context : start].float())
    given = torch.ones(len(clips), dtype=torch.bool)
    conditions = Conditions(
        anchor=torch.stack([clip.anchor for clip in clips]).float(),
        audio=torch.stack(audio),
        words=pad_words([clip.words for clip in clips]),
        context=torch.stack(before),
        context_time=torch.arange(-context, 0).expand(len(clips), -1).float(),
        heard=given,
        prompted=given,
        contextual=given & bool(context),
        anchored=given,
    )
    return Windows(torch.stack(latents), torch.stack(shows), conditions)


def draw(clips: Sequence[Clip], count: int, length: int, context: int, dice: torch.Generator) -> Windows:
    """Random windows of random films."""
    chosen = [clips[int(k)] for k in torch.randint(len(clips), (count,), generator=dice)]
    lasts = [len(clip.latents) - length for clip in chosen]
    starts = [int(torch.randint(context, last + 1, (), generator=dice)) for last in lasts]
    return cut(chosen, starts, length, context)


def drop(windows: Windows, share: float, dice: torch.Generator) -> Windows:
    """Leave each signal out in a share of the windows, each on its own."""
    given = windows.conditions
    keep = {name: _coins(given, share, dice) for name in ("heard", "prompted", "anchored")}
    return replace(windows, conditions=replace(given, **{name: getattr(given, name) & k for name, k in keep.items()}))


def hush(windows: Windows, share: float, dice: torch.Generator) -> Windows:
    """In a share of the windows there is no sound before or after a random moment, as where a recording ends."""
    audio = windows.conditions.audio
    moment = torch.randint(1, audio.shape[2] // 2, (len(audio), 1), generator=dice)
    after = torch.rand(len(audio), 1, generator=dice) < 0.5
    frame = torch.arange(audio.shape[2] // 2)
    quiet = ((frame >= moment) == after) & ~_coins(windows.conditions, share, dice)[:, None]
    quiet = quiet.repeat_interleave(2, dim=1)[:, None, :, None]
    return replace(windows, conditions=replace(windows.conditions, audio=audio.masked_fill(quiet, 0)))


def muffle(windows: Windows, strength: float, dice: torch.Generator) -> Windows:
    """Noise over what is heard, of a strength up to `strength` that each window draws."""
    audio = windows.conditions.audio
    level = strength * torch.rand(len(audio), 1, 1, 1, generator=dice)
    return replace(
        windows,
        conditions=replace(windows.conditions, audio=audio + level * torch.randn(audio.shape, generator=dice)),
    )


def disturb(windows: Windows, faded: float, strength: float, dice: torch.Generator) -> Windows:
    """The context as far nearer to the anchor as each window draws, up to a share `faded`, with noise up to `strength`:
    at sampling it may be the clean prediction of an earlier step, which is surer of the person than of the movement."""
    context = windows.conditions.context
    share, level = torch.rand(2, len(context), 1, 1, 1, 1, generator=dice)
    context = (1 - faded * share) * context + strength * level * torch.randn(context.shape, generator=dice)
    return replace(windows, conditions=replace(windows.conditions, context=context))


def _coins(given: Conditions, share: float, dice: torch.Generator) -> Tensor:
    """True but for a share of the batch. [B] bool"""
    return torch.rand(len(given.anchor), generator=dice) >= share


@torch.no_grad()
def latent_weight(clips: Sequence[Clip], vae: VideoVAE) -> Tensor:
    """How far a change of each channel of latents is seen in the pixels, in some moments of films: mean square, at a
    mean of 1. [C]"""
    code, dice = channel_weight(vae).to(vae.mean)[:, None, None], torch.Generator().manual_seed(0)
    found = torch.zeros(vae.config.channels)
    for clip in clips[:: -(-len(clips) // LOOKED_AT)]:
        latents, anchor = (x[None].to(vae.mean) for x in (clip.latents[::CHANGED], clip.anchor))
        codes = vae.motion.decode(latents, anchor)[0]
        for channel in range(len(found)):
            other = latents.clone()
            other[:, :, channel] += CHANGE * torch.randn(other[:, :, channel].shape, generator=dice).to(other)
            found[channel] += float((code * (vae.motion.decode(other, anchor)[0] - codes).square()).mean())
    return found / found.mean()


def channel_weight(vae: VideoVAE) -> Tensor:
    """How far a unit of each channel of codes is seen in the pixels, by the linear map that the decoder adds to: the
    root mean square of the change, at a mean of 1. [C]"""
    seen = rearrange(vae.linear_decoder.weight.detach(), "d c 1 1 1 -> c d").norm(dim=1) * vae.std
    return (seen / seen.mean()).cpu()
