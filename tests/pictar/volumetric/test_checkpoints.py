"""Public checkpoints in their layouts; what does not fit is named."""

import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch.torch_version import TorchVersion

from neo_core.data_types import InputError
from neo_core.evaluation.random_liveportrait import random_tensors, write_random_checkpoint
from neo_core.pictar.volumetric import checkpoints
from neo_core.pictar.volumetric.checkpoints import (
    FILES,
    build_renderer,
    load_renderer,
    making,
    public_layout,
    save_checkpoint,
)
from neo_core.pictar.volumetric.family import FAMILY, Renderer, member
from neo_core.pictar.volumetric.keypoints import place
from neo_core.weights import safetensors_io

from .tiny_renderer import TINY


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(checkpoints.FAMILY, "liveportrait", TINY)


@pytest.fixture
def folder(tmp_path):
    write_random_checkpoint(tmp_path, TINY, 1)
    return tmp_path


def rewrite(folder, part, change):
    """Change the tensors of one file."""
    tensors = random_tensors(TINY, 1)[part]
    change(tensors)
    save_file(tensors, str(folder / f"{FILES[part]}.safetensors"))


def same(renderer, other):
    pairs = zip(renderer.state_dict().items(), other.state_dict().items(), strict=True)
    kernels = zip(renderer.buffers(), other.buffers(), strict=True)
    equal = all(a == b and torch.allclose(x, y, atol=1e-6) for (a, x), (b, y) in pairs)
    return equal and all(torch.allclose(x, y, atol=1e-6) for x, y in kernels)


PUBLIC = FAMILY["liveportrait"]  # before a test puts the tiny one in its place


def test_the_layout_is_the_published_one():
    with torch.device("meta"):
        layout = public_layout(Renderer(PUBLIC))
    counters = {"appearance": 15, "warping": 13}
    assert {part: len(names) + counters.get(part, 0) for part, names in layout.items()} == {
        "appearance": 107,
        "motion": 212,
        "warping": 97,
        "generator": 182,
        "stitching": 28,
    }
    for part, name, shape in (
        ("appearance", "resblocks_3d.3dr5.conv2.weight", (32, 32, 3, 3, 3)),
        ("appearance", "down_blocks.1.norm.running_var", (256,)),
        ("motion", "detector.downsample_layers.3.1.weight", (768, 384, 2, 2)),
        ("motion", "detector.stages.2.8.grn.gamma", (1, 1, 1, 1536)),
        ("motion", "detector.fc_roll.bias", (66,)),
        ("warping", "dense_motion_network.compress.weight", (4, 32, 1, 1, 1)),
        ("warping", "dense_motion_network.hourglass.encoder.down_blocks.4.conv.weight", (1024, 512, 3, 3, 3)),
        ("warping", "dense_motion_network.hourglass.decoder.up_blocks.2.conv.weight", (128, 512, 3, 3, 3)),
        ("warping", "dense_motion_network.hourglass.decoder.norm.bias", (142,)),
        ("warping", "dense_motion_network.mask.weight", (22, 142, 7, 7, 7)),
        ("warping", "dense_motion_network.occlusion.weight", (1, 2272, 7, 7)),
        ("warping", "third.conv.weight", (256, 512, 3, 3)),
        ("generator", "G_middle_5.conv_1.weight_v", (4608,)),
        ("generator", "up_0.norm_s.mlp_gamma.weight", (512, 128, 3, 3)),
        ("generator", "up_1.conv_s.weight_orig", (64, 256, 1, 1)),
        ("generator", "conv_img.0.weight", (12, 64, 3, 3)),
        ("stitching", "retarget_shoulder_module.mlp.6.weight", (65, 64)),
        ("stitching", "retarget_eye_module.mlp.10.bias", (63,)),
    ):
        assert tuple(layout[part][name]) == shape


def test_parameters_are_as_many_as_published():
    with torch.device("meta"):
        renderer = Renderer(PUBLIC)
    counts = {part: sum(x.numel() for x in getattr(renderer, part).parameters()) for part in FILES}
    assert counts == {
        "appearance": 836_224,
        "motion": 28_118_728,
        "warping": 45_529_829,
        "generator": 55_365_388,
        "stitching": 45_249 + 37_311 + 144_703,
    }


def test_a_checkpoint_is_the_tensors_it_was_written_from(folder, renderer):
    assert same(load_renderer(folder), renderer)


