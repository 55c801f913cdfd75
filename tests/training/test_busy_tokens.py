"""Which tokens a step of training looks at."""

import torch

from neo_core.neo2.dit import Conditions
from neo_core.training.busy_tokens import KEPT, draw_places, looked_at, moving
from neo_core.training.neo2_clips import MOUTH, Windows

BATCH, LENGTH, CHANNELS, SIDE, PATCH = 2, 3, 4, 16, 2
TOKENS = (SIDE // PATCH) ** 2
SEEN = torch.ones(CHANNELS)


def window() -> Windows:
    """Everything stands still but one token of the first item; the second shows a mouth in another."""
    anchor = torch.zeros(BATCH, CHANNELS, SIDE, SIDE)
    latents = torch.zeros(BATCH, LENGTH, CHANNELS, SIDE, SIDE)
    latents[0, 1, :, 0:2, 4:6] = 3.0  # token 2
    shows = torch.zeros(BATCH, LENGTH, SIDE, SIDE, dtype=torch.uint8)
    shows[1, 2, 14, 14] = MOUTH  # token 63
    nothing, given = torch.zeros(BATCH, 0), torch.ones(BATCH, dtype=torch.bool)
    return Windows(latents, shows, Conditions(anchor, nothing, nothing, nothing, nothing, given, given, given, given))


def test_what_moves_and_what_matters_is_looked_at_more_often():
    chance = moving(window(), SEEN, PATCH).flatten(1)
    assert chance[0].argmax() == 2
    assert chance[1].argmax() == TOKENS - 1
    assert (chance > 0).all()


def test_places_are_different_tokens_and_sometimes_all():
    dice = torch.Generator().manual_seed(0)
    drawn = [draw_places(window(), SEEN, PATCH, dice) for _ in range(200)]
    some = [places for places in drawn if places is not None]
    assert 0.1 < 1 - len(some) / len(drawn) < 0.3
    assert all(len(row.unique()) == round(KEPT * TOKENS) for places in some for row in places)
    often = torch.stack([torch.bincount(places[0], minlength=TOKENS) for places in some]).float().mean(0)
    assert often[2] > 0.99  # the one that moves
    assert often.min() > 0.2  # none is forgotten


def test_cells_of_the_tokens_are_known():
    known = looked_at(torch.tensor([[0, 9]]), SIDE, SIDE, PATCH)[0]
    assert known.sum() == 2 * PATCH**2
    assert known[:2, :2].all()
    assert known[2:4, 2:4].all()
