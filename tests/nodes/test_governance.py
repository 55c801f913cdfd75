"""Consent: refused with a way out, given by records and requests only, asked again wherever pixels leave."""

import asyncio
import dataclasses
import json
import os
import re
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
    """What a first refusal left and told: id and question, the picture, and the place of a request."""
    name = re.search(r"\bportrait ([0-9a-f]{16})\b", refusal)[1]
    question = re.search(r"\bquestion ([0-9a-f]{32})\b", refusal)[1]
    place = folders.user / "default" / "neo"
    (place / "consent_requests").mkdir(parents=True)
    picture, requests = place / "portraits" / f"{name}.png", place / "consent_requests"
    request, other = (requests / f"{name}_{use}.json" for use in ("talking-head", "full-body"))
    return SimpleNamespace(name=name, question=question, picture=picture, request=request, other_request=other)


def statement(files, /, **changes):
    fields = {"portrait": files.name, "question": files.question, "kind": "self", "name": NAME, "adult": True}
    return json.dumps(fields | {"scope": ["talking-head"], "expires": None} | changes)


def other_portrait(portrait):
    """The same face in another picture."""
    return dataclasses.replace(portrait, photo=portrait.photo ^ 1)


def test_the_bundled_person_needs_no_record_of_the_user(run_node, pack, folders):
    (grant,) = run_node("NEO_Consent", photo=pack("nodes.samples").sample_image("portrait")).result
    grant.require("talking-head")
    assert not list(folders.user.rglob("*.png"))
    assert not folders.home.exists()


def test_the_refusal_keeps_the_exact_picture(files, pack, photo):
    assert pack("neo_core.media.image").read_photo(files.picture).equal(pack("nodes.media").to_photo(photo))


def test_only_the_last_refused_picture_is_kept(files, pack, portrait, required):
    with pytest.raises(required):
        pack("nodes.governance").granted(other_portrait(portrait), 0)
    assert not files.picture.exists()
    assert len(list(files.picture.parent.iterdir())) == 1


def test_a_second_refusal_writes_no_second_time(files, ask, required):
    before = files.picture.stat()
    with pytest.raises(required):
        ask()
    assert files.picture.stat() == before


@pytest.mark.parametrize("several", [False, True])
def test_nothing_outlives_a_start_of_the_host(files, folders, ask, pack, monkeypatch, loaded, required, several):
    monkeypatch.setattr(loaded.host("comfy.cli_args").args, "multi_user", several)
    with pytest.raises(required):
        ask()
    files.request.write_text(statement(files))
    elsewhere = folders.user / "default" / "workflow.json"
    elsewhere.write_text("{}")
    server = SimpleNamespace(node_replace_manager=SimpleNamespace(register=lambda _: None))
    monkeypatch.setattr(loaded.host("server").PromptServer, "instance", server)
    monkeypatch.setattr(loaded.host("comfy.cli_args").args, "multi_user", False)  # the next start may differ
    asyncio.run(pack("nodes").NeoExtension().on_load())
    assert [path for path in folders.user.rglob("*") if path.is_file()] == [elsewhere]


@pytest.mark.slow
def test_the_commands_of_the_refusal_are_the_ways_out(files, refusal, run_node, photo, required):
    add, listing, revoke = (line.strip() for line in refusal.splitlines() if line.startswith("  "))
    assert sys.executable in add
    assert "--adult" not in add
    assert all(f"{kind} (" in refusal for kind in ("self", "authorised", "synthetic", "artwork"))
    execute(add.replace("KIND", "synthetic").replace('"NAME"', f'"{NAME}"') + " --adult --yes")
    (grant,) = run_node("NEO_Consent", photo=photo).result
    assert not files.picture.exists()  # nobody's picture lies about longer than it is needed
    assert NAME in execute(listing)
    execute(revoke.removesuffix("ID") + grant.record[:8])
    with pytest.raises(required):
        grant.require("talking-head")


def execute(command):
    """What a line prints in a terminal that knows nothing of the host's ledger."""
    plain = {name: value for name, value in os.environ.items() if name != "NEO_HOME"}
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, env=plain).stdout