@pytest.mark.parametrize("above", ["", "liveportrait"])
def test_the_original_layout(tmp_path, tensors, renderer, above):
    """.pth in two folders, without counters; the small networks nested, named after parallel training."""
    for part, stem in FILES.items():
        below = tmp_path / above / ("retargeting_models" if part == "stitching" else "base_models")
        below.mkdir(exist_ok=True, parents=True)
        content = {name: x for name, x in tensors[part].items() if not name.endswith("num_batches_tracked")}
        if part == "stitching":
            content = {
                name: {
                    key.replace(f"{name}_module.", "module."): x
                    for key, x in tensors[part].items()
                    if key.startswith(name)
                }
                for name in ("retarget_shoulder", "retarget_mouth", "retarget_eye")
            }
        torch.save(content, below / f"{stem}.pth")
    assert same(load_renderer(tmp_path), renderer)


SMALLER = replace(TINY, warping=replace(TINY.warping, most=8), generator=replace(TINY.generator, width=24, blocks=2))


@pytest.fixture
def _two(monkeypatch):
    monkeypatch.setitem(checkpoints.FAMILY, "small", SMALLER)


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(("config", "name"), [(TINY, "liveportrait"), (SMALLER, "small")])
def test_the_shapes_say_which_of_the_family_it_is(tmp_path, config, name):
    write_random_checkpoint(tmp_path, config, 1)
    loaded = load_renderer(tmp_path)
    assert loaded.config == config
    assert member(loaded.config) == name
    assert same(loaded, build_renderer(config, random_tensors(config, 1), FILES).ready())


@pytest.mark.usefixtures("_two")
def test_one_that_is_nearly_the_smaller_is_told_what_it_lacks_of_that(tmp_path):
    write_random_checkpoint(tmp_path, SMALLER, 1)
    tensors = random_tensors(SMALLER, 1)["generator"]
    tensors["fc.weight"] = torch.zeros(25, 16, 3, 3)
    save_file(tensors, str(tmp_path / "spade_generator.safetensors"))
    told = r"spade_generator of small: of another shape fc\.weight \(25 x 16 x 3 x 3, expected 24 x 16 x 3 x 3\)$"
    with pytest.raises(InputError, match=told):
        load_renderer(tmp_path)


@pytest.mark.usefixtures("_two")
def test_files_of_two_renderers(tmp_path):
    write_random_checkpoint(tmp_path, TINY, 1)
    save_file(random_tensors(SMALLER, 1)["generator"], str(tmp_path / "spade_generator.safetensors"))
    with pytest.raises(InputError, match=r"spade_generator of small, .*; expected five files of one renderer$"):
        load_renderer(tmp_path)


def test_weights_say_how_they_were_made_if_anyone_does(tmp_path):
    def write(**made):
        for part, tensors in random_tensors(TINY, 1).items():
            safetensors_io.save(tmp_path / f"{FILES[part]}.safetensors", tensors, {}, made=made)
        return making(tmp_path)

    assert [write(), write(recipe="small", seed=3), write(random=1)] == ["unknown", "trained", "random"]
    write_random_checkpoint(tmp_path, TINY, 1)
    assert making(tmp_path) == "random"


