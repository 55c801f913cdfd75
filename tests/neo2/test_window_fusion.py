"""Predictions of windows become one: what they agree on stays, weights add up to one."""

import pytest
import torch

from neo_core.neo2.window_fusion import Prediction, fuse, pyramid
from neo_core.neo2.window_layout import FUSIONS, Sync, windows

SHAPE = (3, 8, 8)


def cut_up(video: torch.Tensor, sync: Sync, shift: int = 0) -> list[Prediction]:
    return [Prediction(first, video[first:last]) for first, last in windows(len(video), sync, shift)]


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(("chunk", "overlap"), [(10, 4), (7, 4), (7, 0), (12, 9)])
def test_what_windows_agree_on_stays(fusion, chunk, overlap):
    video = torch.randn(31, *SHAPE, generator=torch.Generator().manual_seed(0))
    found = fuse(cut_up(video, Sync(chunk=chunk, overlap=overlap), 2), fusion)
    torch.testing.assert_close(found, video, atol=2e-3 if fusion == "flow" else 1e-5, rtol=0)


@pytest.mark.parametrize("fusion", ["cut", "linear", "pyramid"])
@pytest.mark.parametrize(("chunk", "overlap"), [(10, 4), (7, 4), (12, 9)])
def test_weights_of_all_windows_add_up_to_one(fusion, chunk, overlap):
    layout = windows(31, Sync(chunk=chunk, overlap=overlap))
    shares = []
    for mine in range(len(layout)):
        told = [
            Prediction(first, torch.full((last - first, 1, 1, 1), float(k == mine)))
            for k, (first, last) in enumerate(layout)
        ]
        shares.append(fuse(told, fusion).flatten())
    shares = torch.stack(shares)  # [windows, T]
    torch.testing.assert_close(shares.sum(0), torch.ones(31))
    assert shares.min() >= 0
    for share, (first, last) in zip(shares, layout, strict=True):
        assert share[:first].sum() == share[last:].sum() == 0
        assert share.max() > 0.5 or overlap > chunk / 2


def test_a_pyramid_of_all_windows_is_their_weighted_mean():
    sync = Sync(chunk=7, overlap=4)  # three windows meet in one latent
    layout = windows(19, sync)
    told = [Prediction(first, torch.randn(last - first, *SHAPE)) for first, last in layout]
    total, weight = torch.zeros(19, *SHAPE), torch.zeros(19, 1, 1, 1)
    for prediction in told:
        weights = pyramid(len(prediction.latents))[:, None, None, None]
        total[prediction.first : prediction.last] += weights * prediction.latents
        weight[prediction.first : prediction.last] += weights
    torch.testing.assert_close(fuse(told, "pyramid"), total / weight)


def test_a_cut_takes_each_latent_from_one_window():
    told = [Prediction(0, torch.zeros(6, *SHAPE)), Prediction(2, torch.ones(6, *SHAPE))]
    assert fuse(told, "cut")[:, 0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_flow_shows_a_moved_picture_once():
    """A bright square, four cells further in the right window: a cross-fade shows two faint ones."""
    left, right = torch.zeros(8, 1, 24, 24), torch.zeros(8, 1, 24, 24)
    left[..., 8:16, 6:14] = right[..., 8:16, 9:17] = 1
    soft = torch.nn.functional.avg_pool2d
    told = [Prediction(0, soft(left, 3, 1, 1)), Prediction(4, soft(right, 3, 1, 1))]
    middle = {fusion: fuse(told, fusion)[5:7, 0, 12].amax(-1).min() for fusion in ("linear", "flow")}
    width = {fusion: (fuse(told, fusion)[5, 0, 12] > 0.2).sum() for fusion in ("linear", "flow")}
    assert middle["flow"] > 0.9
    assert width["flow"] < width["linear"]


def test_gaps_are_a_mistake():
    with pytest.raises(ValueError, match="overlap"):
        fuse([Prediction(0, torch.zeros(4, *SHAPE)), Prediction(5, torch.zeros(4, *SHAPE))], "linear")
