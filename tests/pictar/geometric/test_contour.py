"""Where the fit misses the edge of the face: the mesh is brought there, and nothing of the face stays behind."""

from dataclasses import replace

import pytest
import torch

from neo_core.geometry.head_model import landmarks
from neo_core.geometry.rasteriser import rasterise
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import deform, lift, translate
from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.contour import carried_up
from neo_core.pictar.geometric.patch import facing
from neo_core.pictar.geometric.sampling import blur, distance
from neo_core.pictar.geometric.skin import above_eyes

SIZE = 160
CHEEKS = (-6.5, -4.5)  # head units above the eyes
SKIN = torch.tensor([0.85, 0.62, 0.5])


def silhouette(model, screen):
    triangles = model.triangles[model.triangle_part < 2]
    return (rasterise(screen, triangles[facing(screen, triangles)], SIZE, SIZE).triangle >= 0).float()


@pytest.fixture
def missed(model, fit, grant_for):
    """A bare head before a striped wall, its mask soft, and fits whose cheeks are too narrow and too wide."""
    start = move(bust := build_bust(model, fit), bust.reference)
    head = silhouette(model, start.screen)
    green = 0.4 + 0.2 * (torch.arange(SIZE) // 6 % 2)[:, None].expand(SIZE, SIZE)
    wall = torch.stack([torch.full_like(green, 0.15), green, torch.full_like(green, 0.7)], -1)
    photo = (torch.where(head[..., None] > 0, SKIN, wall) * 255).to(torch.uint8)
    middle = start.screen[model.vertex_part > 6, 0].mean()
    aside = ((start.screen[:, 0] - middle) / (4 * start.unit)).clamp(-1, 1) * (above_eyes(model) > -9)

    def lifted(pixels, mask):
        wrong = replace(fit, residual=fit.residual + torch.stack([pixels * aside**3, 0 * aside], 1))
        seen = move(fitted := build_bust(model, wrong), fitted.reference)
        known = landmarks(model, seen.screen)[:68, :2]
        return lift(whole(photo), wrong, mask, grant=grant_for(photo, known), model=model), seen

    return lifted, head


def ends(cover, model, start):
    """First and last column of a silhouette in the rows of the cheeks, between the ears and the neck. [R, 2]"""
    height = above_eyes(model)
    low, high = (start.screen[(height - wanted).abs() < 0.3, 1].mean() for wanted in CHEEKS)
    columns = torch.arange(SIZE).float()
    rows = cover[int(high) : int(low) + 1] > 0
    return torch.stack([torch.where(rows, columns, SIZE).amin(1), torch.where(rows, columns, -1).amax(1)], 1)


@pytest.mark.parametrize("pixels", [-2.5, 2.5])
def test_the_outline_meets_the_photo_s(missed, pixels):
    lifted, head = missed
    volume, seen = lifted(pixels, head)
    model = volume.bust.model
    wanted = ends(head, model, seen)
    before, after = (ends(silhouette(model, screen), model, seen) - wanted for screen in (seen.screen, volume.source))
    assert before.abs().mean() > 1.5
    assert after.abs().mean() < 0.7 * before.abs().mean()


def test_a_side_that_is_not_met_where_the_jaw_ends_is_left_alone():
    """A piece of the cheek that is met alone, above a collar, would stand off from the rest."""
    side = torch.tensor([1.0, 1, 1, -1, -1, -1])
    height = torch.tensor([-8.0, -7.8, -5, -8, -7.8, -5])
    found = torch.tensor([True, False, True, False, False, True])
    assert carried_up(side, height, found).tolist() == [True] * 3 + [False] * 3


def test_no_skin_stays_behind_beside_the_turned_cheek(missed):
    lifted, head = missed
    volume, _ = lifted(-2.5, head)
    motion = volume.reference.clone()
    motion[INDEX["yaw"]] += 12
    now = deform(volume, motion)
    frame = translate(volume, now).float() / 255
    height = above_eyes(volume.bust.model)
    rows = now.screen[(height < -4) & (height > -7), 1]
    beside = distance(silhouette(volume.bust.model, now.screen), 20) > 2.5
    beside[: int(rows.amin())] = False
    beside[int(rows.amax()) :] = False
    assert ((frame - SKIN).norm(dim=-1) < 0.3)[beside].sum() <= 2


def test_background_away_from_the_person_stays_as_it_is(missed):
    lifted, head = missed
    volume, _ = lifted(0.0, blur(head[None], 5.0)[0])
    motion = volume.reference.clone()
    motion[INDEX["yaw"]] += 12
    now = deform(volume, motion)
    frame = translate(volume, now)
    person = torch.maximum(head, silhouette(volume.bust.model, now.screen))
    away = distance(person, 20) > 6
    assert away.sum() > 5000
    assert torch.equal(frame[away], volume.photo[away])
