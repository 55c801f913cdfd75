"""Random pieces of films for the video autoencoder: half of them around what moves most and is hardest to draw.

Letters: B batch, T frames, S side of a piece in pixels, H W of a film.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ..neo2.latent_space import CELL, FRAMES
from ..neo2.video_vae import fold
from .films import Film

LENGTH = 40  # frames of a piece: longer than the layers look back
SIDE = 48
AIMED = 0.5  # of the pieces lie around a mouth or a hand


@dataclass(frozen=True)
class Crops:
    """Pieces of films, the same places of their anchors, and what counts most in them."""

    video: Tensor  # [B, 3, T, S, S] in -1..1
    anchor: Tensor  # [B, 3, S, S] in -1..1
    mouth: Tensor  # bool [B, 1, T, S, S]
    hands: Tensor  # bool [B, 1, T, S, S]

    def to(self, device: torch.device) -> "Crops":
        return Crops(*(getattr(self, name).to(device) for name in ("video", "anchor", "mouth", "hands")))


def draw_crops(
    films: Sequence[Film], count: int, dice: torch.Generator, length: int = LENGTH, side: int = SIDE
) -> Crops:
    """`count` pieces of random films."""
    return stacked([_crop(films[_below(len(films), dice)], length, side, dice) for _ in range(count)])


def whole(film: Film, first: int = 0, last: int | None = None) -> Crops:
    """A film in all its width, or its frames first .. last - 1, as one piece."""
    return _piece(film, first, film.frames if last is None else last, slice(None), slice(None))


def draw_blocks(films: Sequence[Film], count: int, dice: torch.Generator) -> Tensor:
    """Random blocks of pixels, as the networks see them: [count, BLOCK] in -1..1."""
    each, blocks = -(-count // len(films)), []
    size = (films[0].size - CELL) // CELL * CELL
    for film in films:
        moment, top, left = _below(film.frames - FRAMES + 1, dice), _below(CELL, dice), _below(CELL, dice)
        video = film.video(moment, moment + FRAMES)[:, top : top + size, left : left + size]
        found = rearrange(fold(pixels(video)[None], FRAMES, CELL), "1 d 1 h w -> (h w) d")
        blocks.append(found[torch.randint(len(found), (each,), generator=dice)])
    return torch.cat(blocks)[:count]


def pixels(pictures: Tensor) -> Tensor:
    """u8 [T, H, W, 3] -> [3, T, H, W] in -1..1"""
    return pictures.permute(3, 0, 1, 2).float() / 127.5 - 1


def stacked(crops: Sequence[Crops]) -> Crops:
    """One batch of several."""
    return Crops(*(torch.cat([getattr(c, name) for c in crops]) for name in ("video", "anchor", "mouth", "hands")))


def _crop(film: Film, length: int, side: int, dice: torch.Generator) -> Crops:
    first = _below(film.frames - length + 1, dice)
    row, column = _corner(film, first + length // 2, side, dice)
    return _piece(film, first, first + length, slice(row, row + side), slice(column, column + side))


def _corner(film: Film, moment: int, side: int, dice: torch.Generator) -> tuple[int, int]:
    """Row and column of the upper left corner: near a mouth or a hand of that moment, or anywhere."""
    room = film.size - side
    boxes = torch.cat((film.mouth_box(moment, moment + 1), film.hand_boxes(moment, moment + 1)[0]))
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]  # those that are in the picture
    if len(boxes) == 0 or torch.rand((), generator=dice) > AIMED:
        return _below(room + 1, dice), _below(room + 1, dice)
    left, top, right, bottom = boxes[_below(len(boxes), dice)].tolist()
    stray = [_below(side // 2, dice) - side // 4 - side // 2 for _ in "yx"]
    centre = ((top + bottom) / 2, (left + right) / 2)
    row, column = (min(max(round(place + off), 0), room) for place, off in zip(centre, stray, strict=True))
    return row, column


def _piece(film: Film, first: int, last: int, rows: slice, columns: slice) -> Crops:
    mouth = _inside(film.mouth_box(first, last)[:, None], film.size)[:, rows, columns]
    hands = _inside(film.hand_boxes(first, last), film.size)[:, rows, columns]
    return Crops(
        video=pixels(film.video(first, last)[:, rows, columns])[None],
        anchor=pixels(film.anchor()[None, rows, columns])[None, :, 0],
        mouth=mouth[None, None],
        hands=hands[None, None],
    )


def _inside(boxes: Tensor, size: int) -> Tensor:
    """Which pixels lie in one of the boxes: [T, N, 4] left, top, right, bottom -> bool [T, H, W]."""
    left, top, right, bottom = boxes[..., None, None].unbind(2)  # [T, N, 1, 1]
    y, x = torch.arange(size)[:, None] + 0.5, torch.arange(size) + 0.5
    return ((x > left) & (x < right) & (y > top) & (y < bottom)).any(1)


def _below(count: int, dice: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=dice))
