"""Skin that turns into view: it is skin, not what the photo has beside the face."""

import pytest
import torch

from neo_core.geometry.head_model import landmarks
from neo_core.geometry.rasteriser import rasterise
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import deform, lift, translate
from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.patch import facing
from neo_core.pictar.geometric.sampling import erode

SIZE = 160
SKIN = torch.tensor([0.85, 0.62, 0.5])
WALL = torch.tensor([0.1, 0.3, 0.6])


@pytest.fixture(scope="module")
def plain(model, fit, grant_once):
    """A head of one skin colour before a blue wall, without hair."""
    bust = build_bust(model, fit)
    start = move(bust, bust.reference)
    head = (rasterise(start.screen, model.triangles[model.triangle_part < 2], SIZE, SIZE).triangle >= 0).float()
    photo = (torch.where(head[..., None] > 0, SKIN, WALL) * 255).to(torch.uint8)
    return lift(whole(photo), fit, head, grant=grant_once(photo, landmarks(model, start.screen)[:68, :2]), model=model)


def cheeks(model):
    """Vertices at the sides of the face, between eyes and mouth. bool [V]"""
    x, y, z = model.template.unbind(1)
    return (model.vertex_part == 0) & (x.abs() > 4.5) & (y > -3) & (y < 2) & (z > 3) & (z < 8)


def test_bare_cheeks_are_skin_and_the_crown_is_hair(plain):
    model, look = plain.bust.model, plain.look
    assert look.bare[cheeks(model) & (plain.normal[:, 2] > 0.3)].mean() > 0.9
    crown = (model.template[:, 1] > 11) & (plain.normal[:, 2] < 0.2)
    assert look.bare[crown].max() < 0.3


def test_a_neck_is_bare_where_the_photo_shows_skin_but_not_under_cloth(plain, model, fit, grant_for):
    x, y, z = model.template.unbind(1)
    front = (y < -13) & (y > -16) & (x.abs() < 3) & (z > 2) & (z < 5) & (plain.normal[:, 2] > 0.7)
    assert plain.look.bare[front].mean() > 0.8
    screen, photo = plain.source, plain.photo.clone()
    collar = int(screen[front, 1].amin()) - 6
    photo[collar:] = torch.where(photo[collar:] == (WALL * 255).to(torch.uint8), photo[collar:], 10)
    grant = grant_for(photo, landmarks(model, move(build_bust(model, fit), plain.reference).screen)[:68, :2])
    head = (plain.photo != (WALL * 255).to(torch.uint8)).any(-1).float()
    dressed = lift(whole(photo), fit, head, grant=grant, model=model)
    assert dressed.look.bare[front].mean() < 0.1
    assert torch.allclose(dressed.look.bare[cheeks(model)], plain.look.bare[cheeks(model)])


@pytest.mark.parametrize("yaw", [-16.0, 16.0])
def test_the_cheek_that_turns_into_view_is_skin(plain, yaw):
    model = plain.bust.model
    motion = plain.reference.clone()
    motion[INDEX["yaw"]] += yaw
    now = deform(plain, motion)
    frame = translate(plain, now).float() / 255
    triangles = model.triangles[model.triangle_part < 2]
    triangles = triangles[facing(now.screen, triangles)]
    drawn = rasterise(now.screen, triangles, SIZE, SIZE).triangle
    cheek = (erode((drawn >= 0).float(), 1) > 0) & cheeks(model)[triangles].all(1)[drawn.clamp(min=0)]
    assert cheek.sum() > 15
    skin_like = (frame[cheek] - SKIN).norm(dim=1) < (frame[cheek] - WALL).norm(dim=1)
    assert skin_like.float().mean() > 0.95


def test_nothing_is_borrowed_while_the_head_is_at_rest(plain):
    at_rest = translate(plain, deform(plain, plain.reference))
    assert (at_rest.int() - plain.photo.int()).abs().max() <= 1
