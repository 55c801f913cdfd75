"""Motion is saved and opened inside ComfyUI's folders, whatever a prompt asks for."""

import os
from fractions import Fraction

import pytest
import torch


@pytest.fixture
def motion(pack):
    return pack("neo_core.data_types").MotionLatents(0.2 * torch.rand(7, 63), Fraction(30000, 1001))


@pytest.fixture
def refused(pack):
    return pack("neo_core.data_types").InputError


@pytest.mark.parametrize("format", ["safetensors", "json"])
def test_what_is_saved_can_be_chosen_and_opened(run_node, node_classes, motion, folders, format):
    told = run_node("NEO_SaveMotion", motion=motion, filename_prefix="neo/tâke", format=format).ui
    name = f"neo/tâke_00001_.{format}"
    assert told.as_dict()["text"] == (name,)
    assert (folders.output / name).is_file()
    (choice,) = node_classes["NEO_LoadMotion"].GET_SCHEMA().inputs[0].options
    assert choice == f"{name} [output]"
    (opened,) = run_node("NEO_LoadMotion", file=choice).result
    assert opened.fps == motion.fps
    assert (opened.motion - motion.motion).abs().max() < 1e-6


def test_saving_twice_overwrites_nothing(run_node, motion, folders):
    for _ in range(2):
        run_node("NEO_SaveMotion", motion=motion)
    assert sorted(path.name for path in folders.output.rglob("*.*")) == [
        "motion_00001_.safetensors",
        "motion_00002_.safetensors",
    ]


OUTSIDE = ["../evil", "../../../../tmp/evil", "/tmp/evil", "a/../../evil", "x\0y", "new\nline", "", "n" * 5000]


@pytest.mark.parametrize("prefix", OUTSIDE, ids=ascii)
def test_nothing_is_saved_outside(run_node, motion, refused, folders, tmp_path, prefix):
    if prefix:  # an empty prefix is a name of nothing but its number
        with pytest.raises(refused, match="expected"):
            run_node("NEO_SaveMotion", motion=motion, filename_prefix=prefix)
    else:
        run_node("NEO_SaveMotion", motion=motion, filename_prefix=prefix)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(folders.output in path.parents for path in written)


@pytest.mark.parametrize(
    "name", ["../secret.json", "/etc/passwd", "../secret.json [output]", "x\0.json", "missing.json"]
)
def test_nothing_is_opened_outside(run_node, refused, tmp_path, name):
    (tmp_path / "secret.json").write_text("{}")
    with pytest.raises(refused, match="expected one of the list"):
        run_node("NEO_LoadMotion", file=name)


def test_a_link_that_leads_out_is_not_followed(run_node, refused, folders, tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    try:
        os.symlink(tmp_path / "secret.json", folders.input / "link.json")
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(refused, match="expected one of the list"):
        run_node("NEO_LoadMotion", file="link.json")


@pytest.mark.parametrize("name", ["../secret.json", "{root}/secret.json", "../secret.json [output]", "link.json"])
def test_nothing_is_opened_outside_on_a_host_that_does_not_look(
    run_node, refused, loaded, folders, tmp_path, monkeypatch, name
):
    """ComfyUI before 0.28 joins whatever it is given."""

    def annotated(name):
        root, name = (folders.output, name[:-9]) if name.endswith(" [output]") else (folders.input, name)
        return str(root / name)

    monkeypatch.setattr(loaded.host("folder_paths"), "get_annotated_filepath", annotated)
    (tmp_path / "secret.json").write_text("{}")
    (folders.input / "link.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(refused, match="outside ComfyUI's folders"):
        run_node("NEO_LoadMotion", file=name.format(root=tmp_path))


def test_an_edited_file_is_opened_anew(run_node, node_classes, motion, folders):
    load = node_classes["NEO_LoadMotion"]
    run_node("NEO_SaveMotion", motion=motion, filename_prefix="take", format="json")
    (path,) = folders.output.iterdir()
    before = load.fingerprint_inputs(file=f"{path.name} [output]")
    assert before == load.fingerprint_inputs(file=f"{path.name} [output]")
    assert str(folders.output) not in before  # ComfyUI writes it into the prompt, and that into videos
    path.write_text(path.read_text() + "\n")
    assert load.fingerprint_inputs(file=f"{path.name} [output]") != before


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", '{"motion": "x"}'])
def test_a_file_that_is_no_motion_is_refused_in_a_sentence(run_node, refused, folders, text):
    (folders.input / "other.json").write_text(text)
    with pytest.raises(refused, match="expected"):
        run_node("NEO_LoadMotion", file="other.json")
