"""ComfyUI's pictures, masks and sounds to the engine's and back."""

from collections.abc import Mapping
from numbers import Real

import torch
from torch import Tensor

from ..neo_core.data_types import InputError, Waveform
from ..neo_core.media.audio import check_waveform
from ..neo_core.media.image import MAX_PIXELS


def to_photo(image: object) -> Tensor:
    """The picture of an IMAGE [1, H, W, 3] in 0..1 as u8 [H, W, 3]; one from Load Image keeps its exact pixels."""
    if not isinstance(image, Tensor) or image.ndim != 4:
        raise InputError(f"input photo holds {_kind(image)}; expected an IMAGE")
    count, height, width, channels = image.shape
    if count != 1:
        raise InputError(f"input photo holds {count} pictures; expected one (a batch can be rebatched into a list)")
    if channels != 3:
        raise InputError(f"input photo has {channels} channels; expected 3, without transparency")
    if not 0 < height * width <= MAX_PIXELS:
        raise InputError(f"input photo has {width}x{height} pixels; expected at most {MAX_PIXELS // 10**6} megapixels")
    if not torch.isfinite(image).all():
        raise InputError("input photo has NaN or infinite pixels; expected values from 0 to 1")
    return (image[0].cpu().float() * 255).round().clamp(0, 255).to(torch.uint8)


def to_image(pictures: Tensor) -> Tensor:
    """Pictures u8 [H, W, 3] or [n, H, W, 3] as an IMAGE [n, H, W, 3] in 0..1."""
    return pictures.reshape(-1, *pictures.shape[-3:]).float() / 255


def to_mask(mask: object, photo: Tensor | None = None) -> Tensor | None:
    """A MASK [1, H, W] or [H, W] as the share of the person in each pixel of the photo, or, without a photo, of
    whatever it is as large as. [H, W] in 0..1"""
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3) or (mask.ndim == 3 and len(mask) != 1):
        raise InputError(f"input mask holds {_kind(mask)}; expected one MASK")
    if photo is not None and mask.shape[-2:] != photo.shape[:2]:
        found, expected = list(mask.shape[-2:]), list(photo.shape[:2])
        raise InputError(f"input mask has {found} rows and columns; expected those of the photo, {expected}")
    if not torch.isfinite(mask).all():
        raise InputError("input mask has NaN or infinite values; expected values from 0 to 1")
    return mask.reshape(mask.shape[-2:]).cpu().float().clamp(0, 1)


def to_waveform(audio: object) -> Waveform:
    """The one sound of an AUDIO {waveform [1, C, N], sample_rate}."""
    if not isinstance(audio, Mapping) or not isinstance(audio.get("waveform"), Tensor):
        raise InputError(f"input audio holds {_kind(audio)}; expected an AUDIO")
    waveform, rate = audio["waveform"], audio.get("sample_rate")
    if waveform.ndim != 3 or len(waveform) != 1:
        raise InputError(f"input audio has samples {list(waveform.shape)}; expected one sound, [1, channels, samples]")
    return check_waveform(Waveform(waveform[0].cpu().float(), _whole_rate(rate)))


def to_audio(sound: Waveform) -> dict:
    """A sound as an AUDIO."""
    return {"waveform": sound.samples[None], "sample_rate": sound.sample_rate}


def _whole_rate(rate: object) -> int:
    """A sample rate, which some nodes hand on as a float."""
    if isinstance(rate, bool) or not isinstance(rate, Real) or rate != rate // 1:
        raise InputError(f"input audio has sample_rate {rate!r:.20}; expected a whole number of hertz")
    return int(rate)


def _kind(value: object) -> str:
    return f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
