"""One phone set for all speech, whatever made it: 39 ARPAbet phones and silence.

Sounds of other languages are mapped by articulation, lips first: French "u" [y] becomes UW because the lips round, the
Spanish "b" between vowels becomes V because the lips nearly close, a trilled or tapped "r" becomes D because the lips
do nothing.
"""

from dataclasses import dataclass

PHONES = (
    "SIL",
    "AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW",
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
INDEX = {phone: k for k, phone in enumerate(PHONES)}
SIL = INDEX["SIL"]

VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
BILABIALS = frozenset(["P", "B", "M"])
PLOSIVES = frozenset(["P", "B", "T", "D", "K", "G", "CH", "JH"])

# What the face can show: phones that look alike share a class.
VISEMES = {
    "silence": "SIL", "bilabial": "P B M", "labiodental": "F V", "rounded": "UW UH OW W OY", "open": "AA AE AH AY AW",
    "open rounded": "AO", "spread": "IY IH EY EH Y", "rhotic": "R ER", "dental": "TH DH", "alveolar": "T D N L S Z",
    "postalveolar": "CH JH SH ZH", "velar": "K G NG HH",
}  # fmt: skip
VISEME_OF = tuple(next(k for k, row in enumerate(VISEMES.values()) if phone in row.split()) for phone in PHONES)


@dataclass(frozen=True)
class Articulation:
    """What the lips and the jaw do for a phone, each 0..1."""

    closure: float  # lips touch
    rounding: float
    openness: float  # jaw and lips apart
    spread: float


_RAW = {  # closure, rounding, openness, spread
    "SIL": (0.3, 0, 0, 0), "AA": (0, 0, 1, 0.1), "AE": (0, 0, 0.85, 0.5), "AH": (0, 0, 0.55, 0.1),
    "AO": (0, 0.6, 0.75, 0), "AW": (0, 0.5, 0.8, 0), "AY": (0, 0, 0.85, 0.4), "EH": (0, 0, 0.6, 0.5),
    "ER": (0, 0.45, 0.35, 0), "EY": (0, 0, 0.5, 0.7), "IH": (0, 0, 0.35, 0.5), "IY": (0, 0, 0.25, 0.9),
    "OW": (0, 0.85, 0.45, 0), "OY": (0, 0.6, 0.5, 0.2), "UH": (0, 0.6, 0.3, 0), "UW": (0, 1, 0.2, 0),
    "B": (1, 0, 0, 0), "P": (1, 0, 0, 0), "M": (1, 0, 0, 0), "F": (0.6, 0, 0.1, 0.1), "V": (0.6, 0, 0.1, 0.1),
    "W": (0.1, 1, 0.1, 0), "R": (0, 0.5, 0.2, 0), "CH": (0, 0.6, 0.15, 0), "JH": (0, 0.6, 0.15, 0),
    "SH": (0, 0.65, 0.15, 0), "ZH": (0, 0.65, 0.15, 0), "S": (0, 0, 0.1, 0.5), "Z": (0, 0, 0.1, 0.5),
    "T": (0, 0, 0.15, 0.3), "D": (0, 0, 0.15, 0.3), "N": (0, 0, 0.2, 0.2), "L": (0, 0, 0.3, 0.2),
    "TH": (0, 0, 0.2, 0.2), "DH": (0, 0, 0.2, 0.2), "K": (0, 0, 0.25, 0.2), "G": (0, 0, 0.25, 0.2),
    "NG": (0, 0, 0.25, 0.2), "HH": (0, 0, 0.4, 0.1), "Y": (0, 0, 0.2, 0.8),
}  # fmt: skip
ARTICULATION = {phone: Articulation(*_RAW[phone]) for phone in PHONES}

# espeak-ng mnemonics after their marks (stress, length, palatal ...) are taken off.
_ESPEAK = {
    # vowels
    "@": "AH", "@2": "AH", "@5": "AH", "@-": "AH", "@L": "AH L", "@r": "ER", "3": "ER", "3:": "ER", "V": "AH",
    "VR": "ER", "IR": "ER", "VU": "AW", "a": "AA", "a#": "AH", "a-": "AA", "aa": "AE", "a:": "AA", "A": "AA",
    "A:": "AA", "A@": "AA R", "0": "AA", "O": "AO", "O:": "AO", "O2": "AO", "O@": "AO R", "o": "OW", "o:": "OW",
    "o@": "AO R", "o-": "AH", "ong": "AO NG", "oU": "OW", "OI": "OY", "oi": "OY", "oI": "OY", "OY": "OY", "uo": "OW",
    "U": "UH", "U@": "UH R", "u": "UW", "u:": "UW", "u#": "UW", 'u"': "UW", "u-": "IH", "y": "UW", "y:": "UW",
    "y-": "UW", "Y": "UH", "Y:": "UH", "W": "UH", "8": "UH", "I": "IH", "I2": "IH", "I#": "IH", "i": "IY", "i:": "IY",
    "i@": "IH R", "i@3": "IH R", "iA": "Y AA", "iE": "Y EH", "iU": "IY UW", "E": "EH", "E:": "EH", "E2": "EH",
    "E-": "EH", "E#": "EH", "e": "EH", "e:": "EY", "e@": "EH R", "eI": "EY", "ei": "EY", "EI": "EY", "eU": "EH UW",
    "aI": "AY", "aI2": "AY", "ai": "AY", "aI@": "AY ER", "aU": "AW", "au": "AW", "Au": "AW", "&": "AE", "&i": "AY",
    "&y": "AE UW", "&U": "AW",
    # consonants
    "p": "P", "p#": "P", "p2": "P", "p-": "P", "ph": "P", "p\\": "F", "pF": "P F", "b": "B", "B": "V", "m": "M",
    "f": "F", "v": "V", "v#": "V", "w": "W", "w#": "W", "t": "T", "t#": "D", "t2": "T", "t[": "T", "t-": "T",
    "th": "T", "t.": "T", "t.#": "T", "d": "D", "d[": "D", "dH": "D", "D": "DH", "T": "TH", "*": "D", "**": "D",
    "r.": "D", "r`": "D", "r": "R", "r-": "R", "R": "D", "R2": "D", "s": "S", "ss": "S", "s2": "S", "s-": "S",
    "s[": "S", "z": "Z", "z2": "Z", "S": "SH", "s.": "SH", "s\\": "SH", "Z": "ZH", "z.": "ZH", "C": "HH", "tS": "CH",
    "t_s\\": "CH", "ts.h": "CH", "ts.": "CH", "ts": "T S", "ts2": "T S", "tsh": "T S", "dz": "D Z", "d_z\\": "JH",
    "dZ": "JH", "n": "N", "n^": "N Y", "N": "NG", "l": "L", "l^": "L Y", "L": "L", "J": "G", "J#": "G", "J^": "Y",
    "j": "Y", "_j": "Y", "ja": "Y AA", "k": "K", "k#": "K", "kh": "K", "c": "K", "c#": "K", "q": "K", "q-": "K",
    "g": "G", "Q": "G", "h": "HH", "H": "HH", "x": "HH", "X": "HH",
}  # fmt: skip
_SOFT = {"tS;": "CH", "tS;h": "CH", "ts;": "CH", "dz;": "JH", "dZ;": "JH", "S;": "SH", "s;": "SH", "z;": "ZH"}
# The same mnemonic is another sound in another language (longest prefix of the language file wins).
_BY_LANGUAGE = {
    "gmw/en": {
        "a": "AE", "0": "AO", "3": "AH", "A@": "AA", "O@": "AO", "o@": "AO", "e@": "EH", "U@": "UH", "i@": "IH",
        "i@3": "IH",
    },
    "gmw/en-US": {"0": "AA", "3": "ER", "A@": "AA R", "O@": "AO R", "o@": "AO R", "e@": "EH R", "U@": "UH R",
        "i@": "IH R", "i@3": "IH R"},
    "gmw/de": {"3": "AH", "r": "G", "W": "UH"},
    "roa/fr": {"r": "G", "E~": "AE", "W~": "AH", "A~": "AO", "O~": "OW", "@-": "UH", "@": "UH"},
    "zlw/pl": {"y": "IH"}, "zle/ru": {"y": "IH", "V": "AH", "ja": "Y AA"},
    "trk/tr": {"&": "IH"}, "roa/pt-BR": {"&": "AH", "y": "IH"},
}  # fmt: skip
_SILENT = ("_", "(")
_MARKS = ";:~'^\"!-"

_FLITE = {"pau": "SIL", "ax": "AH", "axr": "ER", "el": "L", "em": "M", "en": "N", "dx": "D", "nx": "N", "hv": "HH"}


def from_cmu(symbol: str) -> tuple[str, ...]:
    """A phone of the CMU dictionary, with or without its stress digit."""
    phone = symbol.upper().rstrip("012")
    if phone not in INDEX:
        raise ValueError(f"phone {symbol!r} found, expected one of the CMU dictionary")
    return (phone,)


def from_flite(symbol: str) -> tuple[str, ...]:
    """A segment name of flite's US English voices."""
    return from_cmu(_FLITE.get(symbol, symbol))


def from_espeak(symbol: str, language: str) -> tuple[str, ...]:
    """The phones of an espeak-ng mnemonic in a language such as "gmw/en-US"; () for a mark that is no sound itself."""
    if symbol.startswith(_SILENT):
        return ("SIL",)
    if not symbol.strip(_MARKS + "?|%,="):
        return ()
    tables = [_BY_LANGUAGE[k] for k in sorted(_BY_LANGUAGE, key=len, reverse=True) if language.startswith(k)]
    for name in (symbol, symbol.rstrip("~"), symbol.rstrip(_MARKS), symbol[:1]):
        if name in _SOFT:
            return (_SOFT[name],)
        for table in (*tables, _ESPEAK):
            if name in table:
                return tuple(table[name].split())
    raise ValueError(f"espeak-ng phoneme {symbol!r} of {language} is not in the table of phones")
