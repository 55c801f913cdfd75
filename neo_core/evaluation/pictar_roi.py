"""What dynamic regions of interest save, and what can be seen of them: VOCAL speaks through the volumetric renderer.

The bundled portrait performs the bundled speech once with whole frames and once with windows between keyframes.
Multiplications are counted, not timed, and say the same on every machine. What the pictures are worth can only be
judged with trained weights: random ones move everything with everything, so theirs are noted and judge nothing.
"""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..governance import TALKING_HEAD, authorise, fingerprint
from ..media.audio import read_waveform
from ..pictar.volumetric.checkpoints import FILES, build_renderer
from ..pictar.volumetric.dynamic_roi import Focus, Interval, draw, plan
from ..pictar.volumetric.family import Renderer, RendererConfig
from ..pictar.volumetric.lift import Volume
from ..pictar.volumetric.motion_bridge import slider_bridge
from ..pictar.volumetric.settling import settle
from ..pictar.volumetric.translate import drawing
from ..pictar.volumetric.window_decoder import Size, cut, decode_whole, decode_window
from ..pipelines.live_portrait import LivePortrait, PublicRenderer, enrol_public, load_public
from ..pipelines.portrait import open_portrait
from ..pipelines.talking_head import Settings, load_models, perform
from ..runtime.threads import one_thread
from .bench import CouldNotRun
from .random_liveportrait import random_tensors

SAMPLES = Path(__file__).parents[1] / "samples"
SEED = 1
FRAMES = 100  # of the performance, of which multiplications are counted
DRAWN = 17  # of them, from the middle on: two intervals of keyframes
TRAINED = "no trained mini renderer exists yet; expected --checkpoint with trained weights in the public layout"


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
    change: float  # how much larger changes to keyframes are than those to other frames, over the same without a focus
    sharpness: float  # the same of fine detail


