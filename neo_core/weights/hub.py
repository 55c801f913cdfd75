"""Public checkpoints from the hub: only when asked for, with their licence beside them, every checksum compared.

`look_up` says what there is and under which licence, `fetch` brings it. Both go through huggingface-hub, so its
settings hold: `HF_ENDPOINT` for a mirror, `HF_HUB_OFFLINE`, `HF_TOKEN` for what asks for a login. What was interrupted
goes on where it stopped; what is there already and right is not fetched again; what is there and wrong is left alone.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from ..data_types import InputError
from .checksum import fingerprint
from .whole_file import write_whole

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
BESIDE = ("config.json", "preprocessor_config.json", "LICENSE*", "LICENCE*", "NOTICE*", "README.md")
ORIGIN = "origin.json"  # what is written beside the files
PIECE = 1 << 20  # bytes written at once
PARTIAL = 206  # the status of an answer that goes on where it was asked to
SAFE = "the hub offers safetensors of many older models as a revision: --revision refs/pr/NUMBER"


@dataclass(frozen=True)
class RemoteFile:
    name: str
    bytes: int
    sha256: str  # of large files; empty for those that lie in git itself
    blob: str  # git's sha1


@dataclass(frozen=True)
class Offer:
    """What a repository holds of a checkpoint, before any of it is fetched."""

    repository: str
    revision: str  # the commit
    licence: str
    address: str
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def look_up(repository: str, revision: str | None = None) -> Offer:
    """Ask the hub about `owner/name`, at a branch or commit. Raises InputError when it holds no safetensors."""
    hub = _library()
    if hub.constants.HF_HUB_OFFLINE:
        raise InputError(
            f"HF_HUB_OFFLINE is set and {repository} was to be downloaded; expected to be online, or the files by hand"
        )
    with _told(repository):
        info = hub.HfApi().model_info(repository, revision=revision, files_metadata=True)
    listed = [_remote(sibling) for sibling in info.siblings or ()]
    names = {file.name for file in listed}
    wanted = (*BESIDE, *((WEIGHTS,) if WEIGHTS in names else (INDEX, "model-*-of-*.safetensors")))
    here = [file for file in listed if Path(file.name).name == file.name]
    files = tuple(file for file in here if any(fnmatch(file.name, pattern) for pattern in wanted))
    if "config.json" not in names or not any(file.name.endswith(".safetensors") for file in files):
        others = ", ".join(sorted(name for name in names if name.endswith((".bin", ".safetensors", ".h5")))) or "none"
        raise InputError(f"{repository} has these weights: {others}; expected config.json and {WEIGHTS} ({SAFE})")
    address = f"{hub.constants.ENDPOINT}/{repository}/tree/{info.sha}"
    return Offer(repository, str(info.sha), _licence(info.card_data), address, files)


def fetch(offer: Offer, folder: Path, on_file: Callable[[RemoteFile], None] = lambda _: None) -> Path:
    """Bring the files into a folder of the repository's name below `folder`; returns that.

    Raises InputError when a file cannot be had whole, or another one lies in its place.
    """
    place = folder / offer.repository.split("/")[-1]
    place.mkdir(parents=True, exist_ok=True)
    for file in offer.files:
        path = place / file.name
        if path.exists():
            _check(path, file, "move it away, and ask again")
        else:
            on_file(file)
            _fetch(offer, file, path)
    write_whole(place / ORIGIN, (json.dumps(asdict(offer), indent=2) + "\n").encode())
    return place


def _fetch(offer: Offer, file: RemoteFile, path: Path) -> None:
    """Bring one file, or what is missing of it: `hf_hub_download` would begin anew after each interruption."""
    part = path.with_name(f"{path.name}.{offer.revision[:8]}.part")
    with _told(offer.repository), open(part, "ab") as output:
        if output.tell() > file.bytes:  # of no use: two downloads at once wrote to it
            _begin_anew(output)
        while (begun := output.tell()) < file.bytes:
            with _unless_it_grew(output, begun):
                _receive(_library().hf_hub_url(offer.repository, file.name, revision=offer.revision), output)
    try:
        _check(part, file, "it was thrown away; ask again")
    except InputError:
        part.unlink()
        raise
    os.replace(part, path)


def _receive(address: str, output: BinaryIO) -> None:
    """Ask for what comes after the bytes that are there, and write it as it arrives."""
    hub, begun = _library(), output.tell()
    headers = hub.utils.build_hf_headers() | {"Accept-Encoding": "identity"}
    with _answer(hub, address, headers | ({"Range": f"bytes={begun}-"} if begun else {})) as (response, pieces):
        hub.utils.hf_raise_for_status(response)
        if begun and response.status_code != PARTIAL:
            _begin_anew(output)
        for piece in pieces(PIECE):
            output.write(piece)


@contextmanager
def _answer(hub: ModuleType, address: str, headers: dict[str, str]) -> Iterator[tuple[Any, Callable]]:
    """A response whose body is still to come, and what reads it in pieces. The library's session knows proxies and
    certificates; it is one of `requests` before version 1, one of `httpx` since."""
    session, patience = hub.get_session(), hub.constants.HF_HUB_DOWNLOAD_TIMEOUT
    if hasattr(session, "mount"):
        with session.get(address, headers=headers, stream=True, timeout=patience) as answer:
            yield answer, answer.iter_content
    else:
        with session.stream("GET", address, headers=headers, follow_redirects=True, timeout=patience) as answer:
            yield answer, answer.iter_bytes


@contextmanager
def _unless_it_grew(output: BinaryIO, begun: int) -> Iterator[None]:
    """A line that breaks is asked again as long as each attempt brings something."""
    try:
        yield
    except (OSError, _library().errors.HTTPError):
        if output.tell() <= begun:
            raise
    if output.tell() <= begun:
        raise ConnectionError("nothing more came")


def _begin_anew(output: BinaryIO) -> None:
    output.seek(0)
    output.truncate()


def _remote(sibling: object) -> RemoteFile:
    lfs = sibling.lfs
    size, sha256 = (lfs.size, lfs.sha256) if lfs else (sibling.size or 0, "")
    return RemoteFile(sibling.rfilename, size, sha256, sibling.blob_id or "")


def _licence(card: object) -> str:
    """As the model's card has it: `apache-2.0`, or a name and where it is written; only what is safe to print."""
    found = [getattr(card, name, None) for name in ("license", "license_name", "license_link")]
    stated = ", ".join(str(part) for part in found if part) or "not stated"
    return "".join(letter for letter in stated if letter.isprintable())


