"""What the networks of portrait analysis train on: random views of the factory's frames, made strange, and negatives.

Letters: B samples, S side of a crop, K landmarks, N landmarks of one detail.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ..pictar.analysis import VIEW, VIEW_DROP, detail_square
from ..pictar.detection import FACE_SIDE, STRIDE
from ..pictar.landmark_net import DetailConfig, Reading
from ..pictar.squares import MARGIN, Squares, frame_face
from .augment import blur, chosen, normal, occlude, on_some, photometric, planes, uniform
from .face_frames import Frames, FrameStore, View, around, jitter, mirror_coins, truth_in
from .negatives import animals, textures, unmake

OUTSIDE = ("border", "reflection", "zeros")  # what a view shows beyond the frame


@dataclass(frozen=True)
class LandmarkMix:
    """How a batch for the landmark network is made up."""

    faces: int = 48
    beasts: int = 4  # drawn animals
    unmade: int = 4  # faces pulled out of shape
    misframed: int = 2  # faces beside, far inside or far outside the crop
    empty: int = 2  # textures, and people with their face painted over


class ScanTargets(NamedTuple):
    heat: Tensor  # [B, h, w] 1 at face centres
    regression: Tensor  # [B, 3, h, w] log size, offset x, offset y
    ignored: Tensor  # [B, h, w] bool: a face too small to ask for


def _outside(dice: Generator) -> str:
    return OUTSIDE[int(torch.randint(0, len(OUTSIDE), (), generator=dice, device=dice.device))]


def _turns(count: int, dice: Generator) -> Tensor:
    """Tilts of faces against their crop: mostly small, up to 35 degrees and a little beyond. [count] degrees"""
    wide = uniform(count, -38, 38, dice)
    return torch.where(uniform(count, 0, 1, dice) < 0.65, 9 * normal((count,), dice), wide)


def _new_backgrounds(seen: Tensor, share: float, dice: Generator) -> Tensor:
    """Red, green, blue of a view [B, 4, S, S], some persons cut out and set before another background."""
    index = chosen(len(seen), share, dice)
    picture = seen[:, :3]
    if not len(index):
        return picture
    behind = backgrounds(len(index), seen.shape[-1], dice)
    return picture.index_copy(0, index, torch.lerp(behind, picture[index], seen[index, 3:]))


def backgrounds(count: int, size: int, dice: Generator) -> Tensor:
    return on_some(textures(count, size, dice), 0.6, blur, dice)


def landmark_batch(
    store: FrameStore, partner: Tensor, size: int, mix: LandmarkMix, dice: Generator
) -> tuple[Tensor, Reading]:
    """Crops [B, 3, S, S] and their truth; the first `mix.faces` are faces, of the others only `face` = 0 counts."""
    frames = store.draw(mix.faces + mix.unmade + mix.misframed, dice)
    crops, truth = _face_views(frames, partner, size, dice)
    faces, unmade = slice(0, mix.faces), slice(mix.faces, mix.faces + mix.unmade)
    negatives = [
        unmake(crops[unmade], truth.landmarks[unmade], dice),
        _misframed(frames[torch.arange(len(frames) - mix.misframed, len(frames))], size, dice),
        animals(_animal_backgrounds(crops[: mix.beasts], dice), dice),
        textures(mix.empty, size, dice),
    ]
    covered = occlude(crops[faces], truth.landmarks[faces], dice)
    crops = photometric(torch.cat([covered, *negatives]), dice)
    face = torch.zeros(len(crops), device=crops.device)
    face[faces] = 1
    truth = Reading(*(values[faces] for values in truth))
    return crops, truth._replace(face=face)


def _face_views(frames: Frames, partner: Tensor, size: int, dice: Generator) -> tuple[Tensor, Reading]:
    """Face crops as the detector (one third) or the aligning first reading (two thirds) would place them."""
    count = len(frames)
    upright = frame_face(frames.landmarks)
    turn = _turns(count, dice)
    tight = jitter(upright, dice, 0.025, 0.06, torch.where(uniform(count, 0, 1, dice) < 0.5, turn, turn / 4))
    sloppy = jitter(upright, dice, 0.06, 0.16, turn)
    rough = uniform(count, 0, 1, dice) < 0.35
    squares = Squares(*(torch.where(rough.view(-1, *(1,) * (a.ndim - 1)), a, b) for a, b in _pairs(sloppy, tight)))
    mirrored = mirror_coins(count, dice)
    view = around(squares, mirrored, dice)
    crops = _new_backgrounds(view.see(frames.picture, size, _outside(dice)), 0.3, dice)
    return crops, truth_in(view, frames, squares, mirrored, partner)


def _pairs(first: Squares, second: Squares) -> list[tuple[Tensor, Tensor]]:
    return [(first.center, second.center), (first.side, second.side), (first.tilt, second.tilt)]


def _misframed(frames: Frames, size: int, dice: Generator) -> Tensor:
    """Crops that miss the face, see a part of it, see far too much, or hold it upside down."""
    count = len(frames)
    upright = frame_face(frames.landmarks)
    kind = torch.randint(0, 4, (count,), generator=dice, device=dice.device)
    angle = uniform(count, 0, 6.283, dice)
    aside = torch.stack([angle.cos(), angle.sin()], -1) * (upright.side * uniform(count, 0.45, 0.85, dice))[:, None]
    zoom = torch.ones(count, device=angle.device)
    zoom = torch.where(kind == 1, uniform(count, 0.15, 0.45, dice), zoom)
    zoom = torch.where(kind == 2, uniform(count, 2.4, 4, dice), zoom)
    turn = torch.where(kind == 3, 180 + uniform(count, -75, 75, dice), _turns(count, dice))
    center = upright.center + torch.where(
        (kind == 0)[:, None], aside, 0.1 * upright.side[:, None] * normal((count, 2), dice)
    )
    view = around(Squares(center, upright.side * zoom, turn), mirror_coins(count, dice), dice)
    return view.see(frames.picture, size, "border")[:, :3]


def _animal_backgrounds(crops: Tensor, dice: Generator) -> Tensor:
    """Half textures, half strongly blurred pieces of other pictures."""
    fresh = backgrounds(len(crops), crops.shape[-1], dice)
    coin = planes((uniform(len(crops), 0, 1, dice) < 0.5).float())
    soft = functional.interpolate(functional.avg_pool2d(crops, 16), crops.shape[2:], mode="bilinear")
    return coin * fresh + (1 - coin) * soft


def detail_batch(
    store: FrameStore, partner: Tensor, config: DetailConfig, count: int, dice: Generator
) -> tuple[Tensor, Tensor]:
    """Crops [B, 3, S, S] of one facial part, placed as badly as the first net would, and its points [B, N, 2]."""
    frames = store.draw(count, dice)
    face = frame_face(frames.landmarks)
    mirrored = mirror_coins(count, dice)
    indices = torch.tensor(config.indices, device=frames.landmarks.device)
    own = torch.where(mirrored[:, None], partner[indices], indices)  # a mirrored right eye is a left eye
    points = frames.landmarks.gather(1, own[..., None].expand(-1, -1, 2))
    squares = jitter(detail_square(face, points, config), dice, 0.07, 0.09, 5 * normal((count,), dice))
    view = around(squares, mirrored, dice, squash=0.04)
    crops = _new_backgrounds(view.see(frames.picture, config.size, "border"), 0.2, dice)
    truth = view.locate(points)
    crops = on_some(crops, 0.12, _blot_small, dice)
    return photometric(crops, dice), truth


def _blot_small(crops: Tensor, dice: Generator) -> Tensor:
    center = (torch.rand(len(crops), 1, 2, generator=dice, device=dice.device) * 2 - 1).expand(-1, 68, -1)
    return occlude(crops, center, dice)


def scan_batch(store: FrameStore, count: int, size: int, dice: Generator) -> tuple[Tensor, ScanTargets]:
    """Small scenes [B, 3, size, size] with up to two faces and up to one animal, and what the scan should say."""
    scene = _animal_scene(backgrounds(count, size, dice), 0.35, dice)
    cells = size // STRIDE
    targets = ScanTargets(
        torch.zeros(count, cells, cells, device=dice.device),
        torch.zeros(count, 3, cells, cells, device=dice.device),
        torch.zeros(count, cells, cells, dtype=torch.bool, device=dice.device),
    )
    for share in (0.75, 0.12):
        index = chosen(count, share, dice)
        if len(index):
            scene[index], placed = _with_person(scene[index], store.draw_people(len(index), dice), dice)
            _mark(targets, index, *placed)
    return photometric(scene, dice), targets


def _animal_scene(scene: Tensor, share: float, dice: Generator) -> Tensor:
    return on_some(scene, share, animals, dice)


def _with_person(scene: Tensor, frames: Frames, dice: Generator) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Put one person into each scene: the scenes; face centres [B, 2], sides [B] in pixels, and covers [B, S, S]."""
    count, size = len(scene), scene.shape[-1]
    upright = frame_face(frames.landmarks)
    box = upright.side / MARGIN
    side = uniform(count, 17, 48, dice)
    odd = uniform(count, 0, 1, dice) < 0.12
    side = torch.where(odd, torch.where(uniform(count, 0, 1, dice) < 0.5, side / 2.5, side * 2.2), side)
    spot = uniform(2 * count, 4, size - 4, dice).view(count, 2)
    zoom = box / side  # frame pixels per scene pixel
    turn = _turns(count, dice) * 0.7
    level = Squares(upright.center, size * zoom, turn)
    shift = (size / 2 - spot) * (2 / size)  # the face centre must fall on `spot`
    probe = around(level, mirror_coins(count, dice), dice)
    view = View(probe.matrix, upright.center + (probe.matrix @ shift[..., None])[..., 0])
    halved = functional.avg_pool2d(frames.picture.float(), 2)  # faces shrink at least to half here
    seen = View(view.matrix / 2, view.center / 2).see(halved, 2 * size, "border")
    seen = functional.avg_pool2d(seen, 2)
    own = planes((uniform(count, 0, 1, dice) < 0.35).float())  # keep the frame's own background
    alpha = torch.maximum(seen[:, 3:], own) * view.inside(frames.picture.shape[-1], size)
    return torch.lerp(scene, seen[:, :3], alpha), (spot, side, alpha[:, 0])


