"""A statement made at an interface becomes a record of one face in one picture, or nothing."""

import json

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.governance import ConsentRequired, InvalidRequest, fingerprint, portrait_id, record_from_request
from neo_core.governance import require_grant as require
from neo_core.governance.request import end_of_day


@pytest.fixture
def portrait():
    return fingerprint(torch.full((32, 32, 3), 9, dtype=torch.uint8), torch.rand(68, 2) * 20)


def request_for(portrait, **changes):
    fields = {"portrait": portrait_id(portrait), "kind": "self", "name": "Ada Example", "adult": True}
    return json.dumps(fields | {"scope": ["talking-head"], "expires": None} | changes).encode()


def test_a_request_says_what_the_record_says(portrait):
    record = record_from_request(request_for(portrait, expires="2030-12-31", kind="artwork"), portrait, now=100)
    assert (record.kind, record.name, record.issued, record.portrait) == ("artwork", "Ada Example", 100, portrait)
    assert record.expires == end_of_day("2030-12-31") == 1924991999


def test_another_face_of_the_same_picture_is_another_portrait(portrait):
    second = fingerprint(torch.full((32, 32, 3), 9, dtype=torch.uint8), torch.rand(68, 2) * 20)
    assert second.pixels_sha256 == portrait.pixels_sha256
    assert portrait_id(second) != portrait_id(portrait)
    with pytest.raises(InvalidRequest, match="for portrait"):
        record_from_request(request_for(second), portrait, now=100)


def test_an_adult_statement_must_be_made(portrait):
    with pytest.raises(InputError, match="adult"):
        record_from_request(request_for(portrait, adult=False), portrait, now=100)


def test_withdrawals_count_what_ends_and_not_what_begins(ledger, portrait):
    short, lasting = (
        record_from_request(request_for(portrait, expires=day), portrait, now=100) for day in ("2001-01-01", None)
    )
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
    for value in (None, "grant", vars(grant), Friendly(**fields), type(grant)(**fields | {"name": "Eve"})):
        with pytest.raises(ConsentRequired):
            require(value)
