"""Raw prompts against the gate: whatever a client sends, nobody moves without a record, and no record travels."""

import json
import re
import time
import urllib.parse
from types import SimpleNamespace

import pytest
from PIL import Image

from neo_core.evaluation.comfyui_host import Checkout, serve
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


class SeveralUsers(Checkout):
    """A host that keeps its users apart."""

    def command(self, base, port):
        return [*super().command(base, port), "--multi-user"]


@pytest.fixture(scope="module")
def stranger(host, samples):
    """A picture in the input folder that no record covers."""
    draw_stranger(host, samples)
    return "stranger.png"


def draw_stranger(host, samples):
    """The sample, mirrored and cut."""
    with Image.open(samples / "portrait.jpg") as picture:
        width, height = picture.size
        other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((width // 12, 0, width, height))
        other.save(host.base / "input" / "stranger.png")


@pytest.fixture
def of_stranger(talking_head, api, stranger):
    """A function like `talking_head`, with the picture that no record covers."""

    def prompt(prefix="test/stranger", **changed):
        return talking_head(prefix, **changed) | {"photo": api.node("LoadImage", image=stranger)}

    return prompt


def request_path(portrait):
    return "/userdata/" + urllib.parse.quote(f"neo/consent_requests/{portrait}_talking-head.json", safe="")


@pytest.fixture
def refusal(host, of_stranger):
    """How a refusal names the picture, and what it asks."""
    outcome = host.run(asking_only(of_stranger()))
    assert is_refused(outcome)
    name, question = (re.search(rf"\b{word} ([0-9a-f]+)\b", outcome.error)[1] for word in ("portrait", "question"))
    return {"portrait": name, "question": question}


@pytest.fixture
def ledger(host):
    return ConsentLedger(host.base / "neo")


def asking_only(prompt):
    """The part of a prompt up to its Consent node."""
    asked = {"class_type": "PreviewAny", "inputs": {"source": ["consent", 0]}}
    return {name: prompt[name] for name in ("photo", "consent")} | {"asked": asked}


@pytest.fixture
def granted(host, of_stranger, refusal, ledger):
    """A record for the stranger, given through the dialog's request, and revoked at the end."""
    host.ask(request_path(refusal["portrait"]), GIVEN | refusal)
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
def test_malformed_request_grants_nothing(host, of_stranger, refusal, ledger, request_body):
    entries = len(ledger.entries())
    host.ask(request_path(refusal["portrait"]), request_body or b" ")
    outcome = host.run(asking_only(of_stranger()))
    assert outcome.status == "error"
    assert "expected" in outcome.error
    assert len(outcome.error) < 1000
    assert len(ledger.entries()) == entries


@pytest.mark.parametrize(
    "change",
    [
        {"portrait": "0" * 16},
        {"question": "0" * 32},
        {"adult": False},
        {"adult": 1},
        {"name": ""},
        {"kind": "deed"},
        {"scope": []},
        {"more": 1},
    ],
    ids=lambda change: "-".join(change),
)
def test_request_that_does_not_state_consent_grants_nothing(host, of_stranger, refusal, ledger, change):
    entries = len(ledger.entries())
    host.ask(request_path(refusal["portrait"]), GIVEN | refusal | change)
    assert host.run(asking_only(of_stranger())).status == "error"
    assert len(ledger.entries()) == entries


def test_request_becomes_a_record_once(host, granted, ledger, of_stranger):
    assert granted.outcome.status == "success"
    assert not list((host.base / "user").rglob("consent_requests/*.json"))
    ledger.revoke(granted.record, int(time.time()))
    assert is_refused(host.run(asking_only(of_stranger())))


def test_a_request_placed_beforehand_is_not_believed(host, granted, of_stranger, refusal, ledger):
    """Another client can compute the id and copy an old request; it was not asked."""
    ledger.revoke(granted.record, int(time.time()))
    host.ask(request_path(refusal["portrait"]), GIVEN | refusal)
    outcome = host.run(asking_only(of_stranger()))
    assert outcome.exception.endswith(".InvalidRequest")
    assert not list((host.base / "user").rglob("consent_requests/*.json"))
    assert is_refused(host.run(asking_only(of_stranger())))


def test_nodes_that_fail_tell_nothing_of_the_record(host, granted, of_stranger, api, ledger):
    """The host puts every input of a failing node into its history and its messages as text."""
    record = next(one for one in ledger.records() if one.id == granted.record)
    secrets = {NAME, record.id, record.portrait.pixels_sha256, str(record.portrait.perceptual_hash), str(ledger.folder)}
    secrets |= {str(record.portrait.face_template)[1:40], granted.token, "seal"}
    failing = failing_prompts(of_stranger, api)
    logged = len(host.log)
    for name, prompt in failing.items():
        outcome = host.run(prompt)
        assert (outcome.status, outcome.node) == ("error", name), outcome.error
        history = host.ask(f"/history/{outcome.prompt}").decode()
        assert "Grant()" in history or "Volume(" in history
        assert not [secret for secret in secrets if secret in history]
    assert not [secret for secret in secrets if secret in host.log[logged:]]


def failing_prompts(of_stranger, api):
    """Prompts with a record behind them that stop at the node they are named after."""
    whole = of_stranger("test/failing", face=7)
    stages = {name: whole[name] for name in ("photo", "consent")}
    stages["shown"] = api.node("PreviewAny", source=["consent", 0])
    inputs = {"models": ["models", 0], "photo": ["photo", 0], "consent": ["consent", 0]}
    stages["models"] = api.node("NEO_LoadModels", audio_encoder="embedded", vocal="embedded")
    enrol = api.node("NEO_EnrolFromPhoto", **inputs, framing="head and shoulders", size=128, face=0)
    stages["enrolled"] = enrol
    stages["render"] = api.node("NEO_Render", volume=["enrolled", 1], motion="nothing")
    stages["save"] = api.save_video(["render", 0], "test/failing")
    return {"head": whole, "render": stages}


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


def test_client_sent_is_changed_renders_nothing_and_saves_no_video_after_a_revocation(
    host, granted, of_stranger, ledger, saved
):
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


def test_pictures_made_before_a_revocation_are_handed_out_of_the_cache(host, granted, of_stranger, api, ledger):
    """A limit, told in the help of Consent and Pictar Translate: an IMAGE is a tensor that asks nobody."""
    prompt = {name: of_stranger()[name] for name in ("photo", "consent")}
    prompt["consent"]["is_changed"] = ["nothing has changed"]
    inputs = {"models": ["models", 0], "photo": ["photo", 0], "consent": ["consent", 0]}
    prompt["models"] = api.node("NEO_LoadModels", audio_encoder="embedded", vocal="embedded")
    lift = api.node("NEO_EnrolFromPhoto", **inputs, framing="head and shoulders", size=128, face=0)
    prompt |= {"lift": lift, "drawn": api.node("NEO_Translate", volume=["lift", 1])}

    def saving(prefix):
        return prompt | {"save": api.node("SaveImage", images=["drawn", 0], filename_prefix=prefix)}

    assert host.run(saving("test/drawn")).status == "success"
    ledger.revoke(granted.record, int(time.time()))
    again = host.run(saving("test/drawn again"))
    assert again.status == "success"
    assert "drawn" in again.cached
    lift["inputs"]["size"] = 130  # what has to be drawn anew asks
    assert is_refused(host.run(saving("test/drawn anew")))


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


def test_with_several_users_no_one_is_shown_the_picture(checkout, shipped, offline, of_stranger, samples, tmp_path):
    left = [
        tmp_path / "user" / place for place in ("default/neo/portraits/0.png", "default/neo/consent_requests/0.json")
    ]
    for file in left:
        file.parent.mkdir(parents=True)
        file.write_bytes(b"left by an earlier run")
    apart = SeveralUsers(checkout.folder, checkout.python)
    with serve(apart, tmp_path, {"neo-avatars": shipped}, environment=offline) as running:
        assert not [file for file in left if file.exists()]
        draw_stranger(running, samples)
        outcome = running.run(asking_only(of_stranger()))
    assert is_refused(outcome)
    assert "question" not in outcome.error
    (kept,) = (tmp_path / "user").rglob("portraits/*.png")
    assert kept.parent == tmp_path / "user" / "__neo" / "portraits"  # the host serves no folder of such a name
