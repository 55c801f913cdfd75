"""What the gate takes for a cut, on made-up film."""

import pytest
import torch

from neo_core.evaluation import shot_changes
from neo_core.evaluation.shot_changes import SIDE, Camerawork, bench, filmed, jumps, leaps
from neo_core.pictar.squares import Squares


@pytest.fixture
def picture():
    """Soft random colours."""
    dice = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 12, 12, generator=dice)
    fine = torch.nn.functional.interpolate(coarse, size=(200, 200), mode="bicubic").clamp(0, 1)[0]
    return (255 * fine).to(torch.uint8).permute(1, 2, 0)


def frames(picture, work, count=3):
    framing = Squares(torch.tensor([[100.0, 100.0]]), torch.tensor([120.0]), torch.zeros(1))
    return list(filmed(picture, framing, work, count, torch.Generator().manual_seed(2)))


def test_film_moves_as_the_camera_does(picture):
    still, panned = frames(picture, Camerawork()), frames(picture, Camerawork(pan=0.1))
    assert still[0].shape == (SIDE, SIDE, 3)
    assert (still[0].int() - still[2].int()).abs().max() < 20  # noise alone
    step = round(0.1 * SIDE)
    there, here = panned[1][:-step, :-step].float(), panned[0][step:, step:].float()
    assert (there - here).abs().mean() < 6


def test_a_shot_that_stands_goes_on_and_another_picture_is_a_cut(picture):
    one, other = (frames(x, Camerawork()) for x in (picture, picture.flip(0, 1)))
    assert not jumps(one[0], one[1])
    assert jumps(one[0], other[1])


def test_a_face_goes_on_and_a_stretched_one_is_a_cut():
    face = torch.rand(68, 2, generator=torch.Generator().manual_seed(3)) * 100
    assert not leaps(face, face + 20)
    assert leaps(face, face * torch.tensor([1.0, 3.0]))


def test_shares_are_told_of_every_kind(monkeypatch, picture):
    others = iter((picture, picture.flip(0, 1), picture.flip(2)))
    monkeypatch.setattr(shot_changes, "STEPS", 2)
    monkeypatch.setattr(shot_changes, "read_photo", lambda _: next(others))
    notes = {}
    assert bench(notes) == {}
    assert len(notes) == len(shot_changes.SHOTS) + 4 + 7
    assert all(0 <= share <= 1 for share in notes.values())
    assert notes["shot that stands: taken for a cut by the picture"] == 0
    assert notes["cut to another picture: taken for a cut by the picture"] > 0.5
    assert notes["turn of 60 degrees a second: taken for a cut by the face"] == 0
