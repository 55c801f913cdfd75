"""A portrait that other pictures have added to: the photo at rest, more of the person when it moves."""

from dataclasses import replace

import pytest
import torch

from neo_core.geometry.camera import rotation_matrix
from neo_core.geometry.head_model import landmarks
from neo_core.governance import ConsentRequired
from neo_core.motion_space import INDEX, POSE
from neo_core.pictar.geometric import Picture, deform, fused, translate
from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.fusion import _standing, _with_teeth_only
from neo_core.pictar.geometric.lift import look_at_mouth


@pytest.fixture
def turned(model, fit, grant_for):
    """A function: a picture of the person, their head turned by some degrees of yaw, all of one colour, with lips open
    or closed."""

    def make(yaw: float, jaw: float = 0.0, colour=(90, 60, 50)) -> Picture:
        camera = replace(fit.camera, rotation=rotation_matrix(0.0, yaw, 0.0) @ fit.camera.rotation)
        expression = fit.expression.clone()
        expression[INDEX["jawOpen"]] = jaw
        stood = replace(fit, camera=camera, expression=expression, residual=torch.zeros_like(fit.residual))
        photo = torch.tensor(colour, dtype=torch.uint8).expand(160, 160, 3).clone()
        bust = build_bust(model, stood)
        points = landmarks(model, move(bust, bust.reference).screen)[:68, :2]
        return Picture(photo, stood, torch.ones(160, 160), grant_for(photo, points))

    return make


def drawn(volume, yaw: float, jaw: float = 0.0):
    motion = volume.reference.clone()
    motion[POSE.start + 1] = yaw
    motion[INDEX["jawOpen"]] += jaw
    return translate(volume, deform(volume, motion)).int()


def test_other_pictures_add_what_they_show_and_nothing_else(volume, turned):
    """At rest it is the photo, a turn shows the side that was seen; one test, because lifting a portrait takes long."""
    both = fused(volume, [turned(25.0)], [turned(0.0, 0.4)])
    assert len(both.views) == 1
    assert torch.equal(drawn(both, 0.0), volume.photo.int())
    towards, away = ((drawn(both, yaw) - drawn(volume, yaw)).abs().amax(2) for yaw in (18.0, -18.0))
    assert int((towards > 8).sum()) > 40
    assert int((away > 8).sum()) < 4
    assert fused(volume, [turned(1.0)], []).views == ()
    assert fused(volume, [], []) == volume
    picture, other = turned(20.0), turned(20.0, colour=(10, 200, 10))
    with pytest.raises(ConsentRequired, match="another picture"):  # each needs leave of its own
        fused(volume, [replace(picture, grant=other.grant)], [])


@pytest.mark.parametrize(
    ("colour", "teeth"), [((0.6, 0.57, 0.52), True), ((0.6, 0.3, 0.3), False), ((0.05, 0.05, 0.05), False)]
)
def test_only_what_looks_like_teeth_is_taken_for_teeth(model, turned, colour, teeth):
    bust = build_bust(model, turned(0.0, 0.5).fit)
    shown = torch.tensor(colour)[:, None, None].expand(3, 160, 160)
    stance = _standing(bust, move(bust, bust.reference), shown)
    mouth, _ = look_at_mouth(bust, shown)
    mouth = replace(mouth, seen=torch.ones_like(mouth.seen))
    assert bool((_with_teeth_only(mouth, torch.tensor([0.7, 0.68, 0.65]), stance).seen > 0.5).any()) is teeth
