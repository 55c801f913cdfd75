import dataclasses
import sqlite3
import time
from pathlib import Path

import pytest
import torch

from neo_core.governance import (
    ConsentLedger,
    ConsentRequired,
    ProtectedPerson,
    authorise,
    fingerprint,
    public_figures,
)
from neo_core.governance.consent_ledger import LedgerBroken
from neo_core.governance.record import KINDS, new_record


@pytest.fixture
def image():
    ramp = torch.linspace(0, 255, 64)
    return torch.stack(
        [ramp[:, None] + 0 * ramp, ramp[None] + 0 * ramp[:, None], 128 + 0 * ramp[:, None] * ramp], 2
    ).to(torch.uint8)


@pytest.fixture
def landmarks():
    return torch.rand(68, 2, generator=torch.Generator().manual_seed(3)) * 40 + 10


def consent(portrait, **changes):
    fields = {"adult": True, "issued": int(time.time()), "scope": ("talking-head",), "expires": None} | changes
    return new_record("self", "Ada Example", portrait, **fields)


def test_no_record_is_refused_with_the_command_that_adds_one(ledger, image, landmarks):
    with pytest.raises(ConsentRequired, match=r"neo_core consent add 'my photo\.png' --kind KIND") as caught:
        authorise(fingerprint(image, landmarks), "talking-head", source="my photo.png", ledger=ledger)
    assert all(f"{kind} ({meaning})" in str(caught.value) for kind, meaning in KINDS.items())
    command, *_ = (line for line in str(caught.value).splitlines() if line.startswith("  "))
    assert "--adult" not in command  # nobody's statement is written for them
    assert "Add --adult if it is true" in str(caught.value)


def test_a_record_grants_and_the_grant_is_bound_to_the_picture(grant_for, image, landmarks):
    grant = grant_for(image, landmarks)
    grant.require("talking-head")
    grant.require_portrait(image, landmarks)
    other = image.clone()
    other[0, 0, 0] ^= 1
    with pytest.raises(ConsentRequired, match="another picture"):
        grant.require_portrait(other, landmarks)


def test_a_record_for_one_face_does_not_move_the_other_in_the_same_photo(ledger, image, landmarks):
    second = 30 + 0.5 * landmarks + 4 * torch.randn(68, 2, generator=torch.Generator().manual_seed(5))
    ledger.add(consent(fingerprint(image, landmarks)))
    grant = authorise(fingerprint(image, landmarks), "talking-head", source="two.png", ledger=ledger)
    with pytest.raises(ConsentRequired, match="another face"):
        grant.require_portrait(image, second)
    with pytest.raises(ConsentRequired, match=r"two\.png.*--face 2"):
        authorise(fingerprint(image, second), "talking-head", source="two.png", face=2, ledger=ledger)


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path, image, landmarks):
    (tmp_path / "file").write_text("in the way")
    blocked = ConsentLedger(tmp_path / "file" / "neo")
    with pytest.raises(LedgerBroken, match="consent"):
        blocked.add(consent(fingerprint(image, landmarks)))


def test_looking_writes_nothing(tmp_path, image, landmarks):
    ledger = ConsentLedger(tmp_path / "neo")
    assert ledger.records() == []
    with pytest.raises(ConsentRequired):
        authorise(fingerprint(image, landmarks), "talking-head", source="a.png", ledger=ledger)
    assert not (tmp_path / "neo").exists()


@pytest.mark.parametrize(
    "change", [{"scope": ("full-body",)}, {"record": "0" * 32}, {"expires": 1}, {"folder": Path("x")}]
)
def test_a_changed_grant_is_refused(grant_for, image, landmarks, change):
    forged = dataclasses.replace(grant_for(image, landmarks), **change)
    with pytest.raises(ConsentRequired, match="not made by the consent gate"):
        forged.require("talking-head")


def test_wrong_scope_is_refused(ledger, image, landmarks):
    portrait = fingerprint(image, landmarks)
    ledger.add(consent(portrait, scope=("full-body",)))
    with pytest.raises(ConsentRequired, match="no consent record"):
        authorise(portrait, "talking-head", source="a.png", ledger=ledger)
    with pytest.raises(ConsentRequired, match="covers full-body"):
        authorise(portrait, "full-body", source="a.png", ledger=ledger).require("talking-head")


def test_revocation_reaches_a_grant_already_given(ledger, image, landmarks):
    portrait = fingerprint(image, landmarks)
    record = consent(portrait)
    ledger.add(record)
    grant = authorise(portrait, "talking-head", source="a.png", ledger=ledger)
    ledger.revoke(record.id, int(time.time()))
    with pytest.raises(ConsentRequired, match="revoked"):
        grant.require("talking-head")


def test_a_revocation_is_told_and_a_later_record_grants_again(ledger, image, landmarks):
    portrait = fingerprint(image, landmarks)
    record = consent(portrait)
    ledger.add(record)
    ledger.revoke(record.id, 1_900_000_000)
    told = refusal(lambda: authorise(portrait, "talking-head", source="a.png", ledger=ledger))
    assert f"the consent record {record.id[:8]} for a.png was revoked on 2030-03-17" in told
    assert "consent add a.png" in told
    stranger = fingerprint(image.flip(0), landmarks.flip(0))
    with pytest.raises(ConsentRequired, match="no consent record"):
        authorise(stranger, "talking-head", source="b.png", ledger=ledger)
    ledger.add(consent(portrait))
    authorise(portrait, "talking-head", source="a.png", ledger=ledger)


