"""What the head knows about a square: exact flows, what the photo shows, what pixels are made of."""

from dataclasses import replace

import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.head_model import landmarks, load_head_model
from neo_core.motion_space import INDEX
from neo_core.pictar.fit import fit_head
from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.sampling import pixel_centres
from neo_core.pictar.mini.guide import GUIDE, KINDS, Square, fade, moved, square_around, still

SIDE = 96
EYES, TEETH, SEEN = 1 + len(KINDS), len(KINDS), -1


@pytest.fixture(scope="module")
def bust():
    model = load_head_model()
    points = landmarks(model, model.template)[:, :2] * torch.tensor([8.0, -8.0]) + torch.tensor([200.0, 210.0])
    return build_bust(model, fit_head(model, points, None, (400, 400)))


@pytest.fixture(scope="module")
def seat(bust):
    start = move(bust, bust.reference)
    square = square_around(start, bust.model)
    return start, square, still(bust, start, square, SIDE)


def at(bust, seat, **change):
    start, square, before = seat
    motion = bust.reference.clone()
    for name, value in change.items():
        motion[INDEX[name]] = value
    now = move(bust, motion_space.clamp(motion))
    return now, moved(bust, start.screen, before, now, torch.zeros(2, SIDE, SIDE), square, SIDE)


def test_the_photo_shows_itself_where_it_is(bust, seat):
    _, there = at(bust, seat)
    assert there.surface.abs().max() == 0
    mesh = there.guide[0] > 0.5
    assert there.guide.shape == (GUIDE, SIDE, SIDE)
    assert 0.2 < mesh.float().mean() < 0.7
    assert there.guide[SEEN][mesh].mean() > 0.98


def test_flow_leads_back_to_where_the_photo_has_a_landmark(bust, seat):
    start, square, _ = seat
    now, there = at(bust, seat, yaw=12.0)
    for number in (30, 33, 27):  # of the nose
        here, then = (square.samples(landmarks(bust.model, x.screen), SIDE)[number, :2] for x in (now, start))
        column, row = here.long().tolist()
        found = pixel_centres(SIDE, SIDE)[row, column] + SIDE * there.surface[:, row, column]
        assert (found - then).norm() < 1.0
        assert (here - then).norm() > 1.5


def test_a_turn_uncovers_a_cheek_and_a_jaw_the_mouth(bust, seat):
    _, turned = at(bust, seat, yaw=35.0)
    mesh = turned.guide[0] > 0.5
    assert 0.6 < turned.guide[SEEN][mesh].mean() < 0.97
    _, spoken = at(bust, seat, jawOpen=0.8)
    inside = spoken.guide[3 : 2 + len(KINDS) - 1].sum(0) > 0.5
    assert inside.sum() > 15
    assert spoken.guide[SEEN][inside].mean() < 0.4


def test_an_iris_is_part_of_an_eye(bust, seat):
    guide = at(bust, seat, eyeBlink_L=0.0, eyeBlink_R=0.0, eyeWide_L=1.0, eyeWide_R=1.0)[1].guide
    assert guide[EYES].sum() > 15
    assert 0.1 < guide[1].sum() / guide[EYES].sum() < 0.9
    shut = at(bust, seat, eyeBlink_L=1.0, eyeBlink_R=1.0)[1].guide
    assert shut[EYES].sum() < 0.3 * guide[EYES].sum()


def test_a_square_beyond_the_picture_repeats_its_rim():
    picture = torch.arange(12.0).view(1, 3, 4)
    cut = Square(top=-1, left=2, side=4).cut(picture)
    assert cut[0].tolist() == [[2, 3, 3, 3], [2, 3, 3, 3], [6, 7, 7, 7], [10, 11, 11, 11]]
    assert replace(Square(0, 0, 4), side=2).cut(picture).shape == (1, 2, 2)


def test_motion_rests_on_the_rim():
    calm = fade(64)
    assert calm[0].max() == 0
    assert calm[:, -1].max() == 0
    assert calm[8:-8, 8:-8].min() == 1
