"""A video lies in a file, goes nowhere once its consent is gone, and leaves nothing behind when it was not finished."""

import gc
import time

import pytest
import torch

SOUND = {"waveform": 0.1 * torch.randn(1, 1, 8000), "sample_rate": 16000}  # half a second


@pytest.fixture(scope="module")
def photo(loaded):
    return loaded.module("nodes.samples").sample_image("portrait")


@pytest.fixture
def grant(pack, photo):
    """Given by a record of the user's own, which can be revoked."""
    with pack("nodes.model_patcher").on_device() as engine:
        portrait = pack("nodes.portraits").found(engine, photo, 0)
    governance = pack("neo_core.governance")
    person = governance.fingerprint(portrait.photo, portrait.face.landmarks68)
    record = pack("neo_core.governance.record").new_record("self", "Ada", person, adult=True, issued=int(time.time()))
    governance.ConsentLedger().add(record)
    return governance.authorise(person, "talking-head", source="photo")


@pytest.fixture
def revoke(pack, grant):
    return lambda: pack("neo_core.governance").ConsentLedger().revoke(grant.record, int(time.time()))


@pytest.fixture
def speaking(run_node, photo, grant):
    """A function: run the simple node on half a second."""
    return lambda **more: run_node("NEO_TalkingHead", photo=photo, audio=SOUND, consent=grant, size=128, **more)


def test_one_node_makes_a_video_with_sound_and_shows_it_coming(speaking, folders, reports):
    (video,) = speaking(fps="30").result
    assert video.get_dimensions() == (128, 128)
    assert (video.get_frame_rate(), video.get_frame_count()) == (30, 15)
    assert video.get_stream_source().startswith(str(folders.temp))
    parts = video.get_components()
    assert parts.audio["waveform"].shape[-1] >= 0.5 * parts.audio["sample_rate"] - 1
    assert (parts.images[7] - parts.images[0]).abs().max() > 0.02
    assert reports.texts[-1] == "frame 15 of 15"
    assert reports.progress[-1][2].size == (128, 128)


def test_the_file_goes_with_the_last_value_that_reads_it(speaking, folders, loaded):
    (video,) = speaking().result
    (path,) = folders.temp.iterdir()
    trimmed = video.as_trimmed(0.1, 0.2)
    others = loaded.host("comfy_api.v0_0_2").InputImpl.VideoFromFile(trimmed.get_stream_source())
    del video
    assert trimmed.get_components().images.shape[1:3] == (128, 128)
    del trimmed
    gc.collect()
    assert path.is_file()
    del others
    gc.collect()
    assert not list(folders.temp.iterdir())


def test_a_video_is_not_saved_once_the_consent_is_revoked(speaking, revoke, pack, folders):
    (video,) = speaking().result
    trimmed = video.as_trimmed(0.1, 0.2)
    assert trimmed.get_active_trim_window() == (0.1, 0.2)
    target = folders.output / "video.mp4"
    video.save_to(str(target))
    assert target.stat().st_size
    target.unlink()
    revoke()
    required = pack("neo_core.governance").ConsentRequired
    for take in (video, trimmed):
        for use in (take.get_components, take.get_stream_source, lambda one=take: one.save_to(str(target))):
            with pytest.raises(required, match="revoked"):
                use()
    with pytest.raises(required, match="revoked"):
        video.as_trimmed(0, 0.1)
    assert not target.exists()


def test_a_cancelled_video_leaves_no_file_and_no_network_on_the_device(
    speaking, interrupt, loaded, folders, reports, monkeypatch
):
    management = loaded.host("comfy.model_management")
    progress = loaded.module("nodes.progress")
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    send = loaded.host("server").PromptServer.instance
    monkeypatch.setattr(send, "send_progress_text", lambda text, *_: text.startswith("frame 3") and interrupt())
    with pytest.raises(management.InterruptProcessingException):
        speaking()
    assert reports.progress[-1][0] == 3
    assert not list(folders.temp.iterdir())
    assert not management.current_loaded_models


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] . DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:80] . DefaultCPUAllocator: not enough memory: you tried to"),
        MemoryError(),
        torch.OutOfMemoryError("out of memory"),
    ],
    ids=["Linux", "Windows", "Python", "device"],
)
def test_when_memory_runs_out_the_sentence_says_what_to_change(pack, error):
    memory = pack("nodes.memory")
    with pytest.raises(memory.NotEnoughMemory, match="expected a smaller size"), memory.memory_advice():
        raise error


def test_a_video_for_which_memory_ran_out_leaves_no_file(speaking, pack, folders, monkeypatch):
    def translate(*_):
        raise MemoryError

    monkeypatch.setattr(pack("neo_core.pictar.geometric.translate"), "translate", translate)
    with pytest.raises(pack("nodes.memory").NotEnoughMemory, match="expected a smaller size"):
        speaking()
    assert not list(folders.temp.iterdir())


def test_other_faults_stay_visible(speaking, pack, monkeypatch):
    def translate(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(pack("neo_core.pictar.geometric.translate"), "translate", translate)
    with pytest.raises(RuntimeError, match="a bug"):
        speaking()
