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

USE = "talking-head"


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
        return taken(request_for(portrait, ask(questions, portrait), **changes), portrait, questions)

    return answered


def ask(questions, portrait, use=USE):
    return questions.ask(portrait_id(portrait), use)


def taken(request, portrait, questions, use=USE):
    return record_from_request(request, portrait, questions, use=use, now=100)


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
    asked = ask(questions, second)
    with pytest.raises(InvalidRequest, match="for portrait"):
        taken(request_for(second, asked), portrait, questions)
    with pytest.raises(InvalidRequest, match="before anybody was asked"):
        taken(request_for(portrait, asked), portrait, questions)


def test_another_use_of_the_same_portrait_is_another_question(portrait, questions):
    asked, other = ask(questions, portrait), ask(questions, portrait, "full-body")
    assert asked != other
    with pytest.raises(InvalidRequest, match="before anybody was asked"):
        taken(request_for(portrait, asked), portrait, questions, "full-body")
    taken(request_for(portrait, asked), portrait, questions)
    assert questions.any_about(portrait_id(portrait))
    taken(request_for(portrait, other), portrait, questions, "full-body")
    assert not questions.any_about(portrait_id(portrait))


@pytest.mark.parametrize("question", ["", "0" * 32, "None", "\ud800"])
def test_a_request_that_nobody_was_asked_for_is_not_believed(portrait, questions, question):
    for _ in range(2):  # before and after somebody is asked
        with pytest.raises(InvalidRequest, match="before anybody was asked"):
            taken(request_for(portrait, question), portrait, questions)
        ask(questions, portrait)


def test_an_answer_counts_once_even_when_it_gives_nothing(portrait, questions):
    asked = ask(questions, portrait)
    assert ask(questions, portrait) == asked  # two open pages show the same question
    with pytest.raises(InputError, match="kind"):
        taken(request_for(portrait, asked, kind="deed"), portrait, questions)
    with pytest.raises(InvalidRequest, match="before anybody was asked"):
        taken(request_for(portrait, asked), portrait, questions)
    assert ask(questions, portrait) != asked


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