def test_expired_consent_grants_nothing(ledger, image, landmarks):
    portrait = fingerprint(image, landmarks)
    ledger.add(consent(portrait, issued=1000, expires=2000))
    with pytest.raises(ConsentRequired, match="no consent record"):
        authorise(portrait, "talking-head", source="a.png", ledger=ledger)


def test_a_resized_copy_is_covered_and_another_face_is_not(ledger, image, landmarks):
    ledger.add(consent(fingerprint(image, landmarks)))
    half = image[::2, ::2].contiguous()
    authorise(fingerprint(half, landmarks / 2), "talking-head", source="a.png", ledger=ledger)
    stranger = landmarks + 6 * torch.randn(68, 2, generator=torch.Generator().manual_seed(4))
    with pytest.raises(ConsentRequired):
        authorise(fingerprint(half, stranger / 2), "talking-head", source="a.png", ledger=ledger)


@pytest.mark.parametrize(
    "statement", ["update ledger set token = token || 'A' where number = 1", "delete from ledger where number = 1"]
)
def test_an_edited_ledger_refuses(ledger, image, landmarks, statement):
    portrait = fingerprint(image, landmarks)
    ledger.add(consent(portrait))
    ledger.add(consent(portrait))
    with sqlite3.connect(ledger.path) as db:
        db.execute(statement)
    with pytest.raises(LedgerBroken, match="row 1"):
        authorise(portrait, "talking-head", source="a.png", ledger=ledger)


def test_a_foreign_key_refuses(ledger, image, landmarks):
    ledger.add(consent(fingerprint(image, landmarks)))
    (ledger.folder / "consent_key.pem").write_text("nonsense")
    with pytest.raises(LedgerBroken, match="consent key"):
        ConsentLedger(ledger.folder).records()


def test_the_chain_survives_many_appends(ledger, image, landmarks):
    records = [consent(fingerprint(image, landmarks)) for _ in range(5)]
    for record in records:
        ledger.add(record)
    assert ledger.records() == records
    assert [entry.number for entry in ledger.entries()] == [1, 2, 3, 4, 5]


def test_a_grant_tells_nothing_of_its_record(ledger, image, landmarks):
    """Hosts write values and messages into logs and into answers that every client may read."""
    portrait = fingerprint(image, landmarks)
    record = consent(portrait, scope=("talking-head", "full-body"))
    ledger.add(record)
    grant = authorise(portrait, "talking-head", source="a.png", ledger=ledger)
    told = [str(grant), f"{grant!r}", str([grant]), str(grant.portrait)]
    told += [refusal(lambda: grant.require("reenactment"))]
    told += [refusal(lambda: grant.require_portrait(image.flip(0), landmarks))]
    told += [refusal(lambda: grant.require_portrait(image, landmarks.flip(0)))]
    ledger.revoke(record.id, int(time.time()))
    told += [refusal(lambda: grant.require("talking-head"))]
    personal = (record.name, record.id, portrait.pixels_sha256, str(ledger.folder))
    personal += (str(portrait.face_template)[1:20], str(grant.seal)[2:12])
    assert not [(text, word) for text in told for word in personal if word in text]
    assert sum(record.id[:8] in text for text in told) == 4  # its owner finds it in the ledger by that


def test_a_record_whose_name_has_since_been_listed_grants_nothing(ledger, image, landmarks, monkeypatch):
    portrait = fingerprint(image, landmarks)
    record = consent(portrait)
    ledger.add(record)
    monkeypatch.setattr(public_figures, "protected", lambda: {"ada example": "Ada Example"})
    with pytest.raises(ProtectedPerson, match=record.id[:8]) as caught:
        authorise(portrait, "talking-head", source="a.png", ledger=ledger)
    assert "Ada" not in str(caught.value)


def refusal(action):
    with pytest.raises(ConsentRequired) as caught:
        action()
    return str(caught.value)


def test_reenactment_needs_both_uses_of_one_record(ledger, image, landmarks):
    """Nobody is asked for one use, then for the other, in turns."""
    portrait = fingerprint(image, landmarks)
    for scope in (("talking-head",), ("reenactment",)):
        ledger.add(consent(portrait, scope=scope))
        with pytest.raises(ConsentRequired, match="--scope talking-head reenactment"):
            authorise(portrait, "reenactment", source="a.png", ledger=ledger)
    ledger.add(consent(portrait, scope=("talking-head", "reenactment")))
    grant = authorise(portrait, "reenactment", source="a.png", ledger=ledger)
    grant.require("talking-head")
    grant.require("reenactment")


def test_the_refusal_of_a_masked_clip_names_the_mask(ledger, image, landmarks):
    chosen = {"source": "clip.mts", "face": 2, "mask": Path("left chair.png")}
    with pytest.raises(ConsentRequired, match=r"consent add clip\.mts .* --face 2 --mask 'left chair\.png'"):
        authorise(fingerprint(image, landmarks), "talking-head", **chosen, ledger=ledger)
