"""Sampling of volumes: equal to grid sampling, with its two conventions of where corners are."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from neo_core.pictar.volumetric import sampling
from neo_core.pictar.volumetric.sampling import coordinate_grid, gathered, heat, sample_volume, shifted_copies

SIZE = (4, 6, 9)


@pytest.mark.parametrize("reach", [0.0, 0.3, 3.0], ids=["in place", "near", "far outside"])
def test_shifted_copies_are_what_sampling_shifted_grids_gives(reach):
    volume = torch.randn(2, 3, *SIZE)
    shift = reach * torch.randn(2, 5, 3)
    found = shifted_copies(volume, shift)
    grid = coordinate_grid(SIZE, volume) + shift[:, :, None, None, None]
    for frame in range(2):
        for k in range(5):
            expected = F.grid_sample(volume[frame : frame + 1], grid[frame, k][None], align_corners=False)
            assert torch.allclose(found[frame, k], expected[0], atol=1e-5)


def test_staying_in_place_is_a_zoom_with_a_faded_rim():
    """The grid has its corners on the first and last sample, and is read as if they were the edges of the cells."""
    line = torch.arange(1.0, 6.0).view(1, 1, 1, 1, 5).expand(1, 1, 2, 2, 5)
    found = shifted_copies(line, torch.zeros(1, 1, 3))[0, 0, 0, 0, 0]
    middle = found[2] / line[0, 0, 0, 0, 2]  # what the rims above, below, before and behind leave
    assert torch.allclose(found / middle, torch.tensor([0.5, 1.75, 3.0, 4.25, 2.5]))


def test_heat_is_a_gaussian_of_the_distance():
    keypoints = torch.randn(2, 5, 3)
    distance = (coordinate_grid(SIZE, keypoints) - keypoints[:, :, None, None, None]).square().sum(-1)
    assert torch.allclose(heat(keypoints, SIZE), torch.exp(-0.5 * distance / 0.01), atol=1e-6)


def test_heat_has_no_denormal_numbers():
    found = heat(torch.linspace(-1.5, 1.5, 40).view(1, -1, 1).expand(1, 40, 3), SIZE)
    assert found[found > 0].min() >= 1e-36


def test_gathering_equals_grid_sampling():
    volume, grid = torch.randn(2, 3, *SIZE), 1.3 * torch.randn(2, 5, 7, 8, 3)
    assert torch.allclose(gathered(volume, grid), sample_volume(volume, grid), atol=1e-5)


def test_a_device_without_a_kernel_gathers(monkeypatch):
    """The branch alone: nothing ran on such a device."""
    monkeypatch.setattr(sampling, "gathered", lambda *given: given)
    volume, grid = SimpleNamespace(device=torch.device("mps")), torch.zeros(1)
    assert sample_volume(volume, grid) == (volume, grid)


def test_x_is_right_y_is_down_z_is_inwards():
    grid = coordinate_grid(SIZE, torch.zeros(1))
    assert torch.equal(grid[0, 0, -1], torch.tensor([1.0, -1.0, -1.0]))
    assert torch.equal(grid[0, -1, 0], torch.tensor([-1.0, 1.0, -1.0]))
    assert torch.equal(grid[-1, 0, 0], torch.tensor([-1.0, -1.0, 1.0]))
