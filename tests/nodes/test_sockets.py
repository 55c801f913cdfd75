"""A prompt may hold anything where a link belongs: every node refuses it in one sentence."""

import pytest
import torch

FORGED = ["text", 3, 0.5, True, {"motion": [0]}, [1, 2, 3], {"__class__": "Volume"}, None]
AUDIO = {"waveform": torch.zeros(1, 1, 8000), "sample_rate": 16000}
INPUTS = [
    ("NEO_EncodeAudio", "models", {"audio": AUDIO}),
    ("NEO_EncodeAudio", "audio", {}),
    ("NEO_GenerateMotion", "models", {}),
    ("NEO_GenerateMotion", "speech", {}),
    ("NEO_GenerateMotion", "identity", {}),
    ("NEO_GenerateMotion", "emotion", {}),
    ("NEO_EditExpression", "motion", {}),
    ("NEO_Render", "volume", {}),
    ("NEO_Render", "motion", {}),
    ("NEO_Deform", "volume", {}),
    ("NEO_Deform", "motion", {}),
    ("NEO_Translate", "volume", {}),
    ("NEO_PlotMotion", "motion", {}),
    ("NEO_DepthPlot", "models", {}),
    ("NEO_DepthPlot", "speech", {}),
    ("NEO_DepthPlot", "identity", {}),
    ("NEO_SaveMotion", "motion", {}),
    ("NEO_Consent", "photo", {}),
]


@pytest.fixture
def genuine(pack):
    """Values as the nodes make them, for the inputs that are not forged."""
    types = pack("neo_core.data_types")
    zeros = torch.zeros(63)
    return {
        "models": pack("nodes.model_patcher").host_models(),
        "speech": types.AudioFeatures(torch.zeros(1, 2, 4), 640, 16000),
        "identity": types.Identity(torch.zeros(60), torch.zeros(16), zeros),
        "motion": types.MotionLatents(torch.zeros(3, 63), 25),
    }


@pytest.mark.parametrize("value", FORGED, ids=str)
@pytest.mark.parametrize(("node", "socket", "others"), INPUTS, ids=[f"{node}-{socket}" for node, socket, _ in INPUTS])
def test_a_forged_value_is_refused(run_node, node_classes, pack, genuine, node, socket, others, value):
    wanted = [one.id for one in node_classes[node].GET_SCHEMA().inputs if one.id in genuine]
    given = {name: genuine[name] for name in wanted} | others | {socket: value}
    if value is None and socket in ("models", "emotion"):
        return  # nothing stands for the embedded weights, and for what the voice says
    if node in ("NEO_Render", "NEO_Deform"):
        given.setdefault("volume", None)
    with pytest.raises(pack("neo_core.data_types").InputError, match="expected"):
        run_node(node, **given)


@pytest.mark.parametrize(
    "value",
    [
        "text",
        1,
        [[0.0]],
        {"points": "x"},
        {"points": [[0]]},
        {"points": []},
        {"points": [[0, float("nan")], [1, 1]]},
        {"points": [[0, 10**400], [1, 1]]},
        {},
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_forged_curve_is_refused(run_node, pack, value):
    with pytest.raises(pack("neo_core.data_types").InputError, match="curve"):
        run_node("NEO_GuidanceMixer", audio_curve=value)


def test_a_curve_is_read_as_it_is_drawn(run_node):
    drawn = {"points": [[0, 0], [0.5, 1], [1, 0]], "interpolation": "linear"}
    (guidance,) = run_node("NEO_GuidanceMixer", audio=2.0, audio_curve=drawn, start_percent=25.0).result
    weights = guidance.weights(torch.tensor([0.1, 0.25, 0.5, 0.75]))
    assert weights[:, 0].tolist() == pytest.approx([1, 1.2, 1.4, 1.2], abs=0.01)  # of a slider at 2: a weight of 1.4
    assert weights[:, 1:].eq(1).all()


@pytest.mark.parametrize(("start", "end"), [(60, 40), (-1, 40), (60, 101), (float("nan"), 40)])
def test_a_stretch_that_ends_before_it_starts_is_refused_in_per_cent(run_node, pack, start, end):
    found = f"start_percent is {start:g} and end_percent is {end:g}; expected"
    with pytest.raises(pack("neo_core.data_types").InputError, match=found):
        run_node("NEO_GuidanceMixer", start_percent=float(start), end_percent=float(end))


def test_how_the_sliders_act_is_as_it_was_unless_it_is_chosen(run_node, pack):
    guidance_of = pack("neo_core.flow.guidance").Guidance
    (plain,) = run_node("NEO_GuidanceMixer", audio=2.0).result
    assert plain == guidance_of(audio=2.0)
    chosen = {"form": "nested", "rescale": 0.5, "steps_start_percent": 10.0, "steps_end_percent": 75.0}
    (other,) = run_node("NEO_GuidanceMixer", audio=2.0, **chosen).result
    assert other.form == "nested"
    assert other.rescale == 0.5
    assert other.interval == pytest.approx((0.25, 0.9))  # flow times: the steps begin at 1, which is noise


@pytest.mark.parametrize(
    "wrong", [{"form": "sum"}, {"rescale": 2.0}, {"steps_start_percent": 80.0, "steps_end_percent": 20.0}]
)
def test_nonsense_about_how_the_sliders_act_is_refused(run_node, pack, wrong):
    with pytest.raises(pack("neo_core.data_types").InputError, match=rf"{next(iter(wrong))} is .*expected"):
        run_node("NEO_GuidanceMixer", **wrong)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "1: <img src=x>", "0: happy; rm -rf /", "\x1b[31m", "{}" * 999]
)
def test_hostile_text_is_text(run_node, genuine, pack, text):
    with pytest.raises(pack("neo_core.data_types").InputError, match="expected") as caught:
        run_node("NEO_EditExpression", motion=genuine["motion"], keyframes=text)
    assert len(str(caught.value)) < 600


def test_an_emotion_is_what_the_sliders_say(run_node, pack):
    (emotion,) = run_node("NEO_Emotion", state="laughing", strength=0.4).result
    assert emotion == pack("neo_core.data_types").Emotion("laughing", 0.4)


@pytest.mark.parametrize("change", [{"state": "gloomy"}, {"strength": 2.0}, {"strength": float("nan")}], ids=str)
def test_an_emotion_that_there_is_not_is_refused(run_node, pack, change):
    with pytest.raises(pack("neo_core.data_types").InputError, match="emotion"):
        run_node("NEO_Emotion", **{"state": "happy", "strength": 1.0} | change)


def test_an_emotion_reaches_vocal(run_node, pack, genuine, monkeypatch):
    """And without one, none does."""
    monkeypatch.setattr(pack("nodes.vocal"), "generate", lambda *given: given[3])
    given = {name: genuine[name] for name in ("models", "speech", "identity")}
    (emotion,) = run_node("NEO_Emotion", state="happy", strength=0.3).result
    assert run_node("NEO_GenerateMotion", **given, emotion=emotion).result[0].emotion == emotion
    assert run_node("NEO_GenerateMotion", **given).result[0].emotion is None
