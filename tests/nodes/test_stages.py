"""The graph stage by stage, on real weights and a moment of the bundled speech."""

import pytest
import torch

SECONDS = 0.6


@pytest.fixture
def sound(run_node):
    audio, text = run_node("NEO_SampleSpeech").result
    assert text.startswith("Hello!")
    return {**audio, "waveform": audio["waveform"][..., : round(SECONDS * audio["sample_rate"])]}


@pytest.fixture(scope="module")
def kept():
    """What the first test made and the next can use."""
    return {}


@pytest.fixture
def stages(run_node, sound, kept):
    """What the nodes of the standard graph hand on, by name."""
    if not kept:
        (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
        (models,) = run_node("NEO_LoadModels").result
        (consent,) = run_node("NEO_Consent", photo=photo).result
        kept |= {"models": models, "photo": photo, "consent": consent, "size": 128}
        kept["identity"], kept["volume"] = run_node("NEO_EnrolFromPhoto", **kept).result
        (speech,) = run_node("NEO_EncodeAudio", models=models, audio=sound).result
        heard = {"models": models, "speech": speech, "identity": kept["identity"]}
        kept |= heard | {"motion": run_node("NEO_GenerateMotion", **heard, seed=5).result[0]}
    return kept


def frames_of(video):
    return video.get_components().images


@pytest.mark.slow
def test_the_stages_make_what_the_one_node_makes(run_node, stages, sound):
    (staged,) = run_node("NEO_Render", volume=stages["volume"], motion=stages["motion"], audio=sound).result
    inputs = {name: stages[name] for name in ("photo", "consent", "size")}
    (whole,) = run_node("NEO_TalkingHead", audio=sound, seed=5, **inputs).result
    one, other = frames_of(staged), frames_of(whole)
    assert one.shape == other.shape == (15, 128, 128, 3)
    assert (one - other).abs().mean() < 0.002
    assert (one[1:] - one[:-1]).abs().mean() > 0.0005


def test_without_sound_the_video_is_silent(run_node, stages):
    (video,) = run_node("NEO_Render", volume=stages["volume"], motion=stages["motion"]).result
    assert video.get_components().audio is None
    assert video.get_frame_count() == 15


def test_amplitude_zero_is_perfectly_still(run_node, stages):
    parts = ("head", "gaze", "brows", "lids", "mouth")
    still = {f"amplitude_{part}": 0.0 for part in parts}
    (motion,) = run_node("NEO_EditExpression", motion=stages["motion"], **still).result
    assert motion.motion.eq(stages["identity"].reference).all()
    (same,) = run_node("NEO_EditExpression", motion=stages["motion"]).result
    assert same.motion.equal(stages["motion"].motion)


def test_guidance_changes_the_performance_only_where_it_acts(run_node, stages):
    shared = {name: stages[name] for name in ("models", "speech", "identity")}
    (neutral,) = run_node("NEO_GuidanceMixer").result
    (strong,) = run_node("NEO_GuidanceMixer", audio=3.0).result
    (as_before,) = run_node("NEO_GenerateMotion", **shared, seed=5, guidance=neutral).result
    (guided,) = run_node("NEO_GenerateMotion", **shared, seed=5, guidance=strong).result
    assert as_before.motion.equal(stages["motion"].motion)
    assert (guided.motion - as_before.motion).abs().max() > 0.05


def test_a_head_that_was_only_lifted_is_the_photo(run_node, stages):
    (picture,) = run_node("NEO_Translate", volume=stages["volume"]).result
    photo = stages["volume"].photo[None] / 255
    assert (picture - photo).abs().mean() < 0.01
    volume, mesh = run_node(
        "NEO_Deform", volume=stages["volume"], motion=stages["motion"], start_frame=12, frames=9
    ).result
    (moved,) = run_node("NEO_Translate", volume=volume).result
    assert moved.shape == mesh.shape == (3, 128, 128, 3)
    assert (moved - photo).abs().mean() > 1.2 * (picture - photo).abs().mean()
    assert (mesh - photo).abs().mean() > 0.02


@pytest.mark.parametrize(("node", "ends"), [("NEO_Deform", 3), ("NEO_Translate", 3), ("NEO_Consent", 3)])
def test_cancel_is_heard_before_the_work_is_done(
    run_node, stages, interrupt, reports, loaded, monkeypatch, pack, node, ends
):
    monkeypatch.setattr(pack("nodes.progress"), "PAUSE", 0.0)
    volume, motion = stages["volume"], stages["motion"]
    if node == "NEO_Translate":
        volume, _ = run_node("NEO_Deform", volume=volume, motion=motion, frames=3).result
    reports.progress.clear()
    server = loaded.host("server").PromptServer.instance
    monkeypatch.setattr(
        server, "send_progress_text", lambda *_, **__: interrupt()
    )  # after the first thing that is told
    given = {"NEO_Deform": {"motion": motion, "frames": 3, "volume": volume}, "NEO_Translate": {"volume": volume}}
    with pytest.raises(loaded.host("comfy.model_management").InterruptProcessingException):
        run_node(node, **given.get(node, {"photo": stages["photo"]}))
    assert [one[:2] for one in reports.progress] == [(0, ends)]


@pytest.mark.parametrize("picture", ["depth", "influence", "speech"])
def test_a_plot_of_vocal_can_be_cancelled(run_node, stages, interrupt, reports, loaded, monkeypatch, pack, picture):
    monkeypatch.setattr(pack("nodes.progress"), "PAUSE", 0.0)
    reports.progress.clear()
    server = loaded.host("server").PromptServer.instance
    monkeypatch.setattr(server, "send_progress_text", lambda *_, **__: interrupt())
    given = {name: stages[name] for name in ("models", "speech", "identity")}
    with pytest.raises(loaded.host("comfy.model_management").InterruptProcessingException):
        run_node("NEO_DepthPlot", **given, picture=picture)
    assert [one[:2] for one in reports.progress] == [(0, 15 * (4 if picture == "influence" else 1))]


def test_frames_behind_the_end_are_refused(run_node, stages, pack):
    with pytest.raises(pack("neo_core.data_types").InputError, match=r"start_frame is 15; .* from 0 to 14"):
        run_node("NEO_Deform", volume=stages["volume"], motion=stages["motion"], start_frame=15)


LINKED = [
    ("NEO_Deform", {"frames": 257}, "frames is 257; .* from 1 to 256"),
    ("NEO_Deform", {"frames": 0}, "frames is 0; .* from 1 to 256"),
    ("NEO_Deform", {"start_frame": -1}, "start_frame is -1; .* from 0 to 14"),
    ("NEO_Lift", {"size": 2049}, "size is 2049; .* from 128 to 2048"),
    ("NEO_Lift", {"size": 512.5}, "size is 512.5; .* whole number from 128 to 2048"),
    ("NEO_EnrolFromPhoto", {"face": -1}, "face is -1; .* from 0 to 64"),
    ("NEO_EnrolFromPhoto", {"framing": "all"}, "framing is 'all'; expected one of head and shoulders, whole photo"),
    ("NEO_Consent", {"face": 65}, "face is 65; .* from 0 to 64"),
    ("NEO_Consent", {"use": "anything"}, "use is 'anything'; expected one of talking-head, full-body"),
    ("NEO_GenerateMotion", {"steps": 0}, "steps is 0; .* from 2 to 50"),
    ("NEO_GenerateMotion", {"steps": 51}, "steps is 51; .* from 2 to 50"),
    ("NEO_GenerateMotion", {"seed": -1}, "seed is -1; .* from 0 to 18446744073709551615"),
    ("NEO_GenerateMotion", {"fps": "1000"}, "fps is '1000'; expected one of 25, "),
    ("NEO_SamplePortrait", {"sample": "../speech"}, "sample is '../speech'; expected one of portrait, painting, half"),
]


@pytest.mark.parametrize(("node", "linked", "told"), LINKED, ids=str)
def test_what_comes_over_a_link_has_the_same_limits(run_node, node_classes, stages, pack, node, linked, told):
    """ComfyUI checks the ranges of widgets only."""
    names = [one.id for one in node_classes[node].GET_SCHEMA().inputs]
    given = {name: stages[name] for name in names if name in stages} | linked
    with pytest.raises(pack("neo_core.data_types").InputError, match=told):
        run_node(node, **given)


def test_lift_shows_the_person_and_takes_a_better_mask(run_node, stages):
    shared = {name: stages[name] for name in ("models", "photo", "consent", "size")}
    _, person, region = run_node("NEO_Lift", **shared).result
    assert person.shape == region.shape == (1, 128, 128)
    assert 0.2 < person.mean() < 0.9
    assert 0.05 < region.mean() < 0.7
    mine = torch.zeros(stages["photo"].shape[1:3])
    mine[:, mine.shape[1] // 4 : -mine.shape[1] // 4] = 1
    volume, person, _ = run_node("NEO_Lift", **shared, mask=mine[None]).result
    assert person[0, :, 0].max() == 0
    assert person[0, :, 64].min() > 0.99
    drawn = person[0, volume.window.rows, volume.window.columns]
    assert drawn.equal(volume.person[3])


def test_motion_is_drawn_as_a_picture(run_node, stages):
    (image,) = run_node("NEO_PlotMotion", motion=stages["motion"]).result
    assert image.shape[-1] == 3
    assert image.std() > 0.05
    (other,) = run_node("NEO_PlotMotion", motion=stages["motion"], part="gaze").result
    assert not other.equal(image)


def test_what_vocal_does_is_drawn_as_a_picture(run_node, stages, sound):
    given = {name: stages[name] for name in ("models", "speech", "identity")}
    pictures = [run_node("NEO_DepthPlot", **given, picture=name).result[0] for name in ("depth", "influence", "speech")]
    pictures += run_node("NEO_DepthPlot", **given, picture="depth", audio=sound).result
    assert all(picture.shape == (1, 720, 1280, 3) and picture.std() > 0.03 for picture in pictures)
    assert not any(one.equal(other) for k, one in enumerate(pictures) for other in pictures[:k])


def test_both_samples_come_as_a_list(run_node):
    (photos,) = run_node("NEO_SamplePortraits").result
    assert len(photos) == 2
    assert photos[0].equal(run_node("NEO_SamplePortrait", sample="portrait").result[0])
    assert photos[1].equal(run_node("NEO_SamplePortrait", sample="painting").result[0])


def test_the_person_from_head_to_waist_comes_with_consent_to_a_full_body(run_node):
    (photo,) = run_node("NEO_SamplePortrait", sample="half_body").result
    (consent,) = run_node("NEO_Consent", photo=photo, use="full-body").result
    consent.require("full-body")
