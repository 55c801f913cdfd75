"""What VOCAL does in a performance, as curves over its seconds: how it uses depth, what each signal changes, how the
motion goes with the speech.

Letters: T frames, N cached states, K points of the network where depths are blended, S signals.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from ..data_types import AudioFeatures, Identity, InputError, Progress, Waveform, silent
from ..flow.guidance import SIGNALS, Guidance
from ..motion_space import INDEX, REGIONS
from ..timebase import MOTION_RATE, PAIR
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import STEPS, generate_motion, generate_windows, overlap
from ..vocal.unified_mmdit import JointTransformer
from .motion_plot import Curve, Lane, plot_lanes

RANGE = 36.0  # dB between silence and the loud parts of a voice
FLOOR = 1e-4  # of full scale: below this nothing sounds
FACE = {"mouth": ("mouth",), "brows and eyes": ("brows", "eyes"), "head and gaze": ("pose", "gaze")}
SHOWN = {  # lane of the speech picture -> unit, label -> channels whose mean is drawn
    "mouth": (
        "weight",
        {"jaw open": ("jawOpen",), "pucker": ("mouthPucker",), "smile": ("mouthSmile_L", "mouthSmile_R")},
    ),
    "brows and lids": (
        "weight",
        {"brows up": ("browInnerUp_L", "browInnerUp_R"), "blink": ("eyeBlink_L", "eyeBlink_R")},
    ),
    "head": ("degree", {"pitch": ("pitch",), "yaw": ("yaw",), "roll": ("roll",)}),
}


def plot_depth(
    vocal: MotionGenerator,
    heard: AudioFeatures,
    person: Identity,
    sound: Waveform | None,
    seed: int,
    size: tuple[int, int],
    progress: Progress = silent,
) -> Tensor:
    """How much of each earlier depth the motion stream takes at every block boundary, frame by frame. u8 [H, W, 3]"""
    usage = depth_usage(vocal, heard, person, seed, progress)
    return _plot([_lane(vocal, *shown) for shown in enumerate(usage)], heard, sound, size)


def plot_influence(
    vocal: MotionGenerator,
    heard: AudioFeatures,
    person: Identity,
    sound: Waveform | None,
    seed: int,
    size: tuple[int, int],
    progress: Progress = silent,
) -> Tensor:
    """How far the motion would be elsewhere without the sound, the identity, the reference. u8 [H, W, 3]"""
    changes = influence(vocal, heard, person, seed, progress)
    lanes = [
        Lane(
            name,
            "spread",
            tuple(Curve(f"without {signal}", _size(row, parts)[None]) for signal, row in changes.items()),
        )
        for name, parts in FACE.items()
    ]
    return _plot(lanes, heard, sound, size)


def plot_speech(
    vocal: MotionGenerator,
    heard: AudioFeatures,
    person: Identity,
    sound: Waveform | None,
    seed: int,
    size: tuple[int, int],
    progress: Progress = silent,
) -> Tensor:
    """The motion under the loudness of the speech. u8 [H, W, 3]"""
    motion = generate_motion(vocal, heard, person, seed=seed, progress=progress).motion
    lanes = [
        Lane(title, unit, tuple(Curve(label, _mean(motion, names)[None]) for label, names in shown.items()))
        for title, (unit, shown) in SHOWN.items()
    ]
    return _plot(lanes, heard, sound, size)


PICTURES: dict[str, Callable[..., Tensor]] = {"depth": plot_depth, "influence": plot_influence, "speech": plot_speech}


def depth_usage(
    vocal: MotionGenerator, heard: AudioFeatures, person: Identity, seed: int = 0, progress: Progress = silent
) -> list[Tensor]:
    """The blend of every boundary in every frame, mean over the steps: K x [N, T], each column summing to 1."""
    if not isinstance(vocal, JointTransformer) or vocal.depth_mixer is None:
        raise InputError("this VOCAL has no attention residuals; expected NEO 1.5 with a blend over depth")
    hidden, total = heard.hidden_states, heard.hidden_states.shape[1] // PAIR
    vocal.require_encoder(heard.encoder, hidden.shape[0], hidden.shape[2])
    seen: list[list[Tensor]] = [[] for _ in range(vocal.depth_mixer.query.shape[0])]
    frames = []
    with _watched(vocal, seen):
        for piece in generate_windows(vocal, [hidden], person, seed=seed, steps=STEPS, total=total, progress=progress):
            known = overlap(vocal.config) if frames else 0
            first = vocal.config.prefix + known
            frames.append([torch.stack(point).mean(0)[:, first : first + len(piece)] for point in seen])
            for point in seen:
                point.clear()
    return [torch.cat(parts, dim=1) for parts in zip(*frames, strict=True)]


@contextmanager
def _watched(vocal: JointTransformer, seen: list[list[Tensor]]) -> Iterator[None]:
    """Keep the motion stream's weights [N, T] of every blend, by its point."""

    def keep(mixer, given, _) -> None:
        cache, point = given
        seen[point].append(mixer.weights([state[0] for state in cache], point, 0)[:, 0].cpu())

    handle = vocal.depth_mixer.register_forward_hook(keep)
    try:
        yield
    finally:
        handle.remove()


