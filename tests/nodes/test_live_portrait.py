"""Load LivePortrait: a checkpoint in the public layout, random and small, draws the bundled portrait."""

import gc
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
    choice = node_classes["NEO_LoadLivePortrait"].GET_SCHEMA().inputs[0]
    assert list(choice.options) == ["models/liveportrait", "mine"]
    for file in checkpoint.glob("*.safetensors"):
        file.unlink()
    choice = node_classes["NEO_LoadLivePortrait"].GET_SCHEMA().inputs[0]
    assert list(choice.options) == ["models/liveportrait", "mine"]  # the place itself, to say what belongs there


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
    (two,) = run_node("NEO_LoadLivePortrait", region="lips", retarget="eyes and lips", stitching=False).result
    assert one.public.renderer is two.public.renderer
    assert two.choice.retargeted == ("eyes", "lips")
    assert (two.choice.rules.region, two.choice.rules.stitch) == ("lips", False)
    (checkpoint / "spade_generator.safetensors").touch()
    (again,) = run_node("NEO_LoadLivePortrait").result
    assert again.public.renderer is not one.public.renderer
    seen = ref(one.public.renderer)
    del one, two
    gc.collect()
    assert seen() is None


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
