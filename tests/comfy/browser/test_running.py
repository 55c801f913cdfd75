"""Templates that are queued in the browser."""

import json

import pytest

from neo_core.evaluation.comfyui_host import api_prompt

SELECT = """type => {
    const node = app.graph.nodes.find(node => node.type === type);
    app.canvas.selectNode(node);
    app.canvas.centerOnNode(node);
}"""
# A template with a short sound and a small picture, so that it runs in seconds.
SMALLER = """sound => {
    const find = type => app.graph.nodes.find(node => node.type === type);
    const audio = LiteGraph.createNode('LoadAudio');
    app.graph.add(audio);
    audio.widgets.find(widget => widget.name === 'audio').value = sound;
    const speech = find('NEO_SampleSpeech');
    for (const id of [...speech.outputs[0].links]) {
        const link = app.graph.getLink(id);
        audio.connect(0, app.graph.getNodeById(link.target_id), link.target_slot);
    }
    app.graph.remove(speech);
    find('NEO_EnrolFromPhoto').widgets.find(widget => widget.name === 'size').value = 128;
}"""


@pytest.fixture(scope="session")
def templates(shipped):
    """Name -> content of every template that ships."""
    files = sorted((shipped / "workflows").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def test_the_browser_queues_what_the_converter_makes_of_a_file(page, templates, host):
    known = host.object_info()
    for name, content in templates.items():
        page.evaluate("content => app.loadGraphData(content)", content)
        queued = page.evaluate("async () => (await app.graphToPrompt()).output")
        expected = api_prompt(content, known)
        assert queued.keys() == expected.keys(), name
        for key, node in expected.items():
            assert queued[key]["class_type"] == node["class_type"]
            assert queued[key]["inputs"] == node["inputs"], f"{name}: node {key}"


def test_a_template_runs_with_the_mix_that_was_set_in_the_triangle(page, templates, host, read_video, until):
    page.evaluate("content => app.loadGraphData(content)", templates["03_guidance_over_time"])
    page.evaluate(SMALLER, "speech.wav")
    page.evaluate(SELECT, "NEO_GuidanceMixer")
    page.locator(".neo-point").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowUp")
    before = host.get("/history")
    page.get_by_test_id("queue-button").click()
    until(lambda: len(host.get("/history")) > len(before), 300)
    (prompt,) = host.get("/history").keys() - before.keys()
    outcome = host.wait(prompt)
    assert outcome.status == "success", outcome.error
    (file,) = [file for file in outcome.files if file.suffix == ".mp4"]
    video = read_video(file)
    assert video.moving > 0.5
    queued = json.loads(video.metadata["prompt"]).values()
    (mixer,) = [node["inputs"] for node in queued if node["class_type"] == "NEO_GuidanceMixer"]
    assert [mixer[name] for name in ("audio", "identity", "reference")] == [1.5, 0.75, 0.75]
    page.locator("video").first.wait_for(state="attached")
