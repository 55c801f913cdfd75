"""A portrait that the mini renders: lift, deform and translate as of the other renderers.

It stands in the geometric renderer's volume, whose fit, mask, continued background and following hair it shares; what
it draws itself is the square around the head.

Letters: S network pixels of the square's side, P pixels of the photo along it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...governance import TALKING_HEAD, Grant, while_allowed
from ..geometric.bust import Bust, Deformation, move
from ..geometric.deform import deform
from ..geometric.lift import Volume
from ..geometric.light import to_display
from ..geometric.sampling import resize
from .guide import Moved, Square, Still, carried_flow, moved, reduced, square_around, still
from .network import Mini, Motion, Source, compose


@dataclass(frozen=True)
class Seat:
    """A portrait and its head's square, before any network: all of it known exactly, or read by portrait analysis."""

    volume: Volume
    square: Square
    before: Still
    source: Source  # [1, ...] at S pixels
    picture: Tensor  # [1, 3, P, P] at the photo's own resolution
    behind: Tensor  # [1, 3, P, P]


@dataclass(frozen=True)
class MiniFace:
    """A portrait ready to be moved. Only what the square covers ever changes."""

    seat: Seat
    mini: Mini
    features: Tensor  # [1, 3 F, S / 4, S / 4]

    def __repr__(self) -> str:
        return f"MiniFace({self.photo.shape[1]} x {self.photo.shape[0]} pixels)"

    @property
    def photo(self) -> Tensor:
        """u8 [H, W, 3]"""
        return self.seat.volume.photo

    @property
    def grant(self) -> Grant:
        return self.seat.volume.grant

    @property
    def bust(self) -> Bust:
        return self.seat.volume.bust

    @property
    def reference(self) -> Tensor:
        """[63] the motion that reproduces the photo"""
        return self.seat.volume.reference

    @property
    def region(self) -> float:
        """Share of the picture that may move."""
        rows, columns = _inside(self.seat.square, *self.photo.shape[:2])
        return (rows.stop - rows.start) * (columns.stop - columns.start) / self.photo[..., 0].numel()


@torch.no_grad()
def lift_mini(volume: Volume, mini: Mini) -> MiniFace:
    """Enrol a lifted portrait."""
    volume.grant.require(TALKING_HEAD)
    seat = take_seat(volume, mini.config.side)
    return MiniFace(seat, mini, mini.encoder(seat.source))


def take_seat(volume: Volume, side: int) -> Seat:
    """The square of a lifted portrait and what is in it, as the mini sees it: `side` is S."""
    start = move(volume.bust, volume.reference)
    square = square_around(start, volume.bust.model)
    before = still(volume.bust, start, square, side)
    picture, behind = square.cut(volume.picture), square.cut(_without_person(volume))
    planes = resize(torch.cat([picture, behind, square.cut(_person(volume))]), side, side).clamp(0, 1)
    guide = reduced(before.guide, side // 2)
    source = Source(planes[None, :3], planes[None, 6:], planes[None, 3:6], guide[None])
    return Seat(volume, square, before, source, picture[None], behind[None])


def motion_at(seat: Seat, now: Deformation) -> tuple[Moved, Motion]:
    """What the head model says about a deformation: at S pixels, and as the mini sees it."""
    volume, side = seat.volume, seat.source.picture.shape[-1]
    carried = carried_flow(volume.follow, volume.bust, now, volume.window, volume.photo.shape[:2], seat.square, side)
    there = moved(volume.bust, volume.source, seat.before, now, carried, seat.square, side)
    guide = reduced(there.guide, side // 2)
    return there, Motion(there.surface[None], there.carried[None], guide[None])


@torch.no_grad()
def translate_mini(face: MiniFace, now: Deformation) -> Tensor:
    """The frame of a deformation. u8 [H, W, 3]"""
    seat = face.seat
    drawn = face.mini(seat.source, face.features, motion_at(seat, now)[1])
    view = compose(drawn, seat.picture, seat.behind)[0].mul(255).round().clamp(0, 255).to(torch.uint8)
    frame, square = face.photo.clone(), seat.square
    rows, columns = _inside(square, *frame.shape[:2])
    part = view[:, rows.start - square.top : rows.stop - square.top]
    frame[rows, columns] = part[:, :, columns.start - square.left : columns.stop - square.left].permute(1, 2, 0)
    return frame


def render_mini(face: MiniFace, motion: Iterable[Tensor]) -> Iterator[Tensor]:
    """Frames u8 [H, W, 3], one per motion vector [63], made as they are asked for."""
    for vector in while_allowed(face.grant, TALKING_HEAD, motion):
        yield translate_mini(face, deform(face.seat.volume, vector))


def _inside(square: Square, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of the frame that the square covers."""
    return tuple(
        slice(max(0, first), max(0, min(length, first + square.side)))
        for first, length in ((square.top, height), (square.left, width))
    )


def _without_person(volume: Volume) -> Tensor:
    """The picture with its background continued behind the person, as far as anything may move. [3, H, W]"""
    picture, window = volume.picture.clone(), volume.window
    part = picture[:, window.rows, window.columns].flatten(1)
    part = part.index_copy(1, volume.reach.number, to_display(volume.reach.behind))
    picture[:, window.rows, window.columns] = part.view(3, window.height, window.width)
    return picture


def _person(volume: Volume) -> Tensor:
    """The person's share of each pixel, as far as anything may move. [1, H, W]"""
    window = volume.window
    share = torch.zeros_like(volume.picture[:1])
    share[:, window.rows, window.columns] = volume.person[3:].clamp(0, 1) * (volume.moving > 0)
    return share
