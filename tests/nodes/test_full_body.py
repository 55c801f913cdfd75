"""NEO 2 as a graph: tiny random networks in the place of the embedded ones, the bundled portrait, a little speech."""

import dataclasses
import math
import time
from types import SimpleNamespace

import pytest
import torch

SECONDS = 1.3  # 33 frames, 9 latents
FRAMES = 33


@pytest.fixture(autouse=True)
def tiny(pack, monkeypatch):
    """NEO 2 of a few thousand weights, none of them zero; the audio encoder is the embedded one."""
    vae_module, dit_module, patcher = (
        pack("neo_core.neo2.video_vae"),
        pack("neo_core.neo2.dit"),
        pack("nodes.model_patcher"),
    )
    widths = {"encoder_width": 8, "encoder_depth": 1, "decoder_width": 8, "decoder_depth": 1, "anchor_depth": 1}
    vae = vae_module.VideoVAE(vae_module.VideoVAEConfig(**widths, fine_width=4))
    sizes = {"width": 32, "depth": 1, "heads": 2, "side_width": 16, "patch": 8, "text_width": 12, "text_depth": 1}
    sizes |= {"local_width": 8, "local_depth": 1}
    dit = dit_module.DiT(dit_module.DiTConfig(mlp_ratio=2.0, rotary_time=8, rotary_place=4, **sizes))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in (*vae.parameters(), *dit.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
    dit.prosody.weight.normal_(std=0.02)
    monkeypatch.setattr(patcher, "load_video_vae", lambda _: vae.eval())
    monkeypatch.setattr(patcher, "load_dit", lambda _: dit.eval())


@pytest.fixture(scope="module")
def kept():
    """What the first test made and the next can use."""
    return {}


@pytest.fixture
def sound(run_node):
    audio, _ = run_node("NEO_SampleSpeech").result
    return {**audio, "waveform": audio["waveform"][..., : round(SECONDS * audio["sample_rate"])]}


@pytest.fixture
def stages(run_node, sound, kept):
    """What the nodes of the standard graph hand on, by name."""
    if not kept:
        (photo,) = run_node("NEO_SamplePortrait", sample="half_body").result
        models, encoder = run_node("NEO_LoadNeo2").result
        (consent,) = run_node("NEO_Consent", photo=photo, use="full-body").result
        kept |= {"models": models, "photo": photo, "consent": consent}
        kept["anchor"], kept["picture"] = run_node("NEO_EncodeAnchor", **kept).result
        (kept["speech"],) = run_node("NEO_EncodeAudio", models=encoder, audio=sound).result
    return kept


@pytest.fixture
def performed(stages, run_node):
    """A function (node, **inputs) -> latents of the standard graph with these inputs."""

    def run(node="NEO_ContinuumSync", **inputs):
        given = {name: stages[name] for name in ("models", "anchor", "speech")}
        return run_node(node, **given | {"seed": 5} | inputs).result[0]

    return run


@pytest.fixture
def longer(stages):
    """Three times the speech: more than one chunk, and more than one group of small ones."""
    speech = stages["speech"]
    hidden = speech.hidden_states.repeat(1, 3, 1)
    return dataclasses.replace(speech, hidden_states=hidden, samples=3 * speech.samples)


def test_the_graph_makes_a_video_with_sound(run_node, stages, performed, sound, folders, reports):
    latents = performed(prompt="a lively talk")
    assert (latents.frames, len(latents.latents)) == (FRAMES, 9)
    reports.texts.clear()
    (video,) = run_node("NEO_DecodeVideo", models=stages["models"], latents=latents, scale=2, audio=sound).result
    assert video.get_dimensions() == (256, 256)
    assert (video.get_frame_rate(), video.get_frame_count()) == (25, FRAMES)
    assert video.get_stream_source().startswith(str(folders.temp))
    parts = video.get_components()
    assert parts.audio["waveform"].shape[-1] >= SECONDS * parts.audio["sample_rate"] - 1
    assert (parts.images[20] - parts.images[0]).abs().max() > 0.02
    assert reports.texts[-1] == f"frame {FRAMES} of {FRAMES}"
    assert reports.progress[-1][2].size == (256, 256)


def test_the_anchor_is_shown_and_what_is_made_up_of_it_is_said(run_node, stages, reports, pack, caplog):
    assert stages["picture"].shape == (1, 128, 128, 3)
    given = {name: stages[name] for name in ("models", "photo", "consent")}
    anchor, picture = run_node("NEO_EncodeAnchor", **given).result
    assert picture.equal(stages["picture"])
    assert anchor.latent.equal(stages["anchor"].latent)
    assert reports.texts[-1] == "step 1 of 1", "a trifle is not worth a word"
    cut = stages["photo"][:, :400]  # an eighth is missing below
    with pack("nodes.model_patcher").on_device() as engine:
        portrait = pack("nodes.portraits").found(engine, cut, 0)
    allow(pack, portrait)
    (consent,) = run_node("NEO_Consent", photo=cut, use="full-body").result
    anchor, _ = run_node("NEO_EncodeAnchor", models=stages["models"], photo=cut, consent=consent).result
    assert 0.1 < anchor.missing < 0.2
    told = f"{anchor.missing:.0%} of the picture lies beyond the photo and is made up"
    assert reports.texts[-1].startswith(told)
    assert caplog.messages[-1].startswith(told)


def test_a_turned_head_is_said_beside_what_is_made_up(pack, loaded, reports, monkeypatch):
    portraits, seen = pack("nodes.portraits"), SimpleNamespace(face=SimpleNamespace(pose=(0.0, 25.0, 0.0)))
    monkeypatch.setattr(portraits, "found", lambda *_: seen)
    monkeypatch.setattr(portraits, "encode_anchor", lambda *_, **__: SimpleNamespace(missing=0.2))
    with loaded.host("comfy_execution.utils").CurrentNodeContext("prompt", "7"):
        portraits.anchored(None, None, 0, None)
    made_up, turned = reports.texts[-1].splitlines()
    assert made_up.startswith("20% of the picture")
    assert turned.startswith("the head is turned by 25 degrees")


def allow(pack, portrait):
    """Record consent to a full body."""
    governance, records = pack("neo_core.governance"), pack("neo_core.governance.record")
    person = governance.fingerprint(portrait.photo, portrait.face.landmarks68)
    now = int(time.time())
    record = records.new_record("synthetic", "Ada", person, adult=True, issued=now, scope=("full-body",))
    governance.ConsentLedger().add(record)
    return record


def test_nobody_is_asked_for_consent_to_head_and_shoulders(run_node, pack):
    """What Encode Anchor would refuse, with consent or without."""
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    mirrored = photo.flip(2)
    with pytest.raises(pack("neo_core.data_types").InputError, match="expected a person from head to waist") as refused:
        run_node("NEO_Consent", photo=mirrored, use="full-body")
    governance = pack("neo_core.governance")
    assert not isinstance(refused.value, governance.ConsentRequired)
    with pytest.raises(governance.ConsentRequired):
        run_node("NEO_Consent", photo=mirrored, use="talking-head")


@pytest.mark.parametrize("node", ["NEO_ChunkDenoiser", "NEO_ContinuumSync"])
def test_a_prompt_that_is_too_long_is_told_on_the_node(performed, reports, caplog, node):
    told = "the prompt takes 30 places"
    performed(node, prompt="word " * 30, steps=1, **({"start": 0.0} if node == "NEO_ChunkDenoiser" else {}))
    first, *_, last = (text for text in reports.texts if told in text)
    assert first.startswith(told)
    assert last.startswith("step ")
    assert last == reports.texts[-1], "it stays"
    assert caplog.messages[-1].startswith(told)
    reports.texts.clear()
    performed(node, prompt="word " * 24, steps=1, **({"start": 0.0} if node == "NEO_ChunkDenoiser" else {}))
    assert not any(told in text for text in reports.texts)


def test_every_widget_reaches_the_performance(performed):
    chunk = {"node": "NEO_ChunkDenoiser", "start": 0.0}
    plain = performed(**chunk).latents
    assert performed(**chunk).latents.equal(plain)
    changes = [
        {"seed": 6},
        {"steps": 4},
        {"prompt": "both hands"},
        {"start": 0.16},
        {"chunk": 7},
        {"spacing": "uniform"},
        {"spacing": "rcm"},
        {"audio_weight": 2.0},
        {"audio_weight": 2.0, "rescale": 0.7},
        {"prompt": "both hands", "prompt_weight": 2.0},
        {"noise_level": 0.8},
        {"amplitude": 0.5},
        {"prosody": 0.0},
    ]
    others = [performed(**chunk | change).latents for change in changes]
    for number, other in enumerate([plain, *others]):
        for earlier in [plain, *others][:number]:
            assert other.shape != earlier.shape or (other - earlier).abs().max() > 1e-4


@pytest.mark.parametrize(
    "change",
    [{"fusion": "cut"}, {"overlap": 2}, {"phase": False}, {"shared_noise": False}, {"context": False}, {"group": 1}],
    ids=str,
)
def test_every_switch_of_the_continuum_acts(performed, longer, change):
    """Of several short chunks and two groups."""
    short = {"speech": longer, "chunk": 6, "overlap": 3, "group": 4, "fusion": "linear"}
    plain, other = performed(**short), performed(**short | change)
    assert len(plain.joins) > 1
    assert (plain.latents - other.latents).abs().max() > 1e-4


def test_a_moment_is_one_chunk_of_the_speech(performed):
    latents = performed("NEO_ChunkDenoiser", start=0.81, chunk=6)  # latent 5 of 9
    assert (len(latents.latents), latents.frames, latents.joins) == (4, 13, ())


def test_the_seams_of_a_performance_are_reported(run_node, stages, performed, longer, folders, reports):
    latents = performed(speech=longer, steps=1)
    (video,) = run_node("NEO_DecodeVideo", models=stages["models"], latents=latents, scale=1).result
    picture, report = run_node("NEO_SeamReport", video=video, latents=latents).result
    assert picture.shape[-1] == 3
    assert picture.std() > 0.03
    assert report.count("\n") >= len(latents.joins) + 2
    assert reports.texts[-1] == "frame 98 of 98"
    moments = ", ".join(str(frame / 25) for frame in latents.joins)
    assert run_node("NEO_SeamReport", video=video, joins=moments).result[1] == report
    assert len(list(folders.temp.iterdir())) == 1  # no copy is left


SEAMS = [
    ({"every": -1.0}, "every is -1.0; expected a number from 0 to 36000"),
    ({"every": math.inf}, "every is inf; expected a number"),
    ({}, "does not say where its chunks meet"),
    ({"joins": "1, soon"}, "joins are '1, soon'; expected seconds"),
    ({"joins": "nan"}, "expected seconds"),
    ({"joins": "1e999"}, "expected seconds"),
    ({"joins": "," * 10}, "does not say where its chunks meet"),
    ({"joins": "99"}, "ends at"),
]


@pytest.mark.parametrize(("given", "told"), SEAMS, ids=str)
def test_joins_that_are_none_are_refused(run_node, stages, performed, pack, given, told):
    latents = performed("NEO_ChunkDenoiser", start=0.0, steps=1)
    (video,) = run_node("NEO_DecodeVideo", models=stages["models"], latents=latents, scale=1).result
    with pytest.raises(pack("neo_core.data_types").InputError, match=told):
        run_node("NEO_SeamReport", video=video, **given)
    with pytest.raises(pack("neo_core.data_types").InputError, match="one chunk and has no seam"):
        run_node("NEO_SeamReport", video=video, latents=latents)
    with pytest.raises(pack("neo_core.data_types").InputError, match="input video holds str"):
        run_node("NEO_SeamReport", video="a.mp4", joins="1")


LINKED = [
    ("NEO_ChunkDenoiser", {"steps": 0}, "steps is 0; .* from 1 to 50"),
    ("NEO_ChunkDenoiser", {"seed": -1}, "seed is -1; .* from 0 to 18446744073709551615"),
    ("NEO_ChunkDenoiser", {"chunk": 13}, "chunk is 13; .* from 6 to 12"),
    ("NEO_ChunkDenoiser", {"start": -1.0}, "start is -1.0; expected a number from 0 to 36000"),
    ("NEO_ChunkDenoiser", {"start": "1.0"}, "start is '1.0'; expected a number"),
    ("NEO_ChunkDenoiser", {"start": math.nan}, "start is nan; expected a number"),
    ("NEO_ChunkDenoiser", {"start": 60.0}, "begins at frame 1500; expected one before the end"),
    ("NEO_ChunkDenoiser", {"spacing": "dense"}, "spacing is 'dense'; expected one of shipped, uniform, rcm"),
    ("NEO_ChunkDenoiser", {"audio_weight": 4.5}, "audio_weight is 4.5; expected a number from 0 to 4"),
    ("NEO_ChunkDenoiser", {"prompt_weight": -0.1}, "prompt_weight is -0.1; expected a number from 0 to 4"),
    ("NEO_ChunkDenoiser", {"prompt_weight": math.nan}, "prompt_weight is nan; expected a number"),
    ("NEO_ChunkDenoiser", {"rescale": "all"}, "rescale is 'all'; expected a number from 0 to 1"),
    ("NEO_ChunkDenoiser", {"rescale": True}, "rescale is True; expected a number from 0 to 1"),
    ("NEO_ChunkDenoiser", {"noise_level": 0.3}, "noise_level is 0.3; expected a number from 0.5 to 1"),
    ("NEO_ContinuumSync", {"phase": 2}, "phase is 2; expected true or false"),
    ("NEO_ContinuumSync", {"shared_noise": "no"}, "shared_noise is 'no'; expected true or false"),
    ("NEO_ChunkDenoiser", {"prompt": 7}, "prompt holds int; expected text"),
    ("NEO_ChunkDenoiser", {"prompt": "x" * 2001}, "prompt has 2001 characters; expected at most 2000"),
    ("NEO_ContinuumSync", {"overlap": 10}, "overlap is 10 latents; expected 0 to 9"),
    ("NEO_ContinuumSync", {"group": 0}, "group is 0; .* from 1 to 16"),
    ("NEO_ContinuumSync", {"fusion": "glue"}, "fusion is 'glue'; expected one of cut, linear, pyramid, flow"),
]


@pytest.mark.parametrize(("node", "linked", "told"), LINKED, ids=str)
def test_what_comes_over_a_link_has_the_same_limits(performed, pack, node, linked, told):
    with pytest.raises(pack("neo_core.data_types").InputError, match=told):
        performed(node, **{"start": 0.0} | linked if node == "NEO_ChunkDenoiser" else linked)


def test_tiles_decode_the_same_video(run_node, stages, performed):
    latents = performed("NEO_ChunkDenoiser", start=0.0, steps=1)
    given = {"models": stages["models"], "latents": latents, "scale": 1}
    (whole,), (tiled,) = (run_node("NEO_DecodeVideo", **given, **tile).result for tile in ({}, {"tile": 32}))
    shown = [video.get_components().images for video in (whole, tiled)]
    assert shown[0].shape == shown[1].shape == (FRAMES, 128, 128, 3)
    assert (shown[0] - shown[1]).abs().max() < 0.05


def test_what_is_no_latents_is_not_decoded(run_node, stages, performed, pack):
    wrong = pack("neo_core.data_types").InputError
    with pytest.raises(wrong, match="input latents holds dict; expected the output of Neural Continuum Sync"):
        run_node("NEO_DecodeVideo", models=stages["models"], latents={"samples": torch.zeros(1)})
    with pytest.raises(wrong, match="input models holds HostedModels; expected the output of Load NEO 2"):
        run_node("NEO_DecodeVideo", models=stages["models"].shared, latents=performed())
    with pytest.raises(wrong, match=r"scale is 9; .* from 1 to 8"):
        run_node("NEO_DecodeVideo", models=stages["models"], latents=performed(), scale=9)
    with pytest.raises(wrong, match=r"tile is 129; .* from 0 to 128"):
        run_node("NEO_DecodeVideo", models=stages["models"], latents=performed(), tile=129)
    with pytest.raises(wrong, match="input anchor holds str; expected the output of Encode Anchor"):
        performed(anchor="Ada")
    with pytest.raises(wrong, match="input speech holds NoneType; expected the output of Encode Audio"):
        performed(speech=None)


def test_consent_to_a_talking_head_moves_no_body(run_node, stages, pack):
    required = pack("neo_core.governance").ConsentRequired
    talking = dataclasses.replace(stages["consent"], scope=("talking-head",))
    given = {name: stages[name] for name in ("models", "photo")}
    for consent in (None, "granted", talking):
        with pytest.raises(required):
            run_node("NEO_EncodeAnchor", **given, consent=consent)


def test_a_video_is_not_seen_once_the_consent_to_a_full_body_is_revoked(run_node, stages, performed, pack, folders):
    with pack("nodes.model_patcher").on_device() as engine:
        portrait = pack("nodes.portraits").found(engine, stages["photo"], 0)
    governance, record = pack("neo_core.governance"), allow(pack, portrait)
    (consent,) = run_node("NEO_Consent", photo=stages["photo"], use="full-body").result
    assert consent.record == record.id
    anchor, _ = run_node("NEO_EncodeAnchor", models=stages["models"], photo=stages["photo"], consent=consent).result
    latents = performed("NEO_ChunkDenoiser", anchor=anchor, start=0.0, steps=1)
    (video,) = run_node("NEO_DecodeVideo", models=stages["models"], latents=latents, scale=1).result
    assert video.get_components().images.shape == (33, 128, 128, 3)
    governance.ConsentLedger().revoke(record.id, int(time.time()))
    for use in (
        video.get_components,
        lambda: run_node("NEO_SeamReport", video=video, every=0.5),
        lambda: run_node("NEO_DecodeVideo", models=stages["models"], latents=latents),
        lambda: performed("NEO_ChunkDenoiser", anchor=anchor, start=0.0),
        lambda: performed(anchor=anchor),
    ):
        with pytest.raises(governance.ConsentRequired, match="revoked"):
            use()
    assert len(list(folders.temp.iterdir())) == 1


@pytest.mark.parametrize(("node", "ends"), [("NEO_ChunkDenoiser", 3), ("NEO_ContinuumSync", 3)])
def test_cancel_is_heard_between_steps(performed, interrupt, reports, loaded, monkeypatch, pack, node, ends):
    monkeypatch.setattr(pack("nodes.progress"), "PAUSE", 0.0)
    reports.progress.clear()
    management, server = loaded.host("comfy.model_management"), loaded.host("server").PromptServer.instance
    monkeypatch.setattr(server, "send_progress_text", lambda text, *_: text.startswith("step 1") and interrupt())
    with pytest.raises(management.InterruptProcessingException):
        performed(node, **({"start": 0.0} if node == "NEO_ChunkDenoiser" else {}))
    assert reports.progress[-1][:2] == (1, ends)
    assert not management.current_loaded_models


def test_a_cancelled_decoding_leaves_no_file(
    run_node, stages, performed, interrupt, loaded, folders, monkeypatch, pack
):
    latents = performed("NEO_ChunkDenoiser", start=0.0, steps=1)
    monkeypatch.setattr(pack("nodes.progress"), "PAUSE", 0.0)
    server = loaded.host("server").PromptServer.instance
    monkeypatch.setattr(server, "send_progress_text", lambda text, *_: text.startswith("frame 3") and interrupt())
    with pytest.raises(loaded.host("comfy.model_management").InterruptProcessingException):
        run_node("NEO_DecodeVideo", models=stages["models"], latents=latents)
    assert not list(folders.temp.iterdir())


def test_values_tell_nothing_as_text(stages, performed):
    assert [str(value) for value in (stages["models"], stages["anchor"], performed())] == [
        "HostedFullBody(3 networks)",
        "Anchor(128 x 128 pixels)",
        "VideoLatents(9 x 16 x 8 x 8, 33 frames at 25 fps)",
    ]


def test_the_networks_are_loaded_once_and_shared(run_node, stages, pack):
    models, encoder = run_node("NEO_LoadNeo2").result
    assert models is stages["models"]
    assert encoder is pack("nodes.model_patcher").host_models()
    assert models.models.audio_encoder is encoder.models.audio_encoder
