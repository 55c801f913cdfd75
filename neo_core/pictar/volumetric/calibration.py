"""Calibration: what a checkpoint's keypoints do when a face moves, learnt where the published sliders say nothing.

    probes -> a portrait rendered at each -> the checkpoint's own motion extractor -> changes of expression
    changes = probes @ directions, by least squares that keep to the sliders as far as readings are unsure
    turned probes -> what is read of them beyond geometry = angles @ turns, likewise

How unsure they are is read off what a straight line leaves over, coordinate by coordinate: exact readings are followed
wholly, noise not at all, and channels that were never probed stay with the sliders. The result lies beside the
checkpoint and belongs to the weights that it was made with.

Letters: N probes, K keypoints, C channels.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ... import motion_space
from ...data_types import InputError
from ...media.destination import disk_faults
from ...motion_space import EXPRESSION, GAZE, INDEX, POSE, SIZE
from ...weights import safetensors_io
from ...weights.checksum import edition
from .checkpoints import FILES, checkpoint_file
from .driving import KEYPOINTS
from .motion_bridge import ANGLES, BEYOND, Bridge

FILE = "neo_bridge.safetensors"
FAR = 0.8  # of a channel's range: how far one that is probed alone goes
MIXED, TOGETHER = 32, 6  # probes of several channels, and how many move in each
HALF = 0.5  # of the range up to which they do
APART = 0.02  # by how much a direction may well differ from its slider, at the end of a channel
NEEDS = {"mouthClose": ("jawOpen", 0.6)}  # lips cannot close without having been open
TURNED = (6.0, 14.0)  # degrees of pitch, yaw or roll, both ways: as far as heads turn while they speak
FULL_TURN = 30.0  # degrees
BEYOND_APART = torch.tensor([8.0, 8.0, 8.0, 0.1, 0.1, 0.1])  # by how much readings of one may well differ from geometry
MOST_BEYOND = 0.5  # of an angle: readings that differ more from the turn that was drawn are not believed
CHANNELS = (*range(EXPRESSION.start, EXPRESSION.stop), *range(GAZE.start, GAZE.stop))


@dataclass(frozen=True)
class Readings:
    """What a motion extractor saw: changes from each portrait's own vector, and of its expression with them."""

    changes: Tensor  # [N, 63]
    expression: Tensor  # [N, K, 3]


@dataclass(frozen=True)
class Turns:
    """What it saw of a head that turns and does nothing else."""

    angles: Tensor  # [N, 3] pitch, yaw, roll in degrees
    beyond: Tensor  # [N, 6] `motion_bridge.beyond_geometry`


def probes(reference: Tensor, seed: int) -> Tensor:
    """Motion vectors around a portrait's own one [63]: every channel alone, gazes both ways, then several at once; the
    head keeps still. [N, 63]"""
    dice = torch.Generator().manual_seed(seed)
    reach = reference.new_tensor(motion_space.HIGH)
    moves = [_toward(reference, k, sign * FAR * reach[k]) for k in CHANNELS for sign in _ways(k)]
    for _ in range(MIXED):
        mixed = reference.clone()
        for place in torch.randperm(len(CHANNELS), generator=dice)[:TOGETHER].tolist():
            sign = 1 - 2 * float(torch.randint(2, (), generator=dice)) if CHANNELS[place] >= GAZE.start else 1.0
            amount = sign * HALF * float(torch.rand((), generator=dice)) * reach[CHANNELS[place]]
            mixed = _toward(mixed, CHANNELS[place], amount)
        moves.append(mixed)
    return motion_space.clamp(torch.stack(moves))


def turned(reference: Tensor) -> Tensor:
    """Motion vectors that turn the head about one axis after the other, with the portrait's own expression. [N, 63]"""
    moves = []
    for axis in range(3):
        for angle in (side * far for far in TURNED for side in (1, -1)):
            moved = reference.clone()
            moved[POSE] = 0
            moved[ANGLES.start + axis] = angle
            moves.append(moved)
    return torch.stack(moves)


def _ways(channel: int) -> tuple[float, ...]:
    return (1.0, -1.0) if channel >= GAZE.start else (1.0,)


def _toward(motion: Tensor, channel: int, amount: Tensor) -> Tensor:
    """The vector with a channel moved as far as there is room, or to the other side where there is more."""
    moved = motion.clone()
    name = motion_space.NAMES[channel]
    if name in NEEDS:
        other, least = NEEDS[name]
        moved[INDEX[other]] = moved[INDEX[other]].clamp(min=least)
    ends = [
        (moved[channel] + way).clamp(motion_space.LOW[channel], motion_space.HIGH[channel]) for way in (amount, -amount)
    ]
    moved[channel] = max(ends, key=lambda end: abs(end - moved[channel]))
    return moved


