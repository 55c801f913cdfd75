"""What the audio encoder hears in a data set, in a file: runs over the same performances share one encoding.

Hidden states are kept as whole numbers of `GRAIN`, which is all that training sees of them anyway. A recording is known
by its sound; a file made with another encoder is refused.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..data_types import InputError
from ..weights.safetensors_io import load_config, save
from .synthetic.utterance import Utterance

GRAIN = 1 / 10  # hidden states are kept as whole numbers of these: they are of unit size

Listener = Callable[[Utterance], Sequence[Tensor]]  # -> versions of its hidden states [L, 2 T, F]


def packed(hidden: Tensor) -> Tensor:
    """Hidden states as int8, a quarter of their size."""
    return (hidden / GRAIN).round().clamp(-127, 127).to(torch.int8)


def unpacked(hidden: Tensor) -> Tensor:
    """The inverse."""
    return GRAIN * hidden.float()


def write_features(path: Path, utterances: Iterable[Utterance], listen: Listener, encoder: str) -> None:
    """Listen to every recording once; `encoder` is the name of who listens."""
    heard: dict[str, Tensor] = {}
    for utterance in utterances:
        heard |= {f"{_key(utterance)}.{k}": packed(version) for k, version in enumerate(listen(utterance))}
    save(path, heard, {"encoder": encoder})


def read_features(path: Path, encoder: str) -> Listener:
    """A listener that knows all from the file. Raises InputError for another encoder, or an unknown recording."""
    made_with = load_config(path).get("encoder")
    if made_with != encoder:
        raise InputError(f"{path} was made with the encoder {made_with}, expected {encoder}; choose another --features")
    file = safe_open(path, framework="pt")
    names: dict[str, list[str]] = {}
    for name in sorted(file.keys()):
        names.setdefault(name.partition(".")[0], []).append(name)

    def listen(utterance: Utterance) -> list[Tensor]:
        versions = names.get(_key(utterance), [])
        if not versions:
            raise InputError(f"{path} does not know a recording of {utterance.voice}; expected that of the same --data")
        return [unpacked(file.get_tensor(name)) for name in versions]

    return listen


def _key(utterance: Utterance) -> str:
    return hashlib.sha256(utterance.samples.numpy().tobytes()).hexdigest()[:32]
