"""The shipped graphs: numbered, complete, tidy, and free of paths and of anything about consent."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))
CORE = {"MarkdownNote", "SaveVideo", "PreviewImage", "CurveEditor", "TrimAudioDuration"}  # of ComfyUI itself
TITLE = 30  # height of a node's title bar, drawn above its position
PRIVATE = re.compile(r"/home/|/root/|/Users/|/work/|[A-Za-z]:\\\\|file:|eyJ[\w-]{10}|\b[0-9a-f]{32,}\b|@\w+\.\w")

workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
graphs = pytest.mark.parametrize("path", [*WORKFLOWS, *BLUEPRINTS], ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def parts(graph):
    """(nodes, links as dictionaries) of a graph and of the subgraphs in it."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    yield graph["nodes"], [dict(zip(keys, link, strict=True)) for link in graph["links"]]
    for inner in graph.get("definitions", {}).get("subgraphs", []):
        yield inner["nodes"], inner["links"]


def box(node):
    """Left, top, right, bottom, with the title bar."""
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height


def meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def widgets(node):
    """Name -> value: the list of values in the order of the inputs that have a widget, as the host reads it."""
    names = [item["widget"]["name"] for item in node["inputs"] if "widget" in item]
    after = [name for name in names for name in ([name, "control_after_generate"] if name == "seed" else [name])]
    return dict(zip(after, node.get("widgets_values", []), strict=True))


def test_files_are_numbered_and_have_thumbnails():
    names = [path.stem for path in WORKFLOWS]
    assert [name[:3] for name in names] == [f"{number:02}_" for number in range(1, len(names) + 1)]
    assert len(names) >= 6
    assert {path.name for path in (ROOT / "workflows").iterdir()} == {
        f"{n}{s}" for n in names for s in (".json", ".jpg")
    }
    assert not [name for name in ("example_workflows", "example", "examples", "workflow") if (ROOT / name).exists()]


@workflows
def test_thumbnail_is_small_and_square(path):
    picture = path.with_suffix(".jpg")
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("JPEG", (480, 480))  # the Templates dialog shows squares
    assert picture.stat().st_size < 60_000


@graphs
def test_only_our_nodes_and_the_hosts(path, node_classes):
    graph = read(path)
    inner = {subgraph["id"] for subgraph in graph.get("definitions", {}).get("subgraphs", [])}
    assert graph["version"] == 0.4
    for nodes, _ in parts(graph):
        assert nodes
        assert {node["type"] for node in nodes} - inner - CORE - set(node_classes) == set()


@graphs
def test_links_fit(path):
    for nodes, links in parts(read(path)):
        known = {node["id"]: node for node in nodes}
        for link in links:
            if link["origin_id"] in known and link["target_id"] in known:
                origin = known[link["origin_id"]]["outputs"][link["origin_slot"]]
                target = known[link["target_id"]]["inputs"][link["target_slot"]]
                assert origin["type"] == target["type"] == link["type"]
                assert link["id"] == target["link"]
                assert link["id"] in origin["links"]


@graphs
def test_every_socket_of_our_nodes_is_there_and_needed_ones_are_linked(path, node_classes):
    for nodes, _ in parts(read(path)):
        for node in nodes:
            if node["type"] in node_classes:
                schema = node_classes[node["type"]].define_schema()
                stored = {item["name"]: item for item in node["inputs"]}
                assert set(stored) == {item.id for item in schema.inputs}
                needed = [item.id for item in schema.inputs if "widget" not in stored[item.id]]
                open_ = [name for name in needed if stored[name]["link"] is None]
                optional = {item.id for item in schema.inputs if item.optional} - {"consent"}
                assert set(open_) <= optional, node["type"]


@graphs
def test_widget_values_are_valid(path, node_classes):
    for nodes, _ in parts(read(path)):
        for node in nodes:
            if node["type"] in node_classes:
                schema = {item.id: item for item in node_classes[node["type"]].define_schema().inputs}
                for name, value in widgets(node).items():
                    item = schema.get(name)
                    options = getattr(item, "options", None)
                    assert not options or value in options, (node["type"], name, value)
                    low, high = getattr(item, "min", None), getattr(item, "max", None)
                    assert low is None or low <= value <= high, (node["type"], name, value)


@workflows
def test_sound_and_picture_begin_together(path, pack):
    """Where a moment is performed, its video gets the sound of that moment: from where its first latent begins."""
    inputs, space = pack("nodes.neo2_inputs"), pack("neo_core.neo2.latent_space")
    for nodes, links in parts(read(path)):
        known = {node["id"]: node for node in nodes}
        origin = {link["id"]: known.get(link["origin_id"]) for link in links}
        for node in nodes:
            linked = {item["name"]: origin.get(item["link"]) for item in node["inputs"]}
            if node["type"] == "NEO_DecodeVideo" and linked["audio"]:
                moment, sound = widgets(linked["latents"]).get("start", 0.0), widgets(linked["audio"])
                first = inputs.latent_at(moment)
                assert sound.get("start_index", 0.0) == pytest.approx(first * space.FRAMES / space.RATE)
                if first:
                    length = widgets(linked["latents"])["chunk"] * space.FRAMES / space.RATE
                    assert sound["duration"] == pytest.approx(length)


@workflows
def test_ends_in_a_saved_video_and_starts_from_samples(path):
    nodes = read(path)["nodes"]
    saved = [node for node in nodes if node["type"] == "SaveVideo"]
    assert saved
    assert all(node["inputs"][0]["link"] is not None for node in saved)
    assert any(node["type"].startswith("NEO_Sample") for node in nodes)
    assert any(node["type"] == "NEO_Consent" for node in nodes)
    assert any(node["type"] == "MarkdownNote" and node["widgets_values"][0].startswith("## ") for node in nodes)


@workflows
def test_the_note_names_the_button_that_answers_a_refusal(path):
    (note,) = (node for node in read(path)["nodes"] if node["type"] == "MarkdownNote")
    texts = json.loads((ROOT / "locales" / "en" / "main.json").read_text(encoding="utf-8"))["neo"]["consent"]
    assert f"**{texts['saveAndRun']}**" in note["widgets_values"][0]


@workflows
def test_nothing_overlaps_and_groups_hold_whole_nodes(path):
    graph = read(path)
    boxes = [box(node) for node in graph["nodes"]]
    assert [pair for pair in combinations(boxes, 2) if meet(*pair)] == []
    groups = [(x, y, x + w, y + h) for x, y, w, h in (group["bounding"] for group in graph["groups"])]
    assert groups
    assert [pair for pair in combinations(groups, 2) if meet(*pair)] == []
    for group in groups:
        for inside in (b for b in boxes if meet(group, b)):
            assert (group[0] <= inside[0], group[1] <= inside[1]) == (True, True), inside
            assert (inside[2] <= group[2], inside[3] <= group[3]) == (True, True), inside


@graphs
def test_nothing_private_travels(path):
    text = path.read_text(encoding="utf-8")
    assert PRIVATE.findall(text) == []
    for nodes, _ in parts(json.loads(text)):
        for node in nodes:
            if node["type"] == "NEO_Consent":
                assert set(widgets(node)) == {"face", "use"}
                assert set(node["properties"]) <= {"cnr_id", "ver", "Node name for S&R"}


@workflows
def test_names_this_pack_so_that_a_host_without_it_can_offer_it(path):
    ours = [node for node in read(path)["nodes"] if node["type"].startswith("NEO_")]
    name = re.search(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M).group(1)
    assert {node["properties"]["cnr_id"] for node in ours} == {name}
