"""The refiner: a small U-Net that mends what the warp had to invent, and nothing else.

It sees a window around the mouth as the warp painted it, with maps of what is new there and what it is made of, and
answers with a change and its opacity. The opacity is multiplied with the map of new things, so skin the photo has shown
is never redrawn and a head at rest stays the photo. No refiner of eyes was built: what the maps have for eyeball and
lid is always zero. Trained by `training/refiner.py` on factory people.

Letters: B windows, S side of a window in network pixels.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...weights import safetensors_io
from .patch import Window
from .sampling import resize

EMBEDDED = Path(__file__).resolve().parents[2] / "weights" / "embedded" / "refiner.safetensors"
SIDE = 96
MAPS = ("new", "inner", "teeth", "soft", "ball", "lid")  # beside red, green, blue; the last two are zero


@dataclass(frozen=True)
class RefinerConfig:
    width: int = 16  # channels at full size; doubled, then tripled and quadrupled below
    maps: int = len(MAPS)
    groups: int = 8


class Block(nn.Module):
    """Two convolutions with a short way around."""

    def __init__(self, inputs: int, outputs: int, groups: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(groups, outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.around = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.around(x) + self.second(F.silu(self.norm(self.first(x))))


class Refiner(nn.Module):
    """Painted windows to mended windows."""

    def __init__(self, config: RefinerConfig):
        super().__init__()
        self.config = config
        w, g = config.width, config.groups
        self.stem = nn.Conv2d(3 + config.maps, w, 3, padding=1)
        self.down = nn.ModuleList([Block(w, w, g), Block(w, 2 * w, g), Block(2 * w, 3 * w, g), Block(3 * w, 4 * w, g)])
        self.up = nn.ModuleList([Block(7 * w, 3 * w, g), Block(5 * w, 2 * w, g), Block(3 * w, w, g)])
        self.head = nn.Conv2d(w, 4, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, picture: Tensor, maps: Tensor) -> Tensor:
        """Windows [B, 3, S, S] 0..1 and their maps [B, 6, S, S] -> mended windows [B, 3, S, S]."""
        seen = torch.cat([picture - 0.5, maps], 1)
        x = self.stem(seen.contiguous(memory_format=torch.channels_last))  # in which CPU convolutions are fastest
        passed = []
        for number, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if number else x)
            passed.append(x)
        passed.pop()
        for block in self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, passed.pop()], 1))
        change, opacity = self.head(x).split([3, 1], 1)
        return picture + maps[:, :1] * torch.sigmoid(opacity) * change.tanh()


@dataclass(frozen=True)
class Spot:
    """A window of the picture with something new in it."""

    window: Window
    maps: Tensor  # [6, h, w] see MAPS


def mend(view: Tensor, bounds: Window, spots: list[Spot], refiner: Refiner) -> Tensor:
    """The painted region [3, h, w] with its new spots mended; untouched where the maps say nothing is new."""
    fresh = [spot for spot in spots if spot.maps[0].amax() > 0.01]
    if not fresh:
        return view
    squares = [square(spot, bounds) for spot in fresh]
    seen = [network_input(view, bounds, spot, at) for spot, at in zip(fresh, squares, strict=True)]
    pictures, maps = (torch.stack(column) for column in zip(*seen, strict=True))
    change = refiner(pictures, maps) - pictures
    view = view.clone()
    for at, step in zip(squares, change, strict=True):
        top, left = at.top - bounds.top, at.left - bounds.left
        view[:, top : top + at.height, left : left + at.width] += resize(step, at.height, at.width)
    return view


def square(spot: Spot, bounds: Window) -> Window:
    """The square around a spot, inside the region `bounds`, in pixels of the picture."""
    at = spot.window
    side = min(max(at.height, at.width), bounds.height, bounds.width)
    top = min(max(at.top + (at.height - side) // 2, bounds.top), bounds.top + bounds.height - side)
    left = min(max(at.left + (at.width - side) // 2, bounds.left), bounds.left + bounds.width - side)
    return Window(top, left, side, side)


def network_input(view: Tensor, bounds: Window, spot: Spot, at: Window) -> tuple[Tensor, Tensor]:
    """What the refiner sees of a square `at`: picture [3, S, S] and maps [6, S, S]. view [3, h, w] covers `bounds`."""
    inside = view[:, at.top - bounds.top :, at.left - bounds.left :][:, : at.height, : at.width]
    maps = view.new_zeros(len(MAPS), at.height, at.width)
    top, left = max(spot.window.top, at.top), max(spot.window.left, at.left)
    bottom = min(spot.window.top + spot.window.height, at.top + at.height)
    right = min(spot.window.left + spot.window.width, at.left + at.width)
    own = spot.maps[
        :, top - spot.window.top : bottom - spot.window.top, left - spot.window.left : right - spot.window.left
    ]
    maps[:, top - at.top : bottom - at.top, left - at.left : right - at.left] = own
    return resize(inside, SIDE, SIDE), resize(maps, SIDE, SIDE)


def load_refiner(path: str | Path | None = None) -> Refiner:
    """The embedded refiner, or one trained by the recipe."""
    return _load(Path(path) if path else EMBEDDED)


@lru_cache(maxsize=2)
def _load(path: Path) -> Refiner:
    refiner = Refiner(RefinerConfig(**safetensors_io.load_config(path)["refiner"]))
    safetensors_io.load_into(refiner, path)
    return refiner.eval().to(memory_format=torch.channels_last)


def save_refiner(path: str | Path, refiner: Refiner, made: dict | None = None) -> None:
    """Write the weights as float16."""
    config = {"refiner": asdict(refiner.config)}
    safetensors_io.save(path, refiner.state_dict(), config, made=made, dtype=torch.float16)
