"""A picture and the one face in it that is meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..governance import UnderAge
from ..media.image import read_photo
from ..media.video import read_frames
from ..pictar.age_net import looks_like_a_child
from ..pictar.analysis import Analyser, Face, analyse
from ..runtime.threads import one_thread

MOUTH = slice(48, 68)  # of the Multi-PIE 68
HALF = 0.5  # of a mask: white enough


@dataclass(frozen=True)
class Portrait:
    """A photo as read, never scaled, and the face to animate."""

    photo: Tensor  # [H, W, 3] uint8
    face: Face


def open_portrait(analyser: Analyser, path: str | Path, number: int | None = None) -> Portrait:
    """Read a photo and find its face, as `find_portrait` does."""
    return find_portrait(analyser, read_photo(path), path, number)


@one_thread()
def open_clip(
    analyser: Analyser,
    path: str | Path,
    number: int | None = None,
    mask: Tensor | None = None,
    progress: Progress = silent,
) -> Portrait:
    """The first frame of a video that shows a face, and the one in it that is meant, as `find_portrait` finds it: what
    a consent record for the clip is about. With a `mask` [H, W] only faces in it are meant, whoever else is there."""
    for _, frame, faces in faces_in_clip(analyser, path, progress):
        face = choose_in_clip(faces, path, number, mask)
        if face is not None:
            refuse_child(face, path)
            return Portrait(frame, face)
    where = "" if mask is None else " where the mask is white"
    raise InputError(f"no human face found in {path}{where}; expected a video that shows one clearly")


def faces_in_clip(
    analyser: Analyser, path: str | Path, progress: Progress = silent
) -> Iterator[tuple[Fraction, Tensor, list[Face]]]:
    """The frames of a video that show faces: seconds since the first frame, picture u8 [H, W, 3], and the faces."""
    for seconds, frame in read_frames(path):
        progress(0, 1, None)
        faces = analyse(analyser, frame)
        if faces:
            yield seconds, frame, faces


def choose_in_clip(
    faces: list[Face], name: str | Path, number: int | None = None, mask: Tensor | None = None
) -> Face | None:
    """The face of a clip that is meant, of all in a frame; None where nobody's mouth is in the mask [H, W] yet."""
    if mask is None:
        return choose_face(faces, name, number)
    inside = [face for face in faces if _at(mask, face.landmarks68[MOUTH].mean(0)) >= HALF]
    return choose_face(inside, f"the mask for {name}", number) if inside else None


def read_mask(path: str | Path) -> Tensor:
    """A picture's brightness as a mask. [H, W] 0..1"""
    return read_photo(path).float().mean(-1) / 255


def _at(mask: Tensor, point: Tensor) -> float:
    """A mask [H, W] at a point [2] x, y in its pixels; 0 beyond it."""
    column, row = (int(x) for x in point.floor())
    return float(mask[row, column]) if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] else 0.0


@one_thread()
def find_portrait(
    analyser: Analyser, photo: Tensor, name: str | Path, number: int | None = None, progress: Progress = silent
) -> Portrait:
    """The face that is meant in a photo u8 [H, W, 3] called `name`; `number` (from 1, as `inspect` counts) chooses when
    there are several.

    Raises InputError when there is no human face, or several and no choice, and UnderAge for a child's face.
    """
    portrait = Portrait(photo, choose_face(analyse(analyser, photo, progress), name, number))
    refuse_child(portrait.face, name)
    return portrait


def refuse_child(face: Face, name: str | Path) -> None:
    """Raise UnderAge when the face that is meant, and no other of the picture, looks like a child's.

    There is no way round it: an adult who is taken for a child needs another photo, whatever the consent states.
    """
    if looks_like_a_child(face):
        raise UnderAge(
            f"a face that looks like a child's found in {name}; expected an adult's: children are not animated, "
            "whatever the consent says. If it is an adult's, another photo may do: from the front, at eye level, in "
            "even light"
        )


def choose_face(faces: list[Face], name: str | Path, number: int | None, option: str = "--face") -> Face:
    """The face that is meant, of all that were found; `option` is how the user chooses one."""
    if not faces:
        raise InputError(f"no human face found in {name}; expected a picture that shows one clearly, from the front")
    if number is None and len(faces) > 1:
        raise InputError(f"{len(faces)} faces found in {name}; expected one, or a choice: {option} 1 to {len(faces)}")
    if number is not None and not 1 <= number <= len(faces):
        raise InputError(f"face {number} asked for in {name}; expected 1 to {len(faces)}")
    return faces[(number or 1) - 1]
