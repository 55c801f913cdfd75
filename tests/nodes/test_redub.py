"""Redub: a clip speaks another sound, under the consent to its first frame."""

from contextlib import nullcontext
from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch


@pytest.fixture
def clip(pack, loaded, tmp_path):
    """A VIDEO of five frames."""
    with pack("neo_core.media.video").VideoWriter(tmp_path / "clip.mp4", (32, 48), Fraction(30), None) as writer:
        for _ in range(5):
            writer.write(torch.zeros(32, 48, 3, dtype=torch.uint8))
    return loaded.host("comfy_api.v0_0_2").InputImpl.VideoFromFile(str(tmp_path / "clip.mp4"))


SOUND = {"waveform": torch.zeros(1, 1, 1600), "sample_rate": 16000}


@pytest.fixture
def asked(pack, monkeypatch):
    """What the engine was asked to redub, which takes no time here: frames, sound, settings and the rest."""
    module, video = pack("nodes.redub"), pack("neo_core.media.video")
    lost, calls = pack("neo_core.pictar.lost_faces").Lost, []

    def open_clip(_analyser, _path, number, mask, _progress):
        return SimpleNamespace(number=number, mask=mask)

    def redub(_engine, footage, portrait, sound, path, settings, choose, *, kept, progress, **options):
        calls.append((portrait, sound, settings, choose.keywords, options))
        with video.VideoWriter(path, footage.size, footage.fps, sound) as writer:
            for number in range(footage.frames):
                writer.write(torch.zeros(*footage.size, 3, dtype=torch.uint8))
                progress(writer.frames, footage.frames, None)
                kept.append(torch.full((63,), float(number)))
        return [lost(4, 4, "passed")]

    monkeypatch.setattr(module, "open_clip", open_clip)
    monkeypatch.setattr(module, "redub", redub)
    monkeypatch.setattr(module, "on_device", lambda _: nullcontext(SimpleNamespace(analyser=None)))
    return calls


@pytest.fixture
def consent(pack, monkeypatch):
    """A consent that is not looked at, and what it is asked for."""
    uses = []
    monkeypatch.setattr(pack("nodes.redub"), "require_grant", lambda consent: consent)
    return SimpleNamespace(require=uses.append, uses=uses)


def test_every_wish_arrives(run_node, clip, asked, consent):
    mask = torch.ones(1, 32, 48)
    wishes = {"seed": 3, "lost": "hold", "face": 2, "detail": 1024, "mask": mask}
    given = {"models": None, "clip": clip, "audio": SOUND, "consent": consent}
    video, motion, report = run_node("NEO_Redub", **given, **wishes).result
    ((portrait, sound, settings, chosen, options),) = asked
    assert (portrait.number, chosen["number"], settings.seed) == (2, 2, 3)
    assert portrait.mask.equal(mask[0])
    assert chosen["mask"].equal(options.pop("mask"))
    assert options == {"grant": consent, "lost": "hold", "detail": 1024, "performance": None}
    assert sound.samples.shape == (1, 1600)
    assert (video.get_frame_count(), motion.fps, len(motion.motion)) == (5, 30, 5)
    assert motion.motion[4, 0] == 4
    assert report == "5 frames at 30 fps\nno face in frame 4: passed"
    video.get_components()
    assert consent.uses == ["talking-head"]  # asked again when the video is opened


def test_what_is_usual(run_node, clip, asked, consent):
    run_node("NEO_Redub", models=None, clip=clip, audio=SOUND, consent=consent)
    ((portrait, *_, options),) = asked
    assert (portrait.number, portrait.mask, options["lost"], options["detail"]) == (None, None, "interpolate", 512)


def test_a_motion_takes_the_place_of_vocal(run_node, pack, clip, asked, consent):
    acted = pack("neo_core.data_types").MotionLatents(torch.zeros(4, 63), Fraction(24), use="reenactment")
    video, motion, _ = run_node("NEO_Redub", models=None, clip=clip, audio=SOUND, consent=consent, motion=acted).result
    assert asked[0][-1]["performance"] is acted
    assert motion.use == "reenactment"
    video.get_components()
    assert consent.uses == ["reenactment"]
    with pytest.raises(Exception, match="input motion holds"):
        run_node("NEO_Redub", models=None, clip=clip, audio=SOUND, consent=consent, motion="me")


@pytest.mark.parametrize(("name", "value"), [("lost", "skip"), ("face", 99), ("detail", 5), ("mask", "me")])
def test_what_it_refuses(run_node, clip, asked, consent, name, value):
    with pytest.raises(Exception, match=name):
        run_node("NEO_Redub", models=None, clip=clip, audio=SOUND, consent=consent, **{name: value})
    assert asked == []


def test_without_consent_nothing_is_redubbed(run_node, clip, asked):
    with pytest.raises(Exception, match="no consent was given for the picture"):
        run_node("NEO_Redub", models=None, clip=clip, audio=SOUND)
    assert asked == []
