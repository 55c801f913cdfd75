import torch
from torch.nn import functional

from neo_core.pictar.matting import MaskConfig, MaskNet, refine_edges, spread
from neo_core.pictar.squares import Squares


def test_one_logit_per_two_pixels():
    assert MaskNet(MaskConfig(size=64)).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 32, 32)


def test_the_refined_mask_follows_the_picture():
    truth = torch.zeros(256, 256)
    truth[:, 101:] = 1
    picture = 0.2 + 0.6 * truth.expand(3, -1, -1)
    coarse = functional.avg_pool2d(truth[None], 8)[0]
    refined = refine_edges(coarse, picture)
    plain = functional.interpolate(coarse[None, None], (256, 256), mode="bilinear")[0, 0]
    assert (refined - truth).abs().mean() < 0.5 * (plain - truth).abs().mean()


def test_constant_masks_stay():
    picture = torch.rand(3, 90, 70, generator=torch.Generator().manual_seed(0))
    for value in (0.0, 0.4, 1.0):
        assert torch.allclose(refine_edges(torch.full((30, 24), value), picture), torch.tensor(value), atol=1e-4)


def test_beyond_the_view_the_body_goes_on_below_and_nothing_else():
    mask = torch.ones(1, 1, 20, 20)
    view = Squares(torch.tensor([[50.0, 50.0]]), torch.tensor([40.0]), torch.tensor([0.0]))
    laid = spread(mask, view, (200, 100), 20)
    assert laid.shape == (100, 50)
    assert laid[16:99, 16:34].min() > 0.99  # the view and what lies below it
    assert laid[:8].max() < 0.01
    assert laid[:, :8].max() < 0.01
