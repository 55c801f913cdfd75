"""Names that get no avatar, and how a name is compared with them.

NEO post: "Our systems actively block the creation of avatars depicting famous people or politicians." A list of names
can only stop an honest label; it says so, and claims no coverage.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

from ..data_types import InputError

LIST = Path(__file__).with_name("public_figures.txt")
TITLES = frozenset(
    {
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "prof",
        "sir",
        "dame",
        "lord",
        "lady",
        "the",
        "jr",
        "sr",
        "ii",
        "iii",
        "president",
        "chancellor",
        "minister",
        "senator",
        "congressman",
        "congresswoman",
        "governor",
    }
)
LOOKALIKES = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "l"}
)


class ProtectedPerson(InputError):
    """The name is, or nearly is, that of a public figure."""


def screen(name: str) -> None:
    """Raise ProtectedPerson when `name` is on the list of public figures, also slightly misspelt."""
    match = find(name)
    if match is not None:
        raise ProtectedPerson(
            f"the name {name.strip()!r} is that of a public figure or close to it ({match}); avatars of public "
            f"figures are not made. Expected the name of a private person, or of a person who does not exist"
        )


def find(name: str) -> str | None:
    """The listed name that `name` is taken for, or None."""
    words = normalise(name)
    for spelling in (words, normalise(name.translate(LOOKALIKES))):
        joined = " ".join(spelling)
        if joined in protected():
            return protected()[joined]
        for listed, title in protected().items():
            if _contains(spelling, listed.split()) or nearly_equal(joined, listed):
                return title
    return None


def normalise(name: str) -> list[str]:
    """Lower-case words without accents, punctuation, single initials or titles, in alphabetical order."""
    decomposed = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    plain = plain.replace("ø", "o").replace("ł", "l").replace("đ", "d").replace("æ", "ae").replace("'", "")
    words = re.findall(r"\w+", plain)
    kept = [w for w in words if len(w) > 1 and w not in TITLES]
    return sorted(kept if len(kept) > 1 else words)


@cache
def protected() -> dict[str, str]:
    """Normalised name -> name as listed, for everyone on the list."""
    names = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(("#", "[")):
            spellings = [part.strip() for part in line.split("|")]
            names |= {" ".join(normalise(spelling)): spellings[0] for spelling in spellings}
    return names


def nearly_equal(a: str, b: str) -> bool:
    """One slip of the pen per eight letters: a letter more, less, other, or two swapped."""
    allowed = min(max(len(a), len(b)) // 8, 3)
    if allowed == 0 or abs(len(a) - len(b)) > allowed:
        return False
    return edit_distance(a, b) <= allowed


def edit_distance(a: str, b: str) -> int:
    """Damerau-Levenshtein distance (optimal string alignment)."""
    before, row = [], list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _contains(words: list[str], listed: list[str]) -> bool:
    """All words of a listed full name occur in a longer name."""
    return len(listed) > 1 and set(listed) <= set(words)
