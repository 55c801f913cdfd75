"""An audio encoder from wherever it lies."""

from pathlib import Path

from .checkpoints import checkpoint_folder
from .embedded import load_embedded
from .encoder import AudioEncoder
from .public import load_public


def load_audio_encoder(path: str | Path | None = None) -> AudioEncoder:
    """The embedded encoder, one of its architecture from a file, or a public one from the folder of its checkpoint.

    Raises InputError when nothing usable lies there.
    """
    folder = checkpoint_folder(path) if path else None
    return load_public(folder) if folder else load_embedded(path)
