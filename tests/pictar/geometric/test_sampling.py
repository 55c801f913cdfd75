"""Sampling is exact at pixel centres; filling and distance do what their names say."""

from pathlib import Path

import pytest
import torch

from neo_core.pictar.geometric import sampling
from neo_core.pictar.geometric.sampling import blur, dilate, distance, erode, fill, pixel_centres, sample


def test_sampling_pixel_centres_gives_the_picture_back():
    picture = torch.rand(3, 37, 53)
    assert torch.allclose(sample(picture, pixel_centres(37, 53)), picture, atol=1e-4)


def test_sampling_follows_a_smooth_picture_between_pixels():
    at = pixel_centres(40, 40) + torch.tensor([0.3, -0.4])
    ramp = pixel_centres(40, 40).permute(2, 0, 1)
    inner = slice(3, -3)
    assert torch.allclose(sample(ramp, at)[:, inner, inner], at.permute(2, 0, 1)[:, inner, inner], atol=0.06)


def test_fill_keeps_what_is_known_and_stays_in_range():
    picture = torch.rand(3, 45, 31)
    known = (torch.rand(45, 31) > 0.6).float()
    filled = fill(picture, known)
    assert torch.allclose(filled * known, picture * known, atol=1e-6)
    assert filled.min() >= 0
    assert filled.max() <= 1
    assert torch.isfinite(filled).all()


def test_distance_to_a_point():
    mask = torch.zeros(21, 33)
    mask[10, 12] = 1
    expected = (pixel_centres(21, 33) - torch.tensor([12.5, 10.5])).norm(dim=-1)
    assert torch.allclose(distance(mask, 40), expected, atol=1e-4)


def test_erosion_undoes_dilation_of_a_square():
    mask = torch.zeros(20, 20)
    mask[8:12, 8:12] = 1
    assert dilate(mask, 2).sum() == 64
    assert torch.equal(erode(dilate(mask, 2), 2), mask)


def test_blur_is_a_convolution_with_a_bell():
    image = torch.rand(3, 30, 41, generator=torch.Generator().manual_seed(2))
    offset = torch.arange(-6, 7).float()
    bell = torch.exp(-0.5 * (offset / 2.0) ** 2)
    kernel = (bell[:, None] * bell / bell.sum() ** 2)[None, None]
    padded = torch.nn.functional.pad(image[:, None], (6, 6, 6, 6), mode="replicate")
    assert torch.allclose(blur(image, 2.0), torch.nn.functional.conv2d(padded, kernel)[:, 0], atol=1e-6)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_a_wide_blur_is_a_bell_too_and_no_more_work(monkeypatch):
    image = torch.zeros(2, 300, 260)
    image[0, 100:, 90:] = 1.0
    image[1, 40:260, 40:220] = torch.rand(220, 180, generator=torch.Generator().manual_seed(2))
    offset = torch.arange(-150, 151.0)
    bell = torch.exp(-0.5 * (offset / 50).square())
    bell = bell / bell.sum()
    padded = torch.nn.functional.pad(image, (150, 150, 150, 150), mode="replicate")
    exact = (padded.unfold(1, 301, 1) @ bell).unfold(2, 301, 1) @ bell
    sums, plain = [], sampling._shifted_sum
    monkeypatch.setattr(sampling, "_shifted_sum", lambda i, w, axis: sums.append(len(w)) or plain(i, w, axis))
    assert (blur(image, 50.0) - exact).abs().max() < 0.01
    assert max(sums) < 200


def test_blur_keeps_nothing_for_every_new_size():
    sizes = [(40 + k % 23, 60 + k % 29) for k in range(300)]
    for size in sizes[:30]:
        blur(torch.zeros(4, *size), 1.5)
    before = _anonymous_megabytes()
    for size in sizes:
        blur(torch.zeros(4, *size), 1.5)
    assert _anonymous_megabytes() - before < 4


def _anonymous_megabytes() -> float:
    """Memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
