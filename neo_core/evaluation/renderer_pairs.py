"""Side by side and unlabelled: moments that two renderers drew of one portrait, for somebody to say which they believe.

`deal` shuffles which of them stands left, and writes pictures; which is which goes into a key elsewhere. Verdicts are
text, a line a pair, so they can be committed and counted again by anybody with the key:

    01 left: the teeth of the other are a flat white bar
    02 right
    03 same: cannot tell them apart
"""

import hashlib
import json
import random
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data_types import InputError
from ..media.image import write_image
from ..weights.whole_file import write_whole
from .renderer_comparison import GEOMETRIC, MINI, Renderer, Take

LINE = re.compile(r"^(\d+)\s+(left|right|same)\b\s*:?\s*(.*)$")
SIDES = ("left", "right")
SAME = "same"
MOMENTS = 4  # of a pair, below the photo
SIDE = 320  # pixels of a frame's side in a sheet, at most
SEED_BITS = 128  # more than can be tried out against the key's published hash
GAP = 24  # white pixels between left and right


def deal(
    takes: Sequence[Take], renderers: dict[str, Renderer], folder: Path, key: Path, count: int, seed: int | None = None
) -> Iterator[Path]:
    """Write `count` sheets into a folder and, first, the key, which must lie elsewhere. Every take comes as often as
    every other, with other moments; how often each renderer stands left differs by one at most. Without a seed nobody
    can tell beforehand which: the one that was drawn is in the key."""
    if folder.resolve() in key.resolve().parents:
        raise InputError(f"the key {key} found in the folder that reviewers get; expected it elsewhere")
    if not takes:
        raise InputError("no portraits found to deal; expected one or more")
    seed = secrets.randbits(SEED_BITS) if seed is None else seed
    dice = random.Random(seed)
    order = [(GEOMETRIC, MINI) if number % 2 else (MINI, GEOMETRIC) for number in range(count)]
    chosen = [takes[number % len(takes)] for number in range(count)]
    dice.shuffle(order), dice.shuffle(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:02d}" for number in range(1, count + 1)]
    rows = {name: dict(zip(SIDES, pair, strict=True)) for name, pair in zip(names, order, strict=True)}
    portraits = {name: take.name for name, take in zip(names, chosen, strict=True)}
    text = json.dumps({"seed": seed, "pairs": rows, "portraits": portraits}, indent=1) + "\n"
    key.parent.mkdir(parents=True, exist_ok=True)
    write_whole(key, text.encode())
    for name, pair, take in zip(names, order, chosen, strict=True):
        moments = sorted(dice.sample(range(len(take.motion)), min(MOMENTS, len(take.motion))))
        part = Take(take.name, take.volume, take.motion[moments], take.truth[moments])
        path = folder / f"pair_{name}.png"
        write_image(path, sheet(take.volume.photo, [renderers[renderer](part) for renderer in pair]))
        yield path


def sheet(photo: Tensor, sides: Sequence[Tensor]) -> Tensor:
    """The photo u8 [H, W, 3] above each side, and what was drawn u8 [K, H, W, 3] below it: equal but for the drawing.
    u8 [h, w, 3]"""
    columns = []
    for frames in sides:
        small = [_scaled(frame) for frame in frames]
        above = torch.full_like(torch.cat(small[:2], 1), 255)
        first = _scaled(photo)
        above[:, : first.shape[1]] = first
        blank = torch.full_like(small[0], 255)
        rows = [small[k : k + 2] + [blank] * (2 - len(small[k : k + 2])) for k in range(0, len(small), 2)]
        if len(small) == 1:
            above = torch.cat([above, blank], 1)
        columns.append(torch.cat([above, *(torch.cat(row, 1) for row in rows)]))
    gap = torch.full((columns[0].shape[0], GAP, 3), 255, dtype=torch.uint8)
    return torch.cat([columns[0], gap, columns[1]], 1)


def _scaled(frame: Tensor) -> Tensor:
    """No side longer than `SIDE`."""
    ratio = min(1.0, SIDE / max(frame.shape[:2]))
    size = [max(1, round(ratio * length)) for length in frame.shape[:2]]
    pixels = F.interpolate(frame.permute(2, 0, 1)[None].float(), size=size, mode="bicubic", antialias=True)
    return pixels[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


def read_verdicts(path: Path) -> dict[str, str]:
    """What was said of each pair: left, right or same. Lines that begin with # are remarks."""
    said: dict[str, str] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.match(line.strip())
        if not match:
            found = f"line {number} of {path} is {line!r:.60}"
            raise InputError(f"{found}; expected a pair's number and left, right or same")
        pair = f"{int(match[1]):02d}"
        if pair in said:
            raise InputError(f"pair {pair} found twice in {path}; expected one verdict each")
        said[pair] = match[2]
    return said


def count(verdicts: Path, key: Path) -> Counter[str]:
    """How often each renderer was preferred, and neither. Raises InputError unless there is a verdict on every pair."""
    pairs, said = json.loads(_text(key))["pairs"], read_verdicts(verdicts)
    if said.keys() != pairs.keys():
        apart = ", ".join(sorted(said.keys() ^ pairs.keys()))
        raise InputError(f"{verdicts} and {key} differ in the pairs {apart}; expected a verdict on every pair")
    return Counter(pairs[pair].get(verdict, SAME) for pair, verdict in said.items())


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path} does not exist; expected verdicts as text and the key that `deal` wrote")
    return path.read_text(encoding="utf-8")


def fingerprint(key: Path) -> str:
    """What may be published before the verdicts, so that nobody can say the key was changed after them."""
    return hashlib.sha256(key.read_bytes()).hexdigest()
