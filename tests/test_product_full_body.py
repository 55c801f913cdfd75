"""NEO 2 as shipped: the bundled person and bundled speech through the shipped weights, from file to file."""

import wave
from pathlib import Path

import pytest
import torch

from neo_core.commands.animate import NEO_2_DEFAULTS
from neo_core.governance import ConsentRequired
from neo_core.governance.gate import BUNDLED
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.image import read_photo, write_image
from neo_core.media.video import read_frames
from neo_core.pipelines.clip import make_full_body
from neo_core.weights.manifest import read_manifest

SAMPLES = BUNDLED.parent
SECONDS = 1.03  # no whole number of frames
FRAMES = 26

pytestmark = pytest.mark.skipif(
    not {"neo2_vae.safetensors", "neo2_dit.safetensors"} <= read_manifest().keys(), reason="NEO 2's weights are missing"
)


@pytest.fixture(scope="module", autouse=True)
def _stranger(tmp_path_factory):
    """A user without any consent record of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    speech = read_waveform(SAMPLES / "speech.flac")
    samples = speech.samples[0, : round(SECONDS * speech.sample_rate)]
    path = tmp_path_factory.mktemp("sound") / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, speech.sample_rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).short().numpy().tobytes())
    return path


@pytest.fixture(scope="module")
def clip(sound) -> tuple[Path, dict]:
    """The video and the report of it."""
    output = sound.with_suffix(".mp4")
    photo, prompt = SAMPLES / "half_body.jpg", "a person explains"
    return output, make_full_body(photo, sound, output, prompt, NEO_2_DEFAULTS, progress=lambda *_: None)


@pytest.fixture(scope="module")
def shown(clip) -> torch.Tensor:
    """The frames of the video, as large as the model makes them. [T, 128, 128, 3] in levels"""
    frames = torch.stack([frame for _, frame in read_frames(clip[0])]).float()
    return torch.nn.functional.avg_pool2d(frames.permute(0, 3, 1, 2), 4).permute(0, 2, 3, 1)


def test_the_video_lasts_as_long_as_the_sound(clip, shown, sound):
    output, report = clip
    assert shown.shape == (FRAMES, 128, 128, 3)
    assert (report["frames"], report["width"], report["missing"]) == (FRAMES, 512, 0)
    assert 0 <= inspect_sound(output).seconds - inspect_sound(sound).seconds < 0.07  # AAC comes in blocks


def test_it_is_the_person_of_the_photo(shown):
    photo = read_photo(SAMPLES / "half_body.jpg").permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(photo, (128, 128), mode="area")[0].permute(1, 2, 0)
    head, background = (slice(6, 44), slice(46, 82)), (slice(0, 30), slice(0, 30))
    for frame in shown[::5]:
        assert (frame[head] - small[head]).abs().mean() < 25
        assert (frame[background] - small[background]).abs().mean() < 10


def test_mouth_and_hands_move_in_front_of_a_room_at_rest(shown):
    change = shown.std(0).mean(-1)  # over time, in levels. [H, W]
    room, hands = change[:30, :30].mean(), change[88:118, 24:104].mean()
    assert room < 2
    assert hands > 2 * room
    assert hands > 1.5


def test_another_picture_is_not_covered(sound, tmp_path):
    write_image(tmp_path / "mirrored.png", read_photo(SAMPLES / "half_body.jpg").flip(1))
    with pytest.raises(ConsentRequired, match="--scope full-body"):
        make_full_body(
            tmp_path / "mirrored.png", sound, tmp_path / "a.mp4", "", NEO_2_DEFAULTS, progress=lambda *_: None
        )
    assert not list(tmp_path.glob("*.mp4"))
