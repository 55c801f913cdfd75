"""A neck before a wall: its outline goes on behind the jaw when the head turns, and elsewhere nothing is made up."""

from dataclasses import replace

import pytest
import torch

from neo_core.geometry.head_model import landmarks
from neo_core.geometry.rasteriser import rasterise
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import deform, lift, translate
from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.deform import photo_flow
from neo_core.pictar.geometric.neck import neck_behind
from neo_core.pictar.geometric.patch import facing

SIZE = 160
SKIN, WALL = torch.tensor([0.85, 0.62, 0.5]), torch.tensor([0.15, 0.5, 0.7])


@pytest.fixture
def lifted(model, fit, grant_for):
    """A bare head and neck before a wall, as they are, or with more of the picture taken for the person."""
    start = move(bust := build_bust(model, fit), bust.reference)
    triangles = model.triangles[model.triangle_part < 2]
    head = (rasterise(start.screen, triangles[facing(start.screen, triangles)], SIZE, SIZE).triangle >= 0).float()
    photo = (torch.where(head[..., None] > 0, SKIN, WALL) * 255).to(torch.uint8)
    grant = grant_for(photo, landmarks(model, start.screen)[:68, :2])
    return lambda more: lift(whole(photo), fit, torch.maximum(head, more), grant=grant, model=model)


def wall(frame):
    return (frame.float() / 255 - WALL).abs().sum(-1) < 0.15


def test_only_a_neck_before_background_is_continued(lifted):
    empty, everything = torch.zeros(SIZE, SIZE), torch.ones(SIZE, SIZE)
    assert float(lifted(empty).neck.bare) > 0.9
    hidden = lifted(everything).neck
    assert float(hidden.bare) == 0.0
    assert not hidden.flank.any()


def test_the_photo_comes_back_where_the_neck_is_continued(lifted):
    volume = lifted(torch.zeros(SIZE, SIZE))
    frame = translate(volume, deform(volume, volume.reference))
    assert (frame.int() - volume.photo.int()).abs().max() <= 2


@pytest.mark.parametrize("yaw", [-16, 16])
def test_no_wall_shows_behind_the_jaw(lifted, yaw):
    """With the neck's layer taken away, wall shows where the neck is; but for its soft edge no wall comes with it."""
    volume = lifted(torch.zeros(SIZE, SIZE))
    motion = volume.reference.clone()
    motion[INDEX["yaw"]] += yaw
    now = deform(volume, motion)
    bare = replace(volume, neck=replace(volume.neck, layer=torch.zeros_like(volume.neck.layer)))
    without, frame = (wall(translate(of, now)) for of in (bare, volume))
    covered = (without & ~frame).sum()
    assert covered > 20
    assert (frame & ~without).sum() < covered / 10


def test_no_wall_shines_through_a_neck_that_comes_into_view(lifted):
    """The neck behind the jaw is not there in the photo and comes steadily, but is no veil by the time a gap shows."""
    volume = lifted(torch.zeros(SIZE, SIZE))
    seen = []
    for jaw in (0.0, 0.08, 0.1, 0.13, 0.17, 0.3):
        motion = volume.reference.clone()
        motion[INDEX["jawOpen"]] += jaw
        seen.append(float(photo_flow(volume, deform(volume, motion)).seen.max()))
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert 0.02 < seen[1] < 0.9
    assert min(seen[4:]) > 0.95 * float(volume.neck.bare)


def test_the_neck_goes_on_as_it_is_below():
    """Columns of different colours under a head go on straight upwards behind it, and nothing where nobody is."""
    person = torch.zeros(4, 60, 40)
    person[:, 30:, 10:30] = torch.rand(4, 1, 20, generator=torch.Generator().manual_seed(1))
    person[3, 30:, 10:30] = 1.0
    head = torch.zeros(60, 40)
    head[10:32] = 1.0
    layer = neck_behind(person, head, torch.ones(60, 40), 4.0)
    assert torch.allclose(layer[:, 12:55, 10:30], person[:, 45:46, 10:30].expand(4, 43, 20), atol=1e-4)
    assert not layer[:, :, :10].any()
