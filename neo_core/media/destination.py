"""Where results go: checked before the work starts, written beside the target, renamed onto it when complete."""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..data_types import InputError

DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
STAGES = ("part", "final")  # of a file that is being written
ADDED = "x" * 16  # more than any of them adds to a name


def part_path(path: str | Path, stage: str = "part") -> Path:
    """The name a file has while it is being written: clip.mp4 -> clip.part.mp4 (players still know the suffix)."""
    path = Path(path)
    return path.with_name(f"{path.stem}.{stage}{path.suffix}")


def check_writable(path: str | Path, suffixes: tuple[str, ...], sources: Iterable[str | Path] = ()) -> Path:
    """Prove that an output file of a known kind can be written where it was asked for, over none of its sources."""
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        found = f"ends in {path.suffix!r}" if path.suffix else "has no extension"
        raise InputError(f"output {path} {found}; expected {' or '.join(suffixes)}")
    if os.path.isdir(path):
        raise InputError(f"output {path} is a folder; expected a file name")
    if not os.path.isdir(path.parent):
        raise InputError(f"folder {path.parent} does not exist; expected an existing folder for {path.name}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
        with suppress(FileNotFoundError):
            os.lstat(path.with_name(path.name + ADDED))  # tells when the name is too long
    except OSError as error:
        reason = error.strerror.lower()
        raise InputError(
            f"output {path} cannot be written ({reason}); expected a short name, a writable folder"
        ) from error
    check_apart(path, sources, [part_path(path, stage) for stage in STAGES])
    return path


def check_apart(path: str | Path, sources: Iterable[str | Path], beside: Iterable[Path] = ()) -> None:
    """Prove that neither an output nor what is written `beside` it is one of its sources."""
    names = (path, *beside)
    for source in sources:
        if any(_same_file(name, source) for name in names):
            raise InputError(f"output {path} would overwrite {source}, which is read; expected another name")


def _same_file(path: str | Path, other: str | Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):  # one of them does not exist
        return False


@contextmanager
def disk_faults(path: str | Path) -> Iterator[None]:
    """A disk that is full, gone or write-protected is the user's to mend: one sentence. Other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        reason = os.strerror(error.errno)
        raise InputError(
            f"output {path} cannot be written ({reason}); expected a disk with enough space, open for writing"
        ) from error


@contextmanager
def replacing(path: str | Path, stage: str = "part") -> Iterator[Path]:
    """A path to write to; on success it becomes `path` in one step, on any failure it is removed."""
    part = part_path(path, stage)
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())  # Windows wants a file that may be written
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
