"""Lifting splits a portrait so that it can be put together again."""

from dataclasses import replace

import pytest
import torch

from neo_core.governance import ConsentRequired
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import lift
from neo_core.pictar.geometric.lift import SHARE, split_layers


def test_layers_give_the_photo_back():
    view, alpha = torch.rand(3, 40, 50), torch.rand(40, 50).round()
    person, background = split_layers(view, alpha)
    assert torch.allclose(person[:3] + (1 - person[3:]) * background, view, atol=1e-6)


def test_no_layer_has_less_than_no_light():
    view, alpha = torch.rand(3, 60, 80), torch.zeros(60, 80)
    alpha[20:, 30:50] = torch.rand(40, 20)
    person, background = split_layers(view, alpha)
    assert person[:3].min() > -1e-6
    assert background.min() >= 0


def test_background_behind_the_person_continues_the_background():
    view = torch.full((3, 60, 60), 0.2)
    alpha = torch.zeros(60, 60)
    alpha[20:40, 20:40] = 1
    view[:, 20:40, 20:40] = 0.9
    _, background = split_layers(view, alpha)
    assert torch.allclose(background, torch.full_like(background, 0.2), atol=1e-3)


def test_only_part_of_the_picture_may_move(volume):
    assert 0.05 < volume.region <= SHARE


def test_no_lift_without_a_genuine_grant(volume, fit, model):
    forged = replace(volume.grant, record="somebody else")
    with pytest.raises(ConsentRequired):
        lift(whole(volume.photo), fit, torch.ones(160, 160), grant=forged, model=model)


def test_no_lift_of_another_picture_or_another_face(volume, fit, model):
    mask = torch.ones(160, 160)
    with pytest.raises(ConsentRequired, match="another picture"):
        lift(whole(255 - volume.photo), fit, mask, grant=volume.grant, model=model)
    other = replace(fit, identity=torch.roll(fit.identity, 3), expression=fit.expression.roll(7) + 0.3)
    with pytest.raises(ConsentRequired, match="another face"):
        lift(whole(volume.photo), other, mask, grant=volume.grant, model=model)
