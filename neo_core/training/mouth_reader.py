"""Train the small network that reads mouth and hands from frames, for the bench of NEO 2.

    python -m neo_core train mouth-reader --films DIR... --exam DIR --out reader.safetensors --vae FILE --minutes 6

The truth comes with the films. Frames are shifted, recoloured, blurred and noised; with --vae half of them have been
through that autoencoder, with noise on their latents, for the frames that are read later come out of it. At the
end its errors on films of people it never saw are printed, and written into its file.
"""

import argparse
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..evaluation.mouth_reader import CELL, MouthReader, MouthReaderConfig, Reading, read, save_mouth_reader
from ..neo2.latent_space import FRAMES
from ..neo2.loading import load_video_vae
from ..neo2.video_vae import VideoVAE
from .augment import blur, noise, on_some, recolour, uniform
from .films import Film, held_out_films, training_films
from .fitting import Plan, fit
from .video_crops import pixels

BATCH = 32  # frames
PIECES, LENGTH = 250, 3 * FRAMES  # that are taken from the films before training; frames of each
TOGETHER = 8  # pieces that go through the autoencoder at once
SHIFT = 8  # pixels, at most
RATE = 2e-3
DECODED = 0.5  # of the pieces
ASIDE = 2.0  # pixels, deviation of where the mouth is looked for in training
LATENT_NOISE = 0.2  # deviations, at most
MOUTH_SHARE, PLACE_SHARE, SEEN_SHARE = 10.0, 1.0, 0.2  # of the loss
STRANGE = ((0.5, recolour), (0.2, blur), (0.3, noise))  # how many of the frames are made so
STILL = 0.02  # deviation of the opening below which a mouth rests
EXAM_FILMS, REPORTED = 48, 8

log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """Frames and what is true of them."""

    frames: Tensor  # [B, 3, H, W] 0..1, or u8 as long as they wait
    mouth: Tensor  # [B] opening
    place: Tensor  # [B, 2] x, y of the mouth in pixels
    hands: Tensor  # [B, 2, 2] x, y in pixels
    seen: Tensor  # [B, 2] bool: the hand is in the picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train mouth-reader`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vae", type=Path, help="autoencoder whose frames it shall read too")
    parser.add_argument("--minutes", type=float, default=6.0, help="of the processor's time")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    """Train, judge, save."""
    films, exam = training_films(arguments.films), held_out_films(arguments.exam)
    vae = load_video_vae(arguments.vae) if arguments.vae else None
    torch.manual_seed(arguments.seed)
    dice = torch.Generator().manual_seed(arguments.seed)
    reader = MouthReader(MouthReaderConfig(size=films[0].size))
    taken = take(films, PIECES, vae, dice)
    loss = partial(batch_loss, taken=taken, dice=dice)
    some = spread(exam, REPORTED)
    reader = fit(reader, loss, Plan(arguments.minutes, RATE), lambda net: _said(judge(net, some)))
    figures = judge(reader, spread(exam, EXAM_FILMS), vae)
    log.info("held-out films: %s", _said(figures))
    made = {
        "recipe": f"python -m neo_core train mouth-reader --minutes {arguments.minutes:g} --seed {arguments.seed}",
        "data": "films of synthetic people (`factory films`)",
        "held_out_figures": figures,
    }
    save_mouth_reader(arguments.out, reader, made)


def batch_loss(reader: MouthReader, taken: Piece, dice: torch.Generator) -> Tensor:
    """The loss of some of the frames that were taken from films, made strange."""
    batch = draw(taken, BATCH, dice)
    aside = ASIDE * torch.randn(batch.place.shape, generator=dice)
    said = reader(batch.frames, batch.place + aside)
    place = (said.place - batch.place).abs().mean() / CELL
    hands = ((said.hands - batch.hands).abs().mean(-1) * batch.seen).sum() / batch.seen.sum().clamp(min=1) / CELL
    mouth = F.smooth_l1_loss(said.mouth, batch.mouth, beta=0.1)
    seen = F.binary_cross_entropy_with_logits(said.seen, batch.seen.float())
    return MOUTH_SHARE * mouth + PLACE_SHARE * (place + hands) + SEEN_SHARE * seen


def draw(taken: Piece, count: int, dice: torch.Generator) -> Piece:
    """`count` random frames, moved and with other colours, noise and blur."""
    chosen = torch.randint(len(taken.frames), (count,), generator=dice)
    batch = Piece(*(column[chosen] for column in taken))
    batch = shifted(batch._replace(frames=batch.frames.float() / 255), dice)
    frames = batch.frames
    for share, change in STRANGE:
        frames = on_some(frames, share, change, dice)
    return batch._replace(frames=frames.clamp(0, 1))


