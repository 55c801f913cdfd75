"""A portrait drawn by a mini: the photo at rest, nothing beyond its square, asked for leave."""

from dataclasses import replace

import pytest
import torch

from neo_core.geometry.head_model import landmarks, load_head_model
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.fit import fit_head
from neo_core.pictar.geometric import lift
from neo_core.pictar.mini.face import lift_mini, render_mini
from neo_core.pictar.mini.network import Mini, MiniConfig
from neo_core.training.renderer_truth import synthetic_grant

SIDE = 160


@pytest.fixture(scope="module")
def face():
    """The mean head's outline in skin before a wall, and a mini that knows nothing yet."""
    model = load_head_model()
    points = landmarks(model, model.template)[:, :2] * torch.tensor([3.0, -3.0]) + torch.tensor([80.0, 84.0])
    dice = torch.Generator().manual_seed(0)
    line = torch.arange(SIDE) + 0.5
    inside = (((line[None] - 80) / 32) ** 2 + ((line[:, None] - 78) / 44) ** 2 < 1).float()
    wall, skin = torch.tensor([60.0, 80, 120]), torch.tensor([200.0, 150, 120])
    photo = wall + inside[..., None] * (skin - wall) + 8 * torch.randn(SIDE, SIDE, 3, generator=dice)
    photo = photo.clamp(0, 255).to(torch.uint8)
    fit = fit_head(model, points, None, (SIDE, SIDE))
    volume = lift(whole(photo), fit, inside, grant=synthetic_grant(photo, points[:68]), model=model)
    return lift_mini(volume, Mini(MiniConfig(side=64, width=8, features=4, groups=4)).eval())


def moved(face, **change):
    motion = face.reference.clone()
    for name, value in change.items():
        motion[INDEX[name]] = value
    return next(render_mini(face, [motion]))


def test_at_rest_the_frame_is_the_photo(face):
    assert torch.equal(moved(face), face.photo)


def test_a_turn_moves_the_head_and_nothing_beyond_the_square(face):
    frame = moved(face, yaw=10.0, jawOpen=0.5)
    assert frame.shape == face.photo.shape
    change = (frame.int() - face.photo.int()).abs().amax(-1)
    assert change[60:100, 60:100].max() > 20
    square = face.seat.square
    outside = torch.ones(SIDE, SIDE, dtype=torch.bool)
    outside[max(0, square.top) : square.top + square.side, max(0, square.left) : square.left + square.side] = False
    assert change[outside].sum() == 0
    assert 0.3 < face.region <= 1


def test_a_mini_asks_for_leave(face):
    class Refused(Exception):
        pass

    class Grant:
        def require(self, scope):
            raise Refused(scope)

    with pytest.raises(Refused):
        lift_mini(replace(face.seat.volume, grant=Grant()), face.mini)
