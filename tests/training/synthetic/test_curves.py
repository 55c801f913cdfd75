"""Curves that bodies follow."""

import numpy as np

from neo_core.training.synthetic.curves import bump, frame_times, settle, smooth, wander


def test_frames_show_their_centre():
    assert np.allclose(frame_times(3), [0.02, 0.06, 0.10])


def test_a_bump_rises_and_falls():
    times = frame_times(100)
    curve = bump(times, 2.02, 0.4, 0.8)
    assert curve.argmax() == 50
    assert np.isclose(curve[50], 1)
    assert curve[times < 1.6].max() == curve[times > 2.83].max() == 0


def test_settling_reaches_the_target_without_a_jump():
    targets = np.ones((80, 2))
    path = settle(targets, 0.5)
    assert np.allclose(path[-1], 1, atol=1e-3)
    assert (np.diff(path, axis=0) >= -1e-9).all()
    assert np.diff(path, axis=0).max() < 0.2
    halfway = frame_times(80)[np.argmax(path[:, 0] > 0.5)]
    assert 0.3 < halfway < 0.6


def test_wandering_has_unit_variance_and_the_memory_it_was_given():
    quick, slow = (wander(np.random.default_rng(0), 20000, seconds, 1)[:, 0] for seconds in (0.3, 1.5))
    for path in (quick, slow):
        assert abs(path.std() - 1) < 0.15
        assert abs(path.mean()) < 0.2
    assert np.diff(slow).std() < 0.4 * np.diff(quick).std()


def test_smoothing_keeps_constants_and_length():
    assert np.allclose(smooth(np.full(50, 3.0), 0.2), 3.0)
    noise = np.random.default_rng(0).normal(size=400)
    assert len(smooth(noise, 0.1)) == 400
    assert smooth(noise, 0.1).std() < 0.5 * noise.std()
