"""Outlines: margins and irises go to the edges of the picture, and stay where it shows none."""

import torch

from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.contact import points
from neo_core.pictar.geometric.outline import eye_frame, iris_place, outline, settle_eyes

X = torch.linspace(-1, 1, 15)
UPPER = torch.stack([60 + 30 * X, 40 - 10 * (1 - X**2)], 1)
LOWER = torch.stack([60 + 30 * X, 40 + 7 * (1 - X**2)], 1)


def picture(down: float, across: float = 0.0):
    """An eye whose margins lie `down` pixels below UPPER and LOWER, its iris `across` pixels beside the middle."""
    row, column = torch.arange(90)[:, None] + 0.5, torch.arange(120) + 0.5
    arch = (1 - ((column - 60) / 30) ** 2).clamp(min=0)
    top, bottom = 40 + down - 10 * arch, 40 + down + 7 * arch
    inside = (row > top) & (row < bottom)
    iris = (row - 39 - down) ** 2 + (column - 60 - across) ** 2 < 81
    eye = torch.where(iris, 0.2, 0.85)
    lashes = (row > top - 2) & (row < top + 1) & (arch > 0)
    return torch.where(lashes, 0.1, torch.where(inside, eye, 0.6)).expand(3, 90, 120).clone()


def test_margins_go_to_the_edges():
    for down in (-4.0, 4.0):
        upper, lower = outline(picture(down), eye_frame(UPPER), UPPER, LOWER)
        for found, fitted in ((upper, UPPER), (lower, LOWER)):
            assert (found[3:-3, 1] - fitted[3:-3, 1] - down).abs().mean() < 1.6


def test_margins_go_round_the_white_of_an_eye_that_has_no_lashes():
    """The fit stands over the outer half of the eye; nothing but the white tells that the eye goes on."""
    row, column = torch.arange(90)[:, None] + 0.5, torch.arange(120) + 0.5
    arch = (1 - ((column - 60) / 30) ** 2).clamp(min=0)
    inside = (row > 40 - 10 * arch) & (row < 40 + 7 * arch)
    eye = torch.where((row - 39) ** 2 + (column - 72) ** 2 < 81, 0.2, 0.85)
    skin = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
    photo = torch.where(inside, eye.expand(3, 90, 120), skin)
    squeezed = [(m - 60) * torch.tensor([0.72, 1.0]) + 60 + torch.tensor([8.0, 0.0]) for m in (UPPER, LOWER)]
    upper, _ = outline(photo, eye_frame(squeezed[0]), *squeezed)
    assert squeezed[0][0, 0] > 45
    assert upper[0, 0] - 30 < (squeezed[0][0, 0] - 30) / 2


def test_an_iris_is_found_where_it_is():
    centre, radius = torch.tensor([60.0, 39.0]), torch.tensor(9.0)
    for across in (-8.0, 0.0, 8.0):
        found = iris_place(picture(0.0, across), eye_frame(UPPER), UPPER, LOWER, centre, radius)
        assert abs(float(found[0]) - 60 - across) < 2.5


def test_without_an_edge_nothing_moves(model, fit):
    bust = build_bust(model, fit)
    settled = settle_eyes(bust, torch.full((3, 160, 160), 0.5))
    assert (settled.offset - bust.offset).abs().max() < 0.02
    assert (settled.reference - bust.reference).abs().max() < 0.2


def test_settled_lids_carry_their_skin_and_leave_the_rest(model, fit):
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(1, 3, 20, 20, generator=generator)
    photo = torch.nn.functional.interpolate(coarse, (160, 160), mode="bicubic")[0].clamp(0, 1)
    bust = build_bust(model, fit)
    settled = settle_eyes(bust, photo)
    lids = bust.contact.lids[0]
    step = (move(settled, settled.reference).screen - move(bust, bust.reference).screen)[:, :2]
    assert points(model, step, lids.upper).norm(dim=-1).max() > 0.1
    far = model.template[:, 1] < model.template[:, 1][lids.upper_weight.sum(1) > 0.5].min() - 4
    assert step[far].abs().max() < 0.05