def learn(readings: Readings, prior: Bridge) -> Bridge:
    """The bridge that readings tell of, near the prior where they tell little. Raises InputError for too few."""
    if len(readings.changes) <= len(CHANNELS):
        raise InputError(f"{len(readings.changes)} readings found; expected more than {len(CHANNELS)} to learn from")
    chosen = list(CHANNELS)
    reach = torch.tensor(motion_space.HIGH, dtype=torch.float64)[chosen]
    moves = readings.changes.double()[:, chosen] / reach  # [N, C]
    start = prior.directions.double()[chosen].flatten(1) * reach[:, None]  # [C, 3 K]
    missed = readings.expression.double().flatten(1) - moves @ start
    found = start + _fitted(moves, missed, torch.full_like(start[0], APART))
    directions = torch.zeros(SIZE, *prior.directions.shape[1:])
    directions[chosen] = (found / reach[:, None]).float().unflatten(1, prior.directions.shape[1:])
    return Bridge(directions, prior.turns, calibrated=True)


def learn_turns(turns: Turns) -> Tensor | None:
    """What is read of a turn beyond geometry, per degree; None where an extractor's idea of a turn is too far from the
    one that was drawn to be believed. [3, 6]"""
    moves, missed = turns.angles.double() / FULL_TURN, turns.beyond.double()
    found = (_fitted(moves, missed, BEYOND_APART.double()) / FULL_TURN).float()
    return found if found[:, :3].abs().max() <= MOST_BEYOND else None


def _fitted(moves: Tensor, missed: Tensor, apart: Tensor) -> Tensor:
    """Least squares of what was missed [N, D] by moves [N, C], kept near nothing as far as readings are unsure; `apart`
    [D] is how much there may well be. [C, D]"""
    value, vector = torch.linalg.eigh(moves.T @ moves)
    value = value.clamp(min=0)
    pull = vector.T @ (moves.T @ missed)  # [C, D]
    told = value > 1e-9 * value[-1]
    best = torch.where(told[:, None], pull / value.clamp(min=1e-12)[:, None], torch.zeros_like(pull))
    left = missed - moves @ (vector @ best)
    noise = left.square().sum(0) / max(1, len(moves) - int(told.sum()))  # [D]
    hold = (noise / apart**2).clamp(min=1e-9 * float(value[-1]))
    return vector @ (pull / (value[:, None] + hold))


def explained(bridge: Bridge, readings: Readings) -> float:
    """Share of the readings' energy that a bridge accounts for; 0 for one that says nothing, below for a wrong one."""
    said = torch.einsum("nc,ckx->nkx", readings.changes, bridge.directions)
    return 1 - float((readings.expression - said).square().sum() / readings.expression.square().sum())


def explained_turns(found: Tensor | None, turns: Turns) -> float:
    """The same of turns, of what lies beyond geometry: 0 for geometry alone, and where nothing lies beyond it."""
    if found is None or not turns.beyond.any():
        return 0.0
    left, whole = ((x / BEYOND_APART).square().sum() for x in (turns.beyond - turns.angles @ found, turns.beyond))
    return 1 - float(left / whole)


def save_bridge(folder: Path, bridge: Bridge, made: dict) -> Path:
    """Keep a bridge beside the checkpoint it was learnt with. Raises InputError when the folder takes no file."""
    config = {"motion_extractor": _weights(folder), "names": list(motion_space.NAMES)}
    path = folder / FILE
    with disk_faults(path):
        tensors = {"directions": bridge.directions, "turns": bridge.turns}
        safetensors_io.save(path, tensors, config, made=made)
    return path


def load_bridge(folder: Path) -> Bridge | None:
    """The bridge beside a checkpoint; None when there is none. Raises InputError for one of other weights."""
    path = folder / FILE
    if not path.is_file():
        return None
    tensors, config = safetensors_io.load(path)
    again = f"expected one made here: run calibrate {folder}, or remove the file"
    if config.get("motion_extractor") != _weights(folder):
        raise InputError(f"{path} was made with another motion extractor; {again}")
    shapes = {"directions": (SIZE, KEYPOINTS, 3), "turns": (3, len(BEYOND))}
    found = {name: tuple(x.shape) for name, x in tensors.items()}
    if config.get("names") != list(motion_space.NAMES) or found != shapes:
        raise InputError(f"{path} holds no bridge from this motion space to {KEYPOINTS} keypoints; {again}")
    return Bridge(tensors["directions"].float(), tensors["turns"].float(), calibrated=True)


def _weights(folder: Path) -> str:
    """What tells this motion extractor from others."""
    return edition([checkpoint_file(folder, FILES["motion"])])
