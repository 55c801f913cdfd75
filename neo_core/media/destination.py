"""Where results go: checked before the work starts, written beside the target, renamed onto it when complete."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..data_types import InputError

DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


def part_path(path: str | Path, stage: str = "part") -> Path:
    """The name a file has while it is being written: clip.mp4 -> clip.part.mp4 (players still know the suffix)."""
    path = Path(path)
    return path.with_name(f"{path.stem}.{stage}{path.suffix}")


def check_writable(path: str | Path, suffixes: tuple[str, ...]) -> Path:
    """Prove that an output file of a known kind can be written where it was asked for."""
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"output {path} ends in {path.suffix or 'nothing'!r}; expected {' or '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"output {path} is a folder; expected a file name")
    if not path.parent.is_dir():
        raise InputError(f"folder {path.parent} does not exist; expected an existing folder for {path.name}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(f"output {path} cannot be written ({error.strerror}); expected a writable folder") from error
    return path


@contextmanager
def disk_faults(path: str | Path) -> Iterator[None]:
    """A disk that is full, gone or write-protected is the user's to mend: one sentence. Other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        reason = os.strerror(error.errno)
        raise InputError(f"output {path} cannot be written ({reason}); expected a disk with enough space") from error


@contextmanager
def replacing(path: str | Path, stage: str = "part") -> Iterator[Path]:
    """A path to write to; on success it becomes `path` in one step, on any failure it is removed."""
    part = part_path(path, stage)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
