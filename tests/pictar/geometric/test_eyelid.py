"""Lids: the photo's own skin drawn down over the open eye with folds, grain and lashes, and nothing of the ball."""

import pytest
import torch

from neo_core.pictar.geometric.eyelid import build_lid, membrane
from neo_core.pictar.geometric.lashes import lash_light
from neo_core.pictar.geometric.sampling import blur

ROWS, COLUMNS, WIDTH = 70, 110, 60.0
TAU = torch.linspace(-1, 1, 15)
MARGIN = torch.stack([torch.linspace(25, 85, 15), 35 - 10 * (1 - TAU**2)], 1)
CLOSED = torch.stack([torch.linspace(25, 85, 15), 35 + 6 * (1 - TAU**2)], 1)
BROW = MARGIN - torch.tensor([0.0, 20.0])
LIGHT = torch.tensor([1.0] + [0.0] * 8)
ROW, COLUMN = torch.arange(ROWS)[:, None] + 0.5, torch.arange(COLUMNS) + 0.5
ARCH = (1 - ((COLUMN - 55) / 30) ** 2).clamp(min=0)
OPENING = ((ROW > 35 - 10 * ARCH) & (ROW < 35 + 6 * ARCH) & ((COLUMN - 55).abs() < 30)).float()
MIDDLE = slice(35, 76)


def band(height, spread):
    """A line along the upper margin, so many pixels above it, between the corners."""
    return torch.exp(-(((ROW - 35 + 10 * ARCH + height) / spread) ** 2)) * ((COLUMN - 55).abs() < 30)


def eye(lashes=0.0, fold=0.0, grain=0.0):
    """A grey face with a white eye. `lashes` of the light is missing along its upper margin, `fold` of it above."""
    noise = grain * torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(1))
    skin = 0.6 * (1 - fold * band(8, 1.5)) + noise
    picture = torch.where(OPENING > 0, 0.85, skin) * (1 - lashes * band(1, 2.0))
    return picture.expand(3, ROWS, COLUMNS).clone()


def unfolding():
    """From the closed lid's skin, 18 pixels of the photo's drawn out to the closed margin, to the photo's."""
    top = 35 - 10 * ARCH - 18
    drawn = (top < ROW) & (ROW < 35 + 6 * ARCH)
    step = (top + (ROW - top) * 18 / (18 + 16 * ARCH) - ROW) * drawn
    return torch.stack([torch.zeros_like(step), step])


def closed_lid(view, brow=BROW):
    return build_lid(view, OPENING, MARGIN, CLOSED, unfolding(), WIDTH, brow, LIGHT)


def shown(view):
    """The closed eye without edge and lashes. [3, h, w]"""
    lid = closed_lid(view)
    step = unfolding()[1]
    from_row = (ROW + step - 0.5).round().long().clamp(0, ROWS - 1)
    drawn = view.gather(1, from_row.expand(3, -1, -1))
    return lid.skin * lid.cover + drawn * (1 - lid.cover)


def line(lid, margin, shut):
    """The light that edge and lashes leave. [h, w]"""
    return lash_light(lid.lashes, lid.raised, MARGIN[:, 0], margin, (ROWS, COLUMNS), WIDTH, torch.tensor(shut)).mean(0)


def test_a_film_meets_the_skin_around_it():
    ramp = torch.linspace(0.2, 0.8, 80).expand(3, 50, 80)
    hole = torch.zeros(50, 80)
    hole[15:35, 25:55] = 1.0
    view = ramp * (1 - hole) + hole
    assert (membrane(view, hole, torch.ones(50, 80)) - ramp)[:, 5:-5, 5:-5].abs().max() < 0.02


def test_a_closed_lid_shows_neither_ball_nor_lashes():
    assert (shown(eye(0.7)) - 0.6)[..., MIDDLE].abs().max() < 0.06
    assert (shown(eye(0.7)) - 0.6).amax() < 0.06  # nowhere the white of the eye


def test_a_fold_stays_as_a_softer_line_and_none_is_made_up():
    folded, plain = (shown(eye(0.5, fold)).mean(0)[:, MIDDLE] for fold in (0.3, 0.0))
    depth = (plain - folded) / plain
    assert float(depth.amax(0).min()) > 0.08
    assert float(depth.max()) < 0.32
    assert (depth.argmax(0) + 0.5 < 35 + 6 * ARCH[MIDDLE] - 4).all()


