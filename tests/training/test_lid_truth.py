"""The leak of an eye: all of it when the lids stay up, none when they meet; the dye says how much of a pixel is eye."""

import numpy as np
import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.head_model import load_head_model
from neo_core.pictar.fit import fit_head
from neo_core.training import lid_truth
from neo_core.training.synthetic.people import sample_person
from neo_core.training.synthetic.render import render_frame
from neo_core.training.synthetic.scene import portrait_view


def test_the_dye_tells_what_share_of_a_pixel_is_eye():
    photo = torch.randint(0, 256, (8, 8, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    eyes = torch.zeros(8, 8, dtype=torch.bool)
    eyes[:4] = True
    first, second = (lid_truth.dyed(photo, eyes, dye).float() for dye in lid_truth.DYES)
    assert (lid_truth.carried(first, second) - eyes.float()).abs().max() < 0.02
    skin = torch.full((8, 8, 3), 90.0)
    third = lid_truth.carried(skin + (first - skin) / 3, skin + (second - skin) / 3)
    assert (third - eyes / 3).abs().max() < 0.02


@pytest.fixture(scope="module")
def sitter():
    """A closed look at a factory person: everything `closed_leak` needs."""
    model, size = load_head_model(), 192
    person = sample_person(77, model, size, plain=True)
    frame = render_frame(
        person, motion_space.rest(), lid_truth.close_view(portrait_view(np.random.default_rng(7))), size, supersample=1
    )
    photo = (frame.image.clamp(0, 1) * 255).round().to(torch.uint8)
    eyes = torch.isin(frame.parts, torch.tensor(lid_truth.EYES))
    fit = fit_head(model, frame.landmarks, None, (size, size))
    return photo, eyes, fit, frame.mask, frame.landmarks[:68], model


def test_lids_that_meet_leave_nothing(sitter):
    assert int(sitter[1].sum()) > 50
    assert lid_truth.closed_leak(*sitter).median() <= 0.02


def test_lids_that_stay_up_leak_everything(sitter, monkeypatch):
    monkeypatch.setattr(lid_truth, "_closed", lambda volume, _: volume.reference)
    assert lid_truth.closed_leak(*sitter).min() > 0.95


def test_lids_that_let_a_little_through_leak_that_much(sitter, monkeypatch):
    """A twelfth of the eye is too little to see in any pixel and far too much for a lid."""
    whole = lid_truth.translate

    def translucent(volume, now):
        opened = whole(volume, lid_truth.deform(volume, volume.reference))
        return (whole(volume, now) + (opened.float() - whole(volume, now)) / 12).round().to(torch.uint8)

    monkeypatch.setattr(lid_truth, "POSES", ((0, 0),))
    closed = lid_truth.closed_leak(*sitter)
    monkeypatch.setattr(lid_truth, "translate", translucent)
    assert lid_truth.closed_leak(*sitter) - closed > 0.05