@pytest.mark.parametrize(
    ("moved", "prefix"),
    [
        ({}, ""),
        ({"NEO_HOME": "/my records"}, "NEO_HOME='/my records' "),
        ({"XDG_DATA_HOME": "/my data"}, "NEO_HOME='/my data/neo' "),
        ({"NEO_HOME": "here"}, "NEO_HOME={current}/here "),
    ],
)
def test_the_commands_meet_the_ledger_of_the_host(pack, monkeypatch, moved, prefix, tmp_path):
    for name in ("NEO_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in moved.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    _, command = pack("nodes.terminal").consent_command("list").split(" && ")
    assert command == f"{prefix.format(current=tmp_path)}{sys.executable} -m neo_core consent list"


def test_windows_sets_the_ledger_by_its_own_words(pack, monkeypatch, folders):
    windows = SimpleNamespace(name="nt", environ=os.environ)
    monkeypatch.setattr(pack("nodes.terminal"), "os", windows)
    _, ledger, command = pack("nodes.terminal").consent_command("list").split(" && ")
    assert ledger == f'set "NEO_HOME={folders.home}"'
    assert command.endswith("-m neo_core consent list")


@pytest.mark.slow
def test_the_command_works_in_an_embedded_python(pack, monkeypatch, tmp_path):
    embedded = SimpleNamespace(executable=sys.executable, flags=SimpleNamespace(isolated=1))
    monkeypatch.setattr(pack("nodes.terminal"), "sys", embedded)
    line, *_ = pack("nodes.governance").adding("my photo", 2).splitlines()
    _, command = line.replace("KIND", "self").split(" && ")  # an isolated Python does not see the folder it starts in
    ran = subprocess.run(f"cd {tmp_path} && {command}", shell=True, capture_output=True, text=True)
    assert "my photo.png does not exist" in ran.stdout + ran.stderr
    assert "--face 2" in line


def test_a_request_becomes_a_record_once(files, ask, pack):
    files.request.write_text(statement(files, expires="2999-12-31"))
    grant = ask()
    assert grant.scope == ("talking-head",)
    assert not files.request.exists()
    assert not files.picture.exists()
    (record,) = pack("neo_core.governance").ConsentLedger().records()
    assert (record.kind, record.scope) == ("self", ("talking-head",))
    assert record.expires > time.time()


@pytest.mark.parametrize(
    "changes",
    [
        {"portrait": "0" * 16},
        {"question": "0" * 32},
        {"question": ""},
        {"question": None},
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
    files.request.write_text(statement(files, **changes))
    with pytest.raises(pack("neo_core.data_types").InputError, match=r"(e|E)xpected"):
        ask()
    assert not files.request.exists()
    assert not pack("neo_core.governance").ConsentLedger().records()


@pytest.mark.parametrize("changes", [{"name": "Taylor Swift"}, {"expires": "2001-01-01"}])
def test_who_stated_what_cannot_be_recorded_is_asked_again(files, ask, pack, changes):
    files.request.write_text(statement(files, **changes))
    with pytest.raises(pack("neo_core.data_types").InputError) as caught:
        ask()
    (files.question,) = re.findall(r"\bquestion ([0-9a-f]{32})\b", str(caught.value))
    assert re.search(rf"\bportrait {files.name}\b", str(caught.value))
    files.request.write_text(statement(files))
    assert ask().scope == ("talking-head",)


def test_a_request_placed_before_anybody_was_asked_gives_nothing(files, ask, pack, required):
    """Whoever has the picture can work out its id; the question is known to those only who see the refusal."""
    for guess in ("", "0" * 32, files.question.upper()):
        files.request.write_text(statement(files, question=guess))
        with pytest.raises(pack("neo_core.governance").InvalidRequest, match="asked"):
            ask()
        assert not files.request.exists()
    with pytest.raises(required, match=files.question):  # and whoever is asked can still answer
        ask()


def test_an_answer_serves_once(files, ask, pack):
    files.request.write_text(statement(files))
    grant = ask()
    pack("neo_core.governance").ConsentLedger().revoke(grant.record, int(time.time()))
    files.request.write_text(statement(files))
    with pytest.raises(pack("neo_core.governance").InvalidRequest, match="asked"):
        ask()


def test_a_picture_that_a_record_covers_gets_no_second_one(files, ask, pack):
    files.request.write_text(statement(files))
    grant = ask()
    files.request.write_text(statement(files))
    assert ask().record == grant.record
    assert not files.request.exists()
    assert len(pack("neo_core.governance").ConsentLedger().records()) == 1


def test_consent_to_a_talking_head_is_none_to_a_full_body(files, portrait, pack, required):
    """And the refusal says what it is asked for, so that the dialog and the command state that."""
    granted = pack("nodes.governance").granted
    files.request.write_text(statement(files))
    granted(portrait, 0)
    with pytest.raises(required, match="for full-body") as caught:
        granted(portrait, 0, "full-body")
    assert "--scope full-body" in str(caught.value)
    (files.question,) = re.findall(r"question ([0-9a-f]{32}), use full-body\)", str(caught.value))
    files.other_request.write_text(statement(files, scope=["full-body"]))
    assert granted(portrait, 0, "full-body").scope == ("full-body",)
    assert granted(portrait, 0).scope == ("talking-head",)


@pytest.mark.parametrize("asked_before", [True, False])
def test_two_uses_of_one_picture_are_two_questions(files, portrait, pack, required, asked_before):
    """As of two Consent nodes in one graph: neither takes the other's answer, whichever runs first, refused or not."""
    granted = pack("nodes.governance").granted
    if not asked_before:  # the first node has its record already
        files.request.write_text(statement(files))
        granted(portrait, 0)
    with pytest.raises(required) as caught:
        granted(portrait, 0, "full-body")
    (other,) = re.findall(r"question ([0-9a-f]{32}), use full-body\)", str(caught.value))
    assert other != files.question
    files.other_request.write_text(statement(files, question=other, scope=["full-body"]))
    if asked_before:
        with pytest.raises(required, match=f"question {files.question}, use talking-head"):
            granted(portrait, 0)
    else:
        assert granted(portrait, 0).scope == ("talking-head",)
    assert files.picture.exists()  # whoever answers the other question sees whom it is about
    assert granted(portrait, 0, "full-body").scope == ("full-body",)
    assert files.picture.exists() == asked_before


def test_with_several_users_only_the_command_is_offered(ask, required, folders, loaded, monkeypatch):
    """ComfyUI does not tell a node whose browser asked, and one user's picture is not for another."""
    monkeypatch.setattr(loaded.host("comfy.cli_args").args, "multi_user", True)
    with pytest.raises(required) as caught:
        ask()
    assert "question" not in str(caught.value)
    (kept,) = (path for path in folders.user.rglob("*") if path.is_file())
    assert kept.relative_to(folders.user).parts[0].startswith("__")  # such a folder is served to nobody
    assert str(kept) in str(caught.value)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, '{"a": ' * 1000, "\x00", "{}" + " " * 20_000])
def test_a_request_that_is_no_request_is_refused(files, ask, text):
    files.request.write_text(text)
    with pytest.raises(ValueError, match="consent request"):
        ask()
    assert not files.request.exists()


def test_a_request_for_one_face_gives_nothing_to_another(files, run_node, pack, required):
    files.request.write_text(statement(files))
    with pytest.raises(required):
        run_node("NEO_Consent", photo=pack("nodes.samples").sample_image("painting").flip(2))
    assert files.request.exists()


def test_a_new_record_keeps_results_and_its_end_makes_the_node_look_again(files, ask, node_classes, pack, required):
    node, ledger = node_classes["NEO_Consent"], pack("neo_core.governance").ConsentLedger()
    before = node.fingerprint_inputs(face=0)
    assert node.fingerprint_inputs(face=0) == before
    files.request.write_text(statement(files))
    grant = ask()
    assert node.fingerprint_inputs(face=0) == before
    ledger.revoke(grant.record, int(time.time()))
    assert node.fingerprint_inputs(face=0) != before
    with pytest.raises(required):
        ask()


def test_what_flows_between_nodes_tells_nothing_as_text(run_node, pack):
    """The host writes the inputs of a node that fails into its history as text: sizes may stand there, no contents."""
    photo = pack("nodes.samples").sample_image("portrait")
    (grant,) = run_node("NEO_Consent", photo=photo).result
    (models,) = run_node("NEO_LoadModels").result
    person, volume = run_node("NEO_EnrolFromPhoto", models=models, photo=photo, consent=grant, size=128).result
    sound = {"waveform": torch.rand(1, 1, 8000), "sample_rate": 16000}
    (speech,) = run_node("NEO_EncodeAudio", models=models, audio=sound).result
    motion = pack("neo_core.data_types").MotionLatents(volume.reference[None], 25)
    posed, _ = run_node("NEO_Deform", volume=volume, motion=motion).result
    values = (grant, models, person, volume, speech, motion, posed)
    assert [str(value) for value in values] == [
        "Grant()",
        "HostedModels(3 networks)",
        "Identity()",
        "Volume(128 x 128 pixels)",
        "AudioFeatures(" + " x ".join(str(side) for side in speech.hidden_states.shape) + ")",
        "MotionLatents(1 frames at 25 fps)",
        "Posed(1 x Volume(128 x 128 pixels))",
    ]


FORGED = [None, "granted", True, {"record": "1", "seal": "x"}, ["4", 0], 1.0, b"seal"]


@pytest.mark.parametrize("consent", FORGED, ids=str)
@pytest.mark.parametrize("node", ["NEO_TalkingHead", "NEO_EnrolFromPhoto", "NEO_Lift", "NEO_EncodeAnchor"])
def test_no_node_moves_a_picture_on_a_forged_grant(run_node, required, photo, node, consent):
    inputs = {"photo": photo, "consent": consent} if consent is not None else {"photo": photo}
    others = {"audio": {"waveform": torch.zeros(1, 1, 16000), "sample_rate": 16000}, "models": None}
    names = {one: others[one] for one in others if one == "models" or node == "NEO_TalkingHead"}
    with pytest.raises(required, match=r"consent .*expected consent: add a Consent node"):
        run_node(node, **inputs, **names)


def test_a_grant_for_one_picture_does_not_move_another(run_node, pack, required, photo):
    (grant,) = run_node("NEO_Consent", photo=pack("nodes.samples").sample_image("portrait")).result
    models = pack("nodes.model_patcher").host_models()
    with pytest.raises(required, match="another picture"):
        run_node("NEO_EnrolFromPhoto", models=models, photo=photo, consent=grant)
