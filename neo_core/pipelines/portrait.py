"""A picture and the one face in it that is meant."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..governance import UnderAge
from ..media.image import read_photo
from ..media.video import read_frames
from ..pictar.age_net import looks_like_a_child
from ..pictar.analysis import Analyser, Face, analyse
from ..runtime.threads import one_thread


@dataclass(frozen=True)
class Portrait:
    """A photo as read, never scaled, and the face to animate."""

    photo: Tensor  # [H, W, 3] uint8
    face: Face


def open_portrait(analyser: Analyser, path: str | Path, number: int | None = None) -> Portrait:
    """Read a photo and find its face, as `find_portrait` does."""
    return find_portrait(analyser, read_photo(path), path, number)


@one_thread()
def open_clip(analyser: Analyser, path: str | Path, number: int | None = None) -> Portrait:
    """The first frame of a video that shows a face, and the one in it that is meant, as `find_portrait` finds it: what
    a consent record for the clip is about."""
    for _, frame in read_frames(path):
        faces = analyse(analyser, frame)
        if faces:
            portrait = Portrait(frame, choose_face(faces, path, number))
            refuse_child(portrait.face, path)
            return portrait
    raise InputError(f"no human face found in {path}; expected a video that shows one clearly")


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
