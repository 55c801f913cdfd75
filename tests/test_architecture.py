"""The shape of the code: import order, thin nodes, no junk drawers, sizes."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = [  # a folder may import only from lower rows (and from itself)
    {"nodes", "__main__"},
    {"commands"},
    {"training", "distribution", "service"},
    {"evaluation"},
    {"pipelines"},
    {"audio", "vocal", "pictar", "neo2"},
    {"nn", "geometry"},
    {"weights", "media", "governance", "jobs", "provenance", "flow", "runtime"},
    {"data_types", "motion_space", "this_python", "timebase"},
]
RANK = {name: row for row, names in enumerate(LAYERS) for name in names}
IMPORTED_AS = {"pillow": "PIL"}
HOST = {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server", "aiohttp"}  # ComfyUI brings them
RECIPES = {"ttspico", "pocketsphinx"}  # that make training speech
NETWORK = {"urllib", "http", "socket", "requests", "aiohttp", "httpx", "huggingface_hub", "ftplib", "websockets"}
JUNK = {"utils", "util", "helpers", "helper", "misc", "common", "core", "base", "manager", "handler", "wrapper"}
FILES = sorted((ROOT / "neo_core").rglob("*.py")) + sorted((ROOT / "nodes").rglob("*.py"))
NAMES = [str(f.relative_to(ROOT)) for f in FILES]


def owner(path: Path) -> str | None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "nodes" else (parts[1] if parts[1] != "__init__" else None)


@cache
def imports(path: Path) -> list[tuple[str | None, str | None]]:
    """(absolute module or None, owner folder or None) of every import, at any depth in the file."""
    return list(_imports(path))


def _imports(path: Path):
    package = list(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield node.module, None
                continue
            base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                full = [*base, alias.name]
                if full[0] == "neo_core":
                    yield None, full[1]
                elif full[0] == "nodes":
                    yield None, "nodes"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_down(path):
    me = owner(path)
    for absolute, target in imports(path):
        if absolute:
            top = absolute.split(".")[0]
            assert top not in {"neo_core", "nodes"} or (me == "nodes" and top != "neo_core"), (
                f"{absolute}: use a relative import"
            )
            assert me == "nodes" or (not top.startswith("comfy") and top not in {"folder_paths", "server"}), (
                f"{absolute}: neo_core must not know ComfyUI"
            )
        if target and me and target != me:
            assert RANK[target] > RANK[me], f"{me} must not import {target}"


def test_nothing_is_imported_that_is_not_declared():
    """No face library, runtime or compiler comes along by the way; what may be missing is told where it is needed."""
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["encoders"]]
    declared = {re.split(r"[>=<;\s]", one)[0] for one in wanted}
    allowed = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in declared} | set(sys.stdlib_module_names)
    for path in FILES:
        tops = {name.split(".")[0] for name, _ in imports(path) if name}
        host = HOST if owner(path) == "nodes" else RECIPES if owner(path) == "training" else set()
        assert tops <= allowed | host, f"{path.name} imports {tops - allowed - host}"


def test_only_who_is_asked_to_download_reaches_for_the_network():
    reaching = {
        path.relative_to(ROOT / "neo_core").as_posix()
        for path in FILES
        if owner(path) != "nodes" and {name.split(".")[0] for name, _ in imports(path) if name} & NETWORK
    }
    assert reaching == {"weights/hub.py", "evaluation/comfyui_host.py"}  # `download`, and a ComfyUI on this machine


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_junk_drawers(path):
    assert path.stem not in JUNK
    assert path.parent.name not in JUNK


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_sizes(path):
    text = path.read_text()
    assert text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            limit = 15 if node.name == "execute" and owner(path) == "nodes" else 80
            if node.name != "define_schema":
                assert node.end_lineno - node.body[0].lineno + 1 <= limit, f"{node.name} is longer than {limit} lines"
