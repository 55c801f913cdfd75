"""Frames: the photo where nothing moves, a moved picture where something does."""

import torch

from neo_core.motion_space import INDEX
from neo_core.pictar.geometric import render


def frames(volume, *changes):
    motion = []
    for change in changes:
        vector = volume.reference.clone()
        for name, value in change.items():
            vector[INDEX[name]] = value
        motion.append(vector)
    return list(render(volume, motion))


def test_reference_motion_reproduces_the_photo(volume):
    (frame,) = frames(volume, {})
    assert torch.equal(frame, volume.photo)


def test_motion_stays_inside_the_region(volume):
    still = torch.ones(volume.photo.shape[:2], dtype=torch.bool)
    still[volume.window.rows, volume.window.columns] = volume.moving == 0
    for frame in frames(volume, {"yaw": 15, "jawOpen": 0.6}, {"pitch": -12, "eyeBlink_L": 1, "roll": 10}):
        assert torch.equal(frame[still], volume.photo[still])
        assert (frame != volume.photo).float().mean() > 0.05
        for edge in (frame[0], frame[-1], frame[:, 0], frame[:, -1]):
            assert torch.isfinite(edge.float()).all()
        assert torch.equal(frame[0], volume.photo[0])
        assert torch.equal(frame[:, -1], volume.photo[:, -1])


def test_an_opened_mouth_shows_its_inside(volume):
    closed, opened = frames(volume, {"jawOpen": 0.0}, {"jawOpen": 0.7})
    window = volume.mouth.window
    before, after = (frame[window.rows, window.columns].float() for frame in (closed, opened))
    assert (before - after).abs().mean() > 5


def test_same_motion_same_frame(volume):
    first, second = frames(volume, {"jawOpen": 0.4, "yaw": 5}, {"jawOpen": 0.4, "yaw": 5})
    assert torch.equal(first, second)
