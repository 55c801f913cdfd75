"""The contract of 63 numbers."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from neo_core import motion_space as space

MOTION = st.lists(st.floats(-50, 50, width=32), min_size=space.SIZE, max_size=space.SIZE).map(torch.tensor)


def test_63_different_names_with_unit_and_range():
    assert space.SIZE == 63 == len(set(space.NAMES)) == len(space.UNITS) == len(space.LOW) == len(space.HIGH)
    assert all(low < high for low, high in zip(space.LOW, space.HIGH, strict=True))
    assert [space.NAMES[space.INDEX[name]] for name in space.NAMES] == list(space.NAMES)


def test_slices_and_regions_cover_every_channel_once():
    parts = [*range(63)[space.EXPRESSION], *range(63)[space.POSE], *range(63)[space.GAZE]]
    assert parts == list(range(63))
    assert sorted(k for region in space.REGIONS.values() for k in region) == parts


def test_rest_is_inside_every_range():
    assert torch.equal(space.clamp(space.rest()), space.rest())
    assert torch.equal(space.mirror(space.rest()), space.rest())


@given(MOTION)
def test_mirror_twice_is_the_same(motion):
    assert torch.equal(space.mirror(space.mirror(motion)), motion)


@given(MOTION)
def test_mirror_and_clamp_commute(motion):
    assert torch.equal(space.mirror(space.clamp(motion)), space.clamp(space.mirror(motion)))


def test_mirror_swaps_the_sides():
    motion = space.rest()
    for name in ("eyeBlink_L", "jawLeft", "gaze_pitch_L"):
        motion[space.INDEX[name]] = 0.5
    motion[space.INDEX["yaw"]] = 10.0
    mirrored = {name: value for name, value in zip(space.NAMES, space.mirror(motion).tolist(), strict=True) if value}
    assert mirrored == {"eyeBlink_R": 0.5, "jawRight": 0.5, "gaze_pitch_R": 0.5, "yaw": -10.0}


@given(MOTION)
def test_clamp_is_idempotent_and_inside(motion):
    clamped = space.clamp(motion)
    assert torch.equal(space.clamp(clamped), clamped)
    assert (clamped >= torch.tensor(space.LOW)).all()
    assert (clamped <= torch.tensor(space.HIGH)).all()
