"""Load LivePortrait: a checkpoint in the public layout, random and small, draws the bundled portrait."""

import gc
from contextlib import nullcontext
from fractions import Fraction
from weakref import ref

import pytest
import torch


@pytest.fixture
def family(pack, monkeypatch):
    """Networks of which a frame takes no time."""
    families = pack("neo_core.pictar.volumetric.family")
    generator = pack("neo_core.pictar.volumetric.spade_generator").GeneratorConfig
    small = families.renderer_config(
        picture=64,
        keypoints=21,
        appearance=(4, 2, 1),
        volume=(4, 4),
        motion=((1, 1, 1, 1), (8, 8, 16, 16)),
        hourglass=(2, 4, 16, 2, 3),
        generator=generator(features=16, width=32, blocks=1, rising=(16, 8), hidden=16, enlarge=2),
        stitching=((16, 16), (16, 8), (16, 16, 8)),
    )
    monkeypatch.setitem(families.FAMILY, "liveportrait", small)
    return small


@pytest.fixture
def checkpoint(pack, family, folders, loaded, monkeypatch):
    """models/liveportrait with a checkpoint in it, one in a folder of it, and a folder with something else."""
    place = folders.models / "liveportrait"
    host = loaded.host("folder_paths")
    monkeypatch.setitem(host.folder_names_and_paths, "liveportrait", ([str(place)], {".safetensors"}))
    write = pack("neo_core.evaluation.random_liveportrait").write_random_checkpoint
    write(place, family, 1)
    write(place / "mine", family, 2)
    (place / "other").mkdir()
    return place


def test_folders_with_a_checkpoint_can_be_chosen(node_classes, checkpoint):
    def options() -> list[str]:
        return list(node_classes["NEO_LoadLivePortrait"].GET_SCHEMA().inputs[0].options)

    assert options() == ["models/liveportrait", "mine", "embedded"]
    (checkpoint / "base_models").mkdir()
    for file in checkpoint.glob("*.safetensors"):  # the original layout: half of one checkpoint is none
        file.rename(checkpoint / "base_models" / file.name)
    assert options() == ["models/liveportrait", "mine", "embedded"]
    for file in (checkpoint / "base_models").iterdir():
        file.unlink()
    assert options() == ["models/liveportrait", "mine", "embedded"]  # the place itself, to say what belongs there


def test_a_folder_that_may_not_be_read_hides_no_node(node_classes, checkpoint, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(checkpoint), "iterdir", refuse)
    monkeypatch.setattr(type(checkpoint), "is_file", refuse)
    assert list(node_classes["NEO_LoadLivePortrait"].GET_SCHEMA().inputs[0].options) == [
        "models/liveportrait",
        "embedded",
    ]


def test_without_a_checkpoint_neos_own_head_is_drawn(run_node, node_classes):
    """A template with this node in it runs before there are any weights."""
    assert run_node("NEO_LoadLivePortrait", checkpoint="embedded").result == (None,)
    assert node_classes["NEO_LoadLivePortrait"].fingerprint_inputs(checkpoint="embedded") == "embedded"


@pytest.mark.usefixtures("checkpoint")
def test_one_node_draws_by_it_too(run_node, pack, monkeypatch):
    module, asked = pack("nodes.talking_head"), []

    def enrolled(*_, renderer):
        asked.append(renderer)
        raise pack("neo_core.data_types").InputError("far enough")

    monkeypatch.setattr(module, "enrolled", enrolled)
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    (sound, _) = run_node("NEO_SampleSpeech").result
    (consent,) = run_node("NEO_Consent", photo=photo).result
    (renderer,) = run_node("NEO_LoadLivePortrait").result
    for given in (renderer, None):
        with pytest.raises(Exception, match="far enough"):
            run_node("NEO_TalkingHead", photo=photo, audio=sound, consent=consent, renderer=given)
    assert asked == [renderer, None]


