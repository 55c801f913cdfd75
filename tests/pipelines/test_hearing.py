"""Any span of a sound that streams by: the same as of the whole, silence outside, and nothing kept that is past."""

import pytest
import torch

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.audio.encoder import encode
from neo_core.data_types import Waveform
from neo_core.pipelines.hearing import HeardSpan, silence

WHOLE = torch.randn(2, 100, 3)
QUIET = torch.randn(2, 3)
PAST = [(-8, 4), (0, 20), (0, 12), (13, 40), (30, 31), (90, 108), (99, 120), (104, 112), (140, 150)]


def span_of(piece, taken=None):
    def pieces():
        for start in range(0, 100, piece):
            if taken is not None:
                taken.append(start)
            yield WHOLE[:, start : start + piece]

    return HeardSpan(pieces(), QUIET)


@pytest.mark.parametrize("piece", [1, 7, 33, 100])
def test_spans_are_those_of_the_whole_with_silence_around(piece):
    span = span_of(piece)
    around = torch.cat([QUIET[:, None].expand(-1, 50, -1), WHOLE, QUIET[:, None].expand(-1, 100, -1)], 1)
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


def test_silence_is_what_pauses_are_heard_as():
    """After a second of nothing, whatever was said before; not zeros, which networks take for a sound not known."""
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=16, inner=16, dilations=(1, 2))).eval()
    said = 0.1 * torch.randn(1, 16000)
    states = encode(encoder, Waveform(torch.cat([said, torch.zeros(1, 32000)], 1), 16000)).hidden_states
    quiet = silence(encoder)
    assert quiet.abs().max() > 0.5
    torch.testing.assert_close(states[:, 100], quiet, atol=1e-4, rtol=0)
    assert (states[:, 25] - quiet).abs().max() > 0.1
