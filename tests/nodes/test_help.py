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


def items(text, socket):
    """The lines of a page that begin with the name of an input or output and end with its tooltip."""
    begin, end = f"- **{socket['name']}**", socket.get("tooltip", "\0")
    return [line for line in text.splitlines() if line.startswith(begin) and line.endswith(end)]


def test_no_page_is_left_over(node_classes):
    assert {path.stem for path in DOCS.glob("*.md")} == set(node_classes)
    assert {path.parent.name for path in DOCS.glob("*/*.md")} == set(node_classes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_explains_every_input_and_output(language, node_classes):
    for name in node_classes:
        entry, text = words(name, language), page(name, language)
        sockets = [*entry.get("inputs", {}).values(), *entry.get("outputs", {}).values()]
        shown = {(line.split("**")[1], socket["tooltip"]) for socket in sockets for line in items(text, socket)}
        assert text.startswith(f"# {entry['display_name']}\n"), name
        assert shown == {(socket["name"], socket["tooltip"]) for socket in sockets if "tooltip" in socket}, name


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_node_is_called_after_one_of_the_models_it_may_get(language, node_classes):
    named = [name for name in node_classes if re.search(r"\d", words(name, language)["display_name"])]
    assert named == ["NEO_LoadNeo2"]  # which can get no other


BESIDE = {  # where both VOCALs are spoken of
    "help": DOCS / "NEO_LoadModels.md",
    "help in Chinese": DOCS / "NEO_LoadModels" / "zh.md",
    "template": ROOT / "workflows" / "08_neo_beside_neo_1_5.json",
    "docs": ROOT / "docs" / "vocal.md",
}


@pytest.mark.parametrize("place", BESIDE)
@pytest.mark.parametrize("file", ["vocal.safetensors", "vocal_neo.safetensors"])
def test_where_both_vocals_are_spoken_of_it_says_how_long_each_was_trained(pack, place, file):
    made = pack("neo_core.weights.manifest").read_manifest()[file]
    text = BESIDE[place].read_text(encoding="utf-8")
    assert re.search(rf"\b{made['steps']}(?!\d)", text)
    assert re.search(rf"(?<!\d){made['minutes']:g} (minutes|分钟)|CPU 核心 {made['minutes']:g} 分钟", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_says_what_weight_a_slider_has(pack, language):
    weight = pack("neo_core.flow.guidance").slider_weight
    told = dict(re.findall(r"(\d(?:\.\d)?)\s?(?:weighs|的权重为|为) (\d\.\d)", page("NEO_GuidanceMixer", language)))
    assert {slider: f"{weight('audio', float(slider)):.1f}" for slider in ("1.5", "2", "3")}.items() <= told.items()


@pytest.fixture(scope="module")
def mouths(pack):
    """How much wider the mouth opens over the bundled clip, by the slider of the audio."""
    motion, samples = pack("neo_core.evaluation.motion"), pack("neo_core.evaluation.talking_head").SAMPLES
    return motion.mouths(motion.shipped(), pack("neo_core.media.audio").read_waveform(samples / "speech.flac"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_help_tells_of_the_bundled_clip_is_what_the_shipped_weights_do(language, mouths):
    """`python -m neo_core bench vocal --only sliders` prints the figures."""
    (line,) = (x for x in page("NEO_GuidanceMixer", language).splitlines() if re.search("bundled clip|自带语音实测", x))
    figure = r"(?:at|为) (0|0\.5|1\.6|2) (?:opens the mouth |it opens |时嘴张大 |时小 |时 )?(\d+) %"
    told = {float(slider): int(share) for slider, share in re.findall(figure, line)}
    found = {slider: 100 * abs(mouth.wider) for slider, mouth in mouths.items() if slider in told}
    assert told == pytest.approx(found, abs=1.5)
    assert len(told) == 4
    assert mouths[0.0].agreement < 0.3
