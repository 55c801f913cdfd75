"""Any span of a sound that streams by: the same as of the whole, zeros outside, and nothing kept that is past."""

import pytest
import torch

from neo_core.pipelines.hearing import HeardSpan

WHOLE = torch.randn(2, 100, 3)
PAST = [(-8, 4), (0, 20), (0, 12), (13, 40), (30, 31), (90, 108), (99, 120), (104, 112), (140, 150)]


def span_of(piece, taken=None):
    def pieces():
        for start in range(0, 100, piece):
            if taken is not None:
                taken.append(start)
            yield WHOLE[:, start : start + piece]

    return HeardSpan(pieces(), 2, 3)


@pytest.mark.parametrize("piece", [1, 7, 33, 100])
def test_spans_are_those_of_the_whole_with_zeros_around(piece):
    span = span_of(piece)
    around = torch.nn.functional.pad(WHOLE, (0, 0, 50, 100))
    for first, last in PAST:
        assert torch.equal(span(first, last), around[:, first + 50 : last + 50]), (first, last)


def test_only_what_is_needed_is_heard_and_kept():
    taken = []
    span = span_of(10, taken)
    span(0, 15)
    assert taken == [0, 10]
    span(42, 44)
    assert taken[-1] == 40
    assert span._held.shape[1] == 8
    assert span._held.untyped_storage().nbytes() == span._held.numel() * 4


def test_what_is_past_is_gone():
    span = span_of(10)
    span(30, 40)
    with pytest.raises(AssertionError, match="none before 30"):
        span(20, 40)
