"""The chain from a sound and a portrait to a file: exact, repeatable, streamed, and shut without consent."""

import itertools
import wave
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from neo_core import motion_space, timebase
from neo_core.data_types import InputError
from neo_core.governance import ConsentRequired
from neo_core.media.audio import inspect_sound
from neo_core.media.video import read_frames
from neo_core.pipelines import talking_head
from neo_core.pipelines.portrait import choose_face
from neo_core.pipelines.talking_head import Settings, enrol, perform, speak, write_frames


@pytest.fixture
def sound_of(tmp_path):
    """sound_of(seconds) -> Sound: noise that comes and goes."""

    def make(seconds: float):
        time = np.arange(round(seconds * 16000)) / 16000
        samples = np.random.default_rng(0).normal(0, 3000, len(time)) * np.sin(2 * time) ** 2
        with wave.open(str(tmp_path / f"{seconds}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())
        return inspect_sound(tmp_path / f"{seconds}.wav")

    return make


def test_a_video_of_exactly_the_sound(models, avatar, sound_of, tmp_path):
    sound, settings = sound_of(0.51), Settings(fps=Fraction(30000, 1001))
    seen, kept = [], []

    def progress(done: int, total: int, frame: torch.Tensor | None) -> None:
        if frame is not None:
            seen.append((done, total))

    frames = timebase.frame_count(sound.samples, 16000, settings.fps)
    assert speak(models, avatar, sound, tmp_path / "a.mp4", settings, progress, kept) == frames
    assert torch.cat(kept).shape == (frames, motion_space.SIZE)
    assert seen == [(k, frames) for k in range(1, frames + 1)]
    assert [moment for moment, _ in read_frames(tmp_path / "a.mp4")] == [k / settings.fps for k in range(frames)]
    assert abs(inspect_sound(tmp_path / "a.mp4").seconds - sound.seconds) < 0.1


def test_the_same_seed_gives_the_same_performance(models, avatar, sound_of):
    def performed(seed: int) -> torch.Tensor:
        return torch.cat(list(perform(models, sound_of(4.0), avatar.identity, Settings(seed=seed))))

    assert torch.equal(performed(3), performed(3))
    assert not torch.equal(performed(3), performed(4))


def test_sound_is_read_as_it_is_needed(models, avatar, sound_of, monkeypatch):
    passes, read = [], talking_head.read_mono

    def counting(*arguments):
        passes.append(0)
        for block in read(*arguments):
            passes[-1] += 1
            yield block

    monkeypatch.setattr(talking_head, "read_mono", counting)
    next(perform(models, sound_of(90.0), avatar.identity, Settings()))
    assert len(passes) == 2  # one for the loudness, one to be heard
    assert passes[1] < passes[0] / 2


def test_a_portrait_is_moved_with_its_own_grant_only(models, portrait, grant_for):
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    other = replace(portrait, photo=portrait.photo.flip(1))
    with pytest.raises(ConsentRequired, match="another picture"):
        enrol(models, other, None, grant=grant)
    with pytest.raises(ConsentRequired):
        enrol(models, portrait, None, grant=replace(grant, scope=("full-body",)))


def test_consent_taken_back_while_rendering_leaves_no_file(avatar, ledger, tmp_path):
    def motion():
        yield torch.zeros(3, motion_space.SIZE)
        ledger.revoke(avatar.volume.grant.record, 0)
        yield torch.zeros(3, motion_space.SIZE)

    with pytest.raises(ConsentRequired, match="revoked"):
        write_frames(avatar.volume, motion(), 6, tmp_path / "a.mp4", Fraction(25), None)
    assert not list(tmp_path.glob("*.mp4"))


def test_a_square_frames_head_and_shoulders(models, portrait, grant_for):
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    avatar = enrol(models, portrait, 96, grant=grant)
    assert tuple(avatar.volume.photo.shape) == (96, 96, 3)
    assert 0 < avatar.eye_distance < 48


@pytest.mark.parametrize(("count", "number"), [(0, None), (0, 1), (2, None), (2, 0), (2, 3)])
def test_the_face_must_be_clear(portrait, count, number):
    with pytest.raises(InputError, match="expected"):
        choose_face([portrait.face] * count, "crowd.png", number)


def test_a_face_can_be_chosen(portrait):
    faces = [replace(portrait.face, score=score) for score in (0.9, 0.8)]
    for number, expected in itertools.zip_longest((1, 2), (0.9, 0.8)):
        assert choose_face(faces, "crowd.png", number).score == expected
    assert choose_face(faces[:1], "one.png", None).score == 0.9
