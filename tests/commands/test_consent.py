"""Consent from the command line: stated, listed, taken back; refused where it must be."""

import re
import time

import pytest
import torch

from neo_core import __main__ as cli
from neo_core.commands import consent
from neo_core.governance import ConsentLedger, ConsentRequired, authorise, fingerprint
from neo_core.governance.record import KINDS, SCHEMAS, day
from neo_core.media.image import write_image
from neo_core.pictar.analysis import Face
from neo_core.pipelines.portrait import Portrait

ADD = ["consent", "add", "me.png", "--kind", "self", "--name", "Maria Muster", "--adult"]


@pytest.fixture(autouse=True)
def portrait(tmp_path, monkeypatch):
    """A made-up portrait instead of a file, and a ledger of its own."""
    monkeypatch.setenv("NEO_HOME", str(tmp_path / "home"))
    points = torch.rand(80, 2) * 60
    face = Face(
        torch.tensor([0.0, 0, 60, 60]), 0.9, points, torch.ones(80), torch.zeros(3), torch.zeros(53), torch.zeros(4)
    )
    portrait = Portrait(torch.randint(0, 255, (64, 64, 3), dtype=torch.uint8), face)
    monkeypatch.setattr(consent, "load_analyser", lambda: None)
    monkeypatch.setattr(consent, "open_portrait", lambda *_: portrait)
    return portrait


def grant(portrait: Portrait):
    return authorise(fingerprint(portrait.photo, portrait.face.landmarks68), "talking-head", source="me.png")


def test_a_record_is_added_listed_and_revoked(portrait, capsys):
    with pytest.raises(ConsentRequired):
        grant(portrait)
    assert cli.main([*ADD, "--yes"]) == 0
    assert grant(portrait).record == ConsentLedger().records()[0].id
    assert cli.main(["consent", "list"]) == 0
    number, today = ConsentLedger().records()[0].id, day(time.time())
    assert f"{number}  {today}  valid without end  self  talking-head  Maria Muster" in capsys.readouterr().out
    assert cli.main(["consent", "revoke", number[:8]]) == 0
    with pytest.raises(ConsentRequired):
        grant(portrait)
    assert cli.main(["consent", "list"]) == 0
    assert f"revoked on {today}" in capsys.readouterr().out
    assert cli.main(["consent", "revoke", number]) == 2
    assert cli.main(["consent", "verify"]) == 0
    assert "2 rows, 1 signed record\n" in capsys.readouterr().out


def test_a_clip_of_any_kind_may_have_a_mask(portrait, monkeypatch, tmp_path, capsys):
    """As `redub` prints the command: the person in the mask is who the record is for."""
    opened = []
    monkeypatch.setattr(consent, "open_clip", lambda _, *given: opened.append(given) or portrait)
    write_image(tmp_path / "mask.png", torch.full((4, 6), 255, dtype=torch.uint8))
    for name in ("clip.mts", "CLIP.MOV"):
        command = ["consent", "add", name, *ADD[3:], "--yes", "--mask", str(tmp_path / "mask.png")]
        assert cli.main(command) == 0
    (path, face, mask), _ = opened
    assert (str(path), face, tuple(mask.shape), float(mask.min())) == ("clip.mts", None, (4, 6), 1.0)
    assert cli.main([*ADD, "--yes", "--mask", str(tmp_path / "mask.png")]) == 2
    assert "expected a clip with it" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("YES", 0), ("", 2), ("n", 2)])
def test_the_statement_is_asked_for(monkeypatch, answer, code, capsys):
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert cli.main(ADD) == code
    told = capsys.readouterr()
    assert "I am the person in this picture, and the person is an adult." in told.out
    assert ("nothing was recorded" in told.err) == (code != 0)
    assert "--yes" not in told.err
    assert len(ConsentLedger().records()) == (code == 0)


def test_the_kinds_are_explained(capsys):
    with pytest.raises(SystemExit):
        cli.main(["consent", "add", "--help"])
    shown = capsys.readouterr().out
    assert all(re.search(rf"^ +{kind} +{meaning}$", shown, re.MULTILINE) for kind, meaning in KINDS.items())
    assert KINDS.keys() == SCHEMAS.keys() == consent.MEANINGS.keys()


def test_no_terminal_means_no_consent(monkeypatch):
    def end(_):
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    assert cli.main(ADD) == 2
    assert not ConsentLedger().records()


def test_expiry_is_the_end_of_the_day():
    assert cli.main([*ADD, "--yes", "--expires", "2999-12-31"]) == 0
    assert ConsentLedger().records()[0].expires == 32503679999


@pytest.mark.parametrize(
    "change",
    [
        ["--expires", "tomorrow"],
        ["--expires", "2001-01-01"],
        ["--name", "Angela Merkel"],
        ["--name", " "],
        ["--scope", "everything"],
    ],
)
def test_what_is_refused(change, capsys):
    try:
        code = cli.main([*ADD, "--yes", *change])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert "neo: " in capsys.readouterr().err
    assert not ConsentLedger().records()


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("self", "the person is an adult"),
        ("authorised", "the person is an adult"),
        ("synthetic", "the person shown does not look like a child"),
        ("artwork", "the figure shown is not a child"),
    ],
)
def test_no_adult_statement_no_record(kind, statement, monkeypatch, capsys):
    add = ["consent", "add", "me.png", "--kind", kind, "--name", "Maria Muster"]
    assert cli.main([*add, "--yes"]) == 2
    assert f"the statement that {statement} is missing; expected --adult" in capsys.readouterr().err
    assert not ConsentLedger().records()
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert cli.main([*add, "--adult"]) == 0
    assert f", and {statement}." in capsys.readouterr().out


def test_help_says_that_no_record_does_without_the_adult_statement(capsys):
    with pytest.raises(SystemExit):
        cli.main(["consent", "add", "--help"])
    assert "without it no record of any kind is made" in " ".join(capsys.readouterr().out.split())
