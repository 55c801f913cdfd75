"""A performance as a file: `motion` [T, 63], the portrait's `reference` [63], frame rate, names of the channels, and
the use of a portrait that it is: motion taken from a video of somebody is re-enactment on whomever it is drawn.

The suffix chooses the form: safetensors, or JSON with one line of plain numbers a frame, for people and scripts. Both
give every float32 back exactly.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from .. import motion_space
from ..data_types import InputError, MotionLatents
from ..governance import REENACTMENT, TALKING_HEAD
from ..media.destination import disk_faults, replacing
from ..timebase import parse_fps
from ..weights import safetensors_io

SUFFIXES = (".safetensors", ".json")
USES = (TALKING_HEAD, REENACTMENT)


def save_motion(path: str | Path, motion: MotionLatents) -> None:
    config = {"fps": str(motion.fps), "names": list(motion_space.NAMES), "use": motion.use}
    with disk_faults(path):
        if Path(path).suffix.lower() == ".json":
            with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_json_lines(motion, config))
        else:
            tensors = {"motion": motion.motion, "reference": motion.reference}
            safetensors_io.save(path, tensors, config)


def load_motion(path: str | Path) -> MotionLatents:
    """Raises InputError unless the file holds finite motion of this motion space. Without a reference it is rest."""
    if os.path.isdir(path):
        raise InputError(f"motion {path} is a folder; expected a motion file")
    if not os.path.isfile(path):
        raise InputError(f"motion {path} does not exist; expected a motion file there")
    tensors, config = _read_json(path) if Path(path).suffix.lower() == ".json" else _read_safetensors(path)
    tensors = {"reference": motion_space.rest(), **tensors}
    motion = tensors.get("motion")
    if motion is None or motion.ndim != 2 or motion.shape[1] != motion_space.SIZE or not len(motion):
        shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
        raise InputError(f"{path} holds {shapes}; expected motion [frames, {motion_space.SIZE}]")
    if tensors["reference"].shape != (motion_space.SIZE,):
        found = list(tensors["reference"].shape)
        raise InputError(f"{path} has a reference of shape {found}; expected [{motion_space.SIZE}]")
    if config.get("names") != list(motion_space.NAMES):
        raise InputError(f"{path} names other channels than this motion space; expected the {motion_space.SIZE} of it")
    use = config.get("use", TALKING_HEAD)  # which files of earlier versions do not say
    if use not in USES:
        raise InputError(f"{path} is for the use {use!r:.40}; expected {' or '.join(USES)}")
    motion, reference = (_checked(path, name, tensors[name]) for name in ("motion", "reference"))
    try:
        fps = parse_fps(config["fps"])
    except (KeyError, TypeError, ValueError) as error:
        found = config.get("fps", "no frame rate")
        raise InputError(f"{path} has {found!r} as fps; expected a frame rate such as 25 or 30000/1001") from error
    return MotionLatents(motion, fps, reference, use)


def _checked(path: str | Path, name: str, values: Tensor) -> Tensor:
    """Finite numbers, inside the ranges of the motion space. [..., 63]"""
    if not values.is_floating_point():
        raise InputError(f"{path} has {name} of {values.dtype}; expected floating-point numbers")
    if not torch.isfinite(values.float()).all():
        raise InputError(f"{path} has {name} that is not finite; expected finite numbers")
    return motion_space.clamp(values.float())


def _json_lines(motion: MotionLatents, config: dict) -> Iterator[str]:
    """The file's text; numpy writes the fewest digits that give a float32 back."""
    yield "{\n"
    for key, value in config.items():
        yield f"{json.dumps(key)}: {json.dumps(value)},\n"
    yield f'"reference": {_row(motion.reference)},\n"motion": [\n'
    for index, vector in enumerate(motion.motion):
        yield (",\n" if index else "") + _row(vector)
    yield "\n]\n}\n"


def _row(vector: Tensor) -> str:
    return f"[{', '.join(str(value) for value in vector.detach().cpu().float().numpy())}]"


def _read_safetensors(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    try:
        return safetensors_io.load(path)
    except InputError as error:
        raise InputError(f"{path} cannot be read as motion; expected a safetensors file with motion") from error


def _read_json(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); expected a motion file") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a JSON {type(content).__name__}; expected an object with fps, names and motion")
    named = {name: content.pop(name) for name in ("motion", "reference") if name in content}
    return {name: _numbers(path, name, values) for name, values in named.items()}, content


def _numbers(path: str | Path, name: str, values: object) -> Tensor:
    """Lists of numbers, nested or not, as a tensor."""
    rows = values if isinstance(values, list) and values and isinstance(values[0], list) else [values]
    try:
        if all(type(value) in (int, float) for row in rows for value in row):
            return torch.tensor(values, dtype=torch.float32)
        found = "other things than numbers"
    except (TypeError, ValueError, OverflowError) as error:
        found = str(error)
    raise InputError(f"{path} has {name} that cannot be used ({found}); expected rows of {motion_space.SIZE} numbers")
