"""Where files may lie: inside ComfyUI's own folders, whatever a prompt asks for; and whether one has changed."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import folder_paths

from ..neo_core.data_types import InputError
from ..neo_core.media.destination import check_writable
from ..neo_core.pipelines.motion_file import SUFFIXES

OUTPUT = " [output]"  # how ComfyUI marks a file of the output folder
LONGEST = 200  # characters of a prefix; file systems take little more


@dataclass(frozen=True)
class OutputFile:
    path: Path
    name: str  # as it is told: relative to the output folder


class FileState(NamedTuple):
    """A file as it is now; when it is written anew, another one."""

    path: str
    edition: str  # when it was written and how long it is: all that workflows and videos may learn of it


def motion_files() -> list[str]:
    """What can be opened: files of the input and the output folder and of the folders right in them."""
    inputs, outputs = folder_paths.get_input_directory(), folder_paths.get_output_directory()
    return [*_listed(Path(inputs)), *(name + OUTPUT for name in _listed(Path(outputs)))]


def input_file(name: str) -> Path:
    """The file that a choice of `motion_files` means. Raises InputError when it lies outside."""
    outside = f"motion file {name!r:.80} is outside ComfyUI's folders; expected one of the list"
    try:
        path = Path(folder_paths.get_annotated_filepath(str(name)))
        real = path.resolve()  # where links lead
    except (ValueError, OSError, RuntimeError) as error:  # a null byte, a name too long, a circle of links
        raise InputError(outside) from error
    folders = (folder_paths.get_input_directory(), folder_paths.get_output_directory())
    if not any(real.is_relative_to(Path(folder).resolve()) for folder in folders):
        raise InputError(outside)
    if path.suffix not in SUFFIXES or not path.is_file():
        raise InputError(f"motion file {name!r:.80} does not exist; expected one of the list")
    return path


def output_file(prefix: str, suffix: str) -> OutputFile:
    """A new, numbered file of the output folder. Raises InputError when the prefix leads out of it."""
    if len(prefix) > LONGEST:
        raise InputError(f"filename_prefix has {len(prefix)} characters; expected at most {LONGEST}")
    root = Path(folder_paths.get_output_directory())
    place = f"filename_prefix {prefix!r:.80} is no place in ComfyUI's output folder; expected for example neo/motion"
    if not prefix.isprintable():
        raise InputError(place)
    try:
        folder, stem, number, subfolder, _ = folder_paths.get_save_image_path(prefix, str(root))
    except Exception as error:  # what ComfyUI raises for a path outside has no narrower type
        raise InputError(place) from error
    name = f"{stem}_{number:05}_.{suffix}"
    path = check_writable(Path(folder) / name, SUFFIXES)
    return OutputFile(path, (Path(subfolder) / name).as_posix())


def state(path: str | Path) -> FileState:
    """What tells a file from the same one after an edit. Raises OSError when there is none."""
    status = os.stat(path)
    return FileState(str(path), f"{status.st_mtime_ns}-{status.st_size}")


def states(path: str | Path, files: Iterable[Path]) -> FileState:
    """The same of what lies in several files: another one when any of them is written anew."""
    editions = [state(file).edition for file in files]
    return FileState(str(path), hashlib.sha256(" ".join(editions).encode()).hexdigest()[:16])


def _listed(folder: Path) -> list[str]:
    found = (path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.suffix in SUFFIXES)
    return sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())
