"""Forged values on sockets and hostile text in widgets: one sentence each, and no file outside the host's folders."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core.data_types import MotionLatents
from neo_core.evaluation.comfyui_host import PromptRefused
from neo_core.pipelines.motion_file import save_motion

MOTION = "still.json"
GENUINE = {  # socket type -> where its value comes from
    "NEO_AUDIO": ["encode", 0],
    "NEO_EMOTION": ["emotion", 0],
    "NEO_GRANT": ["consent", 0],
    "NEO_GUIDANCE": ["mixer", 0],
    "NEO_IDENTITY": ["enrol", 0],
    "NEO_MODEL": ["models", 0],
    "NEO_MOTION": ["motion", 0],
    "NEO_RENDERER": ["mini", 0],
    "NEO_VOLUME": ["enrol", 1],
    "NEO_VIDEO_MODEL": ["body", 0],
    "NEO_ANCHOR": ["anchor", 0],
    "NEO_VIDEO_LATENT": ["latents", 0],
    "VIDEO": ["decoded", 0],
    "IMAGE": ["photo", 0],
    "AUDIO": ["audio", 0],
}
FORGED = {
    "text": "value",
    "dictionary": {"motion": [[0.0] * 63], "fps": 25, "waveform": [0.0]},
    "list": {"__value__": [1, 2, 3]},
    "number": -1,
}
HOSTILE = {
    "html": "<img src=x onerror=\"fetch('//evil')\"><script>alert(1)</script>",
    "up": "../../../../../../tmp/neo_escaped",
    "absolute": "/tmp/neo_escaped",
    "windows": "..\\..\\neo_escaped",
    "null": "neo\x00escaped",
    "template": "%{7*7}{{7*7}}${HOME}%n%s",
    "control": "\x1b]0;owned\x07\u202etxt.exe\ufeff",
    "megabyte": "A" * 1_000_000,
    "lines": "1: happy\n" * 50_000,
}


@pytest.fixture(scope="module")
def nodes(host, talking_head, api):
    """A prompt in which every socket of ours has a genuine source, and the info of our nodes."""
    save_motion(host.base / "input" / MOTION, MotionLatents(torch.zeros(5, 63), Fraction(25)))
    prompt = talking_head()
    del prompt["head"], prompt["save"]
    body = {
        "models": ["body", 0],
        "speech": ["encode", 0],
        "seed": 0,
        "steps": 1,
        "prompt": "",
        "start": 0.0,
        "chunk": 6,
    }
    refined = {"spacing": "shipped", "audio_weight": 1.0, "prompt_weight": 1.0, "rescale": 0.0, "noise_level": 1.0}
    enrolment = {"framing": "head and shoulders", "size": 128, "face": 0}
    return prompt | {
        "models": api.node("NEO_LoadModels", audio_encoder="embedded", vocal="embedded"),
        "encode": api.node("NEO_EncodeAudio", models=["models", 0], audio=["audio", 0]),
        "enrol": api.node(
            "NEO_EnrolFromPhoto", models=["models", 0], photo=["photo", 0], consent=["consent", 0], **enrolment
        ),
        "mixer": api.node(
            "NEO_GuidanceMixer", audio=1.0, identity=1.0, reference=1.0, start_percent=0.0, end_percent=100.0
        ),
        "emotion": api.node("NEO_Emotion", state="neutral", strength=0.0),
        "motion": api.node("NEO_LoadMotion", file=MOTION),
        "mini": api.node("NEO_LoadMini", mini="embedded"),
        "body": api.node("NEO_LoadNeo2", vae="embedded", dit="embedded"),
        "waist": api.node("NEO_SamplePortrait", sample="half_body"),
        "leave": api.node("NEO_Consent", photo=["waist", 0], face=0, use="full-body"),
        "anchor": api.node("NEO_EncodeAnchor", models=["body", 0], photo=["waist", 0], consent=["leave", 0], face=0),
        "latents": api.node("NEO_ChunkDenoiser", anchor=["anchor", 0], **body, **refined),
        "decoded": api.node("NEO_DecodeVideo", models=["body", 0], latents=["latents", 0], scale=1),
    }


@pytest.fixture(scope="module")
def attacked(host, nodes, api):
    """A function (node id, input, value) -> prompt that runs the node with everything genuine but this."""
    info = host.object_info()

    def prompt(name, forged_input, value):
        inputs = {key: source(kind, config) for key, (kind, config) in declared_inputs(info, name).items()}
        inputs = {key: one for key, one in inputs.items() if one is not None} | {forged_input: value}
        attack = {"attacked": api.node(name, **inputs)}
        if not info[name]["output_node"]:
            attack["shown"] = api.node("PreviewAny", source=["attacked", 0])
        return nodes | attack

    return prompt


def source(kind, config):
    """A genuine value for an input, None where it may be left open."""
    if kind in GENUINE:
        return GENUINE[kind]
    if kind == "COMBO":
        return config.get("default", MOTION if MOTION in config["options"] else (config["options"] or [""])[0])
    return config.get("default")


def outcome_of(host, prompt):
    """Error text of a prompt that must not succeed, whether the host or the node refused it."""
    try:
        outcome = host.run(prompt)
    except PromptRefused as refusal:
        return str(refusal.answer["node_errors"]["attacked"]["errors"][0]["message"]), "HTTP 400"
    assert outcome.status == "error"
    assert outcome.node == "attacked"
    return outcome.error, outcome.exception


def declared_inputs(info, name):
    return info[name]["input"].get("required", {}) | info[name]["input"].get("optional", {})


def own_sockets(info, node_ids):
    """Every socket of our nodes but consent, which the gate answers for."""
    kinds = (GENUINE.keys() - {"NEO_GRANT"}) | {"MASK", "CURVE"}
    return [
        (name, key)
        for name in sorted(node_ids)
        for key, (kind, _) in declared_inputs(info, name).items()
        if kind in kinds
    ]


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_forged_sockets_are_refused_with_one_sentence(host, attacked, node_ids, value):
    sockets = own_sockets(host.object_info(), node_ids)
    assert len(sockets) > 20
    for name, key in sockets:
        error, exception = outcome_of(host, attacked(name, key, value))
        assert exception.endswith("InputError"), f"{name}.{key}: {exception}: {error}"
        assert "expected" in error, f"{name}.{key}: {error}"
        assert len(error.splitlines()) == 1, f"{name}.{key}: {error}"
        assert len(error) < 400, f"{name}.{key}: {error}"


def outside(host):
    """Files that a path out of the folders would have made."""
    near = (host.base.parent, host.base, host.checkout.folder, Path("/tmp"))
    return [path for folder in near for path in folder.glob("*escaped*")]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_every_widget(host, attacked, node_ids, text):
    info = host.object_info()
    widgets = [
        (name, key)
        for name in sorted(node_ids)
        for key, (kind, _) in declared_inputs(info, name).items()
        if kind in ("STRING", "COMBO")
    ]
    assert ("NEO_EditExpression", "keyframes") in widgets
    assert ("NEO_SaveMotion", "filename_prefix") in widgets
    for name, key in widgets:
        try:
            outcome = host.run(attacked(name, key, text))
        except PromptRefused:
            continue  # the host's own check of choices
        if outcome.status != "success":
            assert outcome.exception.endswith("InputError"), f"{name}.{key}: {outcome.exception}: {outcome.error[:500]}"
            assert len(outcome.error) < 1000, f"{name}.{key}"
    assert outside(host) == []
    assert host.run(attacked("NEO_PlotMotion", "part", "overview")).status == "success"  # the host is well
