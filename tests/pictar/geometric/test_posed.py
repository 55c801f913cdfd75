"""Frames by hand: the same as the stream's, the photo at rest, and the mesh where the head is."""

import dataclasses

import pytest
import torch

from neo_core.motion_space import INDEX
from neo_core.pictar.geometric import deform, draw, draw_mesh, pose, render


def turned(volume, **changes):
    vector = volume.reference.clone()
    for name, value in changes.items():
        vector[INDEX[name]] = value
    return vector


def test_drawn_frames_are_those_of_the_stream(volume):
    motion = torch.stack([volume.reference, turned(volume, yaw=12, jawOpen=0.5)])
    frames = draw(pose(volume, motion))
    assert torch.equal(frames, torch.stack(list(render(volume, motion))))
    assert torch.equal(frames[0], volume.photo)


def test_the_mesh_lies_over_the_head_and_nowhere_else(volume):
    motion = turned(volume, yaw=15)
    (picture,) = draw_mesh(pose(volume, motion[None]))
    assert picture.shape == volume.photo.shape
    head = deform(volume, motion).screen[volume.bust.model.vertex_part == 0]
    centre = head[:, :2].mean(0).long()
    assert not torch.equal(picture[centre[1], centre[0]], volume.photo[centre[1], centre[0]])
    rows = torch.arange(picture.shape[0])
    above = rows < deform(volume, motion).screen[:, 1].min() - 2
    assert above.any()
    assert torch.equal(picture[above], volume.photo[above])


def test_the_mesh_turns_with_the_head(volume):
    still, moved = draw_mesh(pose(volume, torch.stack([volume.reference, turned(volume, yaw=15)]))).float()
    assert (still - moved).abs().mean() > 1


@pytest.mark.parametrize("drawing", [draw, draw_mesh])
def test_nothing_is_drawn_without_a_grant(volume, drawing):
    class Refused(Exception):
        pass

    class Revoked:
        def require(self, scope):
            raise Refused(scope)

    posed = pose(dataclasses.replace(volume, grant=Revoked()), volume.reference[None])
    with pytest.raises(Refused, match="talking-head"):
        drawing(posed)


@pytest.mark.parametrize("drawing", [draw, draw_mesh])
def test_every_frame_asks_whether_to_go_on(volume, drawing):
    class Cancelled(BaseException):
        pass

    told = []

    def one_and_no_more(done, total, frame):
        told.append((done, total, frame))
        if done == 1:
            raise Cancelled

    motion = volume.reference.expand(3, -1)
    with pytest.raises(Cancelled):
        pose(volume, motion, one_and_no_more)
    assert [one[:2] for one in told] == [(0, 3), (1, 3)]
    posed = pose(volume, motion)
    told.clear()
    with pytest.raises(Cancelled):
        drawing(posed, one_and_no_more)
    assert [one[:2] for one in told] == [(0, 3), (1, 3)]
    assert torch.equal(told[1][2], drawing(posed)[0])
