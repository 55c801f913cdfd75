"""Which renderer `animate` and `render` are asked for, and what is refused."""

import argparse
from pathlib import Path
from types import SimpleNamespace

import pytest

from neo_core.commands import animate, options, reenact, render
from neo_core.data_types import InputError
from neo_core.pictar.volumetric.checkpoints import FILES
from neo_core.pictar.volumetric.driving import Rules
from neo_core.pipelines.live_portrait import LivePortrait
from neo_core.pipelines.mini import MiniRenderer


def asked(*given: str) -> LivePortrait | MiniRenderer | None:
    parser = argparse.ArgumentParser()
    options.add_renderer(parser)
    options.add_driving(parser)
    return options.driven_renderer(parser.parse_args(given))


def test_the_geometric_renderer_unless_asked():
    assert asked() is None
    assert asked("--renderer", "geometric") is None


def test_a_public_checkpoint_and_how_it_is_driven():
    assert asked("--renderer", "liveportrait", "--checkpoint", "lp") == LivePortrait(Path("lp"))
    given = (
        "--region",
        "lips",
        "--retarget",
        "eyes",
        "lips",
        "eyes",
        "--driving-multiplier",
        "0.8",
        "--no-stitching",
        "--keep-size",
    )
    with pytest.raises(
        InputError, match="eyes to be retargeted found with region lips, which leaves them as photographed"
    ):
        asked("--renderer", "liveportrait", "--checkpoint", "lp", *given)
    given = ("--region", "expression", *given[2:], "--relation", "absolute")
    given = (*given, "--precision", "bfloat16", "--dynamic-roi", "--compile")
    chosen = asked("--renderer", "liveportrait", "--checkpoint", "lp", *given)
    assert chosen == LivePortrait(
        Path("lp"),
        Rules(relative=False, region="expression", multiplier=0.8, stitch=False, resize=False),
        ("eyes", "lips"),
        "bfloat16",
        dynamic_roi=True,
        compiled=True,
    )


def test_a_mini_of_ours_and_nothing_of_a_public_renderer_for_it():
    assert asked("--renderer", "mini") == MiniRenderer()
    assert asked("--renderer", "mini", "--mini", "own.safetensors") == MiniRenderer(Path("own.safetensors"))
    with pytest.raises(InputError, match="--region found with --renderer mini, expected --renderer liveportrait"):
        asked("--renderer", "mini", "--region", "eyes")
    with pytest.raises(InputError, match="--no-stitching found with --renderer mini, expected --renderer liveportrait"):
        asked("--renderer", "mini", "--no-stitching")
    with pytest.raises(InputError, match="--mini found with --renderer geometric, expected --renderer mini"):
        asked("--mini", "own.safetensors")


def test_a_public_renderer_needs_its_checkpoint():
    with pytest.raises(InputError, match="--renderer liveportrait found without --checkpoint, expected the folder"):
        asked("--renderer", "liveportrait")


@pytest.mark.parametrize(
    "given",
    [
        ("--checkpoint", "lp"),
        ("--region", "eyes"),
        ("--relation", "absolute"),
        ("--retarget", "eyes"),
        ("--driving-multiplier", "2"),
        ("--no-stitching",),
        ("--keep-size",),
        ("--dynamic-roi",),
        ("--compile",),
        ("--precision", "float16"),
    ],
    ids=lambda given: given[0],
)
def test_options_of_the_public_renderer_alone_are_refused(given):
    with pytest.raises(InputError, match=f"{given[0]} found with --renderer geometric, expected --renderer liveportr"):
        asked(*given)


@pytest.mark.parametrize("command", [animate, render])
def test_both_commands_hand_it_on(command, monkeypatch, tmp_path):
    chosen = []

    def stop(*arguments, public=None, **_options):
        chosen.append(public if command is animate else arguments[4])
        raise InputError("far enough")

    monkeypatch.setattr(command, "make_video" if command is animate else "enrol_photo", stop)
    if command is render:
        monkeypatch.setattr(command, "load_motion", lambda _path: SimpleNamespace(use="talking-head"))
        monkeypatch.setattr(command, "load_models", lambda: None)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    given = ["me.jpg", *(["me.wav"] if command is animate else ["--motion", "m.safetensors"])]
    given += ["-o", str(tmp_path / "out.mp4"), "--renderer", "liveportrait", "--checkpoint", "lp"]
    with pytest.raises(InputError, match="far enough"):
        command.execute(parser.parse_args(given))
    assert chosen == [LivePortrait(Path("lp"))]


@pytest.mark.parametrize("name", ["motion_extractor.safetensors", "neo_bridge.safetensors"])
@pytest.mark.parametrize("command", [animate, reenact])
def test_a_performance_does_not_take_the_place_of_the_checkpoint(command, name, tmp_path):
    for stem in FILES.values():
        (tmp_path / f"{stem}.safetensors").write_bytes(b"weights")
    (tmp_path / "neo_bridge.safetensors").write_bytes(b"learnt")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    given = ["me.jpg", "me.wav", "-o", str(tmp_path / "a.mp4")] if command is animate else ["him.mp4", "me.jpg", "-o"]
    given += [str(tmp_path / "a.mp4")] if command is reenact else []
    given += ["--renderer", "liveportrait", "--checkpoint", str(tmp_path), "--save-motion", str(tmp_path / name)]
    with pytest.raises(InputError, match=f"would overwrite .*{name}, which is read"):
        command.execute(parser.parse_args(given))


def test_the_public_renderer_is_an_option_of_the_talking_head(tmp_path):
    parser = argparse.ArgumentParser()
    animate.add_arguments(parser)
    given = ["me.jpg", "me.wav", "-o", str(tmp_path / "a.mp4"), "--model", "neo2", "--renderer", "liveportrait"]
    with pytest.raises(InputError, match=r"--renderer found with --model neo2, expected --model neo-1.5"):
        animate.execute(parser.parse_args(given))
