"""Networks of NEO 2 to a file and back."""

from dataclasses import asdict

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.loading import load_dit, load_video_vae
from neo_core.weights.safetensors_io import save


def test_video_vae_comes_back_from_its_file(vae, tmp_path):
    save(tmp_path / "vae.safetensors", vae.state_dict(), asdict(vae.config))
    loaded = load_video_vae(tmp_path / "vae.safetensors")
    assert loaded.config == vae.config
    video = torch.rand(1, 3, 8, 16, 16) * 2 - 1
    anchor = loaded.encode_still(video[:, :, 0])
    latents = loaded.encode(video, anchor)
    assert torch.equal(anchor, vae.encode_still(video[:, :, 0]))
    assert torch.equal(latents, vae.encode(video, anchor))
    assert torch.equal(loaded.decode(latents, anchor), vae.decode(latents, anchor))


@pytest.mark.parametrize(
    "change",
    [
        {"fine_width": 0},
        {"channels": "many"},
        {"encoder_depth": -1},
        {"motion_width": 0},
        {"motion_depth": -1},
        {"unknown": 3},
    ],
)
def test_a_file_with_other_sizes_is_refused(vae, tmp_path, change):
    save(tmp_path / "vae.safetensors", vae.state_dict(), asdict(vae.config) | change)
    with pytest.raises(InputError, match="expected"):
        load_video_vae(tmp_path / "vae.safetensors")


def test_a_file_of_pictures_alone_is_refused(vae, tmp_path):
    """As they were before latents said how a video differs from its anchor."""
    state = {name: value for name, value in vae.state_dict().items() if not name.startswith("motion.")}
    config = {name: size for name, size in asdict(vae.config).items() if not name.startswith("motion_")}
    save(tmp_path / "vae.safetensors", state, config)
    with pytest.raises(InputError, match="expected"):
        load_video_vae(tmp_path / "vae.safetensors")


TINY_DIT = DiTConfig(2, 6, width=32, depth=1, heads=2, side_width=8, rotary_time=4, rotary_place=4, local_width=8)


def test_a_dit_comes_back_from_its_file(tmp_path):
    dit = DiT(TINY_DIT)
    save(tmp_path / "dit.safetensors", dit.state_dict(), asdict(dit.config))
    loaded = load_dit(tmp_path / "dit.safetensors")
    assert loaded.config == dit.config
    assert all(torch.equal(value, dit.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert not loaded.training


@pytest.mark.parametrize(
    "change",
    [{"heads": 3}, {"depth": 0}, {"heads": 2.0}, {"mlp_ratio": "wide"}, {"rotary_time": True}, {"unknown": 3}],
)
def test_a_dit_of_other_sizes_is_refused(tmp_path, change):
    dit = DiT(TINY_DIT)
    save(tmp_path / "dit.safetensors", dit.state_dict(), asdict(dit.config) | change)
    with pytest.raises(InputError, match="expected"):
        load_dit(tmp_path / "dit.safetensors")
