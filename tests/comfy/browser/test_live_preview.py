"""Edit Expression with `live` on: a change runs what shows pictures behind it, when the host is idle, and no more."""

import json
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "workflows" / "16_expression_editor.json"
EDITOR = ("NEO_EditExpression", "NEO_PlotMotion", "PreviewImage", "NEO_SaveMotion", "PreviewImage")
LINK = "([from, to, input]) => app.graph.getNodeById(from).connect(0, app.graph.getNodeById(to), input)"
RECORD = """() => {
    window.asked = [];
    window.queue = app.queuePrompt;
    app.queuePrompt = async (...asked) => { window.asked.push(asked); return true; };
}"""
CHANGE = """([id, name, value]) => {
    const widget = app.graph.getNodeById(id).widgets.find(widget => widget.name === name);
    widget.value = value;
    widget.callback(value);
}"""
QUEUE = """async remaining => (await import('/scripts/api.js')).api.dispatchEvent(
    new CustomEvent('status', { detail: { exec_info: { queue_remaining: remaining } } }))"""
PAUSE = 400  # milliseconds in which a change has been drawn


@pytest.fixture
def editor(page, build):
    """Ids of Edit Expression and of the one Preview Image behind it; what would be queued is only written down."""
    edit, plot, shown, save, _ = build(*EDITOR)
    page.evaluate(LINK, [edit, plot, "motion"])
    page.evaluate(LINK, [plot, shown, "images"])
    page.evaluate(LINK, [edit, save, "motion"])
    page.evaluate(RECORD)
    page.evaluate(QUEUE, 0)
    yield edit, shown
    page.evaluate("() => { app.queuePrompt = window.queue; }")


def asked(page, wait=PAUSE):
    page.wait_for_timeout(wait)
    return page.evaluate("() => window.asked.splice(0)")


def test_a_change_draws_the_pictures_behind_and_nothing_else(page, editor):
    edit, shown = editor
    page.evaluate(CHANGE, [edit, "smile", 0.3])
    assert asked(page) == []  # off
    page.evaluate(CHANGE, [edit, "live", True])
    assert asked(page) == [[-1, 1, [str(shown)]]]
    page.evaluate(QUEUE, 1)
    for smile in (0.4, 0.5, 0.6):
        page.evaluate(CHANGE, [edit, "smile", smile])
    assert asked(page) == []  # something runs
    page.evaluate(QUEUE, 0)
    assert len(asked(page)) == 1  # the last of the three
    page.evaluate(QUEUE, 0)
    assert asked(page) == []  # nothing was changed since


def test_a_slider_that_is_moved_by_its_user_draws(page, editor, request):
    edit, shown = editor
    page.evaluate(CHANGE, [edit, "live", True])
    page.evaluate(QUEUE, 0)
    asked(page)
    page.evaluate(QUEUE, 0)
    if "vue" in request.node.name:
        page.locator(f'[data-node-id="{edit}"]').get_by_role("slider").first.press("ArrowRight")
    else:
        page.evaluate(
            """id => {
                const node = app.graph.getNodeById(id), widget = node.widgets.find(({ name }) => name === 'smile');
                widget.setValue(0.25, { e: {}, node, canvas: app.canvas });
            }""",
            edit,
        )
    assert asked(page) == [[-1, 1, [str(shown)]]]


def test_the_template_waits_for_a_change_and_asks_for_its_picture_alone(page):
    content = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    page.evaluate(RECORD)
    page.evaluate(QUEUE, 0)
    page.evaluate("content => app.loadGraphData(content)", content)
    assert asked(page, 1000) == []
    (edit,) = (node["id"] for node in content["nodes"] if node["type"] == "NEO_EditExpression")
    (shown,) = (node["id"] for node in content["nodes"] if node["type"] == "PreviewImage")
    page.evaluate(CHANGE, [edit, "smile", 0.5])
    assert asked(page) == [[-1, 1, [str(shown)]]]
    page.evaluate("() => { app.queuePrompt = window.queue; }")
