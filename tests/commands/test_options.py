"""Option values: parsed as people write them, bounded."""

import argparse
import re
from fractions import Fraction

import pytest

from neo_core.commands import animate, options
from neo_core.flow.guidance import slider_weight


def test_good_values():
    assert options.fps("29.97") == Fraction(30000, 1001)
    assert options.size("512") == 512
    assert options.seed("0") == 0
    assert options.steps("8") == 8
    assert options.guidance("1.5") == 1.5
    assert options.share("0.25") == 0.25


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (options.fps, "fast"),
        (options.fps, "0"),
        (options.size, "63"),
        (options.size, "1e9"),
        (options.size, "-512"),
        (options.seed, "-1"),
        (options.seed, "²"),
        (options.steps, "0"),
        (options.guidance, "3.1"),
        (options.guidance, "nan"),
        (options.guidance, "-1"),
        (options.guidance, "much"),
        (options.share, "1.1"),
        (options.share, "-0.1"),
        (options.share, "nan"),
    ],
)
def test_bad_values_say_what_was_expected(parse, text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected"):
        parse(text)


def test_the_help_of_animate_says_what_weight_a_slider_has():
    parser = argparse.ArgumentParser()
    animate.add_arguments(parser)
    told = {a.dest.removeprefix("guidance_"): a.help for a in parser._actions if a.dest.startswith("guidance_")}
    for signal in ("audio", "identity"):
        share = float(re.search(r"1 \+ ([\d.]+) \(S - 1\)", told[signal]).group(1))
        assert "0 to 3;" in told[signal]
        assert [1 + share * (slider - 1) for slider in (1.5, 2.0)] == [slider_weight(signal, s) for s in (1.5, 2.0)]
    assert "its weight beyond 1, too" in told["reference"]
    assert slider_weight("reference", 2.0) == 2.0
