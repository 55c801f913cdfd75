"""Flow between latents: shifts are found, pictures between two pictures keep motion and detail."""

import pytest
import torch

from neo_core.evaluation.latent_fusion import fusion_figures
from neo_core.neo2.latent_flow import (
    blend,
    consistency,
    detail_energy,
    flow,
    intermediate,
    restored,
    smoothstep,
    warp,
)


def texture(seed: int = 0, side: int = 40) -> torch.Tensor:
    """Smooth noise. [1, 4, side, side]"""
    noise = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool2d(noise, 5, 1, 2) * 5


def shifted_pair(across: int, down: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two cuts of one texture: b(p + (across, down)) = a(p). [1, 4, 24, 24]"""
    whole = texture()
    return whole[..., 8:32, 8:32], whole[..., 8 - down : 32 - down, 8 - across : 32 - across]


@pytest.mark.parametrize(("across", "down"), [(0, 0), (2, -1), (-3, 2)])
def test_a_shift_is_found_in_cells(across, down):
    found = flow(*shifted_pair(across, down))[..., 5:-5, 5:-5]
    torch.testing.assert_close(found.mean((0, 2, 3)), torch.tensor([across, down]).float(), atol=0.15, rtol=0)
    coarse = flow(*shifted_pair(across, down), finest=1)[..., 5:-5, 5:-5]
    torch.testing.assert_close(coarse.mean((0, 2, 3)), torch.tensor([across, down]).float(), atol=0.6, rtol=0)


def test_warping_by_whole_cells_moves_pictures_exactly():
    a, b = shifted_pair(2, -1)
    motion = torch.tensor([2.0, -1.0])[None, :, None, None].expand(1, 2, 24, 24)
    torch.testing.assert_close(warp(b, motion)[..., 4:-4, 4:-4], a[..., 4:-4, 4:-4], atol=1e-4, rtol=0)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_intermediate_flows_part_the_way(weight):
    there = torch.tensor([2.0, -1.0])[None, :, None, None].expand(1, 2, 3, 3)
    to_a, to_b = intermediate(there, -there, torch.full((1, 1, 1, 1), weight))
    torch.testing.assert_close(to_a, -weight * there)
    torch.testing.assert_close(to_b, (1 - weight) * there)


def test_trust_falls_where_the_way_back_misses():
    there = torch.ones(1, 2, 6, 6)
    assert consistency(there, -there).min() > 0.999
    assert consistency(there, there).max() < 0.05


def test_at_its_ends_a_blend_is_the_picture_itself():
    a, b = shifted_pair(2, 1)
    pair = blend(a.repeat(2, 1, 1, 1), b.repeat(2, 1, 1, 1), torch.tensor([0.0, 1.0]), restore=False)
    torch.testing.assert_close(pair, torch.cat([a, b]), atol=1e-5, rtol=0)
    torch.testing.assert_close(blend(a, a, torch.tensor([0.5])), a, atol=1e-4, rtol=0)


def test_pictures_that_share_nothing_are_cross_faded():
    a, b = texture(1), texture(2)
    torch.testing.assert_close(blend(a, b, torch.tensor([0.5]), restore=False), (a + b) / 2)


def test_restored_detail_has_the_energy_between_the_two():
    a, b = texture(3), 2 * texture(4)
    half = torch.full((1, 1, 1, 1), 0.5)
    faded = (a + b) / 2
    wanted = (detail_energy(a) + detail_energy(b)) / 2
    lost = float(detail_energy(faded) / wanted)
    kept = float(detail_energy(restored(faded, a, b, half)) / wanted)
    assert lost < 0.6
    assert kept > lost + 0.2


def test_only_what_was_resampled_is_restored():
    """The pictures themselves at both ends, a cross-fade where no flow was found: nothing was taken from them."""
    a, b = shifted_pair(2, 1)
    ends = blend(torch.cat([a, a]), torch.cat([2 * b, 2 * b]), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(ends, torch.cat([a, 2 * b]), atol=1e-5, rtol=0)
    one, other = texture(1), texture(2)
    torch.testing.assert_close(blend(one, other, torch.tensor([0.5])), (one + other) / 2)
    between = (blend(a, b, torch.tensor([0.5]), restore=on) for on in (True, False))
    assert detail_energy(next(between)) > 1.02 * detail_energy(next(between))


def test_smoothstep_leaves_and_arrives_slowly():
    ramp = smoothstep(torch.linspace(0, 1, 101))
    assert ramp[0] == 0
    assert ramp[-1] == 1
    assert (ramp.diff() > 0).all()
    assert ramp.diff()[0] < 0.1 * ramp.diff().max()


def test_flow_fusion_follows_a_known_disagreement():
    figures = fusion_figures(seeds=2)
    assert figures.error_ratio <= 0.45
    assert figures.detail >= 0.85
    assert figures.faded_detail < 0.85  # otherwise the bar would say nothing
