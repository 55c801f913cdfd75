"""Training on tiny windows: the loss looks at new things only, and mending can be learned."""

import torch

from neo_core.pictar.geometric.refine import MAPS, SIDE, Refiner, RefinerConfig
from neo_core.training.refiner import Windows, difference, restyle, train


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
    same = torch.rand(6, 3, SIDE, SIDE)
    picture, truth = restyle(same, same.clone(), torch.Generator().manual_seed(0))
    assert (picture - truth).abs().mean() < 0.03
    assert (truth - same).abs().mean() > 0.01


def test_a_few_steps_mend_something(tmp_path):
    torch.manual_seed(0)
    data = windows()
    refiner = Refiner(RefinerConfig(width=8))
    train(refiner, data, 4.0, 0, tmp_path / "refiner.safetensors")
    picture, maps, truth = (column.float() / 255 for column in vars(data).values())
    with torch.no_grad():
        after = difference(refiner(picture, maps), truth, maps[:, :1])
    assert after < difference(picture, truth, maps[:, :1])
