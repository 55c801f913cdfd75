"""Sampling of feature volumes, with the published conventions.

Grids are built with the corners aligned (first and last sample at -1 and 1), and read without: -1 and 1 are then the
outer edges of the first and last cell. "Stay where you are" is therefore a zoom by n / (n - 1) with a rim that fades
into zeros. Checkpoints are trained with it, so it stays.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...runtime.grid_sampling import lacks_kernels

SHARPNESS = 0.01  # variance of a keypoint's heat, in half extents of the volume
LEAST = 1e-12  # of one axis' factor: below it, products would be denormal numbers, which are slow


def axis(length: int, like: Tensor) -> Tensor:
    """Coordinates of a grid along one axis, corners aligned. [length]"""
    return 2 * (torch.arange(length, dtype=like.dtype, device=like.device) / (length - 1)) - 1


def coordinate_grid(size: tuple[int, int, int], like: Tensor) -> Tensor:
    """x right, y down, z inwards. size (D, H, W) -> [D, H, W, 3]"""
    z, y, x = torch.meshgrid(*(axis(length, like) for length in size), indexing="ij")
    return torch.stack([x, y, z], -1)


def shifted_copies(volume: Tensor, shift: Tensor) -> Tensor:
    """The volume [B, C, D, H, W] sampled on K grids, each shifted as a whole by `shift` [B, K, 3].
    [B, K, C, D, H, W]

    A grid that is only shifted asks every row of an axis for the same places, so trilinear sampling is one small matrix
    per axis: its weights fall off linearly and are zero beyond the volume, as zero padding wants. Needs no gathering
    and no 3D grid sampling of the device.
    """
    channels, depth, height, width = volume.shape[1:]
    across, down, inward = (_axis_weights(length, shift[..., k]) for k, length in enumerate((width, height, depth)))
    layers = inward.flatten(1, 2) @ volume.transpose(1, 2).flatten(2)  # [B, K D, C H W]
    layers = layers.view(len(volume), -1, depth * channels, height, width)
    layers = down[:, :, None] @ layers @ across[:, :, None].transpose(-1, -2)
    return layers.unflatten(2, (depth, channels)).transpose(2, 3)


def _axis_weights(length: int, shift: Tensor) -> Tensor:
    """How much of each cell every sample of a shifted axis takes. [B, K] -> [B, K, length, length]"""
    place = ((axis(length, shift) + shift[..., None] + 1) * length - 1) / 2
    cells = torch.arange(length, dtype=shift.dtype, device=shift.device)
    return (1 - (place[..., None] - cells).abs()).clamp(min=0)


def heat(keypoints: Tensor, size: tuple[int, int, int]) -> Tensor:
    """A Gaussian around each keypoint: a product of three, one per axis. [B, K, 3] -> [B, K, D, H, W]"""

    def fall(k: int, length: int) -> Tensor:
        factor = torch.exp(-0.5 * (axis(length, keypoints) - keypoints[..., k, None]) ** 2 / SHARPNESS)
        return torch.where(factor < LEAST, 0.0, factor)

    depth, height, width = size
    across, down, inward = fall(0, width), fall(1, height), fall(2, depth)
    return inward[..., None, None] * (down[..., None] * across[..., None, :])[..., None, :, :]


def sample_volume(volume: Tensor, grid: Tensor) -> Tensor:
    """Trilinear samples, zeros outside. [B, C, D, H, W], [B, d, h, w, 3] in -1..1 -> [B, C, d, h, w]"""
    if lacks_kernels(volume.device):
        return gathered(volume, grid)
    return F.grid_sample(volume, grid, align_corners=False)


def gathered(volume: Tensor, grid: Tensor) -> Tensor:
    """`sample_volume` out of operations that every device has: eight neighbours, fetched and weighted."""
    return torch.stack([_gathered_one(one, places) for one, places in zip(volume, grid, strict=True)])


def _gathered_one(volume: Tensor, grid: Tensor) -> Tensor:
    """[C, D, H, W], [d, h, w, 3] -> [C, d, h, w]"""
    size = torch.tensor(volume.shape[:0:-1]).to(grid.device)  # W, H, D
    place = ((grid.reshape(-1, 3) + 1) * size - 1) / 2
    low = place.floor()
    part, low = place - low, low.long()
    rows = volume.flatten(1).T  # [D H W, C]
    total = rows.new_zeros(len(place), rows.shape[1])
    for corner in torch.cartesian_prod(*[torch.arange(2, device=grid.device)] * 3):
        at = low + corner
        weight = torch.where(corner > 0, part, 1 - part).prod(1) * ((at >= 0) & (at < size)).all(1)
        x, y, z = torch.minimum(at.clamp(min=0), size - 1).unbind(1)
        total = torch.addcmul(total, rows[(z * size[1] + y) * size[0] + x], weight[:, None].to(rows.dtype))
    return total.T.unflatten(1, grid.shape[:3])