def _mark(targets: ScanTargets, index: Tensor, spot: Tensor, side: Tensor, cover: Tensor) -> None:
    """Draw the newly placed faces into the targets; what they cover is gone."""
    cells = targets.heat.shape[-1]
    hidden = functional.avg_pool2d(cover[:, None], STRIDE)[:, 0] > 0.5
    centre = spot / STRIDE - 0.5  # in cells
    line = torch.arange(cells, device=spot.device)
    dx, dy = centre[:, 0, None, None] - line[None, None], centre[:, 1, None, None] - line[None, :, None]
    square = dx**2 + dy**2
    width = (side / STRIDE * 0.1).clamp(min=0.5)[:, None, None]
    asked = ((side > 15) & (side < 56))[:, None, None]
    bell = (-square / (2 * width**2)).exp() * asked
    targets.heat[index] = torch.maximum(targets.heat[index] * ~hidden, bell)
    near = (square < (side[:, None, None] / STRIDE * 0.2) ** 2 + 1) & asked
    log_size = (side / FACE_SIDE).log()[:, None, None].expand_as(square)
    fresh = torch.stack([log_size, dx.expand_as(square), dy.expand_as(square)], 1)
    targets.regression[index] = torch.where(near[:, None], fresh, targets.regression[index])
    targets.ignored[index] |= (square < 9) & ~asked


