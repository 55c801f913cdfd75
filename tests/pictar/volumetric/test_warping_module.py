"""Where everything goes: equal to the formulas, however it is computed."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.settling import fold_norms, settle
from neo_core.pictar.volumetric.warping_module import MaskConv, OcclusionConv, UpsampledConv3d, tap_groups

from .tiny_renderer import TINY


@pytest.fixture
def volume():
    return torch.randn(1, 4, 4, 16, 16, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("state", ["learner", "renderer"])
def test_it_is_what_the_formulas_say(request, state, oracle, volume, faces):
    warping = request.getfixturevalue(state).warping
    with torch.no_grad():
        found = warping(warping.know(volume, faces[0]), faces[1])
        expected = oracle.warping(volume, faces[1], faces[0])
    assert (found.grid - expected["deformation"]).abs().max() < 3e-5
    assert (found.occlusion - expected["occlusion"]).abs().max() < 1e-5
    assert (found.features - expected["features"]).abs().max() < 2e-4
    assert (expected["deformation"] - oracle.warping(volume, faces[0], faces[0])["deformation"]).abs().max() > 0.05


def test_what_is_known_of_a_source_serves_all_frames(renderer, volume, faces):
    """A frame leaves nothing behind in what was computed once."""
    warping = renderer.warping
    source = warping.know(volume, faces[0])
    first = warping(source, faces[1]).features.clone()
    warping(source, 2 * faces[1] - faces[0])
    assert torch.equal(warping(source, faces[1]).features, first)
    assert torch.equal(warping(warping.know(volume, faces[0]), faces[1]).features, first)


def test_frames_in_a_batch_are_the_frames_alone(learner, volume, faces):
    warping = learner.warping
    volumes, keypoints = torch.cat([volume, volume.flip(3)]), torch.cat(faces)
    with torch.no_grad():
        together = warping(warping.know(volumes, keypoints), keypoints.flip(0)).features
        for k in range(2):
            alone = warping(warping.know(volumes[k : k + 1], keypoints[k : k + 1]), keypoints.flip(0)[k : k + 1])
            assert torch.allclose(together[k], alone.features[0], atol=1e-5)


def test_aligned_channels_change_nothing(tensors, renderer, volume, faces):
    aligned = build_renderer(TINY, tensors, FILES)
    fold_norms(aligned)
    aligned.warping.align(8)
    settle(aligned)
    first = aligned.warping.hourglass.down[0].conv
    assert first.weight.shape[1] == first.in_channels == 24  # 18 without
    results = [net.warping(net.warping.know(volume, faces[0]), faces[1]) for net in (aligned, renderer)]
    assert torch.allclose(results[0].grid, results[1].grid, atol=1e-6)
    assert torch.allclose(results[0].features, results[1].features, atol=1e-5)


@pytest.mark.parametrize("depth", [2, 3, 5, 16])
def test_taps_along_the_depth_as_outputs(depth):
    layer = MaskConv(3, 5, 7)
    x = torch.randn(2, 3, depth, 6, 9)
    assert torch.allclose(layer(x), F.conv3d(x, layer.weight, layer.bias, padding=3), atol=1e-5)


def test_taps_that_reach_beyond_the_volume_are_left_out():
    taps = sum((end - begin) * (last - first) for begin, end, first, last in tap_groups(16, 3))
    assert taps == 16 * 7 - 2 * (3 + 2 + 1)
    assert [group[:2] for group in tap_groups(16, 3)] == [(0, 1), (1, 2), (2, 3), (3, 13), (13, 14), (14, 15), (15, 16)]


def test_one_output_by_adding_up_what_is_shifted():
    layer = OcclusionConv(3, 4, 7)
    x = torch.randn(2, 3, 4, 9, 10)
    assert torch.allclose(layer(x), F.conv2d(x.flatten(1, 2), layer.weight, layer.bias, padding=3), atol=1e-5)


def test_upsampling_and_convolution_in_one():
    layer = UpsampledConv3d(3, 5)
    x = torch.randn(2, 3, 4, 5, 6)
    expected = F.conv3d(F.interpolate(x, scale_factor=(1, 2, 2)), layer.weight, layer.bias, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-5)
    settle(nn.Sequential(layer))
    assert torch.allclose(layer(x), expected, atol=1e-5)
    assert not list(layer.parameters())
