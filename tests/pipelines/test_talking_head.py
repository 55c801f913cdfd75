"""The chain from a sound and a portrait to a file: exact, repeatable, streamed, and shut without consent."""

import itertools
import wave
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from neo_core import motion_space, timebase
from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder, save_audio_encoder
from neo_core.data_types import InputError, MotionLatents, Waveform
from neo_core.flow.guidance import Guidance
from neo_core.governance import ConsentRequired
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.video import read_frames
from neo_core.pictar.expression import ExpressionEdit, edit_expression
from neo_core.pipelines import hearing, talking_head
from neo_core.pipelines.idle import idle
from neo_core.pipelines.portrait import choose_face
from neo_core.pipelines.talking_head import Settings, enrol, generate, hear, perform, speak, write_frames, write_video


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


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_stage_by_stage_is_the_same_as_in_one_go(models, avatar, sound_of, tmp_path, fps):
    sound = read_waveform(sound_of(0.3).path)
    settings = Settings(fps=fps, seed=2, guidance=Guidance(audio=2, start=0.3, reference_over_time=(0.0, 1.0)))
    kept = []
    frames = speak(models, avatar, sound, tmp_path / "one.mp4", settings, kept=kept)
    motion = generate(models, hear(models, sound), avatar.identity, settings)
    assert frames == len(motion.motion) == timebase.frame_count(sound.samples.shape[1], sound.sample_rate, fps)
    assert motion.fps == fps
    assert torch.equal(motion.reference, avatar.identity.reference)
    torch.testing.assert_close(motion.motion, torch.cat(kept), atol=1e-4, rtol=1e-4)
    assert write_video(avatar.volume, motion, tmp_path / "two.mp4", sound) == frames
    assert (tmp_path / "two.mp4").read_bytes() == (tmp_path / "one.mp4").read_bytes()


def test_guidance_over_time_reaches_the_performance(models, avatar, sound_of):
    """A file is performed piece by piece; its weights follow the clock of the whole clip."""
    sound = sound_of(7.0)

    def performed(**guidance) -> torch.Tensor:
        return torch.cat(list(perform(models, sound, avatar.identity, Settings(guidance=Guidance(**guidance)))))

    plain, late, always = performed(), performed(audio=3, start=0.8), performed(audio=3)
    assert torch.equal(late[:80], plain[:80])  # the first window does not know what comes
    assert not torch.equal(late[140:], plain[140:])
    assert not torch.equal(always[:80], plain[:80])


def test_vocal_performs_only_what_its_own_encoder_heard(models, avatar, sound_of):
    sound, stranger = read_waveform(sound_of(0.3).path), replace(models, audio_encoder=tiny_encoder("embedded/other"))
    models.vocal.config = replace(models.vocal.config, audio_encoder="embedded/mine")
    with pytest.raises(InputError, match=r"audio encoder embedded/other .* expected embedded/mine"):
        next(perform(stranger, sound, avatar.identity, Settings()))
    with pytest.raises(InputError, match=r"audio encoder embedded/other .* expected embedded/mine"):
        generate(models, hear(stranger, sound), avatar.identity, Settings())
    with pytest.raises(InputError, match=r"audio encoder embedded/other .* expected embedded/mine"):
        idle(stranger, avatar.identity, 1.0, Settings())


def tiny_encoder(name: str) -> EmbeddedEncoder:
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=16, inner=16, dilations=(1, 2))).eval()
    encoder.name = name
    return encoder


def test_weights_that_do_not_go_together_are_refused_at_once(tmp_path):
    save_audio_encoder(tiny_encoder("mine"), tmp_path / "mine.safetensors", {})
    told = r"encoder embedded/\w{12} \(3 layers of 16 numbers\), expected embedded"
    with pytest.raises(InputError, match=told):
        talking_head.load_models(tmp_path / "mine.safetensors")


class Cancelled(BaseException):
    """What a host raises to stop the work; not an Exception."""


@pytest.mark.parametrize("after", [0, 1, 2, 5, 9, 12, 14])
def test_a_progress_that_raises_stops_everything_and_leaves_no_file(models, avatar, sound_of, tmp_path, after):
    sound, calls = read_waveform(sound_of(0.3).path), itertools.count()

    def progress(*_: object) -> None:
        if next(calls) == after:
            raise Cancelled

    with pytest.raises(Cancelled):
        speak(models, avatar, sound, tmp_path / "a.mp4", Settings(steps=4), progress)
    assert not list(tmp_path.glob("*.mp4"))
    assert next(calls) == after + 1  # nothing went on behind its back


def test_progress_counts_frames_and_never_falls_back(models, avatar, sound_of, tmp_path):
    told = []
    frames = speak(models, avatar, sound_of(4.0), tmp_path / "a.mp4", Settings(fps=Fraction(3), steps=2), _noting(told))
    assert {total for _, total, _ in told} == {frames}
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert [done for done, _, frame in told if frame is not None] == list(range(1, frames + 1))
    assert told[-1][2].shape == avatar.volume.photo.shape


