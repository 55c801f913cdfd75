"""Phone chains and labels."""

from itertools import pairwise

import pytest
import torch

from neo_core.training.synthetic.utterance import RATE, Phone, Utterance, Word, join, labels, text_words, tidy


def utterance(*phones: tuple[str, float, float], seconds: float = 1.0) -> Utterance:
    chain = tidy([Phone(*p) for p in phones], seconds)
    return Utterance(torch.ones(round(seconds * RATE)), chain, (Word("a", 0.2, 0.5),), "test", "a.")


def test_tidy_phones_lie_back_to_back():
    chain = tidy([Phone("AA", 0.2, 0.4), Phone("S", 0.41, 0.5), Phone("S", 0.5, 0.5)], 1.0)
    assert [p.symbol for p in chain] == ["SIL", "AA", "S", "SIL"]
    assert chain[0].start == 0
    assert chain[-1].end == 1.0
    assert all(a.end == b.start for a, b in pairwise(chain))


def test_lips_close_before_the_burst():
    chain = tidy([Phone("AA", 0.0, 0.3), Phone("P", 0.5, 0.55), Phone("IY", 0.55, 1.0)], 1.0)
    assert [p.symbol for p in chain] == ["AA", "SIL", "P", "IY"]
    assert chain[2].start == pytest.approx(0.45)


def test_a_short_gap_before_a_plosive_is_its_closure():
    chain = tidy([Phone("AA", 0.0, 0.3), Phone("P", 0.34, 0.4), Phone("IY", 0.4, 1.0)], 1.0)
    assert [p.symbol for p in chain] == ["AA", "P", "IY"]
    assert chain[1].start == pytest.approx(0.3)


def test_labels_follow_the_phones():
    index, sure = labels(utterance(("M", 0.25, 0.5), ("AA", 0.5, 0.75)))
    assert len(index) == len(sure) == 100
    assert index[19] == 0
    assert len(set(index[21:49].tolist())) == 1
    assert index[30] != index[60]


def test_join_moves_times_along():
    one = utterance(("M", 0.25, 0.5))
    both = join([one, one], [0.1, 0.5, 0.2])
    assert both.seconds == pytest.approx(2.8)
    assert both.words[1].start == pytest.approx(0.1 + 1.0 + 0.5 + 0.2)
    assert [p.symbol for p in both.phones] == ["SIL", "M", "SIL", "M", "SIL"]
    assert both.samples[: round(0.1 * RATE)].abs().max() == 0


def test_words_of_a_text_know_their_punctuation():
    assert text_words("Well... no, it's Bob's! Or?") == [
        ("Well", "..."), ("no", ","), ("it's", ""), ("Bob's", "!"), ("Or", "?"),
    ]  # fmt: skip