def influence(
    vocal: MotionGenerator, heard: AudioFeatures, person: Identity, seed: int = 0, progress: Progress = silent
) -> dict[str, Tensor]:
    """How every channel changes when a signal is left out, in its spreads over people. [T, 63] each"""

    def perform(number: int, **sliders: float) -> Tensor:
        told = partial(_told, progress, number, 1 + len(SIGNALS))
        return generate_motion(vocal, heard, person, seed=seed, guidance=Guidance(**sliders), progress=told).motion

    spread, whole = vocal.motion_log_scale.exp().cpu(), perform(0)
    return {  # slider 0 is the pass without the signal
        signal: (perform(k, **{signal: 0.0}) - whole) / spread for k, signal in enumerate(SIGNALS, start=1)
    }


def _told(progress: Progress, number: int, of: int, done: int, total: int, frame: Tensor | None) -> None:
    """The progress of one of several performances of the same speech, as that of all."""
    progress(number * total + done, of * total, frame)


def _size(change: Tensor, parts: tuple[str, ...]) -> Tensor:
    """Root mean square over the channels of some regions. [T]"""
    channels = [channel for part in parts for channel in REGIONS[part]]
    return change[:, channels].square().mean(-1).sqrt()


def loudness(sound: Waveform, frames: int) -> Tensor:
    """Level of every frame under the loud parts of the clip, over a range of 36 dB; silence is 0. 0..1 [T]"""
    samples = sound.samples.mean(0)
    edges = [round(k * sound.sample_rate / MOTION_RATE) for k in range(frames + 1)]
    power = torch.stack([_power(samples[a:b]) for a, b in pairwise(edges)])
    level = 10 * torch.log10(power + FLOOR**2)
    loud = level.quantile(0.95).clamp(min=20 * math.log10(FLOOR) + RANGE)
    return (1 + (level - loud) / RANGE).clamp(0, 1)


def _power(piece: Tensor) -> Tensor:
    return piece.square().mean() if len(piece) else torch.zeros(())


def _lane(vocal: JointTransformer, point: int, weights: Tensor) -> Lane:
    """A point of the network as a lane, a curve for each state that is blended there."""
    blocks, stride = vocal.config.depth, vocal.config.residual_stride
    labels = ["input", *(f"after block {min(stride * k, blocks)}" for k in range(1, len(weights)))]
    title = f"after block {min(stride * (point + 1), blocks)} of {blocks}"
    if vocal.config.residual == "block":
        labels = ["input", *(f"group {k}" for k in range(1, len(weights)))]
        title = f"sub-layer {point + 1}"
    return Lane(title, "weight", tuple(Curve(x, row[None]) for x, row in zip(labels, weights, strict=True)))


def _mean(motion: Tensor, names: tuple[str, ...]) -> Tensor:
    return motion[:, [INDEX[name] for name in names]].mean(1)


def _plot(lanes: list[Lane], heard: AudioFeatures, sound: Waveform | None, size: tuple[int, int]) -> Tensor:
    frames = heard.hidden_states.shape[1] // PAIR
    above = (
        [] if sound is None else [Lane("speech", "of its range", (Curve("loudness", loudness(sound, frames)[None]),))]
    )
    return plot_lanes([*above, *lanes], frames / MOTION_RATE, *size)
