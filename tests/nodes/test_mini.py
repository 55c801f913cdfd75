"""Load Mini Renderer: the mini draws what is enrolled with it."""

import gc
from contextlib import nullcontext
from fractions import Fraction
from weakref import ref

import pytest


@pytest.fixture
def own(pack, folders):
    """A mini of one's own in models/neo, which knows nothing and takes no time."""
    network = pack("neo_core.pictar.mini.network")
    path = folders.models / "own.safetensors"
    network.save_mini(path, network.Mini(network.MiniConfig(side=32, width=8, features=4, groups=4)))
    return path


def test_the_embedded_mini_or_a_file_can_be_chosen(node_classes, own):
    node = node_classes["NEO_LoadMini"]
    assert list(node.GET_SCHEMA().inputs[0].options) == ["embedded", own.name]
    assert node.fingerprint_inputs(mini="embedded") is None
    assert str(own.parent) not in node.fingerprint_inputs(mini=own.name)


def test_the_same_file_is_loaded_once_until_it_is_written_anew(run_node, own):
    (one,), (two,) = (run_node("NEO_LoadMini", mini=own.name).result for _ in range(2))
    assert one.mini is two.mini
    assert one.mini.config.side == 32
    own.touch()
    (again,) = run_node("NEO_LoadMini", mini=own.name).result
    assert again.mini is not one.mini
    seen = ref(one.mini)
    del one, two
    gc.collect()
    assert seen() is None


def test_a_file_that_is_no_mini_is_refused(run_node, own):
    own.write_bytes(b"nothing")
    with pytest.raises(Exception, match=own.name):
        run_node("NEO_LoadMini", mini=own.name)


def test_the_mini_draws_the_portrait(run_node, own, pack):
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    (models,) = run_node("NEO_LoadModels").result
    (consent,) = run_node("NEO_Consent", photo=photo).result
    (renderer,) = run_node("NEO_LoadMini", mini=own.name).result
    given = {"models": models, "photo": photo, "consent": consent, "size": 128}
    identity, volume = run_node("NEO_EnrolFromPhoto", **given, renderer=renderer).result
    assert type(volume) is pack("neo_core.pictar.mini.face").MiniFace
    motion = pack("neo_core.data_types").MotionLatents(
        identity.reference.repeat(2, 1), Fraction(25), identity.reference
    )
    (video,) = run_node("NEO_Render", volume=volume, motion=motion).result
    assert video.get_components().images.shape == (2, 128, 128, 3)
    for node, more in (("NEO_Deform", {"motion": motion}), ("NEO_Translate", {})):
        with pytest.raises(Exception, match="drawn by the mini, which bends no mesh to show; expected one that"):
            run_node(node, volume=volume, **more)


def test_one_node_draws_by_it_too(run_node, own, pack, monkeypatch):
    asked = []

    def enrolled(*_, renderer):
        asked.append(renderer)
        raise pack("neo_core.data_types").InputError("far enough")

    monkeypatch.setattr(pack("nodes.talking_head"), "enrolled", enrolled)
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    (sound, _) = run_node("NEO_SampleSpeech").result
    (consent,) = run_node("NEO_Consent", photo=photo).result
    (renderer,) = run_node("NEO_LoadMini", mini=own.name).result
    with pytest.raises(Exception, match="far enough"):
        run_node("NEO_TalkingHead", photo=photo, audio=sound, consent=consent, renderer=renderer)
    assert asked == [renderer]


def test_of_footage_it_draws_the_best_frame_alone(run_node, own, pack, monkeypatch):
    portraits, asked = pack("nodes.portraits"), []
    found = pack("neo_core.pipelines.footage_enrolment").Enrolment("avatar", None, 8, 8, {})

    def enrol(*_, **given):
        asked.append(given)
        return found

    monkeypatch.setattr(portraits, "inspect_for_enrolment", lambda _: None)
    monkeypatch.setattr(portraits, "first_face", lambda *_: None)
    monkeypatch.setattr(portraits, "enrol_footage", enrol)
    monkeypatch.setattr(portraits, "drawn_by", lambda avatar, mini: (avatar, mini))
    (renderer,) = run_node("NEO_LoadMini", mini=own.name).result
    given = (None, "clip.mp4", "whole photo", 512, 0, None)
    assert portraits.enrolled_from(*given, renderer).avatar == ("avatar", renderer.mini)
    assert portraits.enrolled_from(*given) is found
    assert [one["widen"] for one in asked] == [False, True]
    assert not any("public" in one for one in asked)


def test_there_is_nothing_to_calibrate(run_node, own, pack, monkeypatch):
    monkeypatch.setattr(pack("nodes.live_portrait"), "on_device", nullcontext)
    (renderer,) = run_node("NEO_LoadMini", mini=own.name).result
    kept, report = run_node("NEO_CalibrateLivePortrait", renderer=renderer, again=True).result
    assert kept is renderer
    assert "nothing to calibrate" in report
