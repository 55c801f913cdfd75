"""Frames: the photo where nothing moves, a moved picture where something does."""

from importlib import import_module

import torch

from neo_core.motion_space import INDEX
from neo_core.pictar.geometric import deform, render, translate
from neo_core.pictar.geometric.light import to_display, to_light
from neo_core.pictar.geometric.patch import Window
from neo_core.pictar.geometric.translate import _over, frames_at_once

translation = import_module("neo_core.pictar.geometric.translate")  # in the package that name is the function


def frames(volume, *changes):
    return list(render(volume, [_moved(volume, change) for change in changes]))


def _moved(volume, change):
    vector = volume.reference.clone()
    for name, value in change.items():
        vector[INDEX[name]] = value
    return vector


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


def test_frames_made_at_the_same_time_are_those_made_alone(volume):
    changes = [{"jawOpen": 0.1 * k, "yaw": 3 * k, "eyeBlink_L": k / 5} for k in range(6)]
    motion = [_moved(volume, change) for change in changes]
    for frame, vector in zip(render(volume, motion), motion, strict=True):
        assert torch.equal(frame, translate(volume, deform(volume, vector)))


def test_half_of_a_person_is_half_of_their_light():
    white, black = torch.ones(3, 8, 8), torch.zeros(3, 8, 8)
    view, window = to_light(black), Window(0, 0, 8, 8)
    _over(view, window, window, white, torch.full((8, 8), 0.5))
    grey = to_display(view)
    assert (grey - 0.5 ** (1 / 2.2)).abs().max() < 0.03  # not 0.5: that is a fifth of the light


def test_light_and_display_are_inverses():
    values = torch.linspace(0, 1, 256)
    assert torch.allclose(to_display(to_light(values)), values)


def test_large_regions_are_drawn_one_at_a_time(volume, monkeypatch):
    """Four workers on frames of 16 megapixels would take 12 GB."""
    monkeypatch.setattr(translation, "WORKERS", 4)
    assert [frames_at_once(Window(0, 0, side, side)) for side in (512, 1024, 2048, 4096)] == [4, 4, 3, 1]
    monkeypatch.setattr(translation, "PIXELS_AT_ONCE", 2 * volume.window.height * volume.window.width + 1)
    begun = []

    def drawn(_, vector):
        begun.append(vector)
        return vector

    monkeypatch.setattr(translation, "_frame", drawn)
    frames = render(volume, iter(volume.reference.repeat(9, 1)))
    next(frames)
    assert len(begun) <= 3
    frames.close()
