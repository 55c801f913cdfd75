"""The clock: exact for any length and rate, over hours."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neo_core import timebase

RATES = st.sampled_from([Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
SAMPLE_RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
SAMPLES = st.integers(0, 10 * 3600 * 192000)  # ten hours


@given(SAMPLES, SAMPLE_RATES, RATES)
def test_frames_are_the_duration_times_fps_rounded_up(samples, sample_rate, fps):
    frames = timebase.frame_count(samples, sample_rate, fps)
    exact = Fraction(samples, sample_rate) * fps
    assert exact <= frames < exact + 1


def test_three_hours_of_film_lose_no_frame():
    film = timebase.parse_fps(23.976)
    assert timebase.frame_count(3 * 3600 * 48000, 48000, film) == 258942  # 258941.06 rounded up


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("23.976", Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (12.5, Fraction(25, 2)),
        (30, Fraction(30)),
    ],
)
def test_frame_rates_as_people_write_them(text, rate):
    assert timebase.parse_fps(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "fast", "0", "-25", "1/0", "1e9", "nan", float("nan"), float("inf"), "25 fps", "25.000000001", 24.00001],
)
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        timebase.parse_fps(text)
