"""One phone set for all sources."""

import pytest

from neo_core.training.synthetic import phones
from neo_core.training.synthetic.phones import ARTICULATION, BILABIALS, PHONES, VISEME_OF, VISEMES


def test_forty_phones_each_in_one_viseme_class():
    assert len(PHONES) == len(set(PHONES)) == 40
    members = [phone for row in VISEMES.values() for phone in row.split()]
    assert sorted(members) == sorted(PHONES)
    assert all(PHONES[k] in list(VISEMES.values())[VISEME_OF[k]].split() for k in range(40))


def test_only_bilabials_close_the_lips_fully():
    assert {phone for phone, a in ARTICULATION.items() if a.closure == 1} == set(BILABIALS)
    assert max(ARTICULATION, key=lambda p: ARTICULATION[p].rounding) in {"UW", "W"}


@pytest.mark.parametrize(
    ("symbol", "language", "expected"),
    [
        ("a", "gmw/en-US", ("AE",)),
        ("a", "roa/es", ("AA",)),
        ("A@", "gmw/en-US", ("AA", "R")),
        ("A@", "gmw/en", ("AA",)),
        ("y:", "gmw/de", ("UW",)),
        ("y", "zlw/pl", ("IH",)),
        ("ts", "zle/ru", ("T", "S")),
        ("tS;h", "sit/cmn-Latn-pinyin", ("CH",)),
        ("t;", "zle/ru", ("T",)),
        ("_:", "gmw/en", ("SIL",)),
        ("(en)", "jpx/ja", ("SIL",)),
        (";", "zle/ru", ()),
    ],
)
def test_espeak_phonemes(symbol, language, expected):
    assert phones.from_espeak(symbol, language) == expected


def test_other_sources():
    assert phones.from_flite("ax") == ("AH",)
    assert phones.from_flite("pau") == ("SIL",)
    assert phones.from_cmu("EY1") == ("EY",)


@pytest.mark.parametrize("read", [phones.from_cmu, phones.from_flite, lambda s: phones.from_espeak(s, "gmw/en")])
def test_an_unknown_symbol_is_named(read):
    with pytest.raises(ValueError, match="£"):
        read("£")
