"""The networks of NEO 2 from their files."""

from dataclasses import fields
from pathlib import Path

import torch

from ..data_types import InputError
from ..weights.manifest import embedded
from ..weights.safetensors_io import load_config_for, load_into
from .dit import DiT, DiTConfig
from .video_vae import VideoVAE, VideoVAEConfig


def load_video_vae(path: str | Path | None = None, device: str | torch.device = "cpu") -> VideoVAE:
    """The video autoencoder from a file, or the embedded one. Raises InputError when the file holds other weights."""
    path = embedded("neo2_vae.safetensors") if path is None else path
    stored = load_config_for(path, VideoVAEConfig)
    for field in fields(VideoVAEConfig):
        _check(path, field.name, stored[field.name])
    vae = VideoVAE(VideoVAEConfig(**stored))
    load_into(vae, path)
    return vae.to(device).eval()


def load_dit(path: str | Path | None = None, device: str | torch.device = "cpu") -> DiT:
    """The diffusion transformer from a file, or the embedded one. Raises InputError when the file holds other weights
    or impossible sizes."""
    path = embedded("neo2_dit.safetensors") if path is None else path
    stored = load_config_for(path, DiTConfig)
    for field in fields(DiTConfig):
        value, whole = stored[field.name], field.type is int
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or value <= 0:
            kind = "a whole number" if whole else "a number"
            raise InputError(f"{path} says {field.name} {value!r:.40}; expected {kind} above 0")
    try:
        dit = DiT(DiTConfig(**stored))
    except ValueError as error:  # sizes that do not go together
        raise InputError(f"{path} holds a DiT of impossible sizes ({error}); expected it as it was saved") from error
    load_into(dit, path)
    return dit.to(device).eval()


def _check(path: str | Path, name: str, value: object) -> None:
    """One size of a stored config: a whole number, not too small."""
    least = 0 if name.endswith("depth") else 1
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{path} says {name} {value!r:.40}; expected a whole number of at least {least}")
