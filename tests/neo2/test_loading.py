"""Networks of NEO 2 to a file and back."""

from dataclasses import asdict

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.neo2.loading import load_video_vae
from neo_core.weights.safetensors_io import save


def test_video_vae_comes_back_from_its_file(vae, tmp_path):
    save(tmp_path / "vae.safetensors", vae.state_dict(), asdict(vae.config))
    loaded = load_video_vae(tmp_path / "vae.safetensors")
    assert loaded.config == vae.config
    video = torch.rand(1, 3, 8, 16, 16) * 2 - 1
    latents = loaded.encode(video)
    assert torch.equal(latents, vae.encode(video))
    assert torch.equal(loaded.decode(latents, latents[:, 0]), vae.decode(latents, latents[:, 0]))


@pytest.mark.parametrize("change", [{"fine_width": 0}, {"channels": "many"}, {"encoder_depth": -1}, {"unknown": 3}])
def test_a_file_with_other_sizes_is_refused(vae, tmp_path, change):
    save(tmp_path / "vae.safetensors", vae.state_dict(), asdict(vae.config) | change)
    with pytest.raises(InputError, match="expected"):
        load_video_vae(tmp_path / "vae.safetensors")