def savings(config: RendererConfig, notes: dict[str, float]) -> dict[str, float]:
    """The rows that weights have no part in, and notes on pictures of random weights."""
    track = perform_on(PublicRenderer(random_renderer(config), slider_bridge()))
    focus = Focus()
    intervals = list(plan(track.volume, track.keypoints, focus))
    some = Track(track.volume, track.keypoints[FRAMES // 2 :][:DRAWN])
    pictures, speed = both(some, focus)
    seen = compare(some, focus, *pictures)
    notes |= {f"random weights: {name}": value for name, value in vars(seen).items()}
    notes["share of frames that are keyframes"] = len(intervals) / len(track.keypoints)
    return {
        "multiplications, whole frames over dynamic ROI": len(track.keypoints) / work(config, intervals, focus),
        "speed of dynamic ROI, CPU": speed,
        "dynamic ROI switched off, difference": switched_off(some),
    }


def on_trained(checkpoint: Path | None, notes: dict[str, float]) -> dict[str, float]:
    """The rows on pictures. Raises CouldNotRun without trained weights."""
    if checkpoint is None:
        raise CouldNotRun(TRAINED)
    track = perform_on(load_public(LivePortrait(checkpoint)))
    some = Track(track.volume, track.keypoints[FRAMES // 2 :][:DRAWN])
    seen = compare(some, Focus(), *both(some, Focus())[0])
    notes |= {f"trained weights: {name}": value for name, value in vars(seen).items()}
    return {"ROI PSNR": seen.psnr, "pulse at keyframes": max(seen.change, seen.sharpness, 1 / seen.sharpness)}


def random_renderer(config: RendererConfig) -> Renderer:
    return build_renderer(config, random_tensors(config, SEED), FILES).ready()


def perform_on(public: PublicRenderer) -> Track:
    """The bundled speech, performed by VOCAL for the bundled portrait."""
    models, path = load_models(), SAMPLES / "portrait.jpg"
    portrait = open_portrait(models.analyser, path)
    grant = authorise(fingerprint(portrait.photo, portrait.face.landmarks68), TALKING_HEAD, source=str(path))
    avatar = enrol_public(models, public, portrait, None, LivePortrait(Path()), grant=grant)
    pieces = perform(models, read_waveform(SAMPLES / "speech.flac"), avatar.identity, Settings())
    motion = torch.stack(list(islice((vector for piece in pieces for vector in piece), FRAMES)))
    return Track(avatar.volume.volume, avatar.volume.keypoints(motion))


# --- work -------------------------------------------------------------------------------------------------------------


def work(config: RendererConfig, intervals: Sequence[Interval], focus: Focus) -> float:
    """Multiplications of all intervals, in whole frames."""
    sizes = {window.size for interval in intervals for window in interval.windows}
    whole, warping, windows = multiplications(config, sizes, focus.halo)
    total = 0.0
    for interval in intervals:
        count = len(interval.between)
        between = whole if interval.whole else warping + sum(windows[window.size] for window in interval.windows)
        total += whole + count * between
    return total / whole


def multiplications(config: RendererConfig, sizes: set[Size], halo: int) -> tuple[float, float, dict[Size, float]]:
    """Of a whole frame, of its warping alone, and of windows of these sizes. Nothing is computed."""
    shape = (1, config.warping.channels, config.warping.depth, config.appearance.grid, config.appearance.grid)
    with torch.device("meta"), torch.no_grad():
        renderer = settle(Renderer(config))
        keypoints, corner = torch.empty(1, config.warping.keypoints, 3), torch.zeros(2, dtype=torch.int64)
        source = renderer.warping.know(torch.empty(shape), keypoints)
        with FlopCounterMode(display=False) as warping:
            features = renderer.warping(source, keypoints).features
        with FlopCounterMode(display=False) as generator:
            _, kept = decode_whole(renderer.generator, features)
        windows = {}
        for size in sizes:
            given = kept.around(corner, size, halo)
            with FlopCounterMode(display=False) as window:
                decode_window(renderer.generator, features, given, corner, size, halo)
            windows[size] = window.get_total_flops() / 2
    warp = warping.get_total_flops() / 2
    return warp + generator.get_total_flops() / 2, warp, windows


# --- pictures ---------------------------------------------------------------------------------------------------------


@one_thread()
@torch.no_grad()
def both(track: Track, focus: Focus) -> tuple[tuple[list[Tensor], list[Tensor]], float]:
    """Pictures [3, S, S] of whole decodes and with a focus, and how many times as fast the second is."""
    begun = time.process_time()
    full = [picture.clone() for picture in map(drawing(track.volume, torch.clone), track.keypoints)]
    between = time.process_time()
    ours = list(draw(track.volume, track.keypoints, focus, torch.clone))
    return (full, ours), (between - begun) / (time.process_time() - between)


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
            frames.append(_error(ours[at], full[at]))
            for window in interval.windows:
                pixels = full[at].shape[-1] // track.volume.source.volume.shape[-1]
                corner = torch.tensor(window.corner, device=full[at].device)
                inside.append(_error(*(cut(x[at], corner, window.size, pixels) for x in (ours, full))))
            at += 1
        keys.append(at)
        at += 1
    if not inside:
        raise CouldNotRun(f"{len(full)} frames have no windows; expected a longer track")
    pairs = [(_changes(ours), _changes(full)), ([_detail(x) for x in ours], [_detail(x) for x in full])]
    return Seen(
        _decibel(statistics.fmean(inside)),
        _decibel(max(inside)),
        _decibel(statistics.fmean(frames)),
        _pulse(*pairs[0], {k - 1 for k in keys[1:]}),
        _pulse(*pairs[1], set(keys)),
    )


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).square().mean())


def _decibel(error: float) -> float:
    return -10 * math.log10(max(error, 1e-20))


def _changes(pictures: list[Tensor]) -> list[float]:
    """Of every picture from the one before it."""
    return [float((after - before).abs().mean()) for before, after in pairwise(pictures)]


def _detail(picture: Tensor) -> float:
    """How much pixels differ from the mean of those around them."""
    return float((picture - F.avg_pool2d(picture[None], 3, 1, 1, count_include_pad=False)[0]).abs().mean())


def _pulse(ours: list[float], full: list[float], keys: set[int]) -> float:
    """How much larger values are at keyframes than elsewhere, beside the same without a focus."""
    at, elsewhere = (
        sum(ours[k] for k in chosen) / max(sum(full[k] for k in chosen), 1e-9)
        for chosen in (keys, set(range(len(full))) - keys)
    )
    return at / max(elsewhere, 1e-9)
