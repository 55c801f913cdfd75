"""A small network that reads from frames what the bench of NEO 2 counts: how far the mouth is open, where hands are.

It looks at one frame at a time, so that it can invent no motion, and knows neither sound nor model. Its recipe is
`training/mouth_reader.py`; it is trained on rendered frames, whose truth is known, and its file says how well it reads
films of people it never saw (`held_out_figures`). It ships with nothing: only the bench needs it.

Letters: B frames, H height, W width, N points (the mouth and both hands), S side of an enlarged square.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..nn.conv2d import Residual, centred, conv_norm, encoder
from ..weights import safetensors_io

HANDS = 2  # the subject's left and right, in the order of the films
AT_ONCE = 64  # frames read together
USUAL_WEIGHT = 10.0  # of where points usually are, which is learned first
CELL = 4  # pixels of the picture per cell of the heat maps


@dataclass(frozen=True)
class MouthReaderConfig:
    size: int = 128  # height and width of the frames
    width: int = 32
    crop: int = 24  # pixels around the mouth that are looked at closely
    zoom: int = 2


class Reading(NamedTuple):
    """What the network says of frames."""

    mouth: Tensor  # [B] opening, 0 closed .. 1 as wide as any
    place: Tensor  # [B, 2] x, y of the mouth, pixels
    hands: Tensor  # [B, 2, 2] x, y, pixels
    seen: Tensor  # [B, 2] logit of a hand being in the picture


class MouthReader(nn.Module):
    """Heat maps find the mouth and the hands; a second look at the mouth, enlarged, tells how far it is open."""

    def __init__(self, config: MouthReaderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.near = encoder((width // 2, width), (1, 1))  # 1/4 of the picture
        self.far = encoder((2 * width, 2 * width), (1, 1), inputs=width)  # 1/16
        self.join = nn.Sequential(conv_norm(3 * width, width), Residual(width))
        self.heat = nn.Conv2d(width, 1 + HANDS, 1)
        self.usual = nn.Parameter(torch.zeros(1 + HANDS, config.size // CELL, config.size // CELL))
        self.seen = nn.Linear(2 * width + HANDS, HANDS)
        self.look = encoder((width // 2, width, 2 * width), (1, 1, 1))
        cells = config.crop * config.zoom // 8
        flat = nn.Sequential(nn.Flatten(), nn.Linear(2 * width * cells**2, width))
        self.opening = nn.Sequential(flat, nn.SiLU(), nn.Linear(width, 1))

    def forward(self, frames: Tensor, place: Tensor | None = None) -> Reading:
        """frames [B, 3, H, W], 0..1. `place` [B, 2]: where to look closely instead of at the place that was found, for
        training, so that the opening is learned from the first step on."""
        near = self.near(centred(frames))
        far = self.far(near)
        heat = self.heat(self.join(torch.cat((near, F.interpolate(far, size=near.shape[-2:])), 1)))
        points = soft_argmax(heat + USUAL_WEIGHT * self.usual)  # [B, N, 2]
        middle = points[:, 0].detach() if place is None else place
        crop = around(frames, middle, self.config.crop, self.config.zoom)
        opening = self.opening(self.look(centred(crop)))[:, 0]
        peaks = heat[:, 1:].amax((-2, -1))  # a hand that is away is warm nowhere
        seen = self.seen(torch.cat((far.mean((-2, -1)), peaks), 1))
        return Reading(opening, points[:, 0], points[:, 1:], seen)


def soft_argmax(heat: Tensor) -> Tensor:
    """The middle of every heat map in pixels of the picture. [B, N, h, w] -> [B, N, 2]"""
    weights = rearrange(heat, "b n h w -> b n (h w)").softmax(-1)
    rows, columns = torch.meshgrid(*(torch.arange(n, device=heat.device) for n in heat.shape[-2:]), indexing="ij")
    cells = torch.stack((columns, rows), -1).flatten(0, 1).to(heat.dtype)  # [h w, 2]
    return (weights @ cells + 0.5) * CELL


def around(frames: Tensor, middle: Tensor, crop: int, zoom: int) -> Tensor:
    """Squares of `crop` pixels around points, `zoom` times as fine. [B, 3, H, W], [B, 2] -> [B, 3, S, S]"""
    height, width = frames.shape[-2:]
    steps = (torch.arange(crop * zoom, device=frames.device, dtype=frames.dtype) + 0.5) / zoom - crop / 2
    x, y = middle[:, 0, None] + steps, middle[:, 1, None] + steps  # [B, S]
    grid = torch.stack(torch.broadcast_tensors((2 * x / width - 1)[:, None], (2 * y / height - 1)[:, :, None]), -1)
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


@torch.no_grad()
def read(reader: MouthReader, video: Tensor) -> Reading:
    """A whole video, u8 [T, H, W, 3], with the opening held to 0..1."""
    parts = [reader(piece.permute(0, 3, 1, 2).float() / 255) for piece in video.split(AT_ONCE)]
    reading = Reading(*(torch.cat(column) for column in zip(*parts, strict=True)))
    return reading._replace(mouth=reading.mouth.clamp(0, 1))


def load_mouth_reader(path: str | Path) -> MouthReader:
    """The network in a file that `save_mouth_reader` wrote. Raises InputError when it holds something else."""
    reader = MouthReader(MouthReaderConfig(**safetensors_io.load_config_for(path, MouthReaderConfig)))
    safetensors_io.load_into(reader, path)
    return reader.eval()


def save_mouth_reader(path: str | Path, reader: MouthReader, made: Mapping) -> None:
    """`made` tells how it was trained, with `held_out_figures`: name -> value, as the recipe measured them."""
    safetensors_io.save(path, reader.state_dict(), asdict(reader.config), made=made)
