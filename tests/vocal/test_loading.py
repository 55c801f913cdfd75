"""VOCAL in a file: the file says which architecture it is."""

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.vocal.loading import load_vocal, stored_config
from neo_core.weights.safetensors_io import save


@pytest.mark.parametrize("architecture", ["neo", "neo-1.5"])
def test_a_saved_model_performs_the_same(build, draw_conditions, tmp_path, architecture):
    model = build(architecture)
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored_config(model))
    loaded = load_vocal(tmp_path / "vocal.safetensors")
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    x, t = torch.randn(2, model.config.window, 63), torch.rand(2)
    conditions = draw_conditions(model.config)
    assert torch.equal(loaded(x, t, conditions), model(x, t, conditions))


@pytest.mark.parametrize("change", [{"architecture": "neo-9"}, {"architecture": "neo"}, {"more": 1}])
def test_other_weights_are_refused(build, tmp_path, change):
    model = build("neo-1.5")
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored_config(model) | change)
    with pytest.raises(InputError, match="other weights"):
        load_vocal(tmp_path / "vocal.safetensors")


def test_the_embedded_model_is_neo_1_5():
    assert stored_config(load_vocal())["architecture"] == "neo-1.5"
