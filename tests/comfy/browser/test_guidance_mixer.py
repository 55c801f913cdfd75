"""The Guidance Mixer in the browser: the triangle and the sliders move each other, and only sliders are stored."""

import numpy as np
import pytest

MIXER = "NEO_GuidanceMixer"
SIGNALS = ("audio", "identity", "reference")
CORNERS = np.array([[0.5, 0], [0, 1], [1, 1]])  # in shares of the triangle's box, in the order of SIGNALS
HOSTILE = "<img src=x onerror='window.broken_into = true'>"
TRACKER = "window.app.extensionManager.workflow.activeWorkflow.changeTracker"
SLIDERS = """id => ['audio', 'identity', 'reference'].map(
    name => app.graph.getNodeById(id).widgets.find(widget => widget.name === name).value)"""
SET = """([id, name, value]) => {
    app.graph.getNodeById(id).widgets.find(widget => widget.name === name).value = value;
}"""
LINK = "([from, output, to, input]) => app.graph.getNodeById(from).connect(output, app.graph.getNodeById(to), input)"
FRAMES = """() => new Promise(done => {  // the widget looks at its node once a frame
    requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
})"""
COLOURS = """() => [
    app.canvas.constructor.link_type_colors.NEO_GUIDANCE,
    app.canvas.default_connection_color_byType.NEO_GUIDANCE,
    getComputedStyle(document.body).getPropertyValue('--color-datatype-NEO_GUIDANCE'),
]"""
PROMPT = "async id => (await app.graphToPrompt()).output[id].inputs"


