"""Every node has a help page in every language: what it is, a picture of it, each input and output, in safe markup."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "web" / "docs"
LANGUAGES = sorted(folder.name for folder in (ROOT / "locales").iterdir())
PICTURE = re.compile(r"!\[([^\]]+)\]\(([^)]+)\)")
TAG = re.compile(r"<\s*/?\s*([a-zA-Z]+)")


def page(node, language):
    path = DOCS / f"{node}.md" if language == "en" else DOCS / node / f"{language}.md"
    return path.read_text(encoding="utf-8")


def words(node, language):
    return json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))[node]


def first_cells(text):
    return [row.split("|")[1].strip() for row in text.splitlines() if row.startswith("| **")]


def test_no_page_is_left_over(node_classes):
    assert {path.stem for path in DOCS.glob("*.md")} == set(node_classes)
    assert {path.parent.name for path in DOCS.glob("*/*.md")} == set(node_classes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_names_every_input_and_output(language, node_classes):
    for name, node in node_classes.items():
        schema, entry = node.define_schema(), words(name, language)
        sockets = sorted(schema.inputs, key=lambda item: item.optional)  # the host shows the optional ones last
        shown = [entry["inputs"][item.id]["name"] for item in sockets]
        shown += [entry["outputs"][str(number)]["name"] for number in range(len(schema.outputs))]
        text = page(name, language)
        assert text.startswith(f"# {entry['display_name']}\n"), name
        assert [cell.split("**")[1].split(" (`")[0] for cell in first_cells(text)] == shown, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_a_picture_that_exists(language, node_classes):
    for name in node_classes:
        pictures = PICTURE.findall(page(name, language))
        assert pictures, name
        for caption, source in pictures:
            with Image.open(DOCS / source) as picture:
                assert picture.width >= 480, source
            assert len(caption) > 5, source


def test_no_picture_is_left_over_or_heavy(node_classes):
    used = {source for name in node_classes for _, source in PICTURE.findall(page(name, "en"))}
    assert {f"images/{path.name}" for path in (DOCS / "images").iterdir()} == used
    assert max(path.stat().st_size for path in (DOCS / "images").iterdir()) < 150_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_use_only_markup_the_help_panel_shows(language, node_classes):
    for name in node_classes:
        assert set(TAG.findall(page(name, language))) <= {"img", "video"}, name
