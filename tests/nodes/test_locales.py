"""Every word a creator sees has an entry in every language, and no entry is left over."""

import json
import re
from pathlib import Path

import pytest

LOCALES = Path(__file__).parents[2] / "locales"
LANGUAGES = sorted(folder.name for folder in LOCALES.iterdir())
MARKUP = re.compile(r"[{}@|]")  # vue-i18n reads these as commands
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def read(language, name):
    return json.loads((LOCALES / language / f"{name}.json").read_text(encoding="utf-8"))


def entries(tree, path=()):
    """(path, text) of every text in a tree."""
    for key, value in tree.items():
        yield from entries(value, (*path, key)) if isinstance(value, dict) else [((*path, key), value)]


def texts_of(node):
    """What the host shows of a node, in the shape of nodeDefs.json."""
    schema = node.define_schema()
    texts = {"display_name": schema.display_name, "description": schema.description}
    inputs = {}
    for item in schema.inputs:
        inputs[item.id] = {"name": item.display_name or item.id, "tooltip": item.tooltip}
        if getattr(item, "control_after_generate", None):
            inputs["control_after_generate"] = {"name": "control after generate"}
    outputs = {
        str(number): {"name": item.display_name or item.id, "tooltip": item.tooltip}
        for number, item in enumerate(schema.outputs)
    }
    return texts | ({"inputs": inputs} if inputs else {}) | ({"outputs": outputs} if outputs else {})


def test_english_and_chinese_are_there():
    assert {"en", "zh"} <= set(LANGUAGES)


def test_english_says_what_the_schemas_say(node_classes):
    assert read("en", "nodeDefs") == {name: texts_of(node) for name, node in node_classes.items()}


def test_every_input_and_output_explains_itself(node_classes):
    for name, node in node_classes.items():
        schema = node.define_schema()
        assert schema.description, name
        for item in [*schema.inputs, *schema.outputs]:
            assert len(item.tooltip or "") > 5, f"{name}.{item.id or item.display_name}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["nodeDefs", "main"])
def test_languages_have_the_same_entries(language, name):
    assert [path for path, _ in entries(read(language, name))] == [path for path, _ in entries(read("en", name))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_a_command(language):
    for path, text in entries(read(language, "nodeDefs")):
        assert text.strip(), path
        assert path[-1] == "tooltip" or not MARKUP.search(text), f"{path}: vue-i18n would interpret {text}"


def test_chinese_is_chinese():
    texts = [(path, text) for path, text in entries(read("zh", "nodeDefs")) if path[-1] in ("tooltip", "description")]
    assert texts
    assert [path for path, text in texts if not CHINESE.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_categories_and_sockets_have_names(language, node_classes):
    schemas = [node.define_schema() for node in node_classes.values()]
    folders = {part for schema in schemas for part in schema.category.split("/")}
    sockets = {item.io_type for schema in schemas for item in [*schema.inputs, *schema.outputs]}
    words = read(language, "main")
    assert set(words["nodeCategories"]) == folders
    assert set(words["dataTypes"]) == {socket for socket in sockets if socket.startswith("NEO_")}
