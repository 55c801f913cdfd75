"""Deform: a motion vector moves the head, and with it a field that tells each pixel where in the photo it came from."""

import torch
from torch import Tensor

from ...geometry.rasteriser import interpolate, rasterise
from .bust import Deformation, move
from .follow import backward_flow, smoothstep
from .lift import Volume, to_samples
from .light import relight
from .patch import facing
from .sampling import blur, erode, fill, resize

SHINE = 3.0  # flow samples over which the change of light is smoothed: noses are not cut from paper
EDGE = 2.5  # flow samples over which the mesh's flow gives way to its continuation
SKIN_REACH = 4.0  # head units beyond the mesh over which an expression still pulls at the skin


def deform(volume: Volume, motion: Tensor) -> Deformation:
    """The head at a motion vector [63]; `volume.reference` gives the photo back."""
    return move(volume.bust, motion)


def photo_flow(volume: Volume, now: Deformation) -> tuple[Tensor, Tensor]:
    """Where each pixel of the region came from, relative to itself [h, w, 2] pixels, and the change of light [h, w].

    On the mesh it is the projected flow of the surface in front; beside it the head pose carries hair and neck, and
    what the expression adds dies out over `SKIN_REACH`.
    """
    window, bust = volume.window, volume.bust
    rows, columns = round(window.height / volume.step), round(window.width / volume.step)
    rigid = backward_flow(volume.follow, bust.camera, now.turn, bust.model.pivot, now.shift)
    rigid = resize(rigid.permute(2, 0, 1), rows, columns)
    screen = to_samples(now.screen, window, rows, columns)
    triangles = bust.model.triangles[volume.skin]
    triangles = triangles[facing(screen, triangles)]
    fragments = rasterise(screen, triangles, rows, columns)
    turn = bust.camera.rotation @ now.turn @ bust.camera.rotation.T
    shine = relight(volume.light, volume.normal, turn).log()[:, None]
    values = torch.cat([volume.source[:, :2] - now.screen[:, :2], shine], 1)
    mesh = interpolate(fragments, triangles, values).permute(2, 0, 1)
    covered = (fragments.triangle >= 0).float()
    inner = blur(erode(covered, 1)[None], EDGE)[0]
    mesh[2] = _smooth(mesh[2], covered, SHINE)
    carried = torch.cat([rigid, torch.zeros_like(rigid[:1])])
    extra = (mesh - carried) * covered
    own = smoothstep(inner, 0.5, 0.95) * covered
    extra = own * extra + (1 - own) * _beyond(extra, erode(covered, 1), float(now.unit) / volume.step)
    field = resize(carried + extra, window.height, window.width) * volume.rim
    return field[:2].permute(1, 2, 0), field[2].exp()


def _smooth(values: Tensor, covered: Tensor, sigma: float) -> Tensor:
    """Values [r, c] averaged with their neighbours on the mesh."""
    total = blur(torch.stack([values * covered, covered]), sigma)
    return total[0] / total[1].clamp(min=1e-3)


def _beyond(extra: Tensor, covered: Tensor, unit: float) -> Tensor:
    """What the skin adds continued beside the mesh, dying out with distance; unit in samples. [C, r, c]"""
    rows, columns = covered.shape
    half = (max(1, rows // 2), max(1, columns // 2))
    known = resize(covered[None], *half)[0]
    carried = fill(resize(extra * covered, *half) / known.clamp(min=1e-3), (known > 0.5).float())
    fade = blur((known > 0.5).float()[None], max(1.0, SKIN_REACH * unit / 4))
    return resize(blur(carried, EDGE) * smoothstep(fade, 0.03, 0.45), rows, columns)