def take(films: Sequence[Film], count: int, vae: VideoVAE | None, dice: torch.Generator) -> Piece:
    """Frames u8 of `count` random moments of films, `LENGTH` of each, with their truth. With an autoencoder a share of
    them has been through it, with noise on their latents: once, for that takes longer than a step of training."""
    pieces, films = [], [films[k] for k in torch.randint(len(films), (count,), generator=dice).tolist()]
    for film in films:
        start = int(torch.randint(film.frames - LENGTH + 1, (), generator=dice))
        pieces.append(frames_of(film, start, start + LENGTH))
    through = round(DECODED * count) if vae is not None else 0
    for first in range(0, through, TOGETHER):
        some = slice(first, min(first + TOGETHER, through))
        noisy = LATENT_NOISE * float(torch.rand((), generator=dice))
        frames = decoded(vae, [piece.frames for piece in pieces[some]], films[some], noisy, dice)
        pieces[some] = [piece._replace(frames=seen) for piece, seen in zip(pieces[some], frames, strict=True)]
    narrow = [piece._replace(frames=(255 * piece.frames).round().clamp(0, 255).byte()) for piece in pieces]
    return Piece(*(torch.cat(column) for column in zip(*narrow, strict=True)))


def frames_of(film: Film, first: int, last: int) -> Piece:
    """Frames first .. last - 1 with their truth."""
    box, hands = film.mouth_box(first, last), film.hands(first, last)
    return Piece(
        frames=film.video(first, last).permute(0, 3, 1, 2).float() / 255,
        mouth=film.mouth(first, last),
        place=(box[:, :2] + box[:, 2:]) / 2,
        hands=hands[..., :2].nan_to_num(),
        seen=hands[..., 2] > 0.5,
    )


@torch.no_grad()
def decoded(
    vae: VideoVAE, frames: Sequence[Tensor], films: Sequence[Film], noisy: float, dice: torch.Generator
) -> list[Tensor]:
    """Frames [t, 3, H, W] in 0..1 of some films to latents, noise over them, and back; t is a multiple of 4."""
    anchors = vae.encode_still(torch.stack([pixels(film.anchor()[None])[:, 0] for film in films]))
    latents = vae.encode(torch.stack([piece.movedim(0, 1) for piece in frames]) * 2 - 1, anchors)
    latents = latents + noisy * torch.randn(latents.shape, generator=dice)
    return list((vae.decode(latents, anchors).movedim(1, 2) + 1) / 2)


def shifted(batch: Piece, dice: torch.Generator) -> Piece:
    """Move each picture and what is true of it by some pixels; the border is drawn out."""
    count, _, height, width = batch.frames.shape
    shift = uniform(2 * count, -SHIFT, SHIFT, dice).round().view(count, 2)  # x, y
    right, down = shift.long().unbind(-1)
    padded = F.pad(batch.frames, (SHIFT,) * 4, mode="replicate")
    moved = [
        picture[:, SHIFT - y : SHIFT - y + height, SHIFT - x : SHIFT - x + width]
        for picture, x, y in zip(padded, right.tolist(), down.tolist(), strict=True)
    ]
    return batch._replace(frames=torch.stack(moved), place=batch.place + shift, hands=batch.hands + shift[:, None])


def judge(reader: MouthReader, films: Sequence[Film], vae: VideoVAE | None = None) -> dict[str, float]:
    """Errors on films: of the opening (and its correlation over time, film by film), of places in pixels, and how often
    it is right about a hand being seen; with an autoencoder also for what comes back from it."""
    figures = _errors(reader, films, None)
    if vae is not None:
        figures |= {f"{name}, decoded": value for name, value in _errors(reader, films, vae).items()}
    return figures


def _errors(reader: MouthReader, films: Sequence[Film], vae: VideoVAE | None) -> dict[str, float]:
    rows: dict[str, list[float]] = {
        name: [] for name in ("mouth error", "mouth correlation", "hand error, pixels", "hands seen or not")
    }
    for film in films:
        piece = frames_of(film, 0, film.frames // FRAMES * FRAMES)
        if vae is not None:
            piece = piece._replace(frames=decoded(vae, [piece.frames], [film], 0.0, torch.Generator())[0])
        said = read(reader, (piece.frames * 255).round().byte().permute(0, 2, 3, 1))
        _note(rows, said, piece)
    return {name: fmean(values) for name, values in rows.items() if values}


def _note(rows: dict[str, list[float]], said: Reading, truth: Piece) -> None:
    """The errors of one film."""
    rows["mouth error"].append(float((said.mouth - truth.mouth).abs().mean()))
    if truth.mouth.std() > STILL and said.mouth.std() > 0:  # a mouth that rests has no correlation
        rows["mouth correlation"].append(float(torch.corrcoef(torch.stack((said.mouth, truth.mouth)))[0, 1]))
    if truth.seen.any():
        rows["hand error, pixels"].append(float((said.hands - truth.hands)[truth.seen].norm(dim=-1).mean()))
    rows["hands seen or not"].append(float(((said.seen > 0) == truth.seen).float().mean()))


def spread(films: Sequence[Film], count: int) -> list[Film]:
    """At most `count` films, from all over a list."""
    return [films[k * len(films) // count] for k in range(count)] if len(films) > count else list(films)


def _said(figures: dict[str, float]) -> str:
    return "; ".join(f"{name} {value:.3f}" for name, value in figures.items())
