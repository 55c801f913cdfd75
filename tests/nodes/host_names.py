"""The names of the host that nodes use, and whether the host at hand has them.

`hosts/VERSION.json` lists what the oldest host that is asked for has. After a change, with that one's interpreter:
`NEO_TEST_HOST=CHECKOUT python tests/nodes/host_names.py > tests/nodes/hosts/VERSION.json`
"""

import ast
import json
import sys
from pathlib import Path

import pack_loading
from host_surface import MODULES, describe

NODES = Path(__file__).resolve().parents[2] / "nodes"
FOLDER = Path(__file__).resolve().parent / "hosts"
HOST = ("comfy", "comfy_api", "comfy_execution", "folder_paths", "server")


def used() -> set[str]:
    """Dotted names, as far as they can be told from the text: nothing that belongs to an instance."""
    names = {name for path in NODES.glob("*.py") for name in _used_in(ast.parse(path.read_text(encoding="utf-8")))}
    return {name.partition(".instance")[0] for name in names}.difference(MODULES)


def _used_in(tree: ast.Module) -> set[str]:
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module.split(".")[0] in HOST:
            bound |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        if isinstance(node, ast.Import):
            bound |= {one.asname or one.name: one.name for one in node.names if one.name.split(".")[0] in HOST}
    chains = {_chain(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    return {".".join([bound[first], *rest]) for first, *rest in filter(None, chains) if first in bound}


def _chain(node: ast.AST) -> tuple[str, ...]:
    """`a.b.c` as its parts; empty when it does not begin with a name."""
    if isinstance(node, ast.Name):
        return (node.id,)
    before = _chain(node.value) if isinstance(node, ast.Attribute) else ()
    return (*before, node.attr) if before else ()


if __name__ == "__main__":
    pack_loading.open_host()
    json.dump([name for name, found in describe(sorted(used())).items() if found], sys.stdout, indent=1)
