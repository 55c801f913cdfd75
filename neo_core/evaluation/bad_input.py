"""Input that cannot work: each case must end in one sentence, exit code 2 and no file; and photos whose edge cuts the
face, which must end so, or in a video."""

import struct
import zlib
from pathlib import Path

import torch
from PIL import Image

from .command import Finished, neo
from .sounds import float_wav, unknown_codec

STATED = ("--kind", "authorised", "--name", "picture to measure with", "--adult", "--yes")  # to `consent add`


def cases(folder: Path, portrait: Path, speech: Path, no_face: Path, crowd: Path) -> dict[str, tuple[Path, Path, Path]]:
    """Name -> (photo, sound, output) of every bad input that must be refused, made in `folder`."""
    good = folder / "out.mp4"
    return {
        "no face": (no_face, speech, good),
        "several faces": (crowd, speech, good),
        "corrupt photo": (_file(folder / "corrupt.png", portrait.read_bytes()[:2000]), speech, good),
        "empty photo": (_file(folder / "empty.png", b""), speech, good),
        "missing photo": (folder / "missing.png", speech, good),
        "text as photo": (_file(folder / "text.jpg", b"this is no picture" * 20), speech, good),
        "bomb": (_file(folder / "bomb.png", png_header(10_000, 10_000)), speech, good),
        "corrupt sound": (portrait, _file(folder / "corrupt.wav", b"RIFF" + bytes(range(200))), good),
        "empty sound": (portrait, _file(folder / "empty.wav", b""), good),
        "one sample": (portrait, _file(folder / "one.wav", float_wav(torch.zeros(1))), good),
        "NaN": (portrait, _file(folder / "nan.wav", float_wav(torch.full((16000,), torch.nan))), good),
        "unknown codec": (portrait, _file(folder / "codec.wav", unknown_codec()), good),
        "picture as sound": (portrait, portrait, good),
        "unwritable folder": (portrait, speech, folder / "not" / "there" / "out.mp4"),
        "output is a folder": (portrait, speech, folder),
        "unknown container": (portrait, speech, folder / "out.xyz"),
    }


def cut_off(portrait: Path, folder: Path) -> dict[str, Path]:
    """Name -> the portrait, its edge drawn through the face, made in `folder`."""
    parts = {
        "an eye cut off": (0.46, 0.0, 1.0, 1.0),
        "half a face": (0.5, 0.0, 1.0, 1.0),
        "eyes cut off": (0.0, 0.48, 1.0, 1.0),
        "mouth cut off": (0.0, 0.0, 1.0, 0.53),
    }
    with Image.open(portrait) as picture:
        for name, part in parts.items():
            sides = zip(part, (picture.width, picture.height) * 2, strict=True)
            picture.crop([round(share * side) for share, side in sides]).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in parts}


def crashes(photos: dict[str, Path], sound: Path, home: Path) -> dict[str, str]:
    """The photos that gave neither a video nor a refusal as it must be, with the reason."""
    wrong = {}
    for name, photo in photos.items():
        output = photo.with_suffix(".mp4")
        finished = neo("consent", "add", photo, *STATED, home=home)
        if finished.code == 0:
            finished = neo("animate", photo, sound, "-o", output, home=home)
        fault = "" if finished.code == 0 and output.exists() else refusal_fault(finished)
        if fault:
            wrong[name] = fault
    return wrong


def failures(table: dict[str, tuple[Path, Path, Path]], home: Path) -> dict[str, str]:
    """The cases that did not end as they must, with the reason."""
    wrong = {}
    for name, (photo, sound, output) in table.items():
        before = _files(output.parent)
        finished = neo("animate", photo, sound, "-o", output, "--size", "256", home=home)
        fault = refusal_fault(finished) or _left(_files(output.parent) - before)
        if fault:
            wrong[name] = fault
    return wrong


def refusal_fault(finished: Finished) -> str:
    """What is wrong with the way a command refused; empty when nothing is."""
    said = finished.error.strip()
    if finished.code != 2:
        return f"exit code {finished.code}"
    if "Traceback" in said or not said.startswith("neo: ") or len(said.splitlines()) != 1:
        return f"not one sentence: {said[-200:]}"
    return "" if "expected" in said else f"does not say what was expected: {said}"


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be huge and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0")) + _chunk(b"IEND", b"")


def crowd_of(portrait: Path, path: Path) -> Path:
    """A picture with the same face twice."""
    with Image.open(portrait) as picture:
        face = picture.convert("RGB")
        wide = Image.new("RGB", (2 * face.width, face.height))
        wide.paste(face, (0, 0))
        wide.paste(face, (face.width, 0))
        wide.save(path)
    return path


def _left(files: set[Path]) -> str:
    return f"left {sorted(p.name for p in files)}" if files else ""


def _files(folder: Path) -> set[Path]:
    return set(folder.iterdir()) if folder.is_dir() else set()


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
