"""Who reads the driving head: `reenact --read-by`."""

import pytest

from neo_core import __main__ as cli
from neo_core.commands import reenact

PUBLIC = ("--renderer", "liveportrait", "--checkpoint", "lp")


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def make(*arguments, **options):
        calls.append(options)
        return {"output": str(arguments[2]), "frames": 3, "seconds": 0.12, "sound": False, "lost": []}

    monkeypatch.setattr(reenact, "make_imitation", make)
    monkeypatch.setattr(reenact, "make_reenactment", lambda *_, **__: pytest.fail("somebody else was asked"))
    return calls


def run(tmp_path, *options: str) -> int:
    return cli.main(["reenact", "him.mp4", "me.jpg", "-o", str(tmp_path / "out.mp4"), *options])


def test_the_checkpoint_reads(asked, tmp_path):
    assert run(tmp_path, *PUBLIC, "--read-by", "checkpoint") == 0
    more = ("--move", "eyes", "--relation", "absolute", "--anchor", "first", "--lost", "error", "--retarget", "eyes")
    assert run(tmp_path, *PUBLIC, "--read-by", "checkpoint", "--unsteadied", *more) == 0
    assert run(tmp_path, *PUBLIC, "--read-by", "checkpoint", "--move", "lips") == 0
    wishes = [(one["relative"], one["region"], one["anchor"], one["lost"]) for one in asked]
    assert wishes == [
        (True, "all", "quiet", "hold"),
        (False, "eyes", "first", "error"),
        (True, "lips", "quiet", "hold"),
    ]
    assert [one["steady"] for one in asked] == [True, False, True]
    assert asked[1]["public"].retargeted == ("eyes",)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--read-by", "checkpoint"), "--read-by checkpoint found without a checkpoint, expected --renderer livepor"),
        ((*PUBLIC, "--read-by", "checkpoint", "--amplitude", "head 1"), "--amplitude found with --read-by checkpoint"),
        ((*PUBLIC, "--read-by", "checkpoint", "--relation", "mixed"), "--relation mixed found with --read-by check"),
        ((*PUBLIC, "--move", "pose", "--retarget", "lips"), "lips to be retargeted found with region pose, which leav"),
        (
            (*PUBLIC, "--read-by", "checkpoint", "--relation", "absolute", "--retarget", "lips"),
            "--retarget lips found with --relation absolute and --read-by checkpoint, where lips open",
        ),
    ],
    ids=str,
)
def test_what_does_not_go_together(asked, tmp_path, capsys, options, told):
    assert run(tmp_path, *options) == 2
    assert told in capsys.readouterr().err
    assert not asked


def test_what_is_moved_is_told_by_one_option(asked, tmp_path, capsys):
    """--move: of what is performed by us, a checkpoint takes everything."""
    with pytest.raises(SystemExit):
        run(tmp_path, *PUBLIC, "--region", "lips")
    assert "--region" in capsys.readouterr().err
    assert not asked
