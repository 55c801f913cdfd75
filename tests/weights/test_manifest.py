"""The embedded weights: every file is described, intact and within its budget."""

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.training.synthetic.speech import HELD_OUT_SPEAKERS
from neo_core.weights import manifest
from neo_core.weights.safetensors_io import save

BUDGET_MB = {  # what a clone has to carry, per file
    "age.safetensors": 0.5,
    "head_model.safetensors": 8,
    "analysis.safetensors": 8,
    "refiner.safetensors": 4,
    "audio.safetensors": 6,
    "mini.safetensors": 3,
    "vocal.safetensors": 24,
    "vocal_neo.safetensors": 24,
    "neo2_vae.safetensors": 20,
    "neo2_dit.safetensors": 21,
}
BUDGET_NEO2_MB = 40  # all files of NEO 2
SHIPPED = sorted(p.name for p in manifest.FOLDER.glob("*.safetensors"))
LICENCES = {  # of what shipped files were made from: all that may be used for anything
    "own data",
    "CC0",
    "MakeHuman CC0",
    "MakeHuman assets CC0",
    "LibriSpeech CC BY 4.0",
    "Apache-2.0 (own renderings)",
    "MIT (c) 2020 USC Institute for Creative Technologies",
}
STORY = {"recipe", "seed", "minutes", "data", "licences", "held_out"}


def test_manifest_and_folder_hold_the_same_files():
    assert sorted(manifest.read_manifest()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_file_is_intact_described_and_within_budget(name):
    assert manifest.embedded(name).stat().st_size <= BUDGET_MB[name] * 1e6
    assert manifest.read_manifest()[name].keys() >= STORY


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_file_may_be_used_for_anything(name):
    """Nothing it was made from is for research only."""
    licences = manifest.read_manifest()[name]["licences"]
    listed = {licences} if isinstance(licences, str) else set(licences)
    assert listed, "none told"
    assert not listed - LICENCES


def test_neo_2_is_within_its_budget_as_a_whole():
    assert sum(manifest.embedded(name).stat().st_size for name in SHIPPED if "neo2" in name) <= BUDGET_NEO2_MB * 1e6


def test_networks_that_are_judged_on_held_out_material_name_it():
    entries = manifest.read_manifest()
    assert all(entry["held_out"] for name, entry in entries.items() if name != "head_model.safetensors")
    assert entries["vocal.safetensors"]["held_out"]["librispeech_speakers"] == list(HELD_OUT_SPEAKERS)
    assert entries["audio.safetensors"]["held_out"]["librispeech_speakers"] == list(HELD_OUT_SPEAKERS)


def test_refresh_describes_what_is_there(tmp_path):
    save(tmp_path / "a.safetensors", {"w": torch.zeros(3)}, {}, made={"seed": 1})
    assert manifest.refresh(tmp_path) == ["a.safetensors"]
    assert manifest.refresh(tmp_path) == []
    assert manifest.read_manifest(tmp_path)["a.safetensors"]["seed"] == 1


def test_a_replaced_file_is_refused(tmp_path):
    save(tmp_path / "a.safetensors", {"w": torch.zeros(3)}, {})
    manifest.refresh(tmp_path)
    assert manifest.embedded("a.safetensors", tmp_path).is_file()
    save(tmp_path / "b.safetensors", {"w": torch.ones(3)}, {})
    with pytest.raises(InputError, match="no entry"):
        manifest.embedded("b.safetensors", tmp_path)
    (tmp_path / "b.safetensors").replace(tmp_path / "a.safetensors")
    manifest.embedded.cache_clear()
    with pytest.raises(InputError, match="damaged or replaced"):
        manifest.embedded("a.safetensors", tmp_path)
    with pytest.raises(InputError, match="missing"):
        manifest.embedded("c.safetensors", tmp_path)
