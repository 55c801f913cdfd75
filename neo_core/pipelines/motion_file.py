"""A performance as a file: safetensors with `motion` [T, 63], its frame rate and the names of the channels."""

from pathlib import Path

import torch

from .. import motion_space
from ..data_types import InputError, MotionLatents
from ..media.destination import disk_faults
from ..timebase import parse_fps
from ..weights import safetensors_io

SUFFIXES = (".safetensors",)


def save_motion(path: str | Path, motion: MotionLatents) -> None:
    config = {"fps": str(motion.fps), "names": list(motion_space.NAMES)}
    with disk_faults(path):
        safetensors_io.save(path, {"motion": motion.motion}, config)


def load_motion(path: str | Path) -> MotionLatents:
    """Raises InputError unless the file holds finite motion of this motion space."""
    tensors, config = safetensors_io.load(path)
    motion = tensors.get("motion")
    if motion is None or motion.ndim != 2 or motion.shape[1] != motion_space.SIZE or not len(motion):
        shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
        raise InputError(f"{path} holds {shapes}; expected motion [frames, {motion_space.SIZE}]")
    if not motion.is_floating_point():
        raise InputError(f"{path} has motion of {motion.dtype}; expected floating-point numbers")
    if config.get("names") != list(motion_space.NAMES):
        raise InputError(f"{path} names other channels than this motion space; expected the {motion_space.SIZE} of it")
    if not torch.isfinite(motion.float()).all():
        raise InputError(f"{path} has motion that is not finite; expected finite numbers")
    try:
        fps = parse_fps(config["fps"])
    except (KeyError, TypeError, ValueError) as error:
        found = config.get("fps", "no frame rate")
        raise InputError(f"{path} has {found!r} as fps; expected a frame rate such as 25 or 30000/1001") from error
    return MotionLatents(motion_space.clamp(motion.float()), fps)