class Mixer:
    """One mixer on a page, seen as its user sees it."""

    def __init__(self, page, node: int) -> None:
        self.page = page
        self.node = node
        self.plane = page.locator(".neo-plane")
        self.point = page.locator(".neo-point")
        self.knob = page.locator(".neo-knob")

    def weights(self) -> list[float]:
        return self.page.evaluate(SLIDERS, self.node)

    def set(self, name: str, value: object) -> None:
        self.page.evaluate(SET, [self.node, name, value])
        self.page.evaluate(FRAMES)

    def place(self) -> np.ndarray:
        """Where the middle of the point lies, in shares of the triangle's box."""
        box, point = self.plane.bounding_box(), self.point.bounding_box()
        middle = np.array([point["x"] + point["width"] / 2, point["y"] + point["height"] / 2])
        return (middle - [box["x"], box["y"]]) / [box["width"], box["height"]]

    def drag(self, place) -> None:
        """Take the point with the mouse to a place of the triangle's box."""
        box, (x, y) = self.plane.bounding_box(), self.place()
        mouse = self.page.mouse
        mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        mouse.down()
        mouse.move(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"], steps=5)
        mouse.up()
        self.page.evaluate(FRAMES)

    def curve(self, signal: str) -> tuple[np.ndarray, np.ndarray]:
        """The drawn line of a signal: shares of the clip, weights."""
        d = self.page.locator(f".neo-curve.neo-{signal}").get_attribute("d")
        points = np.array([point.split(",") for point in d[1:].split("L")], float)
        return points[:, 0] / 240, 3 * (1 - points[:, 1] / 60)


@pytest.fixture
def mixer(page, build):
    (node,) = build(MIXER)
    page.locator(".neo-point").wait_for()
    return Mixer(page, node)


def centroid(weights) -> np.ndarray:
    return np.array(weights) @ CORNERS / sum(weights)


def test_a_new_mixer_is_neutral_and_its_point_in_the_centre(mixer):
    assert mixer.weights() == [1, 1, 1]
    np.testing.assert_allclose(mixer.place(), centroid([1, 1, 1]), atol=0.01)


@pytest.mark.parametrize("target", [(0.5, 0.3), (0.25, 0.85), (0.8, 0.9)])
def test_dragging_the_point_moves_the_sliders_and_the_prompt(mixer, page, target):
    mixer.drag(target)
    weights = mixer.weights()
    assert sum(weights) == pytest.approx(3)
    np.testing.assert_allclose(centroid(weights), target, atol=0.03)
    inputs = page.evaluate(PROMPT, mixer.node)
    assert [inputs[name] for name in SIGNALS] == weights


def test_dragging_far_out_stays_in_the_triangle(mixer):
    mixer.drag((0.5, -0.6))
    assert mixer.weights() == [3, 0, 0]


@pytest.mark.parametrize("weights", [(1.8, 0.7, 1.1), (0.0, 2.0, 1.0), (3.0, 3.0, 3.0)])
def test_sliders_move_the_point(mixer, weights):
    for name, weight in zip(SIGNALS, weights, strict=True):
        mixer.set(name, weight)
    np.testing.assert_allclose(mixer.place(), centroid(weights), atol=0.01)
    assert mixer.point.get_attribute("aria-valuetext") == ", ".join(
        f"{name} {weight:.2f}" for name, weight in zip(SIGNALS, weights, strict=True)
    )


def let_the_host_note(mixer, page) -> None:
    """A click on the empty canvas, and the graph as it is belongs to the host's history."""
    page.mouse.click(1000, 300)
    page.wait_for_function(
        f"id => {TRACKER}.activeState.nodes.some(node => String(node.id) === String(id))", arg=mixer.node
    )


def test_a_drag_is_one_step_of_undo(mixer, page):
    let_the_host_note(mixer, page)
    steps = page.evaluate(f"{TRACKER}.undoQueue.length")
    mixer.drag((0.3, 0.8))
    assert mixer.weights() != [1, 1, 1]
    page.wait_for_function(f"steps => {TRACKER}.undoQueue.length > steps", arg=steps)  # noted when the mouse is up
    assert page.evaluate(f"{TRACKER}.undoQueue.length") == steps + 1
    page.keyboard.press("Control+z")
    page.wait_for_function(f"id => ({SLIDERS})(id).every(weight => weight === 1)", arg=mixer.node)
    page.evaluate(FRAMES)
    np.testing.assert_allclose(mixer.place(), centroid([1, 1, 1]), atol=0.01)


@pytest.mark.parametrize("key", ["ArrowUp", "PageDown"])
def test_a_move_by_key_is_undone_at_once(mixer, page, key):
    let_the_host_note(mixer, page)
    mixer.point.focus()
    page.keyboard.press(key)
    moved = mixer.weights()
    page.keyboard.press(key)
    for weights in (moved, [1, 1, 1]):  # one step for each press
        page.evaluate(FRAMES)  # the host undoes nothing while it still notes or restores
        page.keyboard.press("Control+z")
        page.wait_for_function(
            f"([id, weights]) => String(({SLIDERS})(id)) === String(weights)", arg=[mixer.node, weights]
        )


def test_no_key_on_a_handle_reaches_the_node(mixer, page):
    mixer.drag((0.5, 0.5))  # the node is selected and the point has the focus
    for handle in (mixer.point, mixer.knob):
        page.evaluate("id => app.canvas.select(app.graph.getNodeById(id))", mixer.node)
        handle.focus()
        before = mixer.weights()
        for key in ("Delete", "Backspace", ".", "q"):
            page.keyboard.press(key)
        page.evaluate(FRAMES)
        assert page.evaluate("app.graph.nodes.map(node => node.id)") == [mixer.node]
        assert mixer.weights() == before
        page.keyboard.press("Control+m")  # the host's shortcut to mute the selected nodes
        page.wait_for_function("id => app.graph.getNodeById(id).mode === 2", arg=mixer.node)
        page.keyboard.press("Control+m")


def test_keys_move_the_point_back_and_forth_without_drift(mixer, page):
    mixer.point.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert mixer.weights() == pytest.approx([1.2, 0.95, 0.85])
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert mixer.weights() == [1, 1, 1]
    for far in ("Shift+ArrowUp", "PageUp"):
        page.keyboard.press("Home")
        page.keyboard.press(far)
        assert mixer.weights() == pytest.approx([1.5, 0.75, 0.75])
    page.keyboard.press("PageDown")
    assert mixer.weights() == [1, 1, 1]
    page.keyboard.press("PageDown")
    assert mixer.weights() == pytest.approx([0.5, 1.25, 1.25])
    page.keyboard.press("Home")
    assert mixer.weights() == [1, 1, 1]


def test_the_rail_changes_the_strength_and_keeps_the_balance(mixer, page):
    for name, weight in zip(SIGNALS, (1.2, 0.6, 0.6), strict=True):
        mixer.set(name, weight)
    before = mixer.place()
    mixer.knob.focus()
    for _ in range(40):
        page.keyboard.press("PageUp")
    assert mixer.weights() == [3, 1.5, 1.5]  # the first slider has reached its end
    np.testing.assert_allclose(mixer.place(), before, atol=0.01)
    for _ in range(40):
        page.keyboard.press("PageDown")
    assert mixer.weights() == [0, 0, 0]
    page.keyboard.press("End")
    assert mixer.weights() == [3, 1.5, 1.5]
    page.keyboard.press("Home")
    assert mixer.weights() == [0, 0, 0]
    page.keyboard.press("Shift+PageUp")
    assert mixer.weights()[0] == pytest.approx(2 * mixer.weights()[1], abs=0.06)  # nothing forgot the balance


def test_handles_speak_and_show_their_focus(mixer, page):
    for handle in (mixer.point, mixer.knob):
        assert handle.get_attribute("role") == "slider"
        assert handle.get_attribute("aria-label")
        assert float(handle.get_attribute("aria-valuenow")) <= float(handle.get_attribute("aria-valuemax"))
    mixer.point.focus()
    page.keyboard.press("Tab")
    assert mixer.knob.evaluate("knob => knob === document.activeElement")
    assert mixer.knob.evaluate("knob => getComputedStyle(knob).outlineStyle") == "solid"


def test_the_canvas_zooms_and_pans_under_the_widget(mixer, page):
    view = "() => [app.canvas.ds.scale, ...app.canvas.ds.offset]"
    box = mixer.plane.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    before = page.evaluate(view)
    page.mouse.wheel(0, 200)
    page.wait_for_function("scale => app.canvas.ds.scale < scale", arg=before[0])
    zoomed = page.evaluate(view)
    page.mouse.down(button="middle")
    page.mouse.move(box["x"] + 65, box["y"] + 5, steps=3)
    page.mouse.up(button="middle")
    page.wait_for_function("x => app.canvas.ds.offset[0] > x + 10", arg=zoomed[1])
    assert mixer.weights() == [1, 1, 1]
    page.evaluate("([scale, x, y]) => { app.canvas.ds.scale = scale; app.canvas.ds.offset = [x, y]; }", before)


def test_only_the_sliders_are_stored(mixer, page):
    mixer.drag((0.4, 0.5))
    stored = page.evaluate("id => app.graph.getNodeById(id).serialize()", mixer.node)
    assert stored["widgets_values"] == [*mixer.weights(), 0, 100, "leave-one-out", 0, 0, 100]
    refined = {"form", "rescale", "steps_start_percent", "steps_end_percent"}
    assert set(page.evaluate(PROMPT, mixer.node)) == {*SIGNALS, "start_percent", "end_percent"} | refined


def test_curves_are_drawn_from_the_linked_editor_as_it_changes(page, build):
    editor, node = build("CurveEditor", MIXER)
    mixer = Mixer(page, node)
    mixer.set("audio", 2.0)
    mixer.set("reference", 0.5)
    page.evaluate(LINK, [editor, 0, node, "audio_curve"])
    page.evaluate(SET, [editor, "curve", {"points": [[0, 0], [1, 1]], "interpolation": "linear"}])
    page.evaluate(FRAMES)
    times, weights = mixer.curve("audio")
    np.testing.assert_allclose(np.interp([0.25, 0.5, 0.75], times, weights), [1.25, 1.5, 1.75], atol=0.02)
    times, weights = mixer.curve("reference")
    np.testing.assert_allclose(np.interp([0.25, 0.5, 0.75], times, weights), 0.5, atol=0.02)
    mixer.set("start_percent", 40)
    page.evaluate(SET, [editor, "curve", {"points": [[0, 1], [1, 0]], "interpolation": "linear"}])
    page.evaluate(FRAMES)
    times, weights = mixer.curve("audio")
    np.testing.assert_allclose(np.interp([0.25, 0.5, 0.75], times, weights), [1, 1.5, 1.25], atol=0.02)


def test_a_linked_slider_is_shown_and_left_alone(page, build):
    number, node = build("PrimitiveFloat", MIXER)
    mixer = Mixer(page, node)
    page.evaluate(SET, [number, "value", 2.5])
    page.evaluate(LINK, [number, 0, node, "audio"])
    page.evaluate(FRAMES)
    np.testing.assert_allclose(mixer.place(), centroid([2.5, 1, 1]), atol=0.01)
    before = mixer.weights()
    mixer.drag((0.3, 0.9))
    mixer.point.focus()
    page.keyboard.press("Home")
    assert mixer.weights() == before
    assert mixer.point.get_attribute("aria-disabled") == "true"


def test_whatever_a_file_holds_stays_text(page, build):
    editor, node = build("CurveEditor", MIXER)
    mixer = Mixer(page, node)
    page.evaluate(LINK, [editor, 0, node, "audio_curve"])
    page.evaluate(
        """([id, text]) => {
            const node = app.graph.getNodeById(id);
            node.title = text;
            for (const widget of node.widgets) widget.label = text;
        }""",
        [node, HOSTILE],
    )
    page.evaluate(SET, [editor, "curve", {"points": [[HOSTILE, 0], [1, {}]], "interpolation": HOSTILE}])
    mixer.set("identity", HOSTILE)
    mixer.set("reference", 1e300)
    assert page.locator(".neo-corner").first.inner_text().startswith(HOSTILE)
    assert page.locator(".neo-guidance img").count() == 0
    assert page.evaluate("window.broken_into") is None
    mixer.set("identity", 1.0)
    mixer.set("reference", 1.0)
    mixer.drag((0.5, 0.3))  # and it still works
    assert mixer.weights()[0] == max(mixer.weights())


def test_the_widget_survives_a_change_of_renderer(open_page, build_on):
    with open_page(vue=False) as page:
        (node,) = build_on(page, MIXER)
        mixer = Mixer(page, node)
        for vue, target in ((False, (0.5, 0.4)), (True, (0.3, 0.8)), (False, (0.7, 0.8))):
            page.evaluate("on => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)", vue)
            page.wait_for_timeout(1500)
            assert page.locator(".lg-node .neo-guidance").count() == (1 if vue else 0)
            mixer.drag(target)
            np.testing.assert_allclose(centroid(mixer.weights()), target, atol=0.03)
            assert sum(mixer.weights()) == pytest.approx(3)


def test_links_of_the_pack_have_their_colours(page, build):
    build(MIXER)
    colours = page.evaluate(COLOURS)
    assert [colour.strip() for colour in colours] == ["#e0b84c"] * 3
    page.evaluate("() => app.extensionManager.colorPalette.loadColorPalette('light')")
    page.evaluate(FRAMES)
    assert page.evaluate("app.canvas.constructor.link_type_colors.NEO_GUIDANCE") == "#e0b84c"
    page.evaluate("() => app.extensionManager.colorPalette.loadColorPalette('dark')")
