"""What dynamic regions of interest save, and what can be seen of them: VOCAL speaks through the volumetric renderer.

The bundled portrait performs the bundled speech once with whole frames and once with windows between keyframes.
Multiplications are counted, not timed, and say the same on every machine. Where the windows lie follows the keypoints
that a renderer reads of the portrait; those of random weights lie elsewhere than trained ones. What the pictures are
worth can only be judged with trained weights: random ones move everything with everything, so theirs are noted and
judge nothing.
"""

import math
import statistics
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..pictar.volumetric.checkpoints import making
from ..pictar.volumetric.dynamic_roi import Focus, Interval, draw, fine, plan
from ..pictar.volumetric.family import FAMILY, Renderer, RendererConfig, member
from ..pictar.volumetric.lift import Volume
from ..pictar.volumetric.settling import settle
from ..pictar.volumetric.translate import drawing
from ..pictar.volumetric.window_decoder import Size, cut, decode_whole, decode_window
from ..pipelines.live_portrait import LivePortrait, PublicRenderer, load_public
from ..runtime.threads import one_thread
from .bench import CouldNotRun, Figure
from .pictar_performance import performed, random_renderer

FRAMES = 100  # of the performance
TIMED = 25  # of them, around the middle: about as many keyframes as in the whole performance
WARM = 3  # the first ones, drawn before time is taken
DRAWN = "small"  # of the family, whose random pictures are noted: they are drawn in a minute
TRAINED = "no trained volumetric renderer comes with this; expected --checkpoint with trained weights"


@dataclass(frozen=True)
class Track:
    """A performance, as a renderer gets it."""

    volume: Volume
    keypoints: Tensor  # [T, K, 3]


@dataclass(frozen=True)
class Seen:
    """What a focus did to pictures."""

    psnr: float  # dB of all windows against the whole decode
    least: float  # dB of the window that is worst
    whole: float  # dB of whole frames between keyframes
    change: float  # the worst change to or from a keyframe over others, each over the same without a focus
    sharpness: float  # by how much fine detail changes from a keyframe to the frames beside it, likewise


def savings(notes: dict[str, float]) -> dict[str, Figure]:
    """The rows of every member of the family with random weights; in `notes`, what pictures of random weights are."""
    rows: dict[str, Figure] = {}
    for name, config in FAMILY.items():
        track, focus = track_of(random_renderer(config)), Focus()
        intervals = list(plan(track.volume, track.keypoints, focus))
        notes[f"{name}: share of frames that are keyframes"] = len(intervals) / len(track.keypoints)
        sizes = {window.size for interval in intervals for window in interval.windows}
        costs = multiplications(config, sizes, focus.halo)
        notes |= {f"{name}: thousand millions of multiplications, {of}": x / 1e9 for of, x in costs.said.items()}
        if name == DRAWN:
            seen = compare(track, focus, *pictures(track, focus))
            notes |= {f"{name}, random weights: {figure}": value for figure, value in vars(seen).items()}
        found = {
            "multiplications, whole frames over dynamic ROI": len(track.keypoints) / work(costs, intervals),
            "speed of dynamic ROI, CPU": speed(track, focus),
            "dynamic ROI switched off, difference": switched_off(track),
        }
        rows |= {f"{row}, {name}": Figure(value, "random weights") for row, value in found.items()}
    return rows


def on_trained(checkpoint: Path | None, notes: dict[str, float]) -> dict[str, Figure]:
    """The rows on pictures, which say what was judged. Raises CouldNotRun without trained weights."""
    if checkpoint is None:
        raise CouldNotRun(TRAINED)
    public = load_public(LivePortrait(checkpoint))
    weights = f"{member(public.renderer.config)}, {making(checkpoint)} weights"
    if making(checkpoint) == "random":
        raise CouldNotRun(f"{checkpoint} holds {weights}; expected trained ones")
    track = track_of(public)
    seen = compare(track, Focus(), *pictures(track, Focus()))
    notes |= {f"{weights}: {name}": value for name, value in vars(seen).items()}
    pulse = float(torch.tensor([seen.change, seen.sharpness]).max())  # of a number and none: none
    return {"ROI PSNR": Figure(seen.psnr, weights), "pulse at keyframes": Figure(pulse, weights)}


def track_of(public: PublicRenderer) -> Track:
    """The bundled speech, performed by VOCAL for the bundled portrait."""
    face, motion = performed(public, FRAMES)
    return Track(face.volume, face.keypoints(motion))


# --- work -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """Multiplications of a whole frame, of its warping's two parts alone, and of windows by their size."""

    whole: float
    weighing: float
    carrying: float
    windows: dict[Size, float]

    @property
    def said(self) -> dict[str, float]:
        windows = {f"window of {h} x {w} cells": count for (h, w), count in sorted(self.windows.items())}
        return {"whole frame": self.whole, "its weighing": self.weighing, "its carrying": self.carrying, **windows}