def mask_batch(store: FrameStore, count: int, size: int, dice: Generator) -> tuple[Tensor, Tensor]:
    """Views [B, 3, S, S] of heads and shoulders before many backgrounds, and their alpha [B, S / 2, S / 2]."""
    frames = store.draw_people(count, dice)
    upright = frame_face(frames.landmarks)
    drop = torch.stack([torch.zeros(count, device=upright.side.device), VIEW_DROP / MARGIN * upright.side], -1)
    level = Squares(upright.center + drop, upright.side * VIEW / MARGIN, torch.zeros_like(upright.side))
    squares = jitter(level, dice, 0.05, 0.2, 6 * normal((count,), dice))
    view = around(squares, mirror_coins(count, dice), dice)
    seen = functional.avg_pool2d(view.see(frames.picture, 2 * size, "border"), 2)
    behind = _animal_scene(backgrounds(count, size, dice), 0.1, dice)
    own = planes((uniform(count, 0, 1, dice) < 0.4).float())  # keep the frame's own background
    inside = view.inside(frames.picture.shape[-1], size)
    alpha = seen[:, 3:] * inside
    picture = torch.lerp(behind, seen[:, :3], torch.maximum(alpha, own * inside))
    return photometric(picture, dice), functional.avg_pool2d(alpha, 2)[:, 0]