def test_every_stage_asks_whether_to_go_on(models, portrait, grant_for, sound_of):
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    enrolled, heard, generated = [], [], []
    identity = enrol(models, portrait, None, grant=grant, progress=_noting(enrolled)).identity
    speech = hear(models, read_waveform(sound_of(25.0).path), _noting(heard))
    generate(models, speech, identity, Settings(steps=2), _noting(generated))
    for told in (enrolled, heard, generated):
        assert [step[:2] for step in told] == sorted(step[:2] for step in told)
        assert told[-1][0] == told[-1][1]
    assert len(enrolled) == 4
    assert len(heard) >= 6  # each block of both passes
    assert len(generated) >= 2 * 8  # each step of each window


def _noting(told: list):
    def progress(*step: object) -> None:
        told.append(step)

    return progress


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (torch.zeros(1, 100), 16000),
        (torch.zeros(0, 16000), 16000),
        (torch.zeros(9, 16000), 16000),
        (torch.zeros(16000), 16000),
        (torch.zeros(1, 16000), 4000),
        (torch.full((1, 16000), torch.nan), 16000),
    ],
)
def test_unusable_sound_is_refused_in_one_sentence(models, avatar, tmp_path, samples, rate):
    sound = Waveform(samples, rate)
    still = MotionLatents(avatar.identity.reference[None], Fraction(25))
    for use in (
        lambda: hear(models, sound),
        lambda: speak(models, avatar, sound, tmp_path / "a.mp4", Settings()),
        lambda: write_video(avatar.volume, still, tmp_path / "a.mp4", sound),
    ):
        with pytest.raises(InputError, match="expected"):
            use()
    assert not list(tmp_path.glob("*.mp4"))


def test_sound_is_read_as_it_is_needed(models, avatar, sound_of, monkeypatch):
    passes, read = [], hearing.read_mono

    def counting(*arguments):
        passes.append(0)
        for block in read(*arguments):
            passes[-1] += 1
            yield block

    monkeypatch.setattr(hearing, "read_mono", counting)
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


def test_motion_of_a_video_moves_nobody_who_only_speaks(avatar, tmp_path):
    """Kept, edited or sent through a graph: it stays what it is."""
    motion = MotionLatents(avatar.identity.reference[None], Fraction(25), use="reenactment")
    edited = edit_expression(motion, ExpressionEdit(preset="happy"))
    with pytest.raises(ConsentRequired, match="expected reenactment"):
        write_video(avatar.volume, edited, tmp_path / "a.mp4", None)
    assert not list(tmp_path.glob("*.mp4"))


def test_a_square_frames_head_and_shoulders(models, portrait, grant_for):
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    avatar = enrol(models, portrait, 96, grant=grant)
    assert tuple(avatar.volume.photo.shape) == (96, 96, 3)
    assert 0 < avatar.eye_distance < 48


def test_a_given_mask_is_what_is_drawn_as_the_person(models, portrait, grant_for):
    """Also where it leaves out a part of the head, has a hole or a speck: what somebody painted is meant."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    mine = torch.zeros(portrait.photo.shape[:2])
    mine[:, 40:100] = 1.0
    mine[:60, 70:] = 0.0  # a quarter of the head
    mine[90:94, 60:64] = 0.0
    mine[20:22, 120:122] = 0.5
    avatar = enrol(models, portrait, None, grant=grant, person=mine)
    window = avatar.volume.window
    drawn, mine = avatar.volume.person[3], mine[window.rows, window.columns]
    assert avatar.person[window.rows, window.columns].equal(drawn)
    near = torch.nn.functional.max_pool2d(mine[None], 5, 1, 2)[0] > 0  # beside it, what is darker belongs to it
    assert drawn[~near].max() == 0
    assert drawn[mine == 1].min() == 1
    assert (drawn >= mine).all()


def test_a_mask_without_the_face_is_refused(models, portrait, grant_for):
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    with pytest.raises(InputError, match="covers nothing of the face; expected 1 where"):
        enrol(models, portrait, None, grant=grant, person=torch.zeros(portrait.photo.shape[:2]))


@pytest.mark.parametrize(("count", "number"), [(0, None), (0, 1), (2, None), (2, 0), (2, 3)])
def test_the_face_must_be_clear(portrait, count, number):
    with pytest.raises(InputError, match="expected"):
        choose_face([portrait.face] * count, "crowd.png", number)


def test_a_face_can_be_chosen(portrait):
    faces = [replace(portrait.face, score=score) for score in (0.9, 0.8)]
    for number, expected in itertools.zip_longest((1, 2), (0.9, 0.8)):
        assert choose_face(faces, "crowd.png", number).score == expected
    assert choose_face(faces[:1], "one.png", None).score == 0.9
