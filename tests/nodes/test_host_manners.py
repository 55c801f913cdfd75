"""What the pack leaves to its host: devices, the network, the other packs, and the time it takes to start."""

import ast
import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from weakref import ref

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "__init__.py", *sorted((ROOT / "nodes").glob("*.py"))]
NETWORK = {
    "urllib.request",
    "http",
    "socket",
    "requests",
    "aiohttp",
    "httpx",
    "huggingface_hub",
    "ftplib",
    "websockets",
}
SERVER = "from aiohttp import web"  # the half that answers ComfyUI's browser; it calls no one
FORBIDDEN = {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_a_device_calls_the_network_or_runs_text(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert "cuda" not in node.value.lower()
        if isinstance(node, ast.Import):
            assert not {part for alias in node.names for part in (alias.name, alias.name.split(".")[0])} & NETWORK
        if isinstance(node, ast.ImportFrom) and not node.level and ast.unparse(node) != SERVER:
            assert not {node.module, node.module.split(".")[0]} & NETWORK
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN


def test_the_networks_are_in_the_hosts_hands(pack, loaded):
    management = loaded.host("comfy.model_management")
    hosted = pack("nodes.model_patcher").host_models()
    assert hosted is pack("nodes.model_patcher").host_models()
    with pack("nodes.model_patcher").on_device() as engine:
        on_device = {patcher.model for patcher in hosted.patchers}
        assert on_device == {engine.analyser, engine.audio_encoder, engine.vocal}
        assert {patcher.load_device for patcher in hosted.patchers} == {management.get_torch_device()}


def test_networks_that_nobody_uses_any_more_leave_the_memory(run_node, loaded):
    """ComfyUI drops a node's outputs when memory is short, or its user asks for it: nothing else may keep them."""
    (models,) = run_node("NEO_LoadModels").result
    networks = [ref(patcher.model) for patcher in models.patchers]
    assert run_node("NEO_LoadModels").result[0] is models
    del models
    loaded.host("comfy.model_management").unload_all_models()
    assert [network() for network in networks] == [None] * 3


def test_the_host_shows_errors_by_a_short_name(pack):
    """It writes module and name of an error over its message; the module of a node pack begins with its path."""
    kinds = [pack("neo_core.data_types").InputError]
    for kind in kinds:  # grows while it is read
        kinds += kind.__subclasses__()
    assert {pack("neo_core.governance").ConsentRequired, pack("nodes.memory").NotEnoughMemory} < set(kinds)
    assert {kind.__module__ for kind in kinds} == {"neo"}


def test_weights_of_the_users_folder_can_be_chosen(node_classes, run_node, folders, pack):
    embedded = pack("neo_core.weights.manifest").embedded("vocal.safetensors")
    (folders.models / "mine.safetensors").write_bytes(Path(embedded).read_bytes())
    (folders.models / "notes.txt").write_text("no weights")
    audio_encoder, vocal = node_classes["NEO_LoadModels"].GET_SCHEMA().inputs
    assert audio_encoder.options == ["embedded", "mine.safetensors"]
    assert vocal.options == ["embedded", *pack("nodes.loaders").shipped_vocals(), "mine.safetensors"]
    (models,) = run_node("NEO_LoadModels", vocal="mine.safetensors").result
    theirs, ours = models.models.vocal.state_dict(), pack("nodes.model_patcher").host_models().models.vocal.state_dict()
    assert models.models.vocal is not pack("nodes.model_patcher").host_models().models.vocal
    assert all(theirs[name].equal(ours[name]) for name in ours)


def test_another_vocal_of_the_pack_is_listed_when_it_came_along(node_classes, run_node, pack, monkeypatch):
    shipped = {"embedded NEO": "vocal.safetensors", "embedded NEO 9": "not_shipped.safetensors"}
    monkeypatch.setattr(pack("nodes.loaders"), "OTHER_VOCALS", shipped)
    _, vocal = node_classes["NEO_LoadModels"].GET_SCHEMA().inputs
    assert vocal.options == ["embedded", "embedded NEO"]
    (models,) = run_node("NEO_LoadModels", vocal="embedded NEO").result
    ours = pack("nodes.model_patcher").host_models().models.vocal
    assert models.models.vocal is not ours
    assert models.models.vocal.config == ours.config


def test_weights_that_were_written_anew_are_loaded_anew(node_classes, run_node, folders, pack):
    embedded = Path(pack("neo_core.weights.manifest").embedded("vocal.safetensors")).read_bytes()
    mine, load = folders.models / "mine.safetensors", node_classes["NEO_LoadModels"]
    mine.write_bytes(embedded)
    chosen = {"audio_encoder": "embedded", "vocal": "mine.safetensors"}
    (first,) = run_node("NEO_LoadModels", **chosen).result
    before = load.fingerprint_inputs(**chosen)
    assert run_node("NEO_LoadModels", **chosen).result[0] is first
    assert load.fingerprint_inputs(**chosen) == before
    assert str(folders.models) not in str(before)
    status = mine.stat()
    os.utime(mine, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert load.fingerprint_inputs(**chosen) != before
    assert run_node("NEO_LoadModels", **chosen).result[0].models.vocal is not first.models.vocal


def test_a_renamed_node_is_told_to_the_host(pack, loaded, monkeypatch):
    replacements, host = pack("nodes.replacements"), loaded.host("comfy_api.v0_0_2").io
    told = []
    manager = SimpleNamespace(register=told.append)
    monkeypatch.setattr(loaded.host("server").PromptServer.instance, "node_replace_manager", manager, raising=False)
    renamed = host.NodeReplace(new_node_id="NEO_Render", old_node_id="NEO_Draw")
    monkeypatch.setattr(replacements, "REPLACEMENTS", (renamed,))
    asyncio.run(replacements.register_replacements())
    assert told == [renamed]


def test_renamed_nodes_lead_to_nodes_that_exist(pack, loaded, node_classes):
    replacements = pack("nodes.replacements").REPLACEMENTS
    assert loaded.replacements == list(replacements)
    for replacement in replacements:
        assert replacement.new_node_id in node_classes
        assert replacement.old_node_id not in node_classes


@pytest.mark.parametrize(("input", "file"), [("vocal", "audio.safetensors"), ("audio_encoder", "vocal.safetensors")])
def test_weights_of_another_network_are_refused_in_a_sentence(run_node, folders, pack, input, file):
    embedded = pack("neo_core.weights.manifest").embedded(file)
    (folders.models / "wrong.safetensors").write_bytes(Path(embedded).read_bytes())
    with pytest.raises(pack("neo_core.data_types").InputError, match="holds other weights"):
        run_node("NEO_LoadModels", **{input: "wrong.safetensors"})
