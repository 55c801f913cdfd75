"""Every workflow file, of this and of every release, opens on a real host and makes what it promises."""

import json
from pathlib import Path

import pytest

from neo_core.evaluation.comfyui_host import api_prompt
from neo_core.governance.gate import BUNDLED, bundled_records

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "workflows").glob("*.json"))
RELEASED = sorted((ROOT / "tests" / "workflows" / "released").rglob("*.json"))
SMALL = {"size": 128, "detail": 128}  # pixels a side, of whatever an input of this name says
SECONDS = 3.0
SHOWN = {"09_neo2_one_chunk": 1.6, "15_redub": 3.6}  # seconds, where a file shows a moment of the speech
HEARD = {"14_enrol_from_footage": 4.0, "15_redub": 10.0}  # seconds, where it takes more


def meaning(file):
    """What a file runs: its nodes, their values and links, wherever they are drawn."""
    graph = json.loads(file.read_text(encoding="utf-8"))
    nodes = [
        (node["id"], node["type"], node.get("widgets_values")) for node in graph["nodes"] if "Note" not in node["type"]
    ]
    return json.dumps([sorted(nodes, key=str), graph["links"]])


def distinct(files):
    """The files without those that run the same as an earlier one."""
    return list({meaning(file): file for file in reversed(files)}.values())


FILES = sorted(distinct([*SHIPPED, *RELEASED]))


def small_prompt(workflow, info, api, seconds):
    """The workflow as it would be queued, with small pictures and the first words of the bundled speech."""
    prompt = api_prompt(workflow, info)
    speeches = [[name, 0] for name, node in prompt.items() if node["class_type"] == "NEO_SampleSpeech"]
    assert speeches
    for node in prompt.values():
        short = {name: ["short", 0] for name, value in node["inputs"].items() if value in speeches}
        node["inputs"] |= short | {name: side for name, side in SMALL.items() if name in node["inputs"]}
    return prompt | {"short": api.node("TrimAudioDuration", audio=speeches[0], start_index=0.0, duration=seconds)}


def test_files_are_kept():
    assert {file.name for file in SHIPPED} <= {file.name for file in RELEASED}


@pytest.fixture(scope="module")
def secrets():
    """What identifies the records behind the samples: ids, tokens, fingerprints."""
    tokens = json.loads(BUNDLED.read_text())["records"]
    records = bundled_records()
    return [*tokens, *(one.id for one in records), *(one.portrait.pixels_sha256 for one in records)]


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_workflow_runs_and_what_it_makes_is_a_talking_video(host, api, read_video, secrets, file):
    workflow = json.loads(file.read_text(encoding="utf-8"))
    heard = HEARD.get(file.stem, SECONDS)
    prompt = small_prompt(workflow, host.object_info(), api, heard)
    outcome = host.run(prompt, workflow)
    assert (outcome.status, outcome.error) == ("success", "")
    videos = [read_video(path) for path in outcome.files if path.suffix == ".mp4"]
    assert videos
    seconds = SHOWN.get(file.stem, heard)
    for video in videos:
        assert video.seconds == pytest.approx(seconds, abs=0.05)
        assert video.sound_seconds == pytest.approx(seconds, abs=0.1)
        assert video.loudness > 0.01
        assert video.moving > 0.5
        assert max(video.shape) >= SMALL["size"]
        assert json.loads(video.metadata["workflow"]) == workflow
        assert not any(secret in text for secret in secrets for text in [file.read_text(), *video.metadata.values()])
    again = host.run(prompt, workflow)
    assert again.status == "success"
    assert set(again.cached) == set(prompt)


def test_a_slider_draws_the_picture_behind_it_and_nothing_else(host, api):
    """What the browser asks for while sliders move (`web/js/live_preview.js`)."""
    workflow = json.loads((ROOT / "workflows" / "16_expression_editor.json").read_text(encoding="utf-8"))
    prompt = small_prompt(workflow, host.object_info(), api, SECONDS)
    place = {node["class_type"]: name for name, node in prompt.items()}
    after = {place[name] for name in ("NEO_EditExpression", "NEO_Deform", "NEO_Translate", "PreviewImage")}
    before = {place[name] for name in ("NEO_EnrolFromPhoto", "NEO_GenerateMotion")}
    outcomes = []
    for smile in (0.1, 0.3):
        prompt[place["NEO_EditExpression"]]["inputs"]["smile"] = smile
        asked = {"prompt": prompt, "partial_execution_targets": [place["PreviewImage"]]}
        outcomes.append(host.wait(json.loads(host.ask("/prompt", asked))["prompt_id"]))
    assert [(one.status, one.files) for one in outcomes] == [("success", ())] * 2
    assert before <= set(outcomes[1].cached)
    assert not after & set(outcomes[1].cached)
