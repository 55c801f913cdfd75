"""The browser's part as text: what it may not contain, and that no language lacks a word of it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "web" / "js").glob("*.js"))
LANGUAGES = sorted(folder.name for folder in (ROOT / "locales").iterdir())
# Strings become text, never markup or code; nothing is asked of any machine but through ComfyUI's own api object.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|https?://(?!www\.w3\.org/2000/svg)"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_no_markup_and_call_no_one(script):
    assert FORBIDDEN.findall(script.read_text(encoding="utf-8")) == []


def texts(language: str) -> dict[str, str]:
    """The browser's texts of a language by dotted key."""
    content = json.loads((ROOT / "locales" / language / "main.json").read_text(encoding="utf-8"))

    def flat(branch: dict, before: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in branch.items():
            found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
        return found

    return flat(content["neo"], "")


def test_every_text_that_is_asked_for_exists():
    asked = {key for script in SCRIPTS for key in re.findall(r'\btext\("([\w.-]+)"', script.read_text("utf-8"))}
    groups = {key for script in SCRIPTS for key in re.findall(r"\btext\(`([\w.-]+)\.\$", script.read_text("utf-8"))}
    known = texts("en").keys()
    assert asked <= known
    assert all(any(key.startswith(f"{group}.") for key in known) for group in groups)
    assert known == {key for key in known if key in asked or key.rpartition(".")[0] in groups}  # and none is left over


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_lacks_a_text(language):
    ours, english = texts(language), texts("en")
    assert ours.keys() == english.keys()
    assert all(ours.values())
    placeholders = re.compile(r"\{\w+\}")
    assert all(placeholders.findall(ours[key]) == placeholders.findall(english[key]) for key in english)


def test_the_dialog_offers_what_a_record_can_say(pack):
    """A list in the browser that lags behind the records would offer what is refused, or hide what is allowed."""
    record = pack("neo_core.governance.record")
    script = (ROOT / "web" / "js" / "consent.js").read_text(encoding="utf-8")
    lists = {name: json.loads(values) for name, values in re.findall(r"^const ([A-Z]+) = (\[.*\]);", script, re.M)}
    assert lists == {"KINDS": list(record.SCHEMAS), "SCOPES": list(record.SCOPES)}
    assert f'const NEEDED = "{record.TALKING_HEAD}";' in script
    for language in LANGUAGES:
        words = texts(language)
        assert {f"consent.kind.{kind}" for kind in record.SCHEMAS} <= words.keys()
        assert {f"consent.scope.{scope}" for scope in record.SCOPES} <= words.keys()
