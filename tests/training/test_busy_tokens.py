"""Which tokens of a picture a step of training looks at."""

from types import SimpleNamespace

import torch

from neo_core.training.busy_tokens import KEPT, busy_places, draw_places, looked_at
from neo_core.training.neo2_clips import MOUTH

LENGTH, CHANNELS, SIDE, PATCH = 3, 4, 16, 2
TOKENS = (SIDE // PATCH) ** 2


def clip() -> SimpleNamespace:
    """Everything stands still but token 2; token 63 shows a mouth."""
    latents = torch.zeros(LENGTH, CHANNELS, SIDE, SIDE)
    latents[1, :, 0:2, 4:6] = 3.0
    shows = torch.zeros(LENGTH, SIDE, SIDE, dtype=torch.uint8)
    shows[:, 14:, 14:] = MOUTH
    return SimpleNamespace(latents=latents, anchor=torch.zeros(CHANNELS, SIDE, SIDE), shows=shows)


def test_places_that_move_and_matter_are_busy():
    busy = busy_places([clip(), clip()], torch.ones(CHANNELS), PATCH).flatten()
    assert busy.topk(2).indices.sort().values.tolist() == [2, TOKENS - 1]
    assert (busy > 0).all()


def test_places_are_different_tokens_and_sometimes_all():
    busy = busy_places([clip()], torch.ones(CHANNELS), PATCH)
    dice = torch.Generator().manual_seed(0)
    drawn = [draw_places(busy, 2, dice) for _ in range(300)]
    some = [places for places in drawn if places is not None]
    assert 0.1 < 1 - len(some) / len(drawn) < 0.3
    assert all(len(row.unique()) == round(KEPT * TOKENS) for places in some for row in places)
    often = torch.stack([torch.bincount(places[0], minlength=TOKENS) for places in some]).float().mean(0)
    assert often[2] > 0.9
    assert often.min() > 0.3  # none is forgotten


def test_cells_of_the_tokens_are_known():
    known = looked_at(torch.tensor([[0, 9]]), SIDE, SIDE, PATCH)[0]
    assert known.sum() == 2 * PATCH**2
    assert known[:2, :2].all()
    assert known[2:4, 2:4].all()
