"""The consent dialog, from the refusal of a picture that nobody has spoken for to its video."""

import json
import re
import time

import pytest
from PIL import Image

from neo_core.governance import ConsentLedger

NAME = "Nobody <img src=x onerror='window.broken_into = true'> At All"
DIALOG = "dialog.neo-consent"
PHOTO = "spoken_for_by_nobody.png"
RUN = "() => app.extensionManager.command.execute('Comfy.QueuePrompt')"


@pytest.fixture(scope="module")
def stranger(host, samples):
    """A picture in the input folder that no record covers: the sample, mirrored and cut."""
    with Image.open(samples / "portrait.jpg") as picture:
        width, height = picture.size
        other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((0, 0, width - width // 9, height))
        other.save(host.base / "input" / PHOTO)
    return PHOTO


@pytest.fixture(autouse=True)
def ledger(host):
    """The user's ledger; what a test has added is revoked at its end."""
    ledger = ConsentLedger(host.base / "neo")
    yield ledger
    for record in ledger.records():
        if record.id not in ledger.revoked():
            ledger.revoke(record.id, int(time.time()))


@pytest.fixture
def refused(page, talking_head, api, stranger):
    """A page on which a talking head of the stranger was asked for and refused: the dialog is open."""
    refuse(page, talking_head("browser/stranger", seed=5) | {"photo": api.node("LoadImage", image=stranger)})
    yield page
    page.evaluate("selector => document.querySelector(selector)?.close()", DIALOG)


def refuse(page, prompt):
    page.evaluate("prompt => app.loadApiJson(prompt, 'stranger')", prompt)
    page.evaluate(RUN)
    page.wait_for_selector(DIALOG, timeout=120_000)


def fill(page, name, kind="synthetic"):
    page.locator(DIALOG).locator(f"input[value={kind}]").check()
    page.locator(DIALOG).locator("input[name=name]").fill(name)
    page.locator(DIALOG).locator("input[name=adult]").check()


def requests(host):
    return list((host.base / "user" / "default" / "neo" / "consent_requests").glob("*"))


def pictures(host):
    return list((host.base / "user" / "default" / "neo" / "portraits").glob("*"))


def last_run(host, before, until):
    """The outcome of the first prompt that was queued after those of `before`."""
    until(lambda: len(host.get("/history")) > len(before), 300)
    (prompt,) = host.get("/history").keys() - before.keys()
    return host.wait(prompt)


def test_a_refused_picture_gets_its_record_and_its_video(refused, host, ledger, read_video, until):
    picture = refused.locator(f"{DIALOG} img")
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    fill(refused, NAME)
    before = host.get("/history")
    refused.locator(f"{DIALOG} button[value=run]").click()
    outcome = last_run(host, before, until)
    assert outcome.status == "success", outcome.error
    (video,) = outcome.files
    assert read_video(video).moving > 0.5
    record = ledger.records()[-1]
    assert (record.kind, record.name, record.scope, record.expires) == ("synthetic", NAME, ("talking-head",), None)
    assert requests(host) == []
    told = json.dumps(read_video(video).metadata) + json.dumps(refused.evaluate("() => app.graph.serialize()"))
    assert NAME[:6] not in told
    assert record.id not in told
    assert refused.evaluate("window.broken_into") is None


def test_the_dialog_insists_on_every_statement(refused, host):
    run = refused.locator(f"{DIALOG} button[value=run]")
    run.click()
    fill(refused, "   ")
    run.click()
    refused.locator(f"{DIALOG} input[name=name]").fill("Nobody")
    refused.locator(f"{DIALOG} input[name=adult]").uncheck()
    run.click()
    assert refused.locator(DIALOG).is_visible()
    assert requests(host) == []


def test_escape_stores_nothing_and_the_node_can_ask_again(refused, host, ledger):
    records = len(ledger.records())
    refused.keyboard.press("Escape")
    refused.locator(DIALOG).wait_for(state="detached")
    assert requests(host) == []
    node = "app.graph.nodes.find(node => node.type === 'NEO_Consent')"
    refused.evaluate(f"() => {node}.widgets.find(widget => widget.type === 'button').callback()")
    refused.locator(f"{DIALOG} img").wait_for()
    assert refused.evaluate(f"() => {node}.serialize().widgets_values") == [0, "talking-head"]
    assert len(ledger.records()) == records


def test_cancel_leaves_no_picture_and_no_request(refused, host, until):
    assert len(pictures(host)) == 1
    refused.locator(f"{DIALOG} footer [data-forget]").click()
    refused.locator(DIALOG).wait_for(state="detached")
    until(lambda: pictures(host) == [])
    assert requests(host) == []


def test_the_dialog_shows_how_to_end_a_consent(refused):
    refused.locator(f"{DIALOG} summary").click()
    listing, revoke = refused.locator(f"{DIALOG} code").all_inner_texts()
    assert listing.endswith("-m neo_core consent list")
    assert revoke.endswith("consent revoke ID")


def test_a_public_figure_is_refused_after_the_dialog_and_another_name_can_be_given(refused, host, ledger, until):
    records = len(ledger.records())
    fill(refused, "Taylor Swift")
    refused.locator(f"{DIALOG} input[value=reenactment]").check()
    before = host.get("/history")
    refused.locator(f"{DIALOG} button[value=run]").click()
    assert last_run(host, before, until).exception.endswith("ProtectedPerson")
    assert len(ledger.records()) == records
    assert requests(host) == []
    objection = refused.locator(f"{DIALOG} .neo-objection")
    objection.wait_for()
    assert "'Taylor Swift' is that of a public figure" in objection.inner_text()
    assert "question" not in objection.inner_text()
    assert refused.evaluate("getSelection().toString()") == "Taylor Swift"
    refused.keyboard.type("Nobody")  # all else is as it was stated
    before = host.get("/history")
    refused.locator(f"{DIALOG} button[value=run]").click()
    outcome = last_run(host, before, until)
    assert outcome.status == "success", outcome.error
    record = ledger.records()[-1]
    assert (record.kind, record.name, record.scope) == ("synthetic", "Nobody", ("talking-head", "reenactment"))


def test_an_objection_is_text_and_belongs_to_its_answer(refused, host, until):
    fill(refused, "Taylor Swift <img src=x onerror='window.broken_into = true'>")
    before = host.get("/history")
    refused.locator(f"{DIALOG} button[value=run]").click()
    last_run(host, before, until)
    refused.locator(f"{DIALOG} .neo-objection").wait_for()
    assert "<img" in refused.locator(f"{DIALOG} .neo-objection").inner_text()
    assert refused.evaluate("window.broken_into") is None
    refused.locator(f"{DIALOG} footer [data-forget]").click()
    refused.evaluate(RUN)
    refused.wait_for_selector(DIALOG, timeout=120_000)  # asked afresh
    assert refused.locator(f"{DIALOG} input[name=name]").input_value() == ""
    assert not refused.locator(f"{DIALOG} .neo-objection").is_visible()


def test_saving_alone_stores_what_was_stated(refused, host):
    fill(refused, "Ada Example", kind="authorised")
    refused.locator(f"{DIALOG} input[name=expires]").fill("2099-12-31")
    refused.locator(f"{DIALOG} input[value=reenactment]").check()
    refused.locator(f"{DIALOG} button[value=save]").click()
    refused.locator(DIALOG).wait_for(state="detached")
    (request,) = requests(host)
    stated = json.loads(request.read_text())
    request.unlink()
    assert re.fullmatch(r"[0-9a-f]{32}", stated["question"])
    assert stated == {
        "portrait": request.stem.removesuffix("_talking-head"),
        "question": stated["question"],
        "kind": "authorised",
        "name": "Ada Example",
        "adult": True,
        "scope": ["talking-head", "reenactment"],
        "expires": "2099-12-31",
    }


@pytest.fixture(scope="module")
def whole_stranger(host, samples):
    """The same of somebody who is seen from head to waist: no other picture is good for a full body."""
    name = f"whole_{PHOTO}"
    with Image.open(samples / "half_body.jpg") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(host.base / "input" / name)
    return name


def test_an_answer_is_kept_for_the_use_that_was_asked_about(page, talking_head, api, whole_stranger, host):
    """Another Consent node may ask for another use of the same picture, and finds its own answer only."""
    prompt = talking_head("browser/stranger", seed=7) | {"photo": api.node("LoadImage", image=whole_stranger)}
    prompt["consent"]["inputs"]["use"] = "full-body"
    refuse(page, prompt)
    asked = page.locator(f"{DIALOG} input[value=full-body]")
    assert (asked.is_checked(), asked.is_disabled()) == (True, True)
    fill(page, "Ada Example")
    page.locator(f"{DIALOG} button[value=save]").click()
    page.locator(DIALOG).wait_for(state="detached")
    (request,) = requests(host)
    stated = json.loads(request.read_text())
    request.unlink()
    assert request.name == f"{stated['portrait']}_full-body.json"
    assert stated["scope"] == ["full-body"]


def test_nobody_is_asked_to_state_that_an_artwork_is_an_adult(refused):
    stated = refused.locator(f"{DIALOG} label", has=refused.locator("input[name=adult]"))
    asked = {
        "self": "I am an adult",
        "authorised": "The person is an adult",
        "synthetic": "The person shown does not look like a child",
        "artwork": "The figure shown is not a child",
    }
    for kind, words in asked.items():
        refused.locator(f"{DIALOG} input[value={kind}]").check()
        assert stated.inner_text().strip() == words


def test_an_answer_about_age_is_not_taken_for_another_question(refused):
    answer = refused.locator(f"{DIALOG} input[name=adult]")
    refused.locator(f"{DIALOG} input[value=synthetic]").check()
    answer.check()
    refused.locator(f"{DIALOG} input[name=name]").fill("Nobody")
    assert answer.is_checked()
    refused.locator(f"{DIALOG} input[value=self]").check()
    assert not answer.is_checked()


def test_it_can_be_answered_by_keyboard_alone(refused, host):
    page = refused
    assert page.evaluate("document.activeElement.value") == "self"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Nobody")
    page.locator(f"{DIALOG} input[name=adult]").focus()
    page.keyboard.press("Space")
    page.locator(f"{DIALOG} button[value=save]").focus()
    page.keyboard.press("Enter")
    page.locator(DIALOG).wait_for(state="detached")
    (request,) = requests(host)
    stated = json.loads(request.read_text())
    request.unlink()
    assert (stated["kind"], stated["name"], stated["adult"]) == ("synthetic", "Nobody", True)


def test_the_dialog_speaks_the_language_of_the_app(open_page, talking_head, api, stranger):
    with open_page(vue=True, locale="zh") as page:
        refuse(page, talking_head("browser/stranger", seed=6) | {"photo": api.node("LoadImage", image=stranger)})
        assert "肖像授权" in page.locator(f"{DIALOG} h2").inner_text()
        assert "不存在" in page.locator(f"{DIALOG} fieldset").first.inner_text()
