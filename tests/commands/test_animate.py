"""Which model `animate` asks, with which settings, and what it refuses to mix."""

import argparse
import json
from dataclasses import replace

import pytest

from neo_core.commands import animate
from neo_core.data_types import InputError
from neo_core.neo2.sampler import SHIPPED

JOINS = [24, 48]


@pytest.fixture
def asked(monkeypatch):
    """What the makers of videos were asked for: (name, arguments, options)."""
    calls = []

    def maker(name):
        def make(*arguments, **options):
            calls.append((name, arguments, options))
            report = {"output": str(arguments[2]), "frames": 30, "seconds": 1.2}
            if name == "make_video":
                return report
            options["remark"]("25% of the picture is made up")
            return report | {"prompt": arguments[3], "joins": JOINS, "join_seconds": [frame / 25 for frame in JOINS]}

        return make

    for name in ("make_video", "make_full_body"):
        monkeypatch.setattr(animate, name, maker(name))
    return calls


@pytest.fixture
def run(tmp_path):
    """A function: animate a photo with a sound and these options."""

    def run(*options: str) -> int:
        parser = argparse.ArgumentParser()
        animate.add_arguments(parser)
        return animate.execute(parser.parse_args(["me.jpg", "me.wav", "-o", str(tmp_path / "out.mp4"), *options]))

    return run


def test_the_talking_head_is_asked_unless_another_is(run, asked):
    assert run() == run("--model", "neo-1.5", "--steps", "5") == 0
    assert [(name, arguments[3].steps) for name, arguments, _ in asked] == [("make_video", 8), ("make_video", 5)]


def test_neo_2_gets_its_own_settings(run, asked, tmp_path, capsys):
    assert run("--model", "neo2", "--prompt", "a lively talk", "--seed", "4") == 0
    ((name, (photo, audio, output, prompt, settings), options),) = asked
    assert name == "make_full_body"
    assert (photo.name, audio.name, output) == ("me.jpg", "me.wav", tmp_path / "out.mp4")
    assert prompt == "a lively talk"
    assert settings.sampling == replace(SHIPPED, seed=4)
    assert settings.scale == 4
    assert options["weights"] == (None, None)
    told = capsys.readouterr()
    made = tmp_path / "out.mp4"
    whole, meet = told.out.splitlines()
    assert whole == f"{made}: 30 frames, 1.2 s of sound"
    assert meet == f"chunks meet at 0.96,1.92 s: seams {made} tells whether one sees it"
    assert told.err == "neo: 25% of the picture is made up\n"


def test_neo_2_can_be_asked_for_other_steps_sizes_and_weights(run, asked, capsys):
    run(
        "--model",
        "neo2",
        "--steps",
        "12",
        "--scale",
        "1",
        "--dit",
        "d.safetensors",
        "--face",
        "2",
        "--processes",
        "2",
        "--json",
    )
    ((_, arguments, options),) = asked
    assert (arguments[3], arguments[4].sampling.steps, arguments[4].scale) == ("", 12, 1)
    assert [str(path) for path in options["weights"]] == ["None", "d.safetensors"]
    assert (options["face"], options["processes"]) == (2, 2)
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["joins"], report["join_seconds"]) == (30, JOINS, [0.96, 1.92])


@pytest.mark.usefixtures("asked")
def test_of_a_long_video_not_every_join_is_told(run, monkeypatch, capsys):
    monkeypatch.setattr(animate, "TOLD", 1)
    run("--model", "neo2")
    assert "chunks meet at 0.96 s and at 1 more: seams" in capsys.readouterr().out


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("joins", "uneven"), [([24, 48, 72], False), ([24, 48, 72, 96, 104], True), ([24], False)])
def test_why_joins_are_unevenly_apart_is_told_where_they_are(run, monkeypatch, capsys, joins, uneven):
    monkeypatch.setitem(globals(), "JOINS", joins)
    run("--model", "neo2")
    assert ("unevenly: joins within a group of chunks shift" in capsys.readouterr().out) == uneven


def test_help_tells_the_limits_of_neo_2():
    parser = argparse.ArgumentParser()
    animate.add_arguments(parser)
    text = " ".join(parser.format_help().split())
    for told in (
        "manner (calm, emphatic); clothes and scene are the photo's; up to 24 words",
        "on each side, 1 to 8 (default: 4)",
        "3.5 s or longer; --model neo2 takes a picture",
    ):
        assert told in text


MIXED = [
    (("--prompt", "calm"), "--prompt found with --model neo-1.5, expected --model neo2"),
    (("--scale", "2"), "--scale found with --model neo-1.5, expected --size N or --model neo2"),
    (("--model", "neo2", "--size", "512"), "--size found with --model neo2, expected --scale N, which makes 128 N pix"),
    (("--model", "neo2", "--size", "512"), "pixels a side, or --model neo-1.5$"),
    (("--model", "neo2", "--emotion", "happy"), "--emotion found with --model neo2"),
    (("--model", "neo2", "--guidance-audio", "2"), "--guidance-audio found with --model neo2"),
    (("--model", "neo2", "--save-motion", "m.safetensors"), "--save-motion found with --model neo2"),
    (("--model", "neo2", "--fps", "30"), "--fps 30 found with --model neo2, expected none: it makes 25 a second"),
]


@pytest.mark.parametrize(("options", "told"), MIXED, ids=str)
def test_options_of_the_other_model_are_refused(run, asked, options, told):
    with pytest.raises(InputError, match=told):
        run(*options)
    assert not asked


def test_neo_2_needs_a_sound(asked, tmp_path):
    parser = argparse.ArgumentParser()
    animate.add_arguments(parser)
    with pytest.raises(InputError, match="no sound found for --model neo2"):
        animate.execute(parser.parse_args(["me.jpg", "-o", str(tmp_path / "out.mp4"), "--model", "neo2"]))
    assert not asked


def test_every_option_belongs_to_somebody():
    """An option that is new and not told of in `OWN` is one that both models understand."""
    parser = argparse.ArgumentParser()
    animate.add_arguments(parser)
    shared = {"help", "photo", "audio", "output", "face", "fps", "seed", "steps", "json", "model"}
    own = {name for names in animate.OWN.values() for name in names}
    assert {action.dest for action in parser._actions} == shared | own
