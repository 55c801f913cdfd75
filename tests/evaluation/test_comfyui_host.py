import json
from fractions import Fraction

import pytest
import torch

from neo_core.data_types import Waveform
from neo_core.evaluation import comfyui
from neo_core.evaluation.comfyui import fault_of
from neo_core.evaluation.comfyui_host import HostError, Outcome, api_prompt, prepare
from neo_core.media.video import VideoWriter

CODEC = {"required": {"codec": ["COMBO", {"options": ["auto", "h264"]}]}}
INFO = {
    "Source": {"display_name": "Source", "input": {"required": {}}},
    "Talk": {
        "display_name": "Talk",
        "input": {
            "required": {
                "photo": ["IMAGE", {}],
                "seed": ["INT", {"control_after_generate": True}],
                "fps": ["COMBO", {"options": ["24", "25"]}],
            },
            "optional": {"curve": ["CURVE", {"forceInput": True}], "gain": ["FLOAT", {}]},
        },
    },
    "Save": {
        "display_name": "Save",
        "input": {
            "required": {
                "video": ["VIDEO", {}],
                "prefix": ["STRING", {}],
                "format": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "mp4", "inputs": CODEC}]}],
                "old style": [["a", "b"]],
            }
        },
    },
}


def workflow():
    return {
        "nodes": [
            {"id": 1, "type": "MarkdownNote", "widgets_values": ["read me"]},
            {"id": 2, "type": "Source"},
            {
                "id": 3,
                "type": "Talk",
                "inputs": [{"name": "photo", "link": 7}, {"name": "curve", "link": None}],
                "widgets_values": [42, "randomize", "24", 0.5],
            },
            {
                "id": 4,
                "type": "Save",
                "title": "Keep",
                "inputs": [{"name": "video", "link": 8}],
                "widgets_values": ["neo/x", "mp4", "h264", "b"],
            },
        ],
        "links": [[7, 2, 0, 3, 0, "IMAGE"], [8, 3, 0, 4, 0, "VIDEO"]],
    }


def test_a_file_becomes_the_prompt_a_browser_would_queue():
    prompt = api_prompt(workflow(), INFO)
    assert {name: node["inputs"] for name, node in prompt.items()} == {
        "2": {},
        "3": {"seed": 42, "fps": "24", "gain": 0.5, "photo": ["2", 0]},
        "4": {"prefix": "neo/x", "format": "mp4", "format.codec": "h264", "old style": "b", "video": ["3", 0]},
    }
    assert prompt["4"]["class_type"] == "Save"
    assert prompt["4"]["_meta"] == {"title": "Keep"}


def test_a_file_from_before_a_widget_was_appended_leaves_it_out():
    older = workflow()
    older["nodes"][2]["widgets_values"].pop()
    assert "gain" not in api_prompt(older, INFO)["3"]["inputs"]


def test_values_kept_by_name_are_taken_by_name():
    named = workflow()
    named["nodes"][2]["widgets_values"] = {"fps": "25", "seed": 1}
    assert api_prompt(named, INFO)["3"]["inputs"] == {"fps": "25", "seed": 1, "photo": ["2", 0]}


@pytest.mark.parametrize("change", [{"type": "Unknown"}, {"mode": 4}, {"mode": 2}])
def test_what_a_browser_would_resolve_is_refused(change):
    broken = workflow()
    broken["nodes"][2] |= change
    with pytest.raises(HostError, match="expected a known, active one"):
        api_prompt(broken, INFO)


def test_a_prepared_host_has_the_pack_and_no_greeting(tmp_path):
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "__init__.py").touch()
    for _ in range(2):  # a second time changes nothing
        prepare(tmp_path / "base", {"Ünï code": pack})
    assert (tmp_path / "base" / "custom_nodes" / "Ünï code" / "__init__.py").exists()
    settings = tmp_path / "base" / "user" / "default" / "comfy.settings.json"
    assert json.loads(settings.read_text())["Comfy.TutorialCompleted"] is True


def outcome(*files, status="success"):
    return Outcome("id", status, files, "", "", "", (), 1.0)


@pytest.fixture
def video(tmp_path):
    """A function (seconds of sound, loudness) -> file with one second of pictures."""

    def write(seconds, loudness):
        sound = Waveform(loudness * torch.sin(torch.arange(round(16000 * seconds)) / 10)[None], 16000)
        with VideoWriter(tmp_path / "video.mp4", (64, 64), Fraction(25), sound) as writer:
            for frame in range(25):
                writer.write(torch.full((64, 64, 3), frame * 5, dtype=torch.uint8))
        return tmp_path / "video.mp4"

    return write


def test_a_talking_video_has_no_fault(video):
    assert fault_of(outcome(video(1.0, 0.5))) == ""


def test_a_silent_a_missing_and_a_failed_video_are_faults(video):
    assert "silent" in fault_of(outcome(video(1.0, 0.0)))
    assert "no video" in fault_of(outcome())
    assert "error" in fault_of(outcome(video(1.0, 0.5), status="error"))


def test_a_video_that_cannot_be_read_is_a_failed_workflow_not_a_failed_bench(tmp_path, monkeypatch):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    monkeypatch.setattr(comfyui, "api_prompt", lambda *_: {})

    class Host:
        def run(self, *_):
            return outcome(tmp_path / "broken.mp4")

    assert "cannot be read" in comfyui._twice(Host(), {}, {})[2]


def test_a_cached_run_that_fails_is_a_failed_workflow(monkeypatch):
    monkeypatch.setattr(comfyui, "api_prompt", lambda *_: {})
    monkeypatch.setattr(comfyui, "fault_of", lambda _: "")
    outcomes = iter((outcome(), outcome(status="error")))

    class Host:
        def run(self, *_):
            return next(outcomes)

    assert "cached run, error" in comfyui._twice(Host(), {}, {})[2]