def work(costs: Costs, intervals: Sequence[Interval]) -> float:
    """Multiplications of all intervals, in whole frames."""
    total = 0.0
    for interval in intervals:
        frames = len(interval.between)
        if interval.whole:
            total += costs.whole * (1 + frames)
            continue
        windows = costs.carrying + sum(costs.windows[window.size] for window in interval.windows)
        total += costs.whole + frames * windows + (frames // 2) * costs.weighing
    return total / costs.whole


def multiplications(config: RendererConfig, sizes: set[Size], halo: int) -> Costs:
    """Of one renderer. Nothing is computed."""
    shape = (1, config.warping.channels, config.warping.depth, config.appearance.grid, config.appearance.grid)
    with torch.device("meta"), torch.no_grad():
        renderer = settle(Renderer(config))
        keypoints, corner = torch.empty(1, config.warping.keypoints, 3), torch.zeros(2, dtype=torch.int64)
        source = renderer.warping.know(torch.empty(shape), keypoints)
        with FlopCounterMode(display=False) as weighing:
            weighed = renderer.warping.weigh(source, keypoints)
        with FlopCounterMode(display=False) as carrying:
            features = renderer.warping.carry(source, keypoints, weighed).features
        with FlopCounterMode(display=False) as generator:
            _, kept = decode_whole(renderer.generator, features)
        windows = {}
        for size in sizes:
            given = kept.around(corner, size, halo)
            with FlopCounterMode(display=False) as window:
                decode_window(renderer.generator, features, given, corner, size, halo)
            windows[size] = window.get_total_flops() / 2
    weigh, carry, generate = (counted.get_total_flops() / 2 for counted in (weighing, carrying, generator))
    return Costs(weigh + carry + generate, weigh, carry, windows)


# --- pictures ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def pictures(track: Track, focus: Focus) -> tuple[list[Tensor], list[Tensor]]:
    """Pictures [3, S, S] of whole decodes and with a focus."""
    full = [picture.clone() for picture in map(drawing(track.volume, torch.clone), track.keypoints)]
    return full, list(draw(track.volume, track.keypoints, focus, torch.clone))


@one_thread()
@torch.no_grad()
def speed(track: Track, focus: Focus) -> float:
    """How many times as fast frames come with a focus as whole ones, by the processor's time for many frames."""
    begin = max(0, (len(track.keypoints) - TIMED) // 2)
    whole = drawing(track.volume, torch.clone)
    seconds = []
    for frames in (lambda x: map(whole, x), lambda x: draw(track.volume, x, focus, torch.clone)):
        for some in (track.keypoints[:WARM], track.keypoints[begin : begin + TIMED]):
            begun = time.process_time()
            deque(frames(some), maxlen=0)  # drawn and forgotten
            spent = time.process_time() - begun
        seconds.append(spent)
    return seconds[0] / seconds[1]


def switched_off(track: Track) -> float:
    """Largest difference of three frames that are all keyframes to whole frames."""
    some = track.keypoints[:3]
    ours = draw(track.volume, some, Focus(interval=1), torch.clone)
    return max(
        float((a - b).abs().max()) for a, b in zip(ours, map(drawing(track.volume, torch.clone), some), strict=True)
    )


def compare(track: Track, focus: Focus, full: list[Tensor], ours: list[Tensor]) -> Seen:
    """Pictures of a track, without and with a focus. Raises CouldNotRun where nothing was left out."""
    inside, frames, keys, at = [], [], [], 0
    for interval in plan(track.volume, track.keypoints, focus):
        for _ in interval.between:
            if not interval.whole:
                frames.append(_error(ours[at], full[at]))
                inside += [_error(*pair) for pair in _inside(interval, ours[at], full[at], track.volume)]
            at += 1
        keys.append(at)
        at += 1
    if not inside:
        raise CouldNotRun(f"{len(full)} frames have no windows; expected a longer track")
    return Seen(
        _decibel(statistics.fmean(inside)),
        _decibel(max(inside)),
        _decibel(statistics.fmean(frames)),
        _pulse(_changes(ours), _changes(full), set(keys)),
        _flicker([_detail(x) for x in ours], [_detail(x) for x in full], set(keys)),
    )


def _inside(interval: Interval, ours: Tensor, full: Tensor, volume: Volume) -> list[tuple[Tensor, Tensor]]:
    """The windows of both pictures."""
    pixels = full.shape[-1] // volume.source.volume.shape[-1]
    corners = [torch.tensor(window.corner, device=full.device) for window in interval.windows]
    pairs = zip(corners, (window.size for window in interval.windows), strict=True)
    return [tuple(cut(x, corner, size, pixels) for x in (ours, full)) for corner, size in pairs]


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).square().mean())


def _decibel(error: float) -> float:
    return -10 * math.log10(max(error, 1e-20))


def _changes(pictures: list[Tensor]) -> list[float]:
    """Of every picture from the one before it."""
    return [float((after - before).abs().mean()) for before, after in pairwise(pictures)]


def _detail(picture: Tensor) -> float:
    """How much pixels differ from the mean of those around them."""
    return float(fine(picture[None]).abs().mean())


def _pulse(ours: list[float], full: list[float], keys: set[int]) -> float:
    """How much larger the worst change to or from a keyframe is than changes between other frames are in the middle;
    all of them as multiples of what they are without a focus. Raises CouldNotRun without other frames."""
    ratio = [one / max(other, 1e-9) for one, other in zip(ours, full, strict=True)]
    near = {k for key in keys for k in (key - 1, key) if 0 <= k < len(ratio)}  # change k is that from frame k to k + 1
    others = [x for k, x in enumerate(ratio) if k not in near]
    if not others:
        raise CouldNotRun(f"of {len(full) + 1} frames no two beside each other are no keyframes; expected some")
    return max(ratio[k] for k in near) / max(statistics.median(others), 1e-9)


def _flicker(ours: list[float], full: list[float], keys: set[int]) -> float:
    """The largest factor between a value at a keyframe and one beside it, both over what they are without a focus."""
    ratio = [one / max(other, 1e-9) for one, other in zip(ours, full, strict=True)]
    pairs = [(ratio[key], ratio[k]) for key in keys for k in (key - 1, key + 1) if 0 <= k < len(ratio)]
    return max(max(a, b) / max(min(a, b), 1e-9) for a, b in pairs)
