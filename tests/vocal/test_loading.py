"""VOCAL in a file: the file says which architecture it is."""

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.vocal.loading import ARCHITECTURES, SIZES, load_vocal, size_config, stored_config
from neo_core.weights.safetensors_io import save

VARIANTS = [
    ("neo", {}),
    ("neo-1.5", {}),
    ("neo-1.5", {"residual": "none"}),
    ("neo-1.5", {"residual": "block"}),
    ("neo-1.5", {"attention": "standard"}),
    ("neo-1.5-side", {}),
]


@pytest.mark.parametrize(("architecture", "choice"), VARIANTS)
def test_a_saved_model_performs_the_same(build, draw_conditions, tmp_path, architecture, choice):
    model = build(architecture, **choice)
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored_config(model))
    loaded = load_vocal(tmp_path / "vocal.safetensors")
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    x, t = torch.randn(2, model.config.window, 63), torch.rand(2)
    conditions = draw_conditions(model.config)
    assert torch.equal(loaded(x, t, conditions), model(x, t, conditions))


@pytest.mark.parametrize(
    "change", [{"architecture": "neo-9"}, {"architecture": "neo"}, {"architecture": []}, {"more": 1}]
)
def test_other_weights_are_refused(build, tmp_path, change):
    model = build("neo-1.5")
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored_config(model) | change)
    with pytest.raises(InputError, match="other weights"):
        load_vocal(tmp_path / "vocal.safetensors")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"heads": 5}, "impossible sizes"),
        ({"residual": "all"}, "impossible sizes .*'all' is unknown"),
        ({"heads": 0}, "says heads 0; expected a whole number of at least 1"),
        ({"depth": "x"}, "says depth 'x'; expected a whole number of at least 1"),
        ({"window": None}, "says window None; expected a whole number of at least 1"),
        ({"emotions": -1}, "says emotions -1; expected a whole number of at least 0"),
        ({"mlp_ratio": True}, "says mlp_ratio True; expected a number of at least 1"),
        ({"audio_encoder": 3}, "says audio_encoder 3; expected a word"),
    ],
    ids=str,
)
def test_sizes_that_no_network_has_are_refused_in_a_sentence(build, tmp_path, change, told):
    model = build("neo-1.5")
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored_config(model) | change)
    with pytest.raises(InputError, match=told):
        load_vocal(tmp_path / "vocal.safetensors")


@pytest.mark.parametrize("architecture", ["neo", "neo-1.5-side"])
def test_so_are_those_of_the_other_architectures(build, tmp_path, architecture):
    model = build(architecture)
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored_config(model) | {"heads": 5})
    with pytest.raises(InputError, match="impossible sizes"):
        load_vocal(tmp_path / "vocal.safetensors")


def test_the_embedded_model_is_neo_1_5():
    assert stored_config(load_vocal())["architecture"] == "neo-1.5"


@pytest.mark.parametrize("size", SIZES)
def test_all_that_are_compared_have_as_many_parameters(size):
    counts = {}
    for architecture, choice in VARIANTS:
        config = size_config(architecture, size, audio_layers=9, audio_width=192, emotions=6, **choice)
        with torch.device("meta"):
            model = ARCHITECTURES[architecture][0](config)
        counts[(architecture, *choice.values())] = sum(p.numel() for p in model.parameters())
    full = counts[("neo-1.5",)]
    assert all(abs(count / full - 1) < 0.01 for count in counts.values()), counts


def test_a_size_is_one_dial():
    mini, base = (size_config("neo-1.5", size, audio_layers=9, audio_width=192) for size in ("mini", "base"))
    assert stored_config(load_vocal())["width"] == mini.width < base.width
    assert mini.depth < base.depth
    assert (mini.residual, mini.attention, mini.window) == (base.residual, base.attention, base.window)


def test_a_choice_of_another_architecture_is_refused():
    with pytest.raises(InputError, match=r"attention 'standard' found for neo; expected it for neo-1\.5"):
        size_config("neo", "mini", audio_layers=9, audio_width=192, attention="standard")


def test_a_file_older_than_a_field_has_its_default(build, tmp_path):
    model = build("neo-1.5")
    stored = stored_config(model)
    for name in ("attention", "emotions", "emotion_tokens"):
        del stored[name]
    save(tmp_path / "vocal.safetensors", model.state_dict(), stored)
    assert load_vocal(tmp_path / "vocal.safetensors").config == model.config
