"""VOCAL from a file: which of the architectures it is stands in the file's config."""

from dataclasses import asdict, fields
from pathlib import Path

import torch

from ..data_types import InputError
from ..weights.manifest import embedded
from ..weights.safetensors_io import load_config, load_into
from .mmdit import MMDiT, MMDiTConfig
from .motion_generator import MotionGenerator, WindowConfig
from .unified_mmdit import UnifiedConfig, UnifiedMMDiT

ARCHITECTURES: dict[str, tuple[type[MotionGenerator], type[WindowConfig]]] = {
    "neo": (MMDiT, MMDiTConfig),
    "neo-1.5": (UnifiedMMDiT, UnifiedConfig),
}


def load_vocal(path: str | Path | None = None, device: str | torch.device = "cpu") -> MotionGenerator:
    """VOCAL from a file, or the embedded one. Raises InputError when the file holds other weights."""
    path = embedded("vocal.safetensors") if path is None else path
    stored = load_config(path)
    network, config = ARCHITECTURES.get(stored.pop("architecture", None), (None, None))
    if network is None or stored.keys() != {field.name for field in fields(config)}:
        raise InputError(f"{path} holds other weights than were asked for; expected those of VOCAL")
    model = network(config(**stored))
    load_into(model, path)
    return model.to(device).eval()


def stored_config(model: MotionGenerator) -> dict:
    """What a file says of its model, for `load_vocal`."""
    name = next(name for name, (network, _) in ARCHITECTURES.items() if type(model) is network)
    return {"architecture": name, **asdict(model.config)}