def test_a_checkpoint_draws_the_portrait(run_node, checkpoint, pack):
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    (models,) = run_node("NEO_LoadModels").result
    (consent,) = run_node("NEO_Consent", photo=photo).result
    (renderer,) = run_node("NEO_LoadLivePortrait", checkpoint="mine", multiplier=0.5).result
    assert renderer.choice.checkpoint == checkpoint / "mine"
    given = {"models": models, "photo": photo, "consent": consent, "size": 128}
    identity, volume = run_node("NEO_EnrolFromPhoto", **given, renderer=renderer).result
    motion = pack("neo_core.data_types").MotionLatents(
        identity.reference.repeat(3, 1), Fraction(25), identity.reference
    )
    (video,) = run_node("NEO_Render", volume=volume, motion=motion).result
    images = video.get_components().images
    assert images.shape == (3, 128, 128, 3)
    crop, square = volume.crop.image / 255, volume.square
    assert crop.shape == (128, 128, 3)
    assert 60 < float(square.side[0]) < 160
    for node, more in (("NEO_Deform", {"motion": motion}), ("NEO_Translate", {})):
        with pytest.raises(Exception, match="drawn by a LivePortrait checkpoint, which has no mesh; expected one"):
            run_node(node, volume=volume, **more)


def test_the_same_files_are_loaded_once_and_leave_with_their_last_user(run_node, checkpoint):
    (one,) = run_node("NEO_LoadLivePortrait").result
    given = {"region": "expression", "relation": "absolute", "retarget": "eyes and lips", "stitching": False}
    (two,) = run_node("NEO_LoadLivePortrait", **given, keep_size=True, dynamic_roi=True).result
    assert one.public.renderer is two.public.renderer
    assert two.choice.retargeted == ("eyes", "lips")
    assert (two.choice.rules.region, two.choice.rules.stitch) == ("expression", False)
    assert (two.choice.rules.relative, two.choice.rules.resize, two.choice.dynamic_roi) == (False, False, True)
    assert (one.choice.rules.relative, one.choice.rules.resize, one.choice.dynamic_roi) == (True, True, False)
    (checkpoint / "spade_generator.safetensors").touch()
    (again,) = run_node("NEO_LoadLivePortrait").result
    assert again.public.renderer is not one.public.renderer
    seen = ref(one.public.renderer)
    del one, two
    gc.collect()
    assert seen() is None


@pytest.mark.usefixtures("checkpoint")
def test_networks_are_compiled_once_and_where_they_run(run_node, pack, monkeypatch):
    hosts, asked = pack("nodes.model_patcher"), []
    kind = pack("neo_core.pictar.volumetric.family").Renderer
    monkeypatch.setattr(kind, "compile_where_it_pays", lambda self, *, windows: asked.append((self, windows)))
    (plain,) = run_node("NEO_LoadLivePortrait").result
    (fast,) = run_node("NEO_LoadLivePortrait", compiled=True).result
    (windows,) = run_node("NEO_LoadLivePortrait", compiled=True, dynamic_roi=True).result
    assert asked == []
    for one in (plain, fast, windows, fast):
        with hosts.renderer_on_device(one):
            pass
    assert asked == [(fast.public.renderer, False), (windows.public.renderer, True)]
    assert len({id(one.public.renderer) for one in (plain, fast, windows)}) == 3


def test_a_calibration_is_noticed(run_node, node_classes, checkpoint, pack):
    before = node_classes["NEO_LoadLivePortrait"].fingerprint_inputs(checkpoint="mine")
    calibration = pack("neo_core.pictar.volumetric.calibration")
    bridge = pack("neo_core.pictar.volumetric.motion_bridge").Bridge(torch.ones(63, 21, 3))
    calibration.save_bridge(checkpoint / "mine", bridge, {})
    assert node_classes["NEO_LoadLivePortrait"].fingerprint_inputs(checkpoint="mine") != before
    assert run_node("NEO_LoadLivePortrait", checkpoint="mine").result[0].public.bridge.calibrated


