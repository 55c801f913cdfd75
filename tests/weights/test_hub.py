"""Downloads: asked for, with licence, whole, and gone on with where they stopped. All against a hub of our own."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neo_core import __main__ as cli
from neo_core.data_types import InputError
from neo_core.weights.hub import ORIGIN, fetch, look_up

ROOT = Path(__file__).parents[2]
WEIGHTS = bytes(range(256)) * 2000  # half a megabyte
FILES = {
    "config.json": b'{"model_type": "wav2vec2"}',
    "preprocessor_config.json": b"{}",
    "LICENSE": b"Do as you like.",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"x" * 5000,
    "tokenizer.json": b"{}",
    "nested/model.safetensors": b"y" * 5000,
}
WANTED = {"config.json", "preprocessor_config.json", "LICENSE", "model.safetensors"}


@pytest.fixture
def full(hub):
    hub.files = dict(FILES)
    return hub


@pytest.mark.usefixtures("full")
def test_what_is_needed_is_fetched_and_its_story_lies_beside_it(tmp_path):
    place = fetch(look_up("someone/tiny"), tmp_path)
    assert place == tmp_path / "tiny"
    assert {path.name for path in place.iterdir()} == WANTED | {ORIGIN}
    assert all((place / name).read_bytes() == FILES[name] for name in WANTED)
    story = json.loads((place / ORIGIN).read_text())
    assert story["repository"] == "someone/tiny"
    assert story["licence"] == "apache-2.0"
    assert len(story["revision"]) == 40
    assert {file["name"] for file in story["files"]} == WANTED
    sums = {file["name"]: file["sha256"] for file in story["files"]}
    assert sums["model.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()


def test_shards_are_fetched_with_their_index(hub, tmp_path):
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    hub.files = {"config.json": b"{}", "model.fp32-00001-of-00002.safetensors": b"z" * 2000}
    hub.files |= {name: name.encode() * 100 for name in names}
    place = fetch(look_up("someone/tiny"), tmp_path)
    assert {path.name for path in place.iterdir()} == {"config.json", *names, ORIGIN}


def test_a_broken_line_is_gone_on_with(full, tmp_path):
    full.breaks["model.safetensors"] = 200_000
    place = fetch(look_up("someone/tiny"), tmp_path)
    assert (place / "model.safetensors").read_bytes() == WEIGHTS
    first, second = (span for _, name, span in full.asked if name == "model.safetensors")
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 200_000


def test_an_interrupted_download_is_gone_on_with_when_asked_again(full, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the library's own attempts
    full.breaks["model.safetensors"], full.dies = 200_000, True
    offer = look_up("someone/tiny")
    with pytest.raises(InputError, match=r"cannot be fetched .* ask again"):
        fetch(offer, tmp_path)
    assert not (tmp_path / "tiny" / "model.safetensors").exists()
    assert not (tmp_path / "tiny" / ORIGIN).exists()
    full.dies = False
    full.asked.clear()
    place = fetch(offer, tmp_path)
    assert (place / "model.safetensors").read_bytes() == WEIGHTS
    ((method, name, span),) = full.asked  # nothing else is fetched twice
    assert (method, name) == ("GET", "model.safetensors")
    assert 0 < int(span.removeprefix("bytes=").removesuffix("-")) <= 200_000


@pytest.mark.usefixtures("full")
def test_a_part_that_is_too_long_is_begun_anew(tmp_path):
    offer = look_up("someone/tiny")
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / f"model.safetensors.{offer.revision[:8]}.part").write_bytes(b"x" * (len(WEIGHTS) + 1))
    assert (fetch(offer, tmp_path) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_hub_that_cannot_go_on_is_heard_from_the_beginning(full, tmp_path):
    offer, full.ranges = look_up("someone/tiny"), False
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / f"model.safetensors.{offer.revision[:8]}.part").write_bytes(WEIGHTS[:1000])
    assert (fetch(offer, tmp_path) / "model.safetensors").read_bytes() == WEIGHTS


def test_the_story_is_there_whole_or_not_at_all(full, tmp_path, monkeypatch):
    place = fetch(look_up("someone/tiny"), tmp_path)
    before = (place / ORIGIN).read_bytes()
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: path.open("wb").write(data[:9]) and 1 / 0)
    full.licence = "mit"
    with pytest.raises(ZeroDivisionError):
        fetch(look_up("someone/tiny"), tmp_path)
    assert (place / ORIGIN).read_bytes() == before
    assert {path.name for path in place.iterdir()} == WANTED | {ORIGIN}


def test_a_file_that_arrives_damaged_is_refused_and_thrown_away(full, tmp_path):
    full.served["model.safetensors"] = WEIGHTS[:-1] + b"?"
    with pytest.raises(InputError, match=r"damaged .* checksum is \w{12}, expected \w{12}; it was thrown away"):
        fetch(look_up("someone/tiny"), tmp_path)
    assert not (tmp_path / "tiny" / "model.safetensors").exists()
    full.served.clear()
    assert (fetch(look_up("someone/tiny"), tmp_path) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_small_file_that_arrives_damaged_is_refused(full, tmp_path):
    full.served["config.json"] = FILES["config.json"][:-1] + b" "
    with pytest.raises(InputError, match=r"config.json\S* is damaged"):
        fetch(look_up("someone/tiny"), tmp_path)


@pytest.mark.usefixtures("full")
def test_another_file_in_its_place_is_left_alone(tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.safetensors").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"another file: .* move it away"):
        fetch(look_up("someone/tiny"), tmp_path)
    assert (tmp_path / "tiny" / "model.safetensors").read_bytes() == b"mine"


def test_what_is_there_and_right_is_not_fetched_again(full, tmp_path):
    fetch(look_up("someone/tiny"), tmp_path)
    full.asked.clear()
    fetch(look_up("someone/tiny"), tmp_path)
    assert full.asked == []


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        ("someone/tiny", {"config.json": b"{}", "pytorch_model.bin": b"x" * 2000}, "weights: pytorch_model.bin; exp"),
        ("someone/tiny", {"model.safetensors": b"x" * 2000}, "expected config.json"),
        ("someone/else", FILES, "the hub has no someone/else"),
        ("not a name", FILES, "the hub has no not a name, .* expected owner/name"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(hub, name, files, told):
    hub.files = dict(files)
    with pytest.raises(InputError, match=told):
        look_up(name)


@pytest.mark.usefixtures("hub")
def test_a_hub_that_does_not_answer_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(InputError, match="cannot be fetched"):
        look_up("someone/tiny")


def test_the_licence_is_shown_before_anything_is_fetched(full, tmp_path, capsys):
    assert cli.main(["download", "someone/tiny", "--folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert 0 < told.index("licence: apache-2.0") < told.index("  config.json") < told.index("complete")
    assert full.address in told


def test_a_licence_that_nobody_states_is_said_to_be_missing(full):
    full.licence = None
    assert look_up("someone/tiny").licence == "not stated"


def commanded(hub, tmp_path, **environment):
    """`download` in a process of its own, as a user runs it."""
    command = [sys.executable, "-m", "neo_core", "download", hub.repository, "--folder", str(tmp_path / "models")]
    settings = {"HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"} | environment
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False)


def test_the_command_asks_the_endpoint_that_is_set(full, tmp_path):
    done = commanded(full, tmp_path, HF_ENDPOINT=full.address)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models" / "tiny" / "model.safetensors").read_bytes() == WEIGHTS


def test_offline_nothing_is_asked(full, tmp_path):
    done = commanded(full, tmp_path, HF_ENDPOINT=full.address, HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert done.stderr.startswith("neo: HF_HUB_OFFLINE is set")
    assert done.stderr.count("\n") == 1
    assert full.asked == []
    assert not (tmp_path / "models").exists()


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"package huggingface-hub, .* expected `pip install huggingface-hub`"):
        look_up("someone/tiny")
