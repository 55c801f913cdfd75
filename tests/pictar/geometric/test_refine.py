"""The refiner mends new things only, and a fresh one changes nothing."""

import torch

from neo_core.pictar.geometric.patch import Window
from neo_core.pictar.geometric.refine import (
    MAPS,
    Refiner,
    RefinerConfig,
    Spot,
    load_refiner,
    mend,
    save_refiner,
    square,
)

BOUNDS = Window(10, 20, 120, 100)


def shaken() -> Refiner:
    refiner = Refiner(RefinerConfig(width=8))
    for parameter in refiner.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return refiner.eval()


def spot(new: float) -> Spot:
    maps = torch.rand(len(MAPS), 30, 40)
    maps[0] = new
    return Spot(Window(40, 50, 30, 40), maps)


@torch.no_grad()
def test_nothing_new_nothing_changed():
    view = torch.rand(3, 120, 100)
    assert torch.equal(mend(view, BOUNDS, [spot(0.0)], shaken()), view)


@torch.no_grad()
def test_changes_stay_at_the_spot():
    view = torch.rand(3, 120, 100)
    after = mend(view, BOUNDS, [spot(1.0)], shaken())
    changed = (after - view).abs().amax(0) > 1e-4
    assert changed.any()
    changed[28:62, 28:72] = False  # the spot in the region's pixels, two pixels wider
    assert not changed.any()


@torch.no_grad()
def test_untrained_refiner_is_the_identity():
    picture, maps = torch.rand(2, 3, 96, 96), torch.rand(2, len(MAPS), 96, 96)
    assert torch.allclose(Refiner(RefinerConfig())(picture, maps), picture)


def test_squares_stay_inside_the_region():
    for window in (Window(10, 20, 8, 60), Window(100, 90, 30, 30), Window(10, 20, 120, 100)):
        at = square(Spot(window, torch.zeros(len(MAPS), window.height, window.width)), BOUNDS)
        assert at.height == at.width
        assert at.top >= BOUNDS.top
        assert at.left >= BOUNDS.left
        assert at.top + at.height <= BOUNDS.top + BOUNDS.height
        assert at.left + at.width <= BOUNDS.left + BOUNDS.width


@torch.no_grad()
def test_weights_survive_the_file(tmp_path):
    refiner = shaken()
    save_refiner(tmp_path / "refiner.safetensors", refiner)
    again = load_refiner(tmp_path / "refiner.safetensors")
    picture, maps = torch.rand(1, 3, 96, 96), torch.rand(1, len(MAPS), 96, 96)
    assert torch.allclose(again(picture, maps), refiner(picture, maps), atol=0.02)
