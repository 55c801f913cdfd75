"""Released nodes stay as they are: files made with them must go on working."""

import copy
import inspect
import json

import pytest
from schema_snapshot import FOLDER, complaints, latest_release, snapshot


@pytest.fixture(scope="module")
def released():
    return json.loads(latest_release().read_text(encoding="utf-8"))


def schemas_of(loaded):
    return snapshot({name: node.GET_NODE_INFO_V1() for name, node in loaded.classes.items()})


def test_nothing_a_released_file_depends_on_has_changed(loaded, released):
    replaced = {one.old_node_id for one in loaded.replacements}
    assert complaints(released, json.loads(json.dumps(schemas_of(loaded))), replaced) == []


def test_the_snapshot_of_this_version_knows_every_node(loaded):
    """With another version in pyproject.toml there is none until it is released."""
    tomllib = pytest.importorskip("tomllib")
    version = tomllib.loads((FOLDER.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    path = FOLDER / f"{version}.json"
    if path.exists():
        assert loaded.classes.keys() <= json.loads(path.read_text(encoding="utf-8")).keys()


def test_every_input_reaches_its_node_by_its_name(loaded):
    """In whichever order either lists them; what may be left out has a default."""
    for name, node in loaded.classes.items():
        inputs, taken = node.GET_SCHEMA().inputs, inspect.signature(node.execute).parameters
        rest = {k for k, one in taken.items() if one.kind is one.VAR_KEYWORD}  # takes all others by their names
        ids, named = {one.id for one in inputs}, set(taken) - rest
        assert named <= ids if rest else named == ids, name
        optional = {one.id for one in inputs if one.optional} & named
        assert optional <= {k for k, one in taken.items() if one.default is not one.empty}, name


def test_replacements_name_nodes_that_exist(loaded):
    for one in loaded.replacements:
        assert one.new_node_id in loaded.classes
        assert one.old_node_id not in loaded.classes


def swapped(node):
    node["inputs"][0], node["inputs"][1] = node["inputs"][1], node["inputs"][0]


def with_required(node):
    node["inputs"].append({"name": "new", "type": "INT", "optional": False})


def with_fewer_choices(node):
    next(one for one in node["inputs"] if "options" in one)["options"].pop(0)


def with_smaller_range(node):
    next(one for one in node["inputs"] if "max" in one)["max"] -= 1


def with_other_type(node):
    node["inputs"][0]["type"] = "LATENT"


def with_inserted(node):
    node["inputs"].insert(1, {"name": "new", "type": "INT", "optional": True})


def without_output(node):
    node["outputs"].pop()


@pytest.mark.parametrize(
    "change",
    [swapped, with_required, with_fewer_choices, with_smaller_range, with_other_type, with_inserted, without_output],
)
def test_a_breaking_change_is_found(released, change):
    new = copy.deepcopy(released)
    change(new["NEO_TalkingHead"])
    assert len(complaints(released, new, set())) == 1


def test_a_lost_node_is_found_unless_it_was_replaced(released):
    new = {name: node for name, node in released.items() if name != "NEO_Render"}
    assert complaints(released, new, set()) == ["NEO_Render is gone and nothing replaces it"]
    assert complaints(released, new, {"NEO_Render"}) == []


def test_an_appended_optional_input_and_a_new_node_break_nothing(released):
    new = copy.deepcopy(released) | {"NEO_New": {"inputs": [], "outputs": []}}
    new["NEO_Render"]["inputs"].append({"name": "new", "type": "INT", "optional": True})
    assert complaints(released, new, set()) == []
