"""Templates, blueprint and help as a creator meets them, in both renderers."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "workflows").glob("*.json"))
BLUEPRINT = "NEO talking head"
CARD = "[data-testid='template-workflow-{}']"
# Edges of every node as drawn: by the Vue renderer from the page, by LiteGraph from the graph.
BOXES = """() => app.graph.nodes.map(node => {
    const drawn = document.querySelector(`[data-node-id="${node.id}"]`)?.getBoundingClientRect();
    return drawn?.width ? [node.type, drawn.left, drawn.top, drawn.right, drawn.bottom] : [node.type, ...edges(node)];
    function edges(node) {
        const [x, y] = node.pos, [width, height] = node.size;
        return [x, y - 30, x + width, y + height];
    }
})"""
MISSING = "() => app.graph.nodes.filter(node => node.has_errors || !LiteGraph.registered_node_types[node.type]).length"
PROMPT = "async () => (await app.graphToPrompt()).output"
VIEW = """() => {
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset = [300, 300];
    app.graph.setDirtyCanvas(true, true);
}"""
FEED = """() => {
    const outer = app.graph.nodes.find(node => node.isSubgraphNode?.());
    const [photo, speech, save] = ['NEO_SamplePortrait', 'NEO_SampleSpeech', 'SaveVideo'].map(type => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        return node;
    });
    photo.connect(0, outer, outer.findInputSlot('photo'));
    speech.connect(0, outer, outer.findInputSlot('audio'));
    outer.connect(outer.findOutputSlot('video'), save, 0);
    outer.widgets.find(widget => widget.name === 'size').value = 256;
}"""


def browse(page, pack):
    """The Templates dialog, showing the templates of this pack."""
    page.evaluate("() => { app.extensionManager.command.execute('Comfy.BrowseTemplates'); }")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(pack, exact=True).first.click()
    return dialog


def stored_links(graph):
    """(type, input, type of the source) of every link in a workflow file."""
    types = {node["id"]: node["type"] for node in graph["nodes"]}
    inputs = {node["id"]: [item["name"] for item in node["inputs"]] for node in graph["nodes"]}
    return sorted((types[to], inputs[to][at], types[origin]) for _, origin, _, to, at, _ in graph["links"])


def sent_links(prompt):
    """The same of a prompt."""
    values = [(node["class_type"], name, v) for node in prompt.values() for name, v in node["inputs"].items()]
    links = [(kind, name, v) for kind, name, v in values if isinstance(v, list) and len(v) == 2 and v[0] in prompt]
    return sorted((kind, name, prompt[source]["class_type"]) for kind, name, (source, _) in links)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_opens_complete_and_tidy(page, shipped, path):
    dialog = browse(page, shipped.name)
    card = dialog.locator(CARD.format(path.stem))
    card.scroll_into_view_if_needed()  # pictures below the fold are not fetched
    page.wait_for_function("e => e.querySelector('img')?.naturalWidth === 480", arg=card.element_handle())
    card.click()
    dialog.wait_for(state="hidden")
    graph = json.loads(path.read_text(encoding="utf-8"))
    page.wait_for_function("count => app.graph.nodes.length === count", arg=len(graph["nodes"]))
    page.wait_for_timeout(500)  # the renderer mounts the nodes
    assert page.evaluate(MISSING) == 0
    assert sent_links(page.evaluate(PROMPT)) == stored_links(graph)
    boxes = page.evaluate(BOXES)
    over = [
        (a[0], b[0]) for a, b in combinations(boxes, 2) if a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]
    assert over == []


def test_the_blueprint_is_placed_and_queues_every_stage(page):
    page.evaluate("() => { app.graph.clear(); }")
    page.get_by_role("button", name=re.compile("Nodes|Node Library")).first.click()
    page.get_by_placeholder("Search...").first.fill(BLUEPRINT)
    page.get_by_text(BLUEPRINT, exact=True).first.click()
    page.mouse.click(900, 500)
    page.wait_for_function("() => app.graph.nodes.length === 1")
    page.evaluate(FEED)
    prompt = {node["class_type"]: node["inputs"] for node in page.evaluate(PROMPT).values()}
    stages = {"LoadModels", "Consent", "EncodeAudio", "EnrolFromPhoto", "GuidanceMixer", "GenerateMotion"}
    assert {f"NEO_{name}" for name in stages | {"EditExpression", "Render"}} <= set(prompt)
    assert prompt["NEO_EnrolFromPhoto"]["size"] == 256


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_help_shows_its_page_and_its_picture(open_page, build_on, locale):
    words = json.loads((ROOT / "locales" / locale / "nodeDefs.json").read_text(encoding="utf-8"))["NEO_Render"]
    with open_page(vue=True, locale=locale) as page:
        build_on(page, "NEO_Render")
        page.evaluate(VIEW)
        page.get_by_test_id("node-title").first.click()
        page.get_by_test_id("info-button").first.click()
        page.get_by_role("heading", name=words["display_name"], level=1).wait_for()
        picture = page.locator("img[src*='NEO_Render.jpg']").first
        page.wait_for_function("e => e.naturalWidth > 0", arg=picture.element_handle())
        assert page.get_by_text(words["inputs"]["volume"]["tooltip"]).count() > 0