def test_what_is_saved_is_what_was_trained(tmp_path):
    """Through the public layout and back: the same picture, and files that say they were trained."""
    trained = build_renderer(TINY, random_tensors(TINY, 3), FILES)
    save_checkpoint(tmp_path, trained, {"recipe": "a test"}, torch.float32)
    assert making(tmp_path) == "trained"
    again, trained = load_renderer(tmp_path), trained.ready()
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    drawn = []
    for one in (trained, again):
        motion = one.motion(picture)
        source = one.warping.know(one.appearance(picture), place(motion))
        drawn.append(one.paint(one.warping(source, place(motion) + 0.05).features))
    assert drawn[0].std() > 0.01
    assert (drawn[0] - drawn[1]).abs().max() < 1e-5
    moved = trained.stitching.shoulder, again.stitching.shoulder
    assert all(torch.equal(a, b) for a, b in zip(*(net.parameters() for net in moved), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_any_weight_comes_back_from_its_spectral_norm(tmp_path, learner, dtype):
    """Of zeros, of rows that cancel one another, of nothing but one kernel, and so small that a half can hardly say."""
    awkward = [block.conv_0.weight.data for block in learner.generator.middle[:4]]
    awkward[0].zero_()
    half = awkward[1].shape[0] // 2
    awkward[1][half:] = -awkward[1][:half]
    awkward[2][1:] = 0
    awkward[3][:] = 2e-8  # of which a half makes zero
    awkward[3][1, 2, 1, 1] = 9e-8
    expected = [weight.to(dtype).float() for weight in awkward]
    save_checkpoint(tmp_path, learner, {}, dtype)
    again = load_renderer(tmp_path)
    for block, weight in zip(again.generator.middle, expected, strict=False):
        assert (block.conv_0.weight - weight).abs().max() <= 1e-5 * weight.abs().max()


@pytest.mark.parametrize("part", ["appearance", "warping", "generator"])
def test_a_renderer_that_cannot_learn_any_more_is_not_written(tmp_path, tensors, learner, part):
    setattr(learner, part, getattr(build_renderer(TINY, tensors, FILES).ready(), part))
    with pytest.raises(InputError, match=rf"does not fit {FILES[part]} of liveportrait, not settled: .*missing"):
        save_checkpoint(tmp_path, learner, {})
    assert not list(tmp_path.iterdir())


def test_halves_are_read_as_what_they_say(folder):
    rewrite(folder, "appearance", lambda tensors: tensors.update({k: x.half() for k, x in tensors.items()}))
    assert load_renderer(folder).appearance.second.weight.dtype == torch.float32


def test_a_file_that_is_not_there(folder):
    (folder / "spade_generator.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no spade_generator; expected spade_generator\.safetensors or"):
        load_renderer(folder)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("appearance", "resblocks_3d.3dr1.norm2.running_var"),
        ("motion", "detector.fc_t.bias"),
        ("warping", "dense_motion_network.hourglass.decoder.norm.weight"),
        ("generator", "up_0.conv_s.weight_u"),
        ("generator", "G_middle_3.norm_1.mlp_shared.0.bias"),
        ("stitching", "retarget_mouth_module.mlp.0.weight"),
    ],
)
def test_faults_are_named_as_published(folder, part, name):
    rewrite(folder, part, lambda tensors: tensors.pop(name))
    with pytest.raises(InputError, match=f"does not fit {FILES[part]} of liveportrait: missing {name}$"):
        load_renderer(folder)
    rewrite(folder, part, lambda tensors: tensors.update(extra=torch.zeros(1)))
    with pytest.raises(InputError, match=r"unexpected extra$"):
        load_renderer(folder)
    rewrite(folder, part, lambda tensors: tensors.update({name: torch.zeros(1, 2)}))
    with pytest.raises(InputError, match=rf"of another shape {name} \(\d.*, expected \d.*\)$"):
        load_renderer(folder)


def test_a_pth_that_runs_code_is_not_run(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("went off").touch, ())

    (folder / "motion_extractor.safetensors").unlink()
    (folder / "motion_extractor.pth").write_bytes(pickle.dumps({"detector.norm.weight": Bomb()}, protocol=2))
    with pytest.raises(InputError, match=r"motion_extractor\.pth cannot be read as weights"):
        load_renderer(folder)
    assert not (tmp_path / "went off").exists()


@pytest.mark.parametrize("found", ["2.4.0", "2.5.1+cu124", "2.9.1"])
def test_a_pth_is_not_even_opened_where_reading_it_is_unsafe(folder, monkeypatch, found):
    """Versions whose weights-only reader is known to be misled; safetensors are read by any."""
    monkeypatch.setattr(torch, "__version__", TorchVersion(found))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened it"))
    load_renderer(folder)
    (folder / "motion_extractor.safetensors").rename(folder / "motion_extractor.pth")
    with pytest.raises(InputError, match=r"can make run code; expected \.safetensors, or torch 2\.10$"):
        load_renderer(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>not found</html>"], ids=["empty", "cut", "a page"])
def test_a_pth_that_was_not_downloaded_whole(folder, content):
    (folder / "motion_extractor.safetensors").unlink()
    (folder / "motion_extractor.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"motion_extractor\.pth cannot be read as weights \(\S.*\); expected a .pth"):
        load_renderer(folder)


def test_a_pth_with_something_else_in_it(folder):
    (folder / "motion_extractor.safetensors").unlink()
    torch.save({"epoch": 3}, folder / "motion_extractor.pth")
    with pytest.raises(InputError, match=r"holds int at epoch\.; expected tensors by name"):
        load_renderer(folder)


def test_spectral_norms_are_divided_out_once(tensors):
    generator = build_renderer(TINY, tensors, FILES).generator
    public = tensors["generator"]
    weight, u, v = (public[f"G_middle_2.conv_1.weight_{kind}"] for kind in ("orig", "u", "v"))
    assert torch.allclose(generator.middle[2].conv_1.weight, weight / (u @ weight.flatten(1) @ v))
    greatest = torch.linalg.matrix_norm(generator.middle[2].conv_1.weight.detach().flatten(1), 2)
    assert greatest == pytest.approx(1, abs=0.1)  # after a few rounds of the power iteration


def test_loading_leaves_what_was_given_alone(tensors):
    before = {part: {name: x.clone() for name, x in content.items()} for part, content in tensors.items()}
    build_renderer(TINY, tensors, FILES).ready(torch.bfloat16)
    assert all(torch.equal(x, tensors[part][name]) for part in before for name, x in before[part].items())
