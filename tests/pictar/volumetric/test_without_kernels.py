"""On a device that lacks what a Mac's GPU lacks, 3D sampling first of all, everything is drawn as it is elsewhere."""

from types import SimpleNamespace

import pytest
import torch

from neo_core.pictar.crop import whole
from neo_core.pictar.squares import Squares
from neo_core.pictar.volumetric import lift, render
from neo_core.pictar.volumetric.driven_face import pasting
from neo_core.pictar.volumetric.dynamic_roi import displacement, moved
from neo_core.runtime import grid_sampling

from ...runtime.test_grid_sampling import Metal
from ...runtime.test_placement import AWAY


@pytest.fixture(autouse=True)
def _told(monkeypatch):
    monkeypatch.setattr(grid_sampling, "LACKING", (AWAY.type,))


def test_a_frame_from_the_photo_to_the_bytes(renderer, photo, landmarks68, grant_for):
    grant, framing = grant_for(photo, landmarks68), whole(photo)
    square = Squares(torch.tensor([[60.0, 70.0]]), torch.tensor([80.0]), torch.tensor([7.0]))

    def frames():
        volume = lift(renderer, framing, landmarks68, grant=grant)
        keypoints = volume.keypoints.cpu() + 0.03 * torch.arange(-2, 3)[:, None]
        finish = pasting(SimpleNamespace(volume=volume, photo=photo, square=square, crop=framing))
        return torch.stack(list(render(volume, [keypoints], finish=finish))).int()

    here = frames()
    with Metal():
        renderer.to(AWAY)
        there = frames()
    assert there.device == torch.device("cpu")
    assert (here - there).abs().max() <= 1
    assert (here[0] != photo).any()


def test_what_keyframes_show_is_moved():
    key, flat = (torch.rand(1, 2, 6, 6) for _ in range(2))
    picture = torch.rand(1, 3, 24, 24)
    here = moved(picture, displacement(flat, key))
    with Metal():
        there = moved(picture.to(AWAY), displacement(flat.to(AWAY), key.to(AWAY)))
        torch.testing.assert_close(there.cpu(), here)
