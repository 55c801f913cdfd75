"""Frames without the face: as many frames as before, by each policy, and told."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neo_core.data_types import InputError
from neo_core.media.footage import Footage
from neo_core.pictar.lost_faces import POLICIES, Lost, without_gaps


def track(*values):
    return [None if value is None else torch.tensor([float(value)]) for value in values]


def filled(policy, *values):
    report = []
    out = [None if frame is None else float(frame) for frame in without_gaps(iter(track(*values)), policy, report)]
    return out, report


def test_hold():
    out, report = filled("hold", None, 1, None, None, 4, None)
    assert out == [1, 1, 1, 1, 4, 4]
    assert report == [Lost(0, 0, "held"), Lost(2, 3, "held"), Lost(5, 5, "held")]


def test_interpolate():
    out, report = filled("interpolate", None, 0, None, None, None, 4, None)
    assert out == pytest.approx([0, 0, 4 * (0.5 - 0.5 * 0.5**0.5), 2, 4 * (0.5 + 0.5 * 0.5**0.5), 4, 4])
    assert report == [Lost(0, 0, "held"), Lost(2, 4, "interpolated"), Lost(6, 6, "held")]


def test_pass():
    out, report = filled("pass", None, 1, None, 3)
    assert out == [None, 1, None, 3]
    assert report == [Lost(0, 0, "passed"), Lost(2, 2, "passed")]


def test_error_names_the_frame():
    with pytest.raises(InputError, match="frame 2 of the video"):
        filled("error", 1, 1, None, 1)
    assert filled("error", 1, 2)[0] == [1, 2]


def test_a_video_without_a_face_is_refused():
    for policy in ("hold", "interpolate", "pass"):
        with pytest.raises(InputError, match="no human face found"):
            filled(policy, None, None)
    with pytest.raises(InputError, match="no human face found"):
        filled("hold")


def test_other_policies_are_refused():
    with pytest.raises(InputError, match="expected one of hold"):
        filled("skip", 1)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from([p for p in POLICIES if p != "error"]))
def test_the_number_of_frames_never_changes_and_each_gap_is_told(seen, policy):
    seen = [*seen, True]
    out, report = filled(policy, *[k if there else None for k, there in enumerate(seen)])
    assert len(out) == len(seen)
    told = sorted(frame for lost in report for frame in range(lost.first, lost.last + 1))
    assert told == [k for k, there in enumerate(seen) if not there]
    assert all(out[k] == k for k, there in enumerate(seen) if there)


def test_a_face_that_is_away_for_hours_takes_no_memory():
    """The frames are made as they are asked for, between two that were seen."""

    def away():
        yield torch.zeros(1)
        for _ in range(10_000):
            yield None
        yield torch.ones(1)

    total = sum(1 for _ in without_gaps(away(), "interpolate", []))
    assert total == 10_002


def test_only_short_gaps_between_two_faces_are_bridged():
    """Who knows what a longer one hides."""
    report = []
    faces = track(None, 1, None, None, 4, None, None, None, 8, None)
    out = list(without_gaps(iter(faces), "hold", report, bridges=lambda first, last: last - first < 2))
    assert [None if one is None else float(one) for one in out] == [None, 1, 1, 1, 4, None, None, None, 8, None]
    done = [Lost(0, 0, "passed"), Lost(2, 3, "held"), Lost(5, 7, "passed"), Lost(9, 9, "passed")]
    assert report == done


def test_a_report_in_plain_values():
    """In the seconds of the video, also where its frames come unevenly."""
    even = Footage(Path("a.mp4"), (4, 4), 20, Fraction(25), Fraction(0))
    assert Lost(5, 9, "held").told(even) == {"frames": [5, 9], "seconds": [0.2, 0.4], "done": "held"}
    uneven = replace(even, frames=4, moments=tuple(map(Fraction, (0, 1, 5, 6))))
    assert Lost(1, 2, "held").told(uneven)["seconds"] == [1, 6]
    assert Lost(3, 3, "held").told(uneven)["seconds"] == [6, 6.04]
