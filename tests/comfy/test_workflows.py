"""Every workflow file, of this and of every release, opens on a real host and makes what it promises."""

import json
import math
from pathlib import Path

import pytest

from neo_core.evaluation.comfyui_host import api_prompt

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "workflows").glob("*.json"))
RELEASED = sorted((ROOT / "tests" / "workflows" / "released").rglob("*.json"))
FILES = [*SHIPPED, *RELEASED]
SMALL = 128


def small_prompt(workflow: dict, info: dict) -> dict:
    """The workflow as it would be queued, with small pictures."""
    prompt = api_prompt(workflow, info)
    for node in prompt.values():
        if "size" in node["inputs"]:
            node["inputs"]["size"] = SMALL
    return prompt


def test_files_are_kept():
    assert {file.name for file in SHIPPED} <= {file.name for file in RELEASED}


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_workflow_runs_and_what_it_makes_is_a_talking_video(host, read_video, file):
    workflow = json.loads(file.read_text(encoding="utf-8"))
    prompt = small_prompt(workflow, host.object_info())
    outcome = host.run(prompt, workflow)
    assert (outcome.status, outcome.error) == ("success", "")
    videos = [read_video(path) for path in outcome.files if path.suffix == ".mp4"]
    assert videos
    for video in videos:
        assert video.frames == math.ceil(video.seconds * 25)
        assert abs(video.seconds - video.sound_seconds) < 0.1
        assert video.seconds > 5
        assert video.loudness > 0.01
        assert video.moving > 0.5
        assert max(video.shape) >= SMALL
    again = host.run(prompt, workflow)
    assert again.status == "success"
    assert set(again.cached) == set(prompt)
