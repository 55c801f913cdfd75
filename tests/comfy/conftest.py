"""A real ComfyUI with this pack in it. `COMFYUI_PATH` names the checkout, `COMFYUI_PYTHON` its interpreter."""

import json
import os
import shutil
import sys
import time
import wave
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from neo_core.evaluation.comfyui_host import Checkout, serve
from neo_core.media.audio import read_waveform

ROOT = Path(__file__).resolve().parents[2]
PACK = "neo-avatars"
SHIPPED = ("__init__.py", "pyproject.toml", "nodes", "neo_core", "web", "locales", "subgraphs", "workflows")
SPEECH = "speech.wav"  # in the host's input folder
SECONDS = 1.2
SIZE = 128
# Python runs this in every process that finds it: whatever reaches for another machine fails and is written down.
NO_NETWORK = """
import os, socket
def guarded(original):
    def connect(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            with open(os.environ["NEO_TEST_NETWORK"], "a") as file:
                print(address, file=file)
            raise OSError("no network in this test")
        return original(self, address, *rest)
    return connect
socket.socket.connect = guarded(socket.socket.connect)
socket.socket.connect_ex = guarded(socket.socket.connect_ex)
def getaddrinfo(host, *rest, _original=socket.getaddrinfo, **named):
    if host not in (None, "", "127.0.0.1", "::1", "0.0.0.0", "localhost", b"127.0.0.1"):
        with open(os.environ["NEO_TEST_NETWORK"], "a") as file:
            print(host, file=file)
        raise OSError("no network in this test")
    return _original(host, *rest, **named)
socket.getaddrinfo = getaddrinfo
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.comfy)


@pytest.fixture(scope="session")
def checkout():
    if not os.environ.get("COMFYUI_PATH"):
        pytest.skip("COMFYUI_PATH is not set; expected the folder of a ComfyUI checkout")
    return Checkout(Path(os.environ["COMFYUI_PATH"]).resolve(), os.environ.get("COMFYUI_PYTHON", "python3"))


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """A copy of what a user installs."""
    folder = tmp_path_factory.mktemp("shipped") / PACK
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="session")
def node_ids():
    """The ids of all nodes of the last release."""
    sys.path.append(str(ROOT / "tests" / "nodes"))
    from schema_snapshot import latest_release

    return json.loads(latest_release().read_text(encoding="utf-8")).keys()


@pytest.fixture(scope="session")
def samples():
    """The folder of the bundled pictures and sounds."""
    return ROOT / "neo_core" / "samples"


@pytest.fixture(scope="session")
def network_log(tmp_path_factory):
    """The file in which the host notes every try to reach another machine."""
    return tmp_path_factory.mktemp("network") / "tried.txt"


@pytest.fixture(scope="session")
def offline(network_log, tmp_path_factory):
    """The environment in which a Python process reaches no other machine, and every try is noted in `network_log`."""
    hook = tmp_path_factory.mktemp("hook")
    (hook / "sitecustomize.py").write_text(NO_NETWORK)
    return {"PYTHONPATH": str(hook), "NEO_TEST_NETWORK": str(network_log)}


@pytest.fixture(scope="session")
def host(checkout, shipped, offline, tmp_path_factory):
    """A running ComfyUI with the pack and without a network: `url`, `base`, `port`, `queue`, `wait`, `run`, `log`."""
    base = tmp_path_factory.mktemp("base")
    with serve(checkout, base, {PACK: shipped}, environment=offline | {"OMP_NUM_THREADS": "1"}) as running:
        write_speech(base / "input" / SPEECH)
        yield running


def write_speech(path: Path) -> None:
    """The first words of the sample as a small file for Load Audio."""
    sound = read_waveform(ROOT / "neo_core" / "samples" / "speech.flac")
    samples = (sound.samples[0, : round(SECONDS * sound.sample_rate)].numpy() * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.sample_rate)
        file.writeframes(samples.tobytes())


def node(class_type: str, **inputs) -> dict:
    """One node of a prompt in API format."""
    return {"class_type": class_type, "inputs": inputs}


def save_video(video: list, prefix: str = "test/video") -> dict:
    codec = {"codec": "auto", "format.codec": "auto"}  # as older hosts and newer ones call it
    return node("SaveVideo", video=video, filename_prefix=prefix, format="auto", **codec)


@pytest.fixture(scope="session")
def api():
    """Functions that make nodes of a prompt in API format."""
    return SimpleNamespace(node=node, save_video=save_video)


@pytest.fixture(scope="session")
def talking_head():
    """A function (prefix, **inputs of NEO Talking Head) -> API prompt of a short video of the sample portrait."""

    def prompt(prefix="test/video", **changed):
        inputs = {
            "photo": ["photo", 0],
            "audio": ["audio", 0],
            "consent": ["consent", 0],
            "seed": 0,
            "framing": "head and shoulders",
            "size": SIZE,
            "fps": "25",
            "face": 0,
        }
        return {
            "photo": node("NEO_SamplePortrait", sample="portrait"),
            "audio": node("LoadAudio", audio=SPEECH),
            "consent": node("NEO_Consent", photo=["photo", 0], face=0, use="talking-head"),
            "head": node("NEO_TalkingHead", **{k: v for k, v in (inputs | changed).items() if v is not None}),
            "save": save_video(["head", 0], prefix),
        }

    return prompt


@pytest.fixture(scope="session")
def read_video():
    """A function: path -> what is in a video file."""
    return video_facts


def video_facts(path: Path) -> SimpleNamespace:
    """Pictures, sound and metadata of a finished file."""
    with av.open(str(path)) as file:
        metadata = dict(file.metadata)
        pictures = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
        rate = float(file.streams.video[0].average_rate)
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        sound = np.concatenate([frame.to_ndarray().mean(0) for frame in file.decode(stream)])
        sound_seconds = sound.size / stream.rate
    steps = [np.abs(a.astype(float) - b).mean() for a, b in pairwise(pictures)]
    return SimpleNamespace(
        seconds=len(pictures) / rate,
        frames=len(pictures),
        shape=pictures[0].shape,
        sound_seconds=sound_seconds,
        loudness=float(np.sqrt((sound**2).mean())),
        moving=float(np.mean([step > 0.02 for step in steps])),  # share of the frames that differ from the one before
        metadata=metadata,
    )


@pytest.fixture
def until():
    """A function: wait until a condition holds, or fail."""

    def wait(condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)

    return wait
