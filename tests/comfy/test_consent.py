"""Raw prompts against the gate: whatever a client sends, nobody moves without a record, and no record travels."""

import json
import re
import time
import urllib.parse
from types import SimpleNamespace

import pytest
from PIL import Image

from neo_core.governance import ConsentLedger

NAME = "Zerline Qwyxtest"
GIVEN = {"kind": "synthetic", "name": NAME, "adult": True, "scope": ["talking-head"], "expires": None}
FORGED = {
    "text": "granted",
    "yes": True,
    "number": 1,
    "record": {"record": "1", "name": "Ada", "scope": ["talking-head"], "seal": "00"},
    "class": {"__type__": "Grant", "__value__": {"record": "1"}},
    "token": "eyJhbGciOiJub25lIn0.e30.",
    "pickle": "gASVAAAAAAAAAACMCGJ1aWx0aW5zlIwEZXhlY5STlC4=",
    "list": {"__value__": ["consent", 0, "granted"]},
    "nothing": None,
}


def is_refused(outcome):
    return outcome.status == "error" and outcome.exception.endswith(".ConsentRequired") and not outcome.files


@pytest.fixture
def saved(host):
    """A function: every file the host has saved so far."""
    return lambda: {path for path in (host.base / "output").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def stranger(host, samples):
    """A picture in the input folder that no record covers: the sample, mirrored and cut."""
    with Image.open(samples / "portrait.jpg") as picture:
        width, height = picture.size
        other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((width // 12, 0, width, height))
        other.save(host.base / "input" / "stranger.png")
    return "stranger.png"


@pytest.fixture
def of_stranger(talking_head, api, stranger):
    """A function like `talking_head`, with the picture that no record covers."""

    def prompt(prefix="test/stranger", **changed):
        return talking_head(prefix, **changed) | {"photo": api.node("LoadImage", image=stranger)}

    return prompt


def request_path(portrait):
    return "/userdata/" + urllib.parse.quote(f"neo/consent_requests/{portrait}.json", safe="")


@pytest.fixture
def portrait_id(host, of_stranger):
    """How the refusal names the picture."""
    refusal = host.run(asking_only(of_stranger()))
    assert is_refused(refusal)
    return re.search(r"\bportrait ([0-9a-f]{16})\b", refusal.error)[1]


@pytest.fixture
def ledger(host):
    return ConsentLedger(host.base / "neo")


def asking_only(prompt):
    """The part of a prompt up to its Consent node."""
    asked = {"class_type": "PreviewAny", "inputs": {"source": ["consent", 0]}}
    return {name: prompt[name] for name in ("photo", "consent")} | {"asked": asked}


@pytest.fixture
def granted(host, of_stranger, portrait_id, ledger):
    """A record for the stranger, given through the dialog's request, and revoked at the end."""
    host.ask(request_path(portrait_id), GIVEN | {"portrait": portrait_id})
    outcome = host.run(asking_only(of_stranger()))
    record = ledger.records()[-1]
    yield SimpleNamespace(outcome=outcome, record=record.id, token=ledger.entries()[-1].token)
    if record.id not in ledger.revoked():
        ledger.revoke(record.id, int(time.time()))


def test_consent_left_out(host, talking_head, saved):
    before = saved()
    outcome = host.run(talking_head(consent=None, seed=90))
    assert is_refused(outcome)
    assert saved() == before


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_forged_consent(host, talking_head, saved, value):
    before = saved()
    prompt = talking_head(seed=91)
    prompt["head"]["inputs"]["consent"] = value
    assert is_refused(host.run(prompt))
    assert saved() == before


def test_consent_for_another_picture(host, talking_head, api):
    prompt = talking_head(seed=92) | {"other": api.node("NEO_SamplePortrait", sample="painting")}
    prompt["consent"]["inputs"]["photo"] = ["other", 0]
    assert is_refused(host.run(prompt))


def test_picture_without_a_record(host, of_stranger, saved):
    before = saved()
    outcome = host.run(of_stranger())
    assert is_refused(outcome)
    assert outcome.node == "consent"
    assert "-m neo_core consent add" in outcome.error
    assert saved() == before


@pytest.mark.parametrize(
    "request_body",
    [b"", b"yes", b"[]", b'{"adult": true}', b"\x00" * 20, b"[" * 9000, b'"' + b"A" * 2_000_000],
    ids=["empty", "text", "list", "part", "zeros", "deep", "2 MB"],
)
def test_malformed_request_grants_nothing(host, of_stranger, portrait_id, ledger, request_body):
    entries = len(ledger.entries())
    host.ask(request_path(portrait_id), request_body or b" ")
    outcome = host.run(asking_only(of_stranger()))
    assert outcome.status == "error"
    assert "expected" in outcome.error
    assert len(outcome.error) < 1000
    assert len(ledger.entries()) == entries


@pytest.mark.parametrize(
    "change",
    [
        {"portrait": "0" * 16},
        {"adult": False},
        {"adult": 1},
        {"name": ""},
        {"kind": "deed"},
        {"scope": []},
        {"more": 1},
    ],
    ids=lambda change: "-".join(change),
)
def test_request_that_does_not_state_consent_grants_nothing(host, of_stranger, portrait_id, ledger, change):
    entries = len(ledger.entries())
    host.ask(request_path(portrait_id), GIVEN | {"portrait": portrait_id} | change)
    assert host.run(asking_only(of_stranger())).status == "error"
    assert len(ledger.entries()) == entries


def test_request_becomes_a_record_once(host, granted, ledger, of_stranger):
    assert granted.outcome.status == "success"
    assert not list((host.base / "user").rglob("consent_requests/*.json"))
    ledger.revoke(granted.record, int(time.time()))
    assert is_refused(host.run(asking_only(of_stranger())))


def test_nothing_of_the_record_travels(host, granted, of_stranger, read_video):
    workflow = {"nodes": [], "links": [], "version": 0.4}
    outcome = host.run(of_stranger("test/travels"), workflow)
    metadata = read_video(outcome.files[0]).metadata
    assert json.loads(metadata["prompt"])["consent"]["class_type"] == "NEO_Consent"
    assert json.loads(metadata["workflow"]) == workflow
    history = host.ask(f"/history/{outcome.prompt}").decode()
    video = outcome.files[0].read_bytes()
    for secret in (NAME, granted.record, granted.token, granted.token.split(".")[1], '"adult"'):
        assert secret not in history
        assert secret not in json.dumps(metadata)
        assert secret.encode() not in video


def test_client_sent_is_changed_renders_and_saves_nothing_after_a_revocation(host, granted, of_stranger, ledger, saved):
    def forged(prefix, **changed):
        prompt = of_stranger(prefix, **changed)
        prompt["consent"]["is_changed"] = ["nothing has changed"]  # believed by the host in the place of our answer
        return prompt

    assert host.run(forged("test/while granted")).status == "success"
    before = saved()
    ledger.revoke(granted.record, int(time.time()))
    saving_again = host.run(forged("test/saved again"))
    assert set(saving_again.cached) >= {"consent", "head"}  # the host believed it: the gate is all that is left
    assert is_refused(saving_again)
    rendering_again = host.run(forged("test/rendered again", seed=7))
    assert "consent" in rendering_again.cached
    assert is_refused(rendering_again)
    assert is_refused(host.run(of_stranger("test/honest")))
    assert saved() == before


def test_a_prompt_cannot_name_the_ledger(host, of_stranger, saved):
    before = saved()
    prompt = of_stranger()
    prompt["consent"]["inputs"] |= {
        "ledger": "/tmp",
        "adult": True,
        "record": "1",
        "name": NAME,
        "scope": "talking-head",
    }
    assert is_refused(host.run(prompt))
    assert saved() == before