@pytest.mark.usefixtures("checkpoint")
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"checkpoint": "../elsewhere"}, "no LivePortrait checkpoint found in '../elsewhere'; expected appearance_fe"),
        ({"checkpoint": "other"}, "no LivePortrait checkpoint found in 'other'"),
        ({"region": "nose"}, "region 'nose' is unknown, expected one of all"),
        ({"retarget": "nose"}, "retarget is 'nose'; expected one of none, eyes"),
        ({"multiplier": 9.0}, "multiplier is 9.0; expected"),
        ({"relation": "mixed"}, "relation is 'mixed'; expected one of relative, absolute"),
        ({"stitching": "false"}, "stitching is 'false'; expected true or false"),
        ({"region": "lips", "retarget": "eyes"}, "eyes to be retargeted found with region lips, which leaves them"),
    ],
    ids=str,
)
def test_what_it_refuses(run_node, given, told):
    with pytest.raises(Exception, match=told):
        run_node("NEO_LoadLivePortrait", **given)


def test_a_missing_file_is_named(run_node, checkpoint):
    (checkpoint / "mine" / "warping_module.safetensors").unlink()
    with pytest.raises(Exception, match=r"mine has no warping_module; expected warping_module\.safetensors"):
        run_node("NEO_LoadLivePortrait", checkpoint="mine")


def test_only_a_renderer_is_one(run_node):
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    (consent,) = run_node("NEO_Consent", photo=photo).result
    (models,) = run_node("NEO_LoadModels").result
    with pytest.raises(Exception, match="input renderer holds str; expected the output of Load LivePortrait"):
        run_node("NEO_EnrolFromPhoto", models=models, photo=photo, consent=consent, renderer="mine")


@pytest.fixture
def learnt(pack, monkeypatch):
    """Folders that a bridge is learnt for, which takes no time."""
    module, folders = pack("nodes.live_portrait"), []
    bridges = pack("neo_core.pictar.volumetric.motion_bridge")
    calibration = pack("neo_core.pictar.volumetric.calibration")
    shares = {"explained_of_others": 0.5, "sliders_of_others": 0.2, "turns_of_others": 0.0}

    def learn(engine, renderer, folder, progress):
        assert (engine, isinstance(renderer, torch.nn.Module)) == ("engine", True)
        folders.append(folder)
        progress(0, 1, None)
        bridge = bridges.Bridge(torch.ones(63, 21, 3), calibrated=True)
        calibration.save_bridge(folder, bridge, {})
        report = {"probes": 188, **shares, "learnt": ["expression"], "bridge": str(folder / calibration.FILE)}
        return bridge, report

    monkeypatch.setattr(module, "learn_bridge", learn)
    monkeypatch.setattr(module, "on_device", lambda: nullcontext("engine"))
    return folders


def test_a_checkpoint_is_calibrated_once_in_the_graph(run_node, checkpoint, learnt):
    (plain,) = run_node("NEO_LoadLivePortrait", checkpoint="mine", multiplier=0.5).result
    made, report = run_node("NEO_CalibrateLivePortrait", renderer=plain).result
    assert learnt == [checkpoint / "mine"]
    assert made.public.renderer is plain.public.renderer
    assert (made.public.bridge.calibrated, plain.public.bridge.calibrated) == (True, False)
    assert made.choice == plain.choice
    assert "expression: 50% explained, 20% by the published sliders" in report
    assert report.endswith("neo_bridge.safetensors: expression")
    assert str(checkpoint) not in report
    (loaded,) = run_node("NEO_LoadLivePortrait", checkpoint="mine").result
    kept, report = run_node("NEO_CalibrateLivePortrait", renderer=loaded).result
    assert kept is loaded
    assert report.startswith("calibrated already")
    assert len(learnt) == 1
    run_node("NEO_CalibrateLivePortrait", renderer=loaded, again=True)
    assert len(learnt) == 2


def test_neos_own_head_goes_through_without_calibration(run_node, learnt):
    renderer, report = run_node("NEO_CalibrateLivePortrait", renderer=None).result
    assert renderer is None
    assert "nothing to calibrate" in report
    assert learnt == []
