"""The pack as a ComfyUI loads it: by its folder, under a name that is no Python name, with a host's modules in reach.

The host is the fake one beside this file, or a real checkout when `NEO_TEST_HOST` names it and this interpreter is its.
"""

import asyncio
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACK = str(ROOT).replace(".", "_x_")  # as ComfyUI's nodes.load_custom_node names it
REAL_HOST = os.environ.get("NEO_TEST_HOST", "")


def open_host() -> None:
    """Put the host's modules in reach; a real one is told to do without a graphics card."""
    sys.path.insert(0, REAL_HOST or str(HERE / "fake_host"))
    if REAL_HOST:
        importlib.import_module("comfy.cli_args").args.cpu = True


def load_pack() -> None:
    spec = importlib.util.spec_from_file_location(PACK, ROOT / "__init__.py")
    sys.modules[PACK] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACK])


def module(name: str) -> ModuleType:
    """A module inside the loaded pack, such as `nodes.vocal` or `neo_core.data_types`."""
    return importlib.import_module(f"{PACK}.{name}")


class ReplacementsAsked:
    """Stands where the server keeps what took whose place."""

    def __init__(self) -> None:
        self.registered: list = []

    def register(self, node_replace) -> None:
        self.registered.append(node_replace)


def load_nodes() -> SimpleNamespace:
    """What the pack's entry point gives: `classes` by id, `replacements`; `module` and `host` import more of each."""
    asked = ReplacementsAsked()
    importlib.import_module("server").PromptServer.instance = SimpleNamespace(node_replace_manager=asked)

    async def load() -> list[type]:
        extension = await sys.modules[PACK].comfy_entrypoint()
        await extension.on_load()
        return await extension.get_node_list()

    classes = {node.GET_SCHEMA().node_id: node for node in asyncio.run(load())}
    return SimpleNamespace(classes=classes, replacements=asked.registered, module=module, host=importlib.import_module)
