import torch

from neo_core.training import negatives


def dice():
    return torch.Generator().manual_seed(0)


def landmarks(count):
    points = 0.3 * torch.randn(count, 68, 2, generator=dice())
    points[:, 36:42] += torch.tensor([-0.3, -0.2])
    points[:, 42:48] += torch.tensor([0.3, -0.2])
    points[:, 48:68] += torch.tensor([0.0, 0.4])
    return points.clamp(-0.9, 0.9)


def test_animals_cover_their_background():
    behind = torch.zeros(8, 3, 48, 48)
    animals = negatives.animals(behind, dice())
    assert animals.shape == behind.shape
    assert animals.min() >= 0
    assert animals.max() <= 1
    assert (animals.amax(1).flatten(1) > 0.05).float().mean() > 0.2


def test_unmade_faces_differ_and_stay_pictures():
    faces = torch.rand(12, 3, 48, 48, generator=dice())
    changed = negatives.unmake(faces, landmarks(12), dice())
    assert changed.isfinite().all()
    assert ((changed - faces).abs().flatten(1).mean(1) > 0.01).all()


def test_overturned_is_its_own_inverse_inside():
    faces = torch.rand(4, 3, 33, 33, generator=dice())
    turned = negatives._overturned(faces, landmarks(4), dice())
    back = negatives._overturned(turned, landmarks(4), dice())
    assert (back - faces)[..., 12:20, 12:20].abs().mean() < (turned - faces)[..., 12:20, 12:20].abs().mean()


def test_textures_vary():
    some = negatives.textures(16, 32, dice())
    assert some.mean((1, 2, 3)).std() > 0.05
