"""The convolutions among cells: how far they see, and what they are told."""

import torch

from neo_core.neo2.latent_space import COARSE
from neo_core.neo2.local_block import MOMENTS, AnchorMap, LocalBlock

WIDTH, TOLD = 6, 5


def block() -> LocalBlock:
    """With random weights in place of the zeros."""
    torch.manual_seed(0)
    layer = LocalBlock(WIDTH, TOLD)
    with torch.no_grad():
        for p in layer.parameters():
            p += 0.2 * torch.randn(p.shape)
    return layer


def given() -> tuple[torch.Tensor, torch.Tensor]:
    dice = torch.Generator().manual_seed(1)
    return torch.randn(2, WIDTH, 9, 8, 8, generator=dice), torch.randn(2, 9, TOLD, generator=dice)


def test_a_fresh_block_is_nothing():
    x, told = given()
    torch.testing.assert_close(LocalBlock(WIDTH, TOLD)(x, told), x)


@torch.no_grad()
def test_a_block_sees_two_moments_and_two_cells_around():
    layer, (x, told) = block(), given()
    other = x.clone()
    other[:, :, 4, 3, 3] += torch.randn(WIDTH)  # one number for all would be taken off by the norm
    changed = (layer(other, told) - layer(x, told)).abs().amax((0, 1)) > 1e-5
    reach = MOMENTS // 2
    expected = torch.zeros(9, 8, 8, dtype=torch.bool)
    expected[4 - reach : 5 + reach, 1:6, 1:6] = True
    assert torch.equal(changed, expected)


@torch.no_grad()
def test_what_is_told_of_a_latent_reaches_as_far_as_time_does():
    layer, (x, told) = block(), given()
    other = told.clone()
    other[:, 4] += 1
    changed = (layer(x, other) - layer(x, told)).abs().amax((0, 1, 3, 4)) > 1e-5
    assert changed.tolist() == [abs(k - 4) <= MOMENTS // 2 for k in range(9)]


@torch.no_grad()
def test_cells_of_the_anchor_stay_where_they_are():
    """What a cell of the code shows is told around that place, and nowhere else."""
    layer, anchor = AnchorMap(4, WIDTH), torch.zeros(1, 4, COARSE * 10, COARSE * 10)
    before = layer(anchor)
    anchor[..., COARSE * 4, COARSE * 6] = 1
    changed = (layer(anchor) - before).abs().amax((0, 1)) > 0
    rows, columns = changed.nonzero().unbind(1)
    assert before.shape == (1, WIDTH, 10, 10)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 7, 3, 9)
