"""Cancel: the host says so within two seconds, nothing half-made stays, and the next prompt runs."""

import socket
import time

import pytest

PATIENCE = 2.0
HANDSHAKE = (  # of a web socket; what a server sends over one is not masked
    "GET /ws?clientId=cancel HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bGlzdGVuaW5nIGFuZCBkcg==\r\n\r\n"
)


@pytest.fixture
def long_prompt(talking_head, api):
    """Twelve seconds of speech at a size that takes a while."""
    prompt = talking_head("test/cancelled", audio=["speech", 0], size=512, seed=time.monotonic_ns() % 2**32)
    return prompt | {"speech": api.node("NEO_SampleSpeech")}


def files(host):
    return {path for folder in ("temp", "output") for path in (host.base / folder).rglob("*") if path.is_file()}


def running(host):
    return [entry[1] for entry in host.get("/queue")["queue_running"]]


@pytest.fixture
def shown(host):
    """A function: wait until the browser is told that a node has got so far."""
    with socket.create_connection(("127.0.0.1", host.port), timeout=60) as connection:
        connection.sendall(HANDSHAKE.encode())

        def wait(node, text):
            words, heard = f"{node}{text}".encode(), b""  # as both stand side by side in the host's message
            while words not in heard:
                news = connection.recv(1 << 16)
                assert news, "the host closed the connection"
                heard = heard[-len(words) :] + news

        yield wait


@pytest.mark.parametrize("moment", ["while it listens", "while it draws"])
def test_cancel_is_quick_and_leaves_nothing(host, long_prompt, until, shown, moment):
    before = files(host)
    prompt = host.queue(long_prompt)
    if moment == "while it draws":
        until(lambda: files(host) > before)
        time.sleep(1)
    else:
        shown("head", "frame 0 of ")
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
