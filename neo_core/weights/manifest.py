"""The manifest of the embedded weights: what each file is, how it was made, and that it is the file it claims to be.

`embedded(name)` is the way to a shipped file: it compares size and sha256 with the manifest once per process.
"""

import json
from functools import lru_cache
from pathlib import Path

from ..data_types import InputError
from .checksum import fingerprint
from .safetensors_io import load_made
from .whole_file import write_whole

FOLDER = Path(__file__).parent / "embedded"
MANIFEST = "manifest.json"


def read_manifest(folder: Path = FOLDER) -> dict[str, dict]:
    """File name -> its entry (sha256, bytes, recipe, seed, minutes, data, licences, held_out)."""
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]


@lru_cache
def embedded(name: str, folder: Path = FOLDER) -> Path:
    """Path of a shipped weight file, after checking that it is intact."""
    path = folder / name
    if not path.is_file():
        raise InputError(f"embedded weights {name} are missing from {folder}; expected them to come with the checkout")
    expected = read_manifest(folder).get(name)
    if expected is None:
        raise InputError(f"embedded weights {name} have no entry in {folder / MANIFEST}; expected sha256 and size")
    if fingerprint(path) != {key: expected[key] for key in ("sha256", "bytes")}:
        raise InputError(f"embedded weights {path} are damaged or replaced: their sha256 is not the manifest's")
    return path


def refresh(folder: Path = FOLDER) -> list[str]:
    """Rewrite the folder's manifest from its weight files; return the names whose entry changed or went."""
    path = folder / MANIFEST
    before = read_manifest(folder) if path.is_file() else {}
    files = sorted(folder.glob("*.safetensors"))
    after = {file.name: {**fingerprint(file), **load_made(file)} for file in files}
    text = json.dumps({"files": after}, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text.encode())
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
