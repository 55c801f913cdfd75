"""What the registry and the Manager read of the pack."""

import json
from pathlib import Path

import host_names
import pytest
from PIL import Image

tomllib = pytest.importorskip("tomllib")

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OURS_TO_LEAVE = ("torch", "torchvision", "torchaudio", "numpy")  # a pack that lists them breaks other packs


def test_the_registry_finds_what_it_asks_for():
    project, comfy = PROJECT["project"], PROJECT["tool"]["comfy"]
    assert "comfyui" not in project["name"].lower()
    assert len(project["version"].split(".")) == 3
    assert {"description", "license", "requires-python", "classifiers"} <= project.keys()
    assert comfy["PublisherId"]
    assert comfy["DisplayName"]
    assert comfy["requires-comfyui"].startswith(">=")


def test_the_oldest_host_that_is_asked_for_has_all_that_nodes_use():
    (listed,) = host_names.FOLDER.glob("*.json")
    assert PROJECT["tool"]["comfy"]["requires-comfyui"] == f">={listed.stem}"
    assert f"ComfyUI {listed.stem.removesuffix('.0')} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")
    used = host_names.used()
    assert "comfy.model_management.unload_model_and_clones" in used
    assert used <= set(json.loads(listed.read_text(encoding="utf-8")))


def test_the_pack_has_a_face():
    comfy = PROJECT["tool"]["comfy"]
    icon, banner = (Image.open(ROOT / comfy[name]) for name in ("Icon", "Banner"))
    assert icon.width == icon.height <= 400
    assert banner.width / banner.height == pytest.approx(21 / 9, rel=0.01)
    assert all((ROOT / comfy[name]).stat().st_size < 200_000 for name in ("Icon", "Banner"))


def test_the_scripts_load_once():
    assert "web" not in PROJECT["tool"]["comfy"]
    assert 'WEB_DIRECTORY = "web"' in (ROOT / "__init__.py").read_text(encoding="utf-8")
    assert "NODE_CLASS_MAPPINGS" not in (ROOT / "__init__.py").read_text(encoding="utf-8")


def test_installing_changes_nothing_that_others_need():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted
    assert not [line for line in wanted if line.startswith(OURS_TO_LEAVE) or "==" in line]
    assert not (ROOT / "install.py").exists()


def test_what_is_left_out_of_a_release_is_not_needed_to_run():
    left_out = (ROOT / ".comfyignore").read_text(encoding="utf-8").split()
    for needed in ("nodes", "neo_core", "web", "workflows", "subgraphs", "locales", "requirements.txt"):
        assert needed not in [name.rstrip("/") for name in left_out]
