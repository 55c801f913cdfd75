"""Public checkpoints of speech encoders as they lie on the hub: a folder with config.json and safetensors.

A family is a row: which classes of `transformers` it is, and under which prefixes its encoder lies in larger models
(for recognition, for pretraining). Heads and decoders are left in the file. Nothing here asks the network.
"""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import nn

from ..data_types import InputError
from ..weights.checksum import edition
from ..weights.hub import INDEX, WEIGHTS
from ..weights.safetensors_io import fill, load_renamed, tensor_names

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"


@dataclass(frozen=True)
class Family:
    """How a `model_type` is built."""

    model: str  # classes of transformers.models.MODEL_TYPE
    config: str
    prefixes: tuple[str, ...]  # of the encoder's tensors, longest first


FAMILIES = {
    "wav2vec2": Family("Wav2Vec2Model", "Wav2Vec2Config", ("wav2vec2.",)),
    "hubert": Family("HubertModel", "HubertConfig", ("hubert.",)),
    "wavlm": Family("WavLMModel", "WavLMConfig", ("wavlm.",)),
    "whisper": Family("WhisperEncoder", "WhisperConfig", ("model.encoder.", "encoder.")),
}
RENAMED = {  # torch gave the halves of a weight norm new names in 2.0
    "pos_conv_embed.conv.weight_g": "pos_conv_embed.conv.parametrizations.weight.original0",
    "pos_conv_embed.conv.weight_v": "pos_conv_embed.conv.parametrizations.weight.original1",
}
LEFT_OUT = (  # of a config
    "add_adapter",  # shortens the last layer's states for a decoder, which is not here
    "attn_implementation",  # may name code on the hub, which transformers would fetch and run
    "_attn_implementation",
    "_attn_implementation_internal",
    "torch_dtype",  # the weights are filled into float32
    "dtype",
)
UNUSED = "masked_spec_embed"  # hides frames in training; some files have it and some have not


@dataclass(frozen=True)
class Checkpoint:
    """An encoder with its weights, not wrapped yet."""

    family: str
    name: str  # family and edition of the weights
    network: nn.Module
    folder: Path


def checkpoint_folder(path: str | Path) -> Path | None:
    """The folder of a public checkpoint, when the path is one or a file in one."""
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    return folder if path.is_dir() or (path.name in (WEIGHTS, INDEX, CONFIG) and (folder / CONFIG).is_file()) else None


def load_checkpoint(folder: Path) -> Checkpoint:
    """Build the network that `config.json` describes and fill it. Raises InputError when a part is missing or wrong."""
    config = read_json(folder / CONFIG)
    family = config.get("model_type")
    if family not in FAMILIES:
        raise InputError(f"{folder / CONFIG} says model_type {family!r}; expected one of {', '.join(FAMILIES)}")
    files = weight_files(folder)
    network = _built(family, config)
    _fill(network, files, FAMILIES[family].prefixes)
    return Checkpoint(family, f"{family}/{edition(files)}", network.eval().requires_grad_(False), folder)


def read_json(path: Path) -> dict:
    """A JSON object of a checkpoint."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path.parent} has no {path.name}; expected the folder of a public checkpoint") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); expected a JSON file") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds {type(found).__name__}; expected a JSON object")
    return found


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of a checkpoint: one file, or the shards that its index names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin"))) or "no weights"
        raise InputError(f"{folder} holds {others}; expected {WEIGHTS} or {INDEX}")
    places = read_json(folder / INDEX).get("weight_map")
    shards = sorted(set(map(str, places.values()))) if isinstance(places, dict) else []
    if not shards or any(Path(name).name != name for name in shards):
        raise InputError(f"{folder / INDEX} names {shards[:3]} as shards; expected names of files beside it")
    return [folder / name for name in shards]


def _built(family: str, config: dict) -> nn.Module:
    """The network of a config with random weights."""
    row, module = FAMILIES[family], _transformers(f".models.{family}.modeling_{family}")
    settings = getattr(module, row.config)
    strict = getattr(importlib.import_module("huggingface_hub.errors"), "StrictDataclassError", ValueError)
    changed = {key: value for key, value in config.items() if key not in LEFT_OUT}
    try:
        return getattr(module, row.model)(settings.from_dict(changed))
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, strict) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"config.json describes no {family} that can be built: {reason}") from error


def _transformers(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"transformers{module}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("transformers"):
            raise
        raise InputError(
            "public audio encoders need the package transformers, which is not installed; expected "
            "`pip install transformers` (ComfyUI brings it along)"
        ) from error


def _fill(network: nn.Module, files: list[Path], prefixes: tuple[str, ...]) -> None:
    own = network.state_dict()
    parts = {name.split(".")[0] for name in own}
    found = {name for path in files for name in tensor_names(path)}
    prefix = next((p for p in prefixes if any(name.startswith(p) for name in found)), "")

    def renamed(name: str) -> str | None:
        name = name.removeprefix(prefix) if name.startswith(prefix) else ""
        for old, new in RENAMED.items():
            name = name if name in own else name.replace(old, new)
        return name if name.split(".")[0] in parts else None

    tensors = {UNUSED: own[UNUSED]} if UNUSED in own else {}
    for path in files:
        tensors |= load_renamed(path, renamed)
    fill(network, tensors, files[0].parent)
