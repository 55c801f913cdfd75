"""VOCAL from a file: which of the architectures it is stands in the file's config."""

from dataclasses import MISSING, asdict, fields
from pathlib import Path

import torch

from ..data_types import InputError
from ..weights.manifest import embedded
from ..weights.safetensors_io import load_config, load_into
from .mmdit import MMDiT, MMDiTConfig
from .motion_generator import MotionGenerator, WindowConfig
from .side_mmdit import SideConfig, SideMMDiT
from .unified_mmdit import UnifiedConfig, UnifiedMMDiT

ARCHITECTURES: dict[str, tuple[type[MotionGenerator], type[WindowConfig]]] = {
    "neo": (MMDiT, MMDiTConfig),
    "neo-1.5": (UnifiedMMDiT, UnifiedConfig),
    "neo-1.5-side": (SideMMDiT, SideConfig),
}
LARGE = {"width": 512, "rotary": 16}
SIZES: dict[str, dict[str, dict]] = {  # name -> architecture -> what is not as in the config's defaults
    "mini": {"neo": {}, "neo-1.5": {}, "neo-1.5-side": {}},
    "base": {
        "neo": LARGE | {"depth": 18, "heads": 16, "mlp_ratio": 3.75},
        "neo-1.5": LARGE | {"depth": 12, "heads": 8, "mlp_ratio": 4.0},
        "neo-1.5-side": LARGE | {"depth": 12, "heads": 8, "mlp_ratio": 8.25},
    },
}


def size_config(architecture: str, size: str, **options) -> WindowConfig:
    """The config of an architecture at a size: all architectures of one size have as many parameters, within 1 %.

    `options` are further fields. Raises InputError for one that the architecture does not have.
    """
    config = ARCHITECTURES[architecture][1]
    unknown = sorted(options.keys() - {field.name for field in fields(config)})
    if unknown:
        raise InputError(f"{unknown[0]} {options[unknown[0]]!r} found for {architecture}; expected it for neo-1.5")
    return config(**SIZES[size][architecture] | options)


def load_vocal(path: str | Path | None = None, device: str | torch.device = "cpu") -> MotionGenerator:
    """VOCAL from a file, or the embedded one. Raises InputError when the file holds other weights."""
    path = embedded("vocal.safetensors") if path is None else path
    stored = load_config(path)
    network, config = ARCHITECTURES.get(stored.pop("architecture", None), (None, None))
    if network is None or not _fits(stored, config):
        raise InputError(f"{path} holds other weights than were asked for; expected those of VOCAL")
    model = network(config(**stored))
    load_into(model, path)
    return model.to(device).eval()


def stored_config(model: MotionGenerator) -> dict:
    """What a file says of its model, for `load_vocal`."""
    name = next(name for name, (network, _) in ARCHITECTURES.items() if type(model) is network)
    return {"architecture": name, **asdict(model.config)}


def _fits(stored: dict, config: type[WindowConfig]) -> bool:
    """Whether a stored config is one of that type; a field it does not know yet has its default."""
    needed = {field.name for field in fields(config) if field.default is MISSING}
    return needed <= stored.keys() <= {field.name for field in fields(config)}
