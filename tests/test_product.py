"""The product as shipped: bundled pictures and bundled speech through the shipped weights, from file to file."""

import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core import timebase
from neo_core.governance import ConsentRequired
from neo_core.governance.gate import BUNDLED
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.image import read_photo, write_image
from neo_core.media.video import read_frames
from neo_core.pictar.geometric import render
from neo_core.pipelines.clip import enrol_photo, make_video
from neo_core.pipelines.motion_file import load_motion
from neo_core.pipelines.talking_head import Avatar, Models, Settings, load_models

SAMPLES = BUNDLED.parent
SECONDS = 1.03  # no whole number of frames
SIZE = 128


@dataclass(frozen=True)
class Clip:
    """One second of the demo: what was heard and what came out."""

    sound: Path
    video: Path
    motion: Path
    report: dict


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


@pytest.fixture(scope="module", autouse=True)
def _stranger(tmp_path_factory):
    """A user without any consent record of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def avatar(models) -> Avatar:
    return enrol_photo(models, SAMPLES / "portrait.jpg", None, SIZE)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Clip:
    folder = tmp_path_factory.mktemp("clip")
    speech = read_waveform(SAMPLES / "speech.flac")
    samples = speech.samples[0, : round(SECONDS * speech.sample_rate)]
    with wave.open(str(folder / "speech.wav"), "wb") as file:
        file.setparams((1, 2, speech.sample_rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).short().numpy().tobytes())
    sound, video, motion = folder / "speech.wav", folder / "clip.mp4", folder / "motion.safetensors"
    photo = SAMPLES / "portrait.jpg"
    report = make_video(photo, sound, video, Settings(), size=SIZE, motion=motion, progress=lambda *_: None)
    return Clip(sound, video, motion, report)


@pytest.fixture(scope="module")
def shown(clip) -> torch.Tensor:
    """The frames of the video. [T, H, W, 3] uint8"""
    return torch.stack([frame for _, frame in read_frames(clip.video)])


def test_the_video_lasts_as_long_as_the_sound(clip, shown):
    sound = inspect_sound(clip.sound)
    frames = timebase.frame_count(sound.samples, sound.sample_rate, Fraction(25))
    assert frames == 26
    assert shown.shape == (frames, SIZE, SIZE, 3)
    assert clip.report["frames"] == len(load_motion(clip.motion).motion) == frames
    assert 0 <= inspect_sound(clip.video).seconds - sound.seconds < 0.07  # AAC comes in blocks of 1024 samples


def test_the_mouth_speaks_in_front_of_a_background_at_rest(avatar, shown):
    mouth, region = avatar.volume.mouth.window, avatar.volume.window
    still = torch.ones(SIZE, SIZE, dtype=torch.bool)
    still[region.rows, region.columns] = avatar.volume.moving == 0
    change = shown.float().std(0).mean(-1)  # over time, in levels. [H, W]
    assert change[mouth.rows, mouth.columns].mean() > 3
    assert change[still].mean() < 1  # of the encoder alone


def test_what_may_not_move_is_the_photo_itself(avatar, clip):
    volume = avatar.volume
    still = torch.ones(SIZE, SIZE, dtype=torch.bool)
    still[volume.window.rows, volume.window.columns] = volume.moving == 0
    assert 0.05 < still.float().mean() < 0.95
    for frame in render(volume, load_motion(clip.motion).motion[::5]):
        assert torch.equal(frame[still], volume.photo[still])
        assert not torch.equal(frame, volume.photo)


def test_the_painting_is_covered_too(models):
    painted = enrol_photo(models, SAMPLES / "painting.jpg", None, SIZE)
    assert 0 < painted.volume.region < 1
    assert painted.eye_distance > 10


def test_another_picture_is_not(models, tmp_path):
    write_image(tmp_path / "mirrored.png", read_photo(SAMPLES / "portrait.jpg").flip(1))
    with pytest.raises(ConsentRequired, match="consent add"):
        enrol_photo(models, tmp_path / "mirrored.png", None, SIZE)
