import pytest
import torch

from neo_core.training import augment

CHANGES = ("recolour", "shade", "brush", "posterise", "sketch", "marble", "sharpen", "blur", "canvas", "jpeg", "blot")


def pictures(count=6, size=32):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(3))


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", CHANGES)
def test_pictures_stay_pictures(name):
    changed = getattr(augment, name)(pictures(), dice())
    assert changed.shape == (6, 3, 32, 32)
    assert changed.min() >= -1e-6
    assert changed.max() <= 1 + 1e-6


def test_the_dice_decide_everything():
    first, again, other = (augment.photometric(pictures(), dice(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_blur_keeps_flat_pictures_and_calms_noise():
    sigma = torch.full((6,), 2.0)
    flat = torch.full((6, 3, 32, 32), 0.3)
    assert torch.allclose(augment.resample(flat, sigma, sigma), flat, atol=1e-5)
    assert augment.resample(pictures(), sigma, sigma).std() < 0.5 * pictures().std()


def test_blur_has_the_width_asked_for():
    point = torch.zeros(1, 1, 65, 65)
    point[..., 32, 32] = 1
    spread = augment.resample(point, torch.tensor([3.0]), torch.tensor([2.0]))[0, 0]
    line = torch.arange(65.0) - 32
    assert ((spread.sum(1) * line**2).sum().sqrt() - 3).abs() < 0.01  # along y
    assert ((spread.sum(0) * line**2).sum().sqrt() - 6).abs() < 0.05  # along x


def test_brush_keeps_edges():
    step = torch.zeros(2, 3, 24, 24)
    step[..., 12:] = 1
    assert torch.allclose(augment.brush(step, dice()), step, atol=1e-5)


def test_on_some_changes_about_the_share():
    many = torch.zeros(2000, 3, 1, 1)
    changed = augment.on_some(many, 0.3, lambda some, _: some + 1, dice())
    assert 0.25 < changed[:, 0].mean() < 0.35


def test_fringe_covers_the_forehead_and_spares_the_chin():
    landmarks = torch.zeros(8, 68, 2)
    landmarks[:, 17:27, 1], landmarks[:, 36:48, 1] = -0.2, 0.0
    clear = torch.full((8, 3, 64, 64), 2.0)  # brighter than any cover
    covered = augment.fringe(clear, landmarks, dice())
    assert (covered[:, :, 0] < 1.5).all()
    assert torch.allclose(covered[:, :, 48:], clear[:, :, 48:], atol=1e-3)