def test_a_deep_brown_fold_stays_brown():
    brown = torch.tensor([0.25, 0.5, 0.8])[:, None, None] * band(8, 3.0)  # takes most of the blue, least of the red
    taken = 1 - shown(eye() * (1 - brown))[..., MIDDLE].amin(1) / 0.6
    assert (taken[2] > 1.35 * taken[1]).all()
    assert (taken[1] > 1.35 * taken[0]).all()


@pytest.mark.parametrize("grain", [0.01, 0.04])
def test_a_lid_has_the_grain_of_the_skin(grain):
    picture = shown(eye(0.6, 0.2, grain)).mean(0)
    fine = (picture - blur(picture[None], 1.5)[0])[24:38, 45:66].std()
    skin = eye(grain=grain).mean(0)
    assert 0.6 < fine / (skin - blur(skin[None], 1.5)[0])[50:, 45:66].std() < 1.4


def test_lower_lid_corners_and_forehead_stay_the_photos():
    cover = closed_lid(eye(0.5, 0.2)).cover[0]
    assert cover[ROW.expand_as(cover) > 35 + 6 * ARCH + 0.17 * WIDTH].max() < 0.05
    assert cover[:, (COLUMN - 55).abs() > 30 + 0.17 * WIDTH].max() < 0.05
    assert cover[:8].max() < 0.05
    assert cover[OPENING > 0].min() > 0.95


def test_the_line_of_a_closed_lid_is_as_dark_as_the_photos_and_reaches_both_corners():
    for amount in (0.7, 0.3):
        lid = closed_lid(eye(amount))
        dark, photo = 1 - line(lid, CLOSED, 1.0).amin(0), 1 - eye(amount).mean(0)[:, MIDDLE].amin(0) / 0.6
        assert (dark[30:81] > 0.5 * amount).all()
        assert (dark > 0.4 * amount).sum() >= 0.9 * WIDTH
        assert dark[MIDDLE].median() > 0.8 * photo.median()
        assert dark[MIDDLE].min() > 0.7 * amount
        assert dark[MIDDLE].max() < photo.max() + 0.1
    assert (1 - line(closed_lid(eye()), CLOSED, 1.0)).max() < 0.04


def test_edge_and_lashes_ride_on_the_margin_and_come_to_hang():
    lid = closed_lid(eye(0.7))
    halfway = (MARGIN + CLOSED) / 2
    assert torch.equal(line(lid, MARGIN, 0.0), torch.ones(ROWS, COLUMNS))
    for margin, shut in ((halfway, 0.5), (CLOSED, 1.0)):
        light = line(lid, margin, shut)
        height = margin[0, 1] + (margin[7, 1] - margin[0, 1]) * ARCH
        assert (light[:, MIDDLE].argmin(0) + 0.5 - height[MIDDLE]).abs().max() < 2.5
        assert float(light[:15].min()) > 0.99
    above, below = (ROW < 32 - 2 - 5 * ARCH), (ROW > 35 + 6 * ARCH + 2)
    assert (1 - line(lid, halfway, 0.3))[above.expand(ROWS, COLUMNS)].sum() < 5
    hanging = [(1 - line(lid, CLOSED, shut))[below.expand(ROWS, COLUMNS)].sum() for shut in (0.3, 1.0)]
    assert hanging[1] > 2 * hanging[0]


def test_a_lid_is_as_bright_as_its_skin_and_takes_nothing_from_a_dark_backdrop():
    view = eye(0.3)
    view[:, :, :22] = torch.tensor([0.03, 0.03, 0.1])[:, None, None]
    assert (closed_lid(view).skin[:, 20:35, 42:70] - 0.6).abs().max() < 0.06


def test_no_lid_reaches_into_the_brow():
    brow = MARGIN - torch.tensor([0.0, 9.0])
    edge = torch.full((COLUMNS,), float(brow[7, 1]))
    dark = (edge > ROW) & (edge - 6 < ROW)
    lid = closed_lid(torch.where(dark, 0.1, eye(0.5)), brow)
    assert lid.cover[0][:, 50:60][dark[:, 50:60]].max() < 0.5
    assert lid.cover[0, 30, 55] > 0.95