def _check(path: Path, file: RemoteFile, advice: str) -> None:
    """Raise InputError unless a file is what the hub says it is."""
    found, expected = (fingerprint(path)["sha256"], file.sha256) if file.sha256 else (_blob(path), file.blob)
    if found != expected or path.stat().st_size != file.bytes:
        raise InputError(
            f"{path} is damaged or another file: its checksum is {found[:12]}, expected {expected[:12]}; {advice}"
        )


def _blob(path: Path) -> str:
    """What git calls the content of a small file."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _library() -> ModuleType:
    try:
        import huggingface_hub.constants  # optional: only downloads need it
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ModuleNotFoundError as error:
        raise InputError(
            "downloads need the package huggingface-hub, which is not installed; expected `pip install huggingface-hub`"
        ) from error
    return huggingface_hub


@contextmanager
def _told(repository: str) -> Iterator[None]:
    """What goes wrong between here and the hub, in one sentence."""
    errors = _library().errors
    try:
        yield
    except errors.GatedRepoError as error:
        raise InputError(f"{repository} is given out after a login only; expected HF_TOKEN of one who may") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise InputError(f"the hub has no {repository}, or not at that revision; expected owner/name") from error
    except (OSError, errors.HTTPError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"{repository} cannot be fetched ({reason}); expected the hub to answer, ask again") from error
