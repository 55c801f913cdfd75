"""Films of synthetic speakers to learn from: a few seconds of a person, with the sound and the truth about them.

One file per film, made by `factory films`. Nothing is read before it is asked for, and then only the rows
that are wanted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..data_types import InputError
from ..weights import safetensors_io

PATTERN = "scene_*.safetensors"


@dataclass(frozen=True)
class Film:
    """One film of T frames at 25 fps; H pixels along a side."""

    path: Path
    frames: int  # T
    size: int  # H
    prompt: str
    manner: str
    speaking: bool  # False in an empty room
    person: int  # seed
    scene: str  # consecutive films of a scene show one take; its films are numbered by `part`
    part: int
    voice: str
    held_out: bool  # person and voice are in no film to train on
    framing: str

    def video(self, first: int | None = None, last: int | None = None) -> Tensor:
        """Frames first .. last - 1. u8 [t, H, H, 3]"""
        return self._rows("video", first, last)

    def anchor(self) -> Tensor:
        """The same person, camera and light at rest: mouth closed, eyes on the lens, hands at rest. u8 [H, H, 3]"""
        return self._rows("anchor")

    def heard(self, first: int | None = None, last: int | None = None) -> Tensor:
        """Hidden states of the audio encoder for the frames first .. last - 1, two per frame. f16 [L, 2 t, D]"""
        states = self._rows("heard")
        return states[:, 2 * (first or 0) : 2 * (self.frames if last is None else last)]

    def sound(self) -> Tensor:
        """16 kHz, 640 samples per frame. f32 [640 T]"""
        return self._rows("sound")

    def mouth(self, first: int | None = None, last: int | None = None) -> Tensor:
        """Opening of the lips, 0 closed .. 1 wide. f32 [t]"""
        return self._rows("mouth", first, last)

    def hands(self, first: int | None = None, last: int | None = None) -> Tensor:
        """x, y in pixels and 1 where visible, of the subject's left and right hand. f32 [t, 2, 3]"""
        return self._rows("hands", first, last)

    def head(self, first: int | None = None, last: int | None = None) -> Tensor:
        """Box of the face: left, top, right, bottom in pixels. f32 [t, 4]"""
        return self._rows("head", first, last)

    def mouth_box(self, first: int | None = None, last: int | None = None) -> Tensor:
        """f32 [t, 4]"""
        return self._rows("mouth_box", first, last)

    def hand_boxes(self, first: int | None = None, last: int | None = None) -> Tensor:
        """f32 [t, 2, 4]"""
        return self._rows("hand_boxes", first, last)

    def prosody(self, first: int | None = None, last: int | None = None) -> Tensor:
        """Energy of the voice: loudness and accents. f32 [t]"""
        return self._rows("prosody", first, last)

    def _rows(self, name: str, first: int | None = None, last: int | None = None) -> Tensor:
        return safetensors_io.load_rows(self.path, name, first, last)


def load_films(folders: str | Path | Iterable[str | Path]) -> list[Film]:
    """All films in the folders, in the order of these and of their names. Raises InputError when there are none."""
    folders = [folders] if isinstance(folders, str | Path) else list(folders)
    paths = [path for folder in folders for path in sorted(Path(folder).glob(PATTERN))]
    if not paths:
        raise InputError(f"no {PATTERN} in {', '.join(map(str, folders))}; expected films made by `factory films`")
    return [Film(path=path, **safetensors_io.load_config(path)) for path in paths]


def training_films(folders: str | Path | Iterable[str | Path]) -> list[Film]:
    """Those of people that exams do not ask for. Raises InputError when there are none."""
    found = load_films(folders)
    films = [film for film in found if not film.held_out]
    if not films:
        raise InputError(f"all {len(found)} films near {found[0].path} are held out; expected some to learn from")
    return films


def held_out_films(folders: str | Path | Iterable[str | Path]) -> list[Film]:
    """Films to judge by. Raises InputError when one is of somebody whom a network may have learned from."""
    films = load_films(folders)
    known = [film for film in films if not film.held_out]
    if known:
        raise InputError(f"{known[0].path} is of no held-out person; expected an exam of `factory films --held-out`")
    return films
