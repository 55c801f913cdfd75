"""Training on tiny windows: the loss looks at new things only, and mending can be learned."""

import numpy as np
import torch

from neo_core.pictar.geometric.refine import MAPS, SIDE, Refiner, RefinerConfig
from neo_core.training.refiner import Windows, astray, difference, restyle, train


def windows(count=4):
    picture = torch.randint(0, 256, (count, 3, SIDE, SIDE), dtype=torch.uint8)
    maps = torch.zeros(count, len(MAPS), SIDE, SIDE, dtype=torch.uint8)
    maps[:, 0, 30:60, 30:60] = 255
    truth = picture.clone()
    truth[:, :, 30:60, 30:60] = 128
    return Windows(picture, maps, truth)


def test_difference_ignores_what_is_not_new():
    truth, new = torch.rand(2, 3, SIDE, SIDE), torch.zeros(2, 1, SIDE, SIDE)
    new[:, :, :40] = 1
    answer = truth.clone()
    answer[:, :, 60:] = 0
    assert difference(answer, truth, new) < 1e-6
    answer[:, :, :40] = 0
    assert difference(answer, truth, new) > 0.1


def test_restyle_treats_both_pictures_alike():
    coarse = torch.rand(40, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    same = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")
    picture, truth = restyle(same, same.clone(), torch.Generator().manual_seed(0))
    between, changed = (picture - truth).abs().mean((1, 2, 3)), (truth - same).abs().mean((1, 2, 3))
    assert between.max() < 0.06  # grain apart
    assert (changed > 2 * between).float().mean() > 0.9


def test_landmarks_of_a_part_goastray_together():
    offsets = torch.stack([astray(68, np.random.default_rng(seed)) for seed in range(200)])  # [200, 68, 2]
    mouth, apart = (offsets[:, 50] * offsets[:, 60]).mean(), (offsets[:, 50] * offsets[:, 40]).mean()
    assert mouth > 3 * apart.abs()
    assert 0.004 < offsets.std() < 0.02


def test_a_few_steps_mend_something(tmp_path):
    torch.manual_seed(0)
    data = windows()
    refiner = Refiner(RefinerConfig(width=8))
    train(refiner, data, 1.5, 0, tmp_path / "refiner.safetensors")
    picture, maps, truth = (column.float() / 255 for column in vars(data).values())
    with torch.no_grad():
        after = difference(refiner(picture, maps), truth, maps[:, :1])
    assert after < difference(picture, truth, maps[:, :1])
