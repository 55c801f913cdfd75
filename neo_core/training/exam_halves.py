"""The films of held-out people in two halves: with one settings are searched, on the other they are judged.

Who is in which half depends on the person's seed alone, so that it is the same in every folder and for every command:
`train neo2-schedule` and `train continuum-grid` search, `bench neo2` judges. Voices are in both; a voice has no looks.
"""

import hashlib
from collections.abc import Iterable

from .films import Film


def search_half(films: Iterable[Film]) -> list[Film]:
    """Films of people that settings are chosen on."""
    return [film for film in films if not judged(film.person)]


def bench_half(films: Iterable[Film]) -> list[Film]:
    """Films of people that no setting was chosen on."""
    return [film for film in films if judged(film.person)]


def judged(person: int) -> bool:
    """Whether a person belongs to the half that is judged."""
    return hashlib.blake2b(f"person {person}".encode(), digest_size=1).digest()[0] % 2 == 1
