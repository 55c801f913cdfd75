"""A consent request: the statement of a person at a graphical interface, on its way to a signed record.

The interface writes what its user stated as JSON; the machine that holds the portrait makes the record of it. A request
is believed for one portrait, the one it names, only as the answer to a question that this process asked when it refused
that portrait, and only when it has exactly the form below. So a file that was put there before anybody was asked grants
nothing; who can read the refusal and write the file, as every program of this user can, is not kept out.
"""

import hashlib
import json
import secrets
import unicodedata
from datetime import date, datetime, time, timezone

from ..data_types import InputError
from .portrait import Portrait
from .record import ConsentRecord, canonical, new_record

FORM = {"portrait": str, "question": str, "kind": str, "name": str, "adult": bool, "scope": list, "expires": str | None}
LONGEST = 10_000  # bytes


class InvalidRequest(InputError):
    """A request of another form, for another portrait, or that nobody was asked for."""


class Questions:
    """What this process has asked: one question for each refused use of a portrait, good for one answer."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], str] = {}

    def ask(self, portrait: str, use: str) -> str:
        """The question about a use of a portrait, by its id; the same until it is answered."""
        return self._open.setdefault((portrait, use), secrets.token_hex(16))

    def settle(self, portrait: str, use: str, question: str) -> bool:
        """Whether this is the open question about that use of the portrait; it is not any more."""
        asked = self._open.get((portrait, use)) == question
        if asked:
            self.drop(portrait, use)
        return asked

    def drop(self, portrait: str, use: str) -> None:
        """Expect no answer about that use of a portrait any more."""
        self._open.pop((portrait, use), None)

    def any_about(self, portrait: str) -> bool:
        """Whether an answer about some use of the portrait is still expected."""
        return any(asked == portrait for asked, _ in self._open)


def portrait_id(portrait: Portrait) -> str:
    """Short name of one face in one picture: 16 hexadecimal digits."""
    face = [portrait.pixels_sha256, list(portrait.face_template)]
    return hashlib.sha256(canonical({"face": face})).hexdigest()[:16]


def record_from_request(
    request: bytes, portrait: Portrait, questions: Questions, *, use: str, now: int
) -> ConsentRecord:
    """The record that a request asks for; it settles the question it answers, which was about this use.

    Raises InvalidRequest, or what `new_record` raises.
    """
    fields = _read(request)
    if fields["portrait"] != portrait_id(portrait):
        raise InvalidRequest(f"the consent request is for portrait {fields['portrait']!r:.40}; expected this one's")
    if not questions.settle(fields["portrait"], use, fields["question"]):
        raise InvalidRequest("the consent request was made before anybody was asked; expected an answer to the refusal")
    unwritable = any(unicodedata.category(letter) in ("Cc", "Cs") for letter in fields["name"])
    if len(fields["name"]) > 200 or unwritable or not all(isinstance(scope, str) for scope in fields["scope"]):
        raise InvalidRequest("the consent request has a name or scope of another form; expected a name and words")
    return new_record(
        fields["kind"],
        fields["name"],
        portrait,
        adult=fields["adult"],
        issued=now,
        scope=tuple(fields["scope"]),
        expires=None if fields["expires"] is None else end_of_day(fields["expires"]),
    )


def end_of_day(day: str) -> int:
    """The last second of a day such as 2030-12-31, UTC, in seconds since 1970. Raises InputError when it is no date."""
    try:
        last_second = datetime.combine(date.fromisoformat(day), time(23, 59, 59), timezone.utc)
    except ValueError as error:
        raise InputError(f"date {day!r:.40} is not a day; expected for example 2030-12-31") from error
    return int(last_second.timestamp())


def _read(request: bytes) -> dict:
    """The fields of a request, of the right types."""
    try:
        fields = json.loads(request) if len(request) <= LONGEST else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or fields.keys() != FORM.keys():
        raise InvalidRequest(f"the consent request is not of the expected form; expected JSON with {', '.join(FORM)}")
    for name, kind in FORM.items():
        if not isinstance(fields[name], kind):
            found = type(fields[name]).__name__
            raise InvalidRequest(f"the consent request has {name} of type {found}; expected another")
    return fields
