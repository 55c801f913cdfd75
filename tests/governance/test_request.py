"""A statement made at an interface becomes a record of one face in one picture, or nothing."""

import json

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.governance import (
    ConsentRequired,
    InvalidRequest,
    Questions,
    fingerprint,
    portrait_id,
    record_from_request,
)
from neo_core.governance import require_grant as require
from neo_core.governance.request import end_of_day


@pytest.fixture
def portrait():
    return fingerprint(torch.full((32, 32, 3), 9, dtype=torch.uint8), torch.rand(68, 2) * 20)


@pytest.fixture
def questions():
    return Questions()


@pytest.fixture
def answer(portrait, questions):
    """A function: the record that a request, changed like this, gets for the portrait."""

    def answered(**changes):
        question = questions.ask(portrait_id(portrait))
        return record_from_request(request_for(portrait, question, **changes), portrait, questions, now=100)

    return answered


def request_for(portrait, question, **changes):
    fields = {"portrait": portrait_id(portrait), "question": question, "kind": "self", "name": "Ada Example"}
    return json.dumps(fields | {"adult": True, "scope": ["talking-head"], "expires": None} | changes).encode()


def test_a_request_says_what_the_record_says(answer, portrait):
    record = answer(expires="2030-12-31", kind="artwork")
    assert (record.kind, record.name, record.issued, record.portrait) == ("artwork", "Ada Example", 100, portrait)
    assert record.expires == end_of_day("2030-12-31") == 1924991999


def test_another_face_of_the_same_picture_is_another_portrait(portrait, questions):
    second = fingerprint(torch.full((32, 32, 3), 9, dtype=torch.uint8), torch.rand(68, 2) * 20)
    assert second.pixels_sha256 == portrait.pixels_sha256
    assert portrait_id(second) != portrait_id(portrait)
    asked = questions.ask(portrait_id(second))
    with pytest.raises(InvalidRequest, match="for portrait"):
        record_from_request(request_for(second, asked), portrait, questions, now=100)
    with pytest.raises(InvalidRequest, match="before anybody was asked"):
        record_from_request(request_for(portrait, asked), portrait, questions, now=100)


@pytest.mark.parametrize("question", ["", "0" * 32, "None", "\ud800"])
def test_a_request_that_nobody_was_asked_for_is_not_believed(portrait, questions, question):
    for _ in range(2):  # before and after somebody is asked
        with pytest.raises(InvalidRequest, match="before anybody was asked"):
            record_from_request(request_for(portrait, question), portrait, questions, now=100)
        questions.ask(portrait_id(portrait))


def test_an_answer_counts_once_even_when_it_gives_nothing(portrait, questions):
    asked = questions.ask(portrait_id(portrait))
    assert questions.ask(portrait_id(portrait)) == asked  # two open pages show the same question
    with pytest.raises(InputError, match="kind"):
        record_from_request(request_for(portrait, asked, kind="deed"), portrait, questions, now=100)
    with pytest.raises(InvalidRequest, match="before anybody was asked"):
        record_from_request(request_for(portrait, asked), portrait, questions, now=100)
    assert questions.ask(portrait_id(portrait)) != asked


@pytest.mark.parametrize("name", ["\ud800", "Ada\x1b[2J", "Ada\nvalid without end"])
def test_a_name_that_no_terminal_can_show_is_refused(answer, name):
    with pytest.raises(InvalidRequest, match="name"):
        answer(name=name)


def test_an_adult_statement_must_be_made(answer):
    with pytest.raises(InputError, match="adult"):
        answer(adult=False)


def test_withdrawals_count_what_ends_and_not_what_begins(ledger, answer):
    short, lasting = (answer(expires=day) for day in ("2001-01-01", None))
    for record in (short, lasting):
        ledger.add(record)
    assert ledger.withdrawals(short.expires - 1) == 0
    assert ledger.withdrawals(short.expires) == 1
    ledger.revoke(lasting.id, 200)
    assert ledger.withdrawals(short.expires) == 2


def test_only_a_grant_of_the_gate_is_genuine(grant_for):
    image, landmarks = torch.zeros(32, 32, 3, dtype=torch.uint8), torch.rand(68, 2) * 20
    grant = grant_for(image, landmarks)
    assert require(grant) is grant

    class Friendly(type(grant)):
        def require(self, scope):
            pass

    fields = {name: getattr(grant, name) for name in grant.__dataclass_fields__}
    for value in (None, "grant", vars(grant), Friendly(**fields), type(grant)(**fields | {"record": "0" * 32})):
        with pytest.raises(ConsentRequired):
            require(value)
