"""Nodes as a host runs them, on the fake host or, in its own interpreter, on a real one."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.append(str(Path(__file__).parent))

import pack_loading

pack_loading.open_host()
pack_loading.load_pack()


@pytest.fixture(scope="session")
def loaded():
    """The pack after its entry point ran: `classes` by id, `replacements`, `module(name)`."""
    return pack_loading.load_nodes()


@pytest.fixture(scope="session")
def node_classes(loaded):
    """Every node class of the pack by its id."""
    return loaded.classes


@pytest.fixture(scope="session")
def pack(loaded):
    """A function: name -> module inside the pack. Never import `neo_core` here: its classes would be other ones."""
    return loaded.module


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch, loaded):
    """The host's folders, empty, and a ledger of consent nobody has written in."""
    folder_paths = loaded.host("folder_paths")
    names = ("input", "output", "temp", "user", "models")
    places = SimpleNamespace(**{name: tmp_path / name for name in names}, home=tmp_path / "home")
    for name in names:
        getattr(places, name).mkdir()
    before = {name: getattr(folder_paths, f"get_{name}_directory")() for name in names[:4]}
    for name in before:
        getattr(folder_paths, f"set_{name}_directory")(str(getattr(places, name)))
    kinds = {"neo": places.models, "audio_encoders": places.models / "audio_encoders"}
    for name, folder in kinds.items():
        monkeypatch.setitem(folder_paths.folder_names_and_paths, name, ([str(folder)], {".safetensors"}))
    folder_paths.filename_list_cache.clear()
    monkeypatch.setenv("NEO_HOME", str(places.home))
    yield places
    for name, folder in before.items():
        getattr(folder_paths, f"set_{name}_directory")(folder)


@pytest.fixture(autouse=True)
def interrupt(loaded):
    """A function: the user presses stop. Afterwards nothing is on the device any more."""
    management = loaded.host("comfy.model_management")
    yield lambda: management.interrupt_current_processing(True)
    management.interrupt_current_processing(False)
    management.unload_all_models()


@pytest.fixture(autouse=True)
def reports(monkeypatch, loaded):
    """What a node told while it ran: `progress` (value, of, picture or None) and `texts`."""
    told = SimpleNamespace(progress=[], texts=[])
    progress = loaded.host("comfy_execution.progress")
    progress.reset_progress_state("prompt", None)

    def update(*, value, max_value, image=None, **_):
        told.progress.append((value, max_value, image and image[1]))

    monkeypatch.setattr(progress.get_progress_state(), "update_progress", update)
    server = SimpleNamespace(
        client_id="creator",
        send_progress_text=lambda text, *_, **__: told.texts.append(text),
        send_sync=lambda *_, **__: None,
    )
    monkeypatch.setattr(loaded.host("server").PromptServer, "instance", server, raising=False)
    return told


@pytest.fixture
def run_node(loaded):
    """A function (id, **inputs) -> NodeOutput that runs a node as the host's executor does.

    Inputs that are not named take their widget's default. Raises ValueError with the node's own words when the node
    refuses inputs before it runs.
    """
    host = loaded.host("comfy_api.v0_0_2").io
    context = loaded.host("comfy_execution.utils").CurrentNodeContext

    def run(node_id, /, **inputs):
        node = loaded.classes[node_id]
        values = _defaults(node.GET_SCHEMA()) | inputs
        hidden = {host.Hidden.unique_id: "1", host.Hidden.prompt: {}, host.Hidden.extra_pnginfo: {}}
        clone = _locked(node.PREPARE_CLASS_CLONE({"hidden_inputs": hidden}))
        with torch.inference_mode(), context("prompt", "1"):
            if node.validate_inputs.__func__ is not host.ComfyNode.validate_inputs.__func__:
                _validate(clone, values)
            return clone.EXECUTE_NORMALIZED(**values)

    return run


def _defaults(schema) -> dict:
    widgets = {one.id: one for one in schema.inputs if hasattr(one, "default")}
    options = {name: one.options[:1] for name, one in widgets.items() if getattr(one, "options", None)}
    chosen = {name: one.default for name, one in widgets.items() if one.default is not None and not one.optional}
    return {name: option for name, (option,) in options.items()} | chosen


def _locked(node: type) -> type:
    """The class with every attribute fixed: the host runs nodes so that none keeps a state."""

    class Locked(type(node)):
        def __setattr__(cls, name, value):
            if name.startswith(("__", "_abc_")):  # Python's own, while the class is made
                return super().__setattr__(name, value)
            raise AttributeError(f"node {cls.__name__} sets {name} on itself; expected no state")

    return Locked(node.__name__, (node,), {})


def _validate(node: type, values: dict) -> None:
    code = node.validate_inputs.__func__.__code__
    named = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    answer = node.validate_inputs(**{name: values[name] for name in named if name in values})
    if answer is not True:
        raise ValueError(answer)
