"""The regression finds what a voice does, in deviations, and a film's energy is that of its latents."""

from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.latent_space import FRAMES, HEARD
from neo_core.neo2.loading import load_dit
from neo_core.neo2.prosody import Prosody
from neo_core.training import neo2_prosody
from neo_core.training.neo2_prosody import fit, lessons, read
from neo_core.weights.safetensors_io import load_made, save

LAYERS, WIDTH, LATENTS = 2, 3, 40


def film(weight, seed):
    """One whose voice does what a linear map of what is heard says, on a scale of its own."""
    heard = torch.randn(LAYERS, HEARD * LATENTS, WIDTH, generator=torch.Generator().manual_seed(seed))
    energy = (heard.unflatten(1, (LATENTS, HEARD)).mean(2).movedim(1, 0) * weight).sum((1, 2))
    level = (3 * energy + 7).repeat_interleave(FRAMES)
    return SimpleNamespace(heard=lambda: heard, prosody=lambda: level)


def test_the_map_is_found_and_counts_in_deviations():
    weight = torch.randn(LAYERS, WIDTH, generator=torch.Generator().manual_seed(9))
    films = [film(weight, seed) for seed in range(6)]
    prosody = Prosody(LAYERS, WIDTH)
    heard, energy = lessons(films)
    assert heard.shape == (6 * LATENTS, LAYERS, WIDTH)
    fit(prosody, heard, energy)
    assert read(prosody, [film(weight, 20)]) > 0.99
    found = torch.cat([prosody(one.heard()) for one in films])
    assert abs(float(found.mean())) < 1e-4
    assert 0.8 < float(found.std()) <= 1.0  # the ridge takes a little


def test_a_constant_hidden_state_counts_for_nothing():
    weight = torch.randn(LAYERS, WIDTH, generator=torch.Generator().manual_seed(9))
    heard, energy = lessons([film(weight, 1)])
    heard[:, 0, 0] = 4.0
    prosody = Prosody(LAYERS, WIDTH)
    fit(prosody, heard, energy)
    assert abs(float(prosody.weight[0, 0])) < 1e-6


@pytest.fixture
def old(tmp_path):
    """The file of a DiT from before there was anything to read energy with."""
    sizes = {"width": 32, "depth": 1, "heads": 2, "side_width": 16, "patch": 4, "text_width": 12, "text_depth": 1}
    sizes |= {"local_width": 8, "local_depth": 1, "rotary_time": 8, "rotary_place": 4}
    dit = DiT(DiTConfig(LAYERS, WIDTH, **sizes))
    tensors = {name: value for name, value in dit.state_dict().items() if not name.startswith("prosody.")}
    save(tmp_path / "old.safetensors", tensors, asdict(dit.config), made={"recipe": "a", "steps": 3})
    return tmp_path / "old.safetensors"


def test_a_dit_is_given_this_part_and_nothing_else(old, monkeypatch):
    weight = torch.randn(LAYERS, WIDTH, generator=torch.Generator().manual_seed(9))
    films = [film(weight, seed) for seed in range(6)]
    monkeypatch.setattr(neo2_prosody, "training_films", lambda _: films)
    monkeypatch.setattr(neo2_prosody, "held_out_films", lambda _: [film(weight, 20)])
    with pytest.raises(InputError, match="missing prosody"):
        load_dit(old)
    out = old.with_name("new.safetensors")
    neo2_prosody.run(SimpleNamespace(films=[], exam=None, dit=old, out=out))
    given = load_dit(out)
    assert read(given.prosody, [film(weight, 20)]) > 0.99
    before = neo2_prosody.without_prosody(old).state_dict()
    for name, value in given.state_dict().items():
        if not name.startswith("prosody."):
            assert torch.equal(value, before[name].half().float()), name
    made = load_made(out)
    assert made["recipe"].startswith("a; python -m neo_core train neo2-prosody")
    assert made["steps"] == 3


def test_nothing_is_written_where_the_exam_is_missing(old, monkeypatch):
    monkeypatch.setattr(neo2_prosody, "training_films", lambda _: [film(torch.ones(LAYERS, WIDTH), 0)])
    out = old.with_name("new.safetensors")
    with pytest.raises(InputError, match="expected films made by"):
        neo2_prosody.run(SimpleNamespace(films=[], exam=old.parent / "none", dit=old, out=out))
    assert not out.exists()
