"""A picture may end anywhere: through an eye, the mouth, the chin, the forehead, half the face."""

from dataclasses import replace

import pytest
import torch

from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import lift, render
from neo_core.pictar.geometric.contact import points

EYES, MOUTH = (slice(36, 42), slice(42, 48)), slice(48, 68)  # of the 68 landmarks, the picture's left eye first


@pytest.fixture
def cut(volume, fit, model, grant_for):
    """The portrait, lifted from the part of its picture within (left, top, right, bottom)."""

    def lifted(left=0, top=0, right=160, bottom=160):
        photo = volume.photo[top:bottom, left:right].contiguous()
        camera = replace(fit.camera, center=fit.camera.center - torch.tensor([left, top]))
        at = points(model, volume.source, torch.arange(68))[:, :2] - torch.tensor([left, top])
        mask = torch.ones(photo.shape[:2])
        return lift(whole(photo), replace(fit, camera=camera), mask, grant=grant_for(photo, at), model=model)

    return lifted


def edges(volume, part):
    """Where the landmarks of a part begin and end: left, top, right, bottom."""
    at = points(volume.bust.model, volume.source, torch.arange(68))[part, :2]
    return [2 * round(float(v) / 2) for v in (*at.amin(0), *at.amax(0))]


def drawn(volume):
    """A frame of closed eyes, an open mouth and a turned head."""
    motion = volume.reference.clone()
    motion[[INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = 1.0
    motion[INDEX["jawOpen"]] = 0.6
    motion[INDEX["yaw"]] += 15
    return next(render(volume, [motion]))


CUTS = {
    "through the left eye": ("left", EYES[0], -2),
    "behind the left eye": ("left", EYES[0], 4),
    "through the right eye": ("right", EYES[1], 2),
    "behind the right eye": ("right", EYES[1], -4),
    "below the eyes": ("top", EYES[0], 5),
    "through the mouth": ("bottom", MOUTH, 4),
    "half the face": ("left", slice(27, 31), 0),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_picture_that_ends_in_the_face_is_drawn(volume, cut, name):
    side, part, beyond = CUTS[name]
    left, top, right, bottom = edges(volume, part)
    portrait = cut(**{side: {"left": right, "top": bottom, "right": left, "bottom": top}[side] + beyond})
    frame = drawn(portrait)
    assert frame.shape == portrait.photo.shape
    assert frame.float().std() > 1
    for layer in (portrait.person, portrait.shed, portrait.even):
        assert layer.isfinite().all()
