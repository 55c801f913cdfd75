"""A few frames at once: a lifted portrait in the poses of a performance, to look at before it is drawn, or drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...data_types import Progress, silent
from ...geometry.rasteriser import interpolate, rasterise
from ...governance import TALKING_HEAD
from .bust import Deformation, mesh_normals
from .deform import deform
from .lift import Volume
from .patch import Window, facing
from .sampling import resize
from .translate import translate

CLAY = torch.tensor([0.80, 0.76, 0.72])  # colour of the mesh
LAMP = torch.nn.functional.normalize(torch.tensor([-0.45, 0.55, 0.85]), dim=0)  # right, up, towards the lens
AMBIENT = 0.28
FINE = 2  # samples per pixel and direction


@dataclass(frozen=True)
class Posed:
    """A portrait and where its head is, one deformation a frame."""

    volume: Volume
    deformations: tuple[Deformation, ...]

    def __repr__(self) -> str:
        return f"Posed({len(self.deformations)} x {self.volume})"


@torch.no_grad()
def pose(volume: Volume, motion: Tensor, progress: Progress = silent) -> Posed:
    """Deform a portrait by motion vectors [n, 63]."""
    bent = []
    for done, vector in enumerate(motion):
        progress(done, len(motion), None)
        bent.append(deform(volume, vector))
    return Posed(volume, tuple(bent))


@torch.no_grad()
def draw(posed: Posed, progress: Progress = silent) -> Tensor:
    """The frames. u8 [n, H, W, 3]"""
    return _drawn(posed, translate, progress)


@torch.no_grad()
def draw_mesh(posed: Posed, progress: Progress = silent) -> Tensor:
    """The deformed head as clay, over the photo. u8 [n, H, W, 3]"""
    return _drawn(posed, _clay, progress)


def _drawn(posed: Posed, one: Callable[[Volume, Deformation], Tensor], progress: Progress) -> Tensor:
    """The frames that `one` draws of each deformation, into memory that is taken at once. u8 [n, H, W, 3]"""
    volume, total = posed.volume, len(posed.deformations)
    volume.grant.require(TALKING_HEAD)
    frames = torch.empty(total, *volume.photo.shape, dtype=torch.uint8)
    progress(0, total, None)
    for index, now in enumerate(posed.deformations):
        frames[index] = one(volume, now)
        progress(index + 1, total, frames[index])
    return frames


def _clay(volume: Volume, now: Deformation) -> Tensor:
    """One deformation, shaded. u8 [H, W, 3]"""
    window = _around(now.screen, *volume.photo.shape[:2])
    screen = (now.screen - now.screen.new_tensor([window.left, window.top, 0])) * now.screen.new_tensor([FINE, FINE, 1])
    triangles = volume.bust.model.triangles
    triangles = triangles[facing(screen, triangles)]
    fragments = rasterise(screen, triangles, FINE * window.height, FINE * window.width)
    normal = mesh_normals(now, volume.bust.model)
    seen = torch.nn.functional.normalize(interpolate(fragments, triangles, normal), dim=-1)
    light = AMBIENT + (1 - AMBIENT) * (seen @ LAMP).clamp(min=0)
    covered = (fragments.triangle >= 0).float()
    layer = resize(torch.stack([light * covered, covered]), window.height, window.width)
    behind = volume.picture[:, window.rows, window.columns]
    shaded = CLAY[:, None, None] * layer[0] + (1 - layer[1]) * behind
    frame = volume.photo.clone()
    frame[window.rows, window.columns] = (shaded * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return frame


def _around(screen: Tensor, height: int, width: int) -> Window:
    """The part of a picture that holds all vertices, and two pixels more."""
    limit = screen.new_tensor([width - 1, height - 1])
    low, high = screen[:, :2].amin(0) - 2, screen[:, :2].amax(0) + 2
    left, top = low.clamp(min=torch.zeros(2), max=limit).long().tolist()
    right, bottom = high.clamp(min=torch.zeros(2), max=limit).long().tolist()
    return Window(top, left, bottom - top + 1, right - left + 1)
