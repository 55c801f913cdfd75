"""Consent: refused with a way out, given by records and requests only, asked again wherever pixels leave."""

import json
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

NAME = "Ada Example"


@pytest.fixture(scope="module")
def photo(loaded):
    """The bundled portrait in a mirror: nobody has consented to this picture."""
    return loaded.module("nodes.samples").sample_image("portrait").flip(2)


@pytest.fixture(scope="module")
def portrait(loaded, photo):
    """Its face, found once for all tests."""
    with loaded.module("nodes.model_patcher").on_device() as engine:
        return loaded.module("nodes.portraits").found(engine, photo, 0)


@pytest.fixture
def ask(pack, portrait):
    """A function: what the Consent node does once the face is found. -> Grant"""
    return lambda: pack("nodes.governance").granted(portrait, 0)


@pytest.fixture
def required(pack):
    return pack("neo_core.governance").ConsentRequired


@pytest.fixture
def refusal(ask, required):
    """What the Consent node says the first time."""
    with pytest.raises(required) as caught:
        ask()
    return str(caught.value)


@pytest.fixture
def files(folders, refusal):
    """The id of the portrait, its picture and the place of a request for it, after a first refusal."""
    name = refusal.split("portrait ", 1)[1][:16]
    place = folders.user / "default" / "neo"
    (place / "consent_requests").mkdir(parents=True)
    return name, place / "portraits" / f"{name}.png", place / "consent_requests" / f"{name}.json"


def statement(portrait_name, /, **changes):
    fields = {"portrait": portrait_name, "kind": "self", "name": NAME, "adult": True}
    return json.dumps(fields | {"scope": ["talking-head"], "expires": None} | changes)


def test_the_bundled_person_needs_no_record_of_the_user(run_node, pack, folders):
    (grant,) = run_node("NEO_Consent", photo=pack("nodes.samples").sample_image("portrait")).result
    grant.require("talking-head")
    assert not list(folders.user.rglob("*.png"))
    assert not folders.home.exists()


def test_the_refusal_keeps_the_exact_picture(files, pack, photo):
    _, picture, _ = files
    assert pack("neo_core.media.image").read_photo(picture).equal(pack("nodes.media").to_photo(photo))


@pytest.mark.slow
def test_the_command_of_the_refusal_is_the_way_out(files, refusal, run_node, photo):
    _, picture, _ = files
    command = refusal.splitlines()[-1].strip().replace("YOUR NAME", NAME)
    assert sys.executable in command
    subprocess.run(f"{command} --yes", shell=True, check=True, capture_output=True)
    (grant,) = run_node("NEO_Consent", photo=photo).result
    assert grant.name == NAME
    assert not picture.exists()  # nobody's picture lies about longer than it is needed


@pytest.mark.slow
def test_the_command_works_in_an_embedded_python(pack, monkeypatch, tmp_path):
    governance = pack("nodes.governance")
    embedded = SimpleNamespace(executable=sys.executable, flags=SimpleNamespace(isolated=1))
    monkeypatch.setattr(governance, "sys", embedded)
    line = governance.command(tmp_path / "my photo.png", 2)
    _, command = line.split(" && ")  # an isolated Python does not see the folder it is started in
    ran = subprocess.run(f"cd {tmp_path} && {command}", shell=True, capture_output=True, text=True)
    assert "my photo.png does not exist" in ran.stdout + ran.stderr
    assert "--face 2" in line


def test_a_request_becomes_a_record_once(files, ask, pack):
    name, picture, request = files
    request.write_text(statement(name, expires="2999-12-31"))
    grant = ask()
    assert grant.name == NAME
    assert not request.exists()
    assert not picture.exists()
    (record,) = pack("neo_core.governance").ConsentLedger().records()
    assert (record.kind, record.scope) == ("self", ("talking-head",))
    assert record.expires > time.time()


@pytest.mark.parametrize(
    "changes",
    [
        {"portrait": "0" * 16},
        {"kind": "friend"},
        {"name": ""},
        {"name": "x" * 1000},
        {"name": 7},
        {"adult": False},
        {"adult": "true"},
        {"scope": []},
        {"scope": ["everything"]},
        {"scope": "talking-head"},
        {"scope": [["talking-head"]]},
        {"expires": "tomorrow"},
        {"expires": "2001-01-01"},
        {"token": "eyJ"},
        {"name": "Taylor Swift"},
    ],
)
def test_a_request_of_another_form_is_refused_and_forgotten(files, ask, pack, changes):
    name, _, request = files
    request.write_text(statement(name, **changes))
    with pytest.raises(pack("neo_core.data_types").InputError, match=r"(e|E)xpected"):
        ask()
    assert not request.exists()
    assert not pack("neo_core.governance").ConsentLedger().records()


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, '{"a": ' * 1000, "\x00", "{}" + " " * 20_000])
def test_a_request_that_is_no_request_is_refused(files, ask, text):
    _, _, request = files
    request.write_text(text)
    with pytest.raises(ValueError, match="consent request"):
        ask()
    assert not request.exists()


def test_a_request_for_one_face_gives_nothing_to_another(files, run_node, pack, required):
    name, _, request = files
    request.write_text(statement(name))
    with pytest.raises(required):
        run_node("NEO_Consent", photo=pack("nodes.samples").sample_image("painting").flip(2))
    assert request.exists()


def test_a_new_record_keeps_results_and_its_end_makes_the_node_look_again(files, ask, node_classes, pack, required):
    name, _, request = files
    node, ledger = node_classes["NEO_Consent"], pack("neo_core.governance").ConsentLedger()
    before = node.fingerprint_inputs(face=0)
    assert node.fingerprint_inputs(face=0) == before
    request.write_text(statement(name))
    grant = ask()
    assert node.fingerprint_inputs(face=0) == before
    ledger.revoke(grant.record, int(time.time()))
    assert node.fingerprint_inputs(face=0) != before
    with pytest.raises(required):
        ask()


FORGED = [None, "granted", True, {"record": "1", "seal": "x"}, ["4", 0], 1.0, b"seal"]


@pytest.mark.parametrize("consent", FORGED, ids=str)
@pytest.mark.parametrize("node", ["NEO_TalkingHead", "NEO_EnrolFromPhoto", "NEO_Lift"])
def test_no_node_moves_a_picture_on_a_forged_grant(run_node, required, photo, node, consent):
    inputs = {"photo": photo, "consent": consent} if consent is not None else {"photo": photo}
    others = {"audio": {"waveform": torch.zeros(1, 1, 16000), "sample_rate": 16000}, "models": None}
    names = {one: others[one] for one in others if one == "models" or node == "NEO_TalkingHead"}
    with pytest.raises(required, match=r"consent .*expected the grant"):
        run_node(node, **inputs, **names)


def test_a_grant_for_one_picture_does_not_move_another(run_node, pack, required, photo):
    (grant,) = run_node("NEO_Consent", photo=pack("nodes.samples").sample_image("portrait")).result
    models = pack("nodes.model_patcher").host_models()
    with pytest.raises(required, match="another picture"):
        run_node("NEO_EnrolFromPhoto", models=models, photo=photo, consent=grant)
