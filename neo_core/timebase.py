"""The one clock: video frames, audio samples and feature frames, exact at any frame rate and over hours.

Every conversion is integer or `Fraction` arithmetic, so 23.976 fps over three hours loses no frame. Frame `m` of a
video at `fps` covers the time [m / fps, (m + 1) / fps); sample `n` of a sound sits at n / sample_rate.
"""

from fractions import Fraction

FEATURE_RATE = 50  # audio feature frames per second: two per motion frame
MOTION_RATE = 25  # frames per second VOCAL thinks in; other video rates are resampled from it
PAIR = FEATURE_RATE // MOTION_RATE  # feature frames per motion frame
NTSC = {Fraction(24): Fraction(24000, 1001), Fraction(30): Fraction(30000, 1001), Fraction(60): Fraction(60000, 1001)}
MIN_FPS, MAX_FPS = 1, 240
MAX_DENOMINATOR = 1001  # a video file counts in whole ticks, which must stay small: three decimals are enough


def parse_fps(value: str | int | float | Fraction) -> Fraction:
    """Frame rate as an exact fraction: 25, "30000/1001", and 23.976 / 29.97 / 59.94 as their NTSC rates.

    Raises ValueError when the value is no number, outside 1..240, or finer than a video file can tell.
    """
    try:
        fps = Fraction(value) if not isinstance(value, float) else Fraction(str(value))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(
            f"frame rate {value!r} is not a number; expected for example 25, 29.97 or 30000/1001"
        ) from error
    if not MIN_FPS <= fps <= MAX_FPS:
        raise ValueError(f"frame rate {value} is outside the expected range {MIN_FPS} to {MAX_FPS}")
    for exact in NTSC.values():
        if fps.denominator != 1 and abs(fps - exact) < Fraction(1, 100):
            return exact
    if fps.denominator > MAX_DENOMINATOR:
        raise ValueError(f"frame rate {value} is too fine; expected at most three decimals or a rate like 30000/1001")
    return fps


def frame_count(samples: int, sample_rate: int, fps: Fraction) -> int:
    """Video frames that cover `samples` of sound: ceil(duration x fps)."""
    return -(-samples * fps.numerator // (sample_rate * fps.denominator))
