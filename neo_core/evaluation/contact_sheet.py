"""Videos at a glance: a row each, a few moments side by side."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..media.video import read_frames


def contact_sheet(videos: list[Path], moments: int = 8, side: int = 192) -> Tensor:
    """`moments` frames of each video, evenly spaced in time, `side` pixels high. u8 [videos x side, W, 3]"""
    rows = [torch.cat([_scaled(f, side) for f in _moments(video, moments)], dim=1) for video in videos]
    width = min(row.shape[1] for row in rows)
    return torch.cat([row[:, :width] for row in rows], dim=0)


def _moments(video: Path, count: int) -> list[Tensor]:
    """Frames in the middle of `count` equal parts; only those are kept in memory."""
    frames = sum(1 for _ in read_frames(video))
    wanted = {round((k + 0.5) * frames / count) for k in range(count)}
    return [frame for number, (_, frame) in enumerate(read_frames(video)) if number in wanted]


def _scaled(frame: Tensor, side: int) -> Tensor:
    height, width = frame.shape[:2]
    pixels = frame.permute(2, 0, 1)[None].float()
    small = F.interpolate(pixels, size=(side, round(width * side / height)), mode="bicubic", antialias=True)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)
