"""VOCAL from a file: which of the architectures it is stands in the file's config."""

from dataclasses import MISSING, Field, asdict, fields
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
MAY_BE_ZERO = ("lookahead", "emotions")
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
    network, config = ARCHITECTURES.get(str(stored.pop("architecture", None)), (None, None))
    if network is None or not _fits(stored, config):
        raise InputError(f"{path} holds other weights than were asked for; expected those of VOCAL")
    model = _built(network, config, stored, path)
    load_into(model, path)
    return model.to(device).eval()


def stored_config(model: MotionGenerator) -> dict:
    """What a file says of its model, for `load_vocal`."""
    name = next(name for name, (network, _) in ARCHITECTURES.items() if type(model) is network)
    return {"architecture": name, **asdict(model.config)}


def _built(
    network: type[MotionGenerator], config: type[WindowConfig], stored: dict, path: str | Path
) -> MotionGenerator:
    """A network of the sizes that a file says."""
    for field in fields(config):
        _check(path, field, stored.get(field.name, field.default))
    try:
        return network(config(**stored))
    except ValueError as error:  # sizes that do not go together
        raise InputError(f"{path} holds a VOCAL of impossible sizes ({error}); expected it as it was saved") from error


def _check(path: str | Path, field: Field, value: object) -> None:
    """One number or word of a stored config: of its type, and a number not too small."""
    if field.type is str:
        expected, right = "a word", isinstance(value, str)
    else:
        least = 0 if field.name in MAY_BE_ZERO else 1
        kinds, kind = (int, "a whole number") if field.type is int else (int | float, "a number")
        right = isinstance(value, kinds) and not isinstance(value, bool) and value >= least
        expected = f"{kind} of at least {least}"
    if not right:
        raise InputError(f"{path} says {field.name} {value!r:.40}; expected {expected}")


def _fits(stored: dict, config: type[WindowConfig]) -> bool:
    """Whether a stored config is one of that type; a field it does not know yet has its default."""
    needed = {field.name for field in fields(config) if field.default is MISSING}
    return needed <= stored.keys() <= {field.name for field in fields(config)}
