"""Weights as safetensors files: plain tensors, with the config of the model that made them as JSON in the metadata.

Saving goes through a temporary file and a rename, so a killed training run never leaves half a checkpoint behind.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from ..data_types import InputError
from .whole_file import write_whole

NAMES_SHOWN = 5  # how many keys of a long list an error names


def save(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    config: Mapping,
    *,
    made: Mapping | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write tensors and the JSON-able config atomically.

    `dtype` stores floating-point tensors narrower (float16, bfloat16). `made` tells how the file came to be (recipe,
    seed, minutes, data, licences, held_out); the manifest of the embedded weights repeats it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    narrow = {name: _stored(tensor, dtype) for name, tensor in tensors.items()}
    metadata = {"config": json.dumps(config, sort_keys=True), "made": json.dumps(made or {}, sort_keys=True)}
    write_whole(path, serialize(narrow, metadata))


def load(path: str | Path, device: str | torch.device = "cpu") -> tuple[dict[str, Tensor], dict]:
    """All tensors of a file, as stored, and its config (empty when the file carries none)."""
    with _opened(path, device) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _metadata(file, "config")  # noqa: SIM118 - not a dict


def load_rows(path: str | Path, name: str, first: int | None = None, last: int | None = None) -> Tensor:
    """Rows first .. last - 1 of one tensor of a file; nothing else is read. [last - first, ...]"""
    with _opened(path) as file:
        return file.get_slice(name)[first:last]


def load_config(path: str | Path) -> dict:
    """Only the config of a file: build the model from it, then `load_into`."""
    with _opened(path) as file:
        return _metadata(file, "config")


def load_config_for(path: str | Path, kind: type) -> dict:
    """The config of a file, for the dataclass `kind`. Raises InputError when the file holds another kind of model."""
    config = load_config(path)
    wanted = {field.name for field in fields(kind)}
    if config.keys() != wanted:
        raise InputError(
            f"{path} holds other weights than were asked for: its config and that of {kind.__name__} differ in "
            f"{', '.join(sorted(config.keys() ^ wanted))}; expected both to say the same"
        )
    return config


def load_made(path: str | Path) -> dict:
    """How a file came to be, as its training recipe wrote it."""
    with _opened(path) as file:
        return _metadata(file, "made")


def load_into(module: nn.Module, path: str | Path) -> dict:
    """Copy a file into a module (cast to the module's dtypes) and return its config; every key must match."""
    tensors, config = load(path)
    fill(module, tensors, path)
    return config


def fill(module: nn.Module, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Copy tensors into a module; every key must match. `source`: where they come from, for the error."""
    require_fit({name: own.shape for name, own in module.state_dict().items()}, tensors, source, type(module).__name__)
    module.load_state_dict(tensors)


def require_fit(
    expected: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Tensor], source: str | Path, kind: str
) -> None:
    """Raise InputError unless the tensors of `source` are those, and of the shapes, that a `kind` has."""
    shapes = {name: (tuple(tensors[name].shape), tuple(expected[name])) for name in expected.keys() & tensors.keys()}
    wrong = [f"{name} ({_sizes(a)}, expected {_sizes(b)})" for name, (a, b) in shapes.items() if a != b]
    faults = [
        _listing("missing", expected.keys() - tensors.keys()),
        _listing("unexpected", tensors.keys() - expected.keys()),
        _listing("of another shape", wrong),
    ]
    if any(faults):
        raise InputError(f"{source} does not fit {kind}: {'; '.join(f for f in faults if f)}")


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def tensor_names(path: str | Path) -> list[str]:
    """The names of all tensors of a file."""
    with _opened(path) as file:
        return list(file.keys())


def load_renamed(path: str | Path, renamed: Callable[[str], str | None]) -> dict[str, Tensor]:
    """The tensors of a file under other names; those for which `renamed` answers None are not read."""
    with _opened(path) as file:
        names = {name: renamed(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return {new: file.get_tensor(old) for old, new in names.items() if new is not None}


@contextmanager
def _opened(path: str | Path, device: str | torch.device = "cpu") -> Iterator:
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"weights {path} do not exist; expected a safetensors file there") from error
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read as weights ({error}); expected a safetensors file") from error


def _metadata(file, key: str) -> dict:
    found = json.loads((file.metadata() or {}).get(key, "{}"))
    if not isinstance(found, dict):
        raise InputError(f"metadata {key!r} of a safetensors file is {type(found).__name__}; expected a JSON object")
    return found


def _stored(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None)
    return tensor.clone(memory_format=torch.contiguous_format)  # safetensors refuses tensors that share memory


def _listing(fault: str, names) -> str:
    names = sorted(names)
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{fault} {', '.join(names[:NAMES_SHOWN])}{more}" if names else ""
