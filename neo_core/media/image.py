"""Photos in and pictures out: any common file becomes 8-bit sRGB, upright, at most 64 megapixels."""

import os
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..data_types import InputError
from .destination import check_writable, disk_faults, replacing

MAX_PIXELS = 64_000_000  # a 169-megapixel picture can be a 164 kB file: the size is checked before decoding
READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "JPEG2000", "PPM")  # not EPS: it runs programs
WRITABLE = (".png", ".jpg", ".jpeg", ".webp")
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)  # what Pillow raises on damaged files


def read_photo(path: str | Path) -> Tensor:
    """The picture in a file, as a person sees it. [H, W, 3] uint8 sRGB

    The orientation of the camera is applied, transparency lies on white, 16-bit values are scaled to 8, wide-gamut
    and CMYK pictures are converted by their colour profile; of an animation, the first frame.
    """
    with _opened(Path(path)) as picture:
        try:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            rgb = _to_srgb(upright)
        except BROKEN as error:
            raise InputError(f"picture {path} is damaged ({error}); expected a complete file") from error
    return torch.from_numpy(np.array(rgb))  # [H, W, 3]


def write_image(path: str | Path, image: Tensor) -> None:
    """Write a picture; PNG and WebP keep every pixel, JPEG comes close. image: [H, W, 3] or [H, W] uint8"""
    path = check_writable(path, WRITABLE)
    options = {"lossless": True} if path.suffix.lower() == ".webp" else {"quality": 95}
    with disk_faults(path), replacing(path) as part:
        Image.fromarray(image.cpu().numpy()).save(part, **options)


def enlarged(image: Tensor, times: int) -> Tensor:
    """A picture u8 [H, W, 3] a whole number of times as large, by Lanczos: every pixel becomes a smooth square."""
    if times == 1:
        return image
    picture = Image.fromarray(image.cpu().numpy())
    size = (picture.width * times, picture.height * times)
    return torch.from_numpy(np.array(picture.resize(size, Image.Resampling.LANCZOS)))


def _opened(path: Path) -> Image.Image:
    if os.path.isdir(path):
        raise InputError(f"picture {path} is a folder; expected an image file")
    if not os.path.isfile(path):  # unlike Path.is_file, quiet about names that are too long
        raise InputError(f"picture {path} does not exist; expected an image file")
    if not path.stat().st_size:
        raise InputError(f"picture {path} is empty (0 bytes); expected an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd tags and of sizes, which are checked below
            Image.init()
            picture = Image.open(path, formats=[name for name in READABLE if name in Image.OPEN])
    except Image.DecompressionBombError as error:
        raise InputError(f"picture {path} is too large; expected at most {MAX_PIXELS // 10**6} megapixels") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not a picture; expected PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF") from error
    except BROKEN as error:
        raise InputError(f"picture {path} is damaged ({error}); expected a complete file") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        picture.close()
        raise InputError(
            f"picture {path} has {width}x{height} = {width * height / 1e6:.0f} megapixels; "
            f"expected at most {MAX_PIXELS // 10**6}"
        )
    return picture


def _to_srgb(picture: Image.Image) -> Image.Image:
    picture = _to_8_bit(picture)
    if picture.info.get("icc_profile") and picture.mode in ("RGB", "RGBA", "CMYK"):
        picture = _apply_profile(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _to_8_bit(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        values = np.nan_to_num(np.asarray(picture), nan=0.0, posinf=0.0, neginf=0.0)
        scale = 255.0 if values.max(initial=0.0) <= 1.0 else 1.0
        return Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))
    if picture.mode.startswith("I"):  # 16 bit; plain "I" is how 16-bit files used to open
        return Image.fromarray((np.asarray(picture, np.float32) / 257.0).round().clip(0, 255).astype(np.uint8))
    return picture


def _apply_profile(picture: Image.Image) -> Image.Image:
    """To sRGB by the embedded colour profile; a file that already is sRGB keeps its exact values."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
        if picture.mode != "CMYK" and "srgb" in ImageCms.getProfileDescription(profile).lower():
            return picture
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):  # a broken profile: take the numbers as they are, as browsers do
        return picture
