"""Cancel: the host says so within two seconds, nothing half-made stays, and the next prompt runs."""

import time

import pytest

PATIENCE = 2.0


@pytest.fixture
def long_prompt(talking_head, api):
    """Twelve seconds of speech at a size that takes a while."""
    prompt = talking_head("test/cancelled", audio=["speech", 0], size=512, seed=time.monotonic_ns() % 2**32)
    return prompt | {"speech": api.node("NEO_SampleSpeech")}


def files(host):
    return {path for folder in ("temp", "output") for path in (host.base / folder).rglob("*") if path.is_file()}


def running(host):
    return [entry[1] for entry in host.get("/queue")["queue_running"]]


@pytest.mark.parametrize("moment", ["while it listens", "while it draws"])
def test_cancel_is_quick_and_leaves_nothing(host, long_prompt, until, moment):
    before = files(host)
    prompt = host.queue(long_prompt)
    until(lambda: running(host) == [prompt])
    if moment == "while it draws":
        until(lambda: files(host) > before)
        time.sleep(1)
    pressed = time.monotonic()
    host.interrupt()
    outcome = host.wait(prompt, timeout=30)
    waited = time.monotonic() - pressed
    assert outcome.status == "interrupted"
    assert waited < PATIENCE
    assert files(host) == before


def test_the_next_prompt_runs(host, talking_head, long_prompt, until, read_video):
    prompt = host.queue(long_prompt)
    until(lambda: running(host) == [prompt])
    host.interrupt()
    host.wait(prompt, timeout=30)
    outcome = host.run(talking_head("test/after"))
    assert outcome.status == "success"
    assert read_video(outcome.files[0]).moving > 0.5
