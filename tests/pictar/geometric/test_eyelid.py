"""Lids: skin spanned over the open eye without a seam, lashes only where and as dark as the photo has them."""

import torch

from neo_core.pictar.geometric.eyelid import build_lid, lash_light, membrane

ROWS, COLUMNS = 70, 110
MARGIN = torch.stack([torch.linspace(25, 85, 15), 35 - 10 * (1 - torch.linspace(-1, 1, 15) ** 2)], 1)
LIGHT = torch.tensor([1.0] + [0.0] * 8)


def eye(lashes: float):
    """A grey face with a white eye; `lashes` of the light is missing along its upper margin."""
    row, column = torch.arange(ROWS)[:, None] + 0.5, torch.arange(COLUMNS) + 0.5
    arch = 1 - ((column - 55) / 30).clamp(-1, 1) ** 2
    opening = ((row > 35 - 10 * arch) & (row < 35 + 6 * arch) & ((column - 55).abs() < 30)).float()
    line = torch.exp(-(((row - 34 + 10 * arch) / 2) ** 2)) * ((column - 55).abs() < 30)
    picture = (0.6 + 0.1 * opening) * (1 - lashes * line)
    return picture.expand(3, ROWS, COLUMNS).clone(), opening


def lid(lashes):
    view, opening = eye(lashes)
    return build_lid(view, opening, MARGIN, 60.0, MARGIN - torch.tensor([0.0, 20.0]), LIGHT)


def test_a_film_meets_the_skin_around_it():
    ramp = torch.linspace(0.2, 0.8, 80).expand(3, 50, 80)
    hole = torch.zeros(50, 80)
    hole[15:35, 25:55] = 1.0
    view = ramp * (1 - hole) + hole
    assert (membrane(view, hole, torch.ones(50, 80)) - ramp)[:, 5:-5, 5:-5].abs().max() < 0.02


def test_a_closed_lid_shows_neither_ball_nor_lashes():
    closed = lid(0.7)
    shown = closed.skin * closed.cover + eye(0.7)[0] * (1 - closed.cover)
    assert (shown - 0.6).abs().max() < 0.06


def test_lashes_are_as_dark_as_the_photos():
    dark, faint, none = (lid(amount).taken[:, 3:-3].mean() for amount in (0.7, 0.15, 0.0))
    assert dark > 0.45
    assert 0.03 < faint < 0.25
    assert none < 0.03


def test_lashes_ride_on_the_margin_and_grow_with_the_closing():
    closed = lid(0.7)
    lower = MARGIN + torch.tensor([0.0, 8.0])
    least = [lash_light(closed, lower, ROWS, COLUMNS, 60.0, torch.tensor(a)).mean(0) for a in (0.0, 0.5, 1.0)]
    assert torch.equal(least[0], torch.ones(ROWS, COLUMNS))
    assert float(least[1].min()) > float(least[2].min()) > 0.2
    rows = least[2][:, 40:70].argmin(0)
    line = 43 - 10 * (1 - ((torch.arange(40, 70) + 0.5 - 55) / 30) ** 2)
    assert (rows + 0.5 - line).abs().max() < 2.5
    assert float(least[2][:20].min()) > 0.99


def test_a_lid_is_as_bright_as_its_skin_and_takes_nothing_from_a_dark_backdrop():
    view, opening = eye(0.3)
    view[:, :, :22] = torch.tensor([0.03, 0.03, 0.1])[:, None, None]
    closed = build_lid(view, opening, MARGIN, 60.0, MARGIN - torch.tensor([0.0, 20.0]), LIGHT)
    assert (closed.skin[:, 20:35, 40:70] - 0.6).abs().max() < 0.06


def test_no_lid_reaches_into_the_brow():
    view, opening = eye(0.5)
    brow = MARGIN - torch.tensor([0.0, 9.0])
    row = torch.arange(ROWS)[:, None] + 0.5
    line = torch.full((COLUMNS,), float(brow[7, 1]))
    dark = (row < line) & (row > line - 6)
    view = torch.where(dark, 0.1, view)
    closed = build_lid(view, opening, MARGIN, 60.0, brow, LIGHT)
    assert closed.cover[0][:, 50:60][dark[:, 50:60]].max() < 0.5
    assert closed.cover[0, 30, 55] > 0.95
