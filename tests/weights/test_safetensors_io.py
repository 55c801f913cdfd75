"""Checkpoints: a round trip keeps everything, a foreign file is refused by name."""

import pytest
import torch
from torch import nn

from neo_core.data_types import InputError
from neo_core.weights.safetensors_io import load, load_config, load_into, load_made, save


def test_round_trip_keeps_tensors_config_and_story(tmp_path):
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5)}
    path = tmp_path / "deep" / "w.safetensors"
    save(path, tensors, {"width": 4}, made={"seed": 7})
    back, config = load(path)
    assert all(torch.equal(back[k], tensors[k]) for k in tensors)
    assert config == load_config(path) == {"width": 4}
    assert load_made(path) == {"seed": 7}
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_narrow_storage_widens_on_load_and_leaves_integers_alone(tmp_path):
    source, target = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    nn.init.normal_(source.weight)
    save(tmp_path / "w.safetensors", source.state_dict(), {}, dtype=torch.float16)
    stored, _ = load(tmp_path / "w.safetensors")
    assert stored["weight"].dtype == torch.float16
    assert stored["num_batches_tracked"].dtype == torch.int64
    load_into(target, tmp_path / "w.safetensors")
    assert target.weight.dtype == torch.float32
    assert torch.allclose(target.weight, source.weight, atol=1e-3)


def test_tied_and_transposed_tensors_can_be_saved(tmp_path):
    weight = torch.randn(3, 4)
    save(tmp_path / "w.safetensors", {"a": weight, "b": weight, "c": weight.T}, {})
    back, _ = load(tmp_path / "w.safetensors")
    assert torch.equal(back["c"], weight.T)


def test_mismatch_names_every_kind_of_fault(tmp_path):
    save(tmp_path / "w.safetensors", {"weight": torch.zeros(2, 2), "alien": torch.zeros(1)}, {})
    with pytest.raises(InputError, match=r"missing bias; unexpected alien; of another shape weight"):
        load_into(nn.Linear(3, 2), tmp_path / "w.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64, b"\x10" + b"\0" * 30])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="expected a safetensors file"):
        load(tmp_path / "w.safetensors")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="do not exist"):
        load(tmp_path / "absent.safetensors")
