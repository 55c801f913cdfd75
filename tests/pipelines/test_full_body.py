"""NEO 2 from a sound and a photo to a file: exact, repeatable, streamed, steered, and shut without consent."""

import gc
import itertools
import wave
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.audio.encoder import encode
from neo_core.audio.loading import load_audio_encoder
from neo_core.data_types import AudioFeatures, InputError, VideoLatents, Waveform
from neo_core.governance import ConsentRequired, UnderAge
from neo_core.governance.gate import CHECK_EVERY
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.joins import join_seconds, read_joins
from neo_core.media.video import read_frames
from neo_core.neo2.chunk_executor import Processes
from neo_core.neo2.decoding import decode_stream
from neo_core.neo2.latent_space import FRAMES, SIZE, latent_count, latent_shape
from neo_core.neo2.loading import load_dit
from neo_core.neo2.prosody import following
from neo_core.neo2.sampler import Sampling
from neo_core.pipelines import full_body, portrait
from neo_core.pipelines.full_body import (
    FPS,
    FullBodySettings,
    PerformedLatents,
    Sync,
    continuum_latents,
    denoise_chunk,
    encode_anchor,
    joins_of,
    perform_full_body,
    write_latents,
)
from neo_core.pipelines.hearing import silence

SPEECH = Path(full_body.__file__).parents[1] / "samples" / "speech.flac"
SHORT = Sync(chunk=6, overlap=2, group=2)


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


def settings(sync: Sync = SHORT, scale: int = 1, **sampling) -> FullBodySettings:
    return FullBodySettings(Sampling(**{"steps": 2} | sampling), sync, scale)


def heard(body, sound) -> AudioFeatures:
    return encode(body.audio_encoder, read_waveform(sound.path))


def shown(path) -> torch.Tensor:
    return torch.stack([frame for _, frame in read_frames(path)])


def test_the_anchor_is_the_person_from_head_to_waist(body, anchor):
    assert anchor.picture.shape == (SIZE, SIZE, 3)
    assert anchor.latent.shape == (16, 32, 32)
    assert anchor.missing == 0
    head = (anchor.picture != anchor.picture[-1, 0]).any(-1)
    assert 0.25 < float(head.any(1).float().mean()) < 0.45  # rows of head and neck
    assert repr(anchor) == "Anchor(128 x 128 pixels)"
    still = body.vae.encode_still(anchor.picture.permute(2, 0, 1)[None] / 127.5 - 1)[0]
    torch.testing.assert_close(anchor.latent, still)


@pytest.mark.parametrize("seconds", [0.5, 1.03, 2.5])
def test_a_video_of_exactly_the_sound(body, anchor, sound_of, tmp_path, seconds):
    sound, output, seen = sound_of(seconds), tmp_path / "a.mp4", []

    def progress(done: int, total: int, frame: torch.Tensor | None) -> None:
        if frame is not None:
            seen.append((done, total, tuple(frame.shape)))

    frames = -(-sound.samples * 25 // 16000)
    assert perform_full_body(body, anchor, sound, "", output, settings(scale=2), progress) == frames
    assert seen == [(k, frames, (2 * SIZE, 2 * SIZE, 3)) for k in range(1, frames + 1)]
    assert [moment for moment, _ in read_frames(output)] == [Fraction(k, 25) for k in range(frames)]
    assert abs(inspect_sound(output).seconds - sound.seconds) < 0.1
    assert np.corrcoef(*(loudness(path, seconds) for path in (output, sound.path)))[0, 1] > 0.9


def loudness(path, seconds: float) -> list[float]:
    """Of every twentieth of a second."""
    sound = read_waveform(path)
    samples = sound.samples[0, : int(seconds * sound.sample_rate)]
    return [float(part.square().mean()) for part in samples.split(sound.sample_rate // 20)][: int(seconds * 20)]


def test_the_same_seed_gives_the_same_video(body, anchor, sound_of, tmp_path):
    def made(name: str, **sampling) -> bytes:
        perform_full_body(body, anchor, sound_of(0.6), "calm", tmp_path / name, settings(**sampling))
        return (tmp_path / name).read_bytes()

    assert made("a.mp4", seed=3) == made("b.mp4", seed=3)
    assert made("a.mp4", seed=3) != made("c.mp4", seed=4)


@pytest.mark.parametrize("seconds", [0.7, 3.1])
def test_stage_by_stage_is_the_same_as_in_one_go(body, anchor, sound_of, tmp_path, seconds):
    sound, asked = sound_of(seconds), settings(seed=2)
    frames = perform_full_body(body, anchor, sound, "lively", tmp_path / "one.mp4", asked)
    latents = continuum_latents(body, anchor, heard(body, sound), "lively", asked)
    assert write_latents(body, latents, tmp_path / "two.mp4", sound) == frames == latents.frames
    assert (tmp_path / "two.mp4").read_bytes() == (tmp_path / "one.mp4").read_bytes()
    assert latents.joins == joins_of(frames, asked)
    assert bool(latents.joins) == (seconds > 1)
    assert read_joins(tmp_path / "two.mp4") == join_seconds(latents.joins, FPS), "the file tells them"
    assert len(latents.latents) == latent_count(frames)


def test_streamed_latents_are_those_of_the_whole(body, anchor, sound_of, monkeypatch):
    """The sound in pieces gives what the whole of it gives, to 1e-4."""
    asked, sound, taken = settings(seed=2), sound_of(3.1), []
    monkeypatch.setattr(full_body, "decoded_frames", lambda _, __, pieces, ___: taken.extend(pieces) or iter(()))
    monkeypatch.setattr(full_body, "VideoWriter", Nowhere)
    perform_full_body(body, anchor, sound, "", sound.path.with_suffix(".mp4"), asked)
    whole = continuum_latents(body, anchor, heard(body, sound), "", asked)
    assert len(taken) > 1
    torch.testing.assert_close(torch.cat(taken), whole.latents, atol=1e-4, rtol=0)


def test_chunks_in_processes_are_the_same_to_1e_4(body, anchor, sound_of, monkeypatch):
    taken, sound, asked = [], sound_of(1.9), settings(seed=2)
    monkeypatch.setattr(
        full_body, "decoded_frames", lambda _, __, pieces, ___: taken.append(torch.cat(list(pieces))) or iter(())
    )
    monkeypatch.setattr(full_body, "VideoWriter", Nowhere)
    with Processes(2) as executor:
        for by in (None, executor):
            perform_full_body(body, anchor, sound, "", sound.path.with_suffix(".mp4"), asked, executor=by)
    torch.testing.assert_close(taken[1], taken[0], atol=1e-4, rtol=0)


class Nowhere:
    """Takes frames and keeps none."""

    def __init__(self, *_: object, **__: object) -> None:
        self.frames = 0

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, _: torch.Tensor) -> None:
        self.frames += 1


def test_a_long_sound_holds_no_more_than_a_short_one(body, anchor, sound_of, monkeypatch):
    """Bytes of the tensors that live while frames are written, beyond those of the networks."""
    monkeypatch.setattr(full_body, "VideoWriter", Nowhere)
    small = anchored(anchor, anchor.latent[:, :16, :16])  # pictures of 64 pixels

    def most(seconds: float) -> int:
        sound, held, before = sound_of(seconds), [], living()

        def progress(done: int, *_: object) -> None:
            if done % 100 == 50:
                held.append(living() - before)

        perform_full_body(body, small, sound, "", sound.path.with_suffix(".mp4"), settings(steps=1), progress)
        return max(held)

    assert most(30.0) <= 1.2 * most(12.0)


def anchored(anchor, latent: torch.Tensor):
    """The same person in another latent, as if the photo had been encoded so."""
    return replace(anchor, latent=latent, stamp=anchor.grant.stamp(latent, anchor.picture))


def test_stage_by_stage_what_was_heard_is_not_copied(body, sound_of):
    speech = heard(body, sound_of(60.0))
    span, before = full_body._span(body, speech), living()
    assert torch.equal(span(48, 96), speech.hidden_states[:, 48:96])
    assert living() - before < 0.2 * speech.hidden_states.untyped_storage().nbytes()


def test_stage_by_stage_latents_are_put_where_they_stay(body, anchor, sound_of, monkeypatch):
    """They are not held a second time, in the pieces that they come in."""
    seen, alive = [], []

    def pieces(*_: object):
        for number in range(16):
            piece = torch.full((4, *latent_shape(anchor.latent.shape)), float(number))
            seen.append(weakref.ref(piece))
            yield piece
            alive.append(sum(one() is not None for one in seen))

    monkeypatch.setattr(full_body, "latent_pieces", pieces)
    speech = replace(heard(body, sound_of(1.0)), samples=16 * 16 * 640)
    latents = continuum_latents(body, anchor, speech, "", settings()).latents
    assert torch.equal(latents[:, 0, 0, 0], torch.arange(16.0).repeat_interleave(4))
    assert max(alive) <= 2


def living() -> int:
    kinds = (torch.Tensor, torch.nn.Parameter)  # and no tracer's stand-ins, which have no memory
    stores = (one.untyped_storage() for one in gc.get_objects() if type(one) in kinds)
    return sum({store.data_ptr(): store.nbytes() for store in stores}.values())


def test_prompt_sound_and_steps_reach_the_performance(body, anchor, sound_of):
    speech = heard(body, sound_of(0.7))

    def made(prompt: str = "", hears: AudioFeatures = speech, **sampling) -> torch.Tensor:
        return continuum_latents(body, anchor, hears, prompt, settings(**sampling)).latents

    plain = made()
    silent = replace(speech, hidden_states=torch.zeros_like(speech.hidden_states))
    for other in (made("waves both hands"), made(hears=silent), made(steps=3), made(audio=2.0), made(start=0.9)):
        assert (other - plain).abs().max() > 1e-3
    assert torch.equal(made(), plain)


def test_movement_follows_the_voice(body, anchor, sound_of):
    """Of the whole video, whatever the groups that it is made in; not where sound is ignored."""
    speech = heard(body, sound_of(3.0))  # 19 latents, in three groups

    def made(**sampling) -> torch.Tensor:
        return continuum_latents(body, anchor, speech, "", settings(**sampling)).latents

    plain, follows = made(), made(prosody=0.5)
    energy = body.dit.prosody(full_body._span(body, speech)(0, 19 * 8))
    assert energy.std() > 0.01
    whole = torch.cat(list(following([plain], lambda first, last: energy[first:last], 0.5)))
    torch.testing.assert_close(follows, whole)
    assert (follows - plain).abs().max() > 1e-3
    assert torch.equal(made(prosody=0.5, audio=0.0), made(audio=0.0))


def test_a_later_chunk_follows_its_own_part_of_the_voice(body, anchor, sound_of):
    speech = heard(body, sound_of(3.0))
    plain, follows = (
        denoise_chunk(body, anchor, speech, "", settings(prosody=share), 8).latents for share in (0.0, 0.5)
    )
    energy = body.dit.prosody(speech.hidden_states[:, 8 * 8 : 8 * 14])
    whole = torch.cat(list(following([plain], lambda first, last: energy[first:last], 0.5)))
    torch.testing.assert_close(follows, whole)
    assert (follows - plain).abs().max() > 1e-3


def test_the_embedded_model_hears_whether_somebody_speaks():
    encoder, prosody = load_audio_encoder(), load_dit().prosody
    speech = encode(encoder, read_waveform(SPEECH)).hidden_states
    quiet = silence(encoder)[:, None].repeat(1, 8, 1)
    energy = prosody(speech[:, : speech.shape[1] // 8 * 8])
    assert float(prosody(quiet)) < -1 < 0 < float(energy.median())


def test_one_chunk_is_one_window(body, anchor, sound_of):
    """Alone, a chunk is what Neural Continuum Sync makes of a sound that is no longer."""
    speech, asked = heard(body, sound_of(0.8)), settings(seed=1, prosody=1.0)
    alone = denoise_chunk(body, anchor, speech, "", asked)
    assert (len(alone.latents), alone.frames, alone.joins) == (5, 20, ())  # a window of 6 was denoised
    torch.testing.assert_close(alone.latents, continuum_latents(body, anchor, speech, "", asked).latents)


def test_a_chunk_begins_anywhere_and_ends_with_the_sound(body, anchor, sound_of):
    speech, asked = heard(body, sound_of(3.0)), settings(seed=1)  # 75 frames, 19 latents
    middle, end = (denoise_chunk(body, anchor, speech, "", asked, first) for first in (8, 16))
    assert (len(middle.latents), middle.frames) == (6, 24)
    assert (len(end.latents), end.frames) == (3, 11)
    assert (middle.latents[:3] - end.latents).abs().max() > 1e-3  # another moment, another sound
    with pytest.raises(InputError, match="begins at frame 76; expected one before the end"):
        denoise_chunk(body, anchor, speech, "", asked, 19)


def test_the_sound_ends_in_silence(body, anchor, sound_of, monkeypatch):
    """Of latents that begin within the sound and reach beyond it, and of none shorter than a window of the training:
    what is heard there is what pauses are heard as. Zeros would say that somebody may be speaking."""
    windows = []
    monkeypatch.setattr(full_body, "sample_chunk", lambda _, given, noise, *__: windows.append(given) or noise)
    speech = heard(body, sound_of(3.0))  # 75 frames, 150 feature frames
    denoise_chunk(body, anchor, speech, "", settings(), 17)
    audio, quiet = windows[0].audio[0], silence(body.audio_encoder)
    assert audio.shape[1] == 8 * SHORT.chunk
    assert torch.equal(audio[:, : 150 - 8 * 17], speech.hidden_states[:, 8 * 17 :])
    assert torch.equal(audio[:, 150 - 8 * 17 :], quiet[:, None].expand(-1, 8 * (17 + 6) - 150, -1))


@pytest.mark.parametrize("tile", [8, 20])
def test_tiles_write_the_same_video(body, anchor, sound_of, tmp_path, tile):
    latents = denoise_chunk(body, anchor, heard(body, sound_of(0.8)), "", settings())
    frames = []
    for size in (None, tile):
        write_latents(body, latents, tmp_path / "a.mp4", None, 1, lambda *step: frames.append(step[2]), size)
    shown = torch.stack([frame for frame in frames if frame is not None]).int().unflatten(0, (2, -1))
    assert (shown[0] - shown[1]).abs().max() <= 1
    with pytest.raises(InputError, match="tile is 0, expected at least 1"):
        write_latents(body, latents, tmp_path / "a.mp4", None, tile=0)


def test_latents_are_decoded_in_slices_exactly(body, anchor, sound_of, tmp_path):
    latents = continuum_latents(body, anchor, heard(body, sound_of(1.5)), "", settings())
    whole = torch.cat(list(decode_stream(body.vae, latents.anchor, [latents.latents])))
    written = []
    write_latents(body, latents, tmp_path / "a.mp4", None, progress=lambda *step: written.append(step[2]))
    frames = torch.stack([frame for frame in written if frame is not None])
    assert frames.shape == (38, SIZE, SIZE, 3)
    assert (frames.int() - whole[:38].int()).abs().max() <= 1
    assert shown(tmp_path / "a.mp4").shape == frames.shape


class Cancelled(BaseException):
    """What a host raises to stop the work; not an Exception."""


@pytest.mark.parametrize("after", [0, 1, 3, 5, 8, 13])
def test_a_progress_that_raises_stops_everything_and_leaves_no_file(body, anchor, sound_of, tmp_path, after):
    calls = itertools.count()

    def progress(*_: object) -> None:
        if next(calls) == after:
            raise Cancelled

    with pytest.raises(Cancelled):
        perform_full_body(body, anchor, sound_of(0.5), "", tmp_path / "a.mp4", settings(), progress)
    assert not list(tmp_path.glob("*.mp4"))
    assert next(calls) == after + 1  # nothing went on behind its back


def test_progress_counts_frames_and_never_falls_back(body, anchor, sound_of, tmp_path):
    told = []
    asked = settings()
    frames = perform_full_body(
        body, anchor, sound_of(2.0), "", tmp_path / "a.mp4", asked, lambda *step: told.append(step)
    )
    assert {total for _, total, _ in told} == {frames}
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert [done for done, _, frame in told if frame is not None] == list(range(1, frames + 1))


def test_only_who_agreed_to_a_full_body_is_moved(body, person, grant_for, sound_of, anchor, tmp_path):
    other_use = grant_for(person.photo, person.face.landmarks68)
    with pytest.raises(ConsentRequired, match="covers talking-head; expected full-body"):
        encode_anchor(body, person, grant=other_use)
    with pytest.raises(ConsentRequired, match="another picture"):
        encode_anchor(body, replace(person, photo=person.photo.flip(1)), grant=anchor.grant)
    speech = heard(body, sound_of(0.5))
    for grant in (None, other_use, replace(anchor.grant, scope=("full-body", "reenactment"))):  # the last one is forged
        refused(body, replace(anchor, grant=grant), speech, sound_of(0.5))
    latents = denoise_chunk(body, anchor, speech, "", settings())
    for grant in (None, other_use):
        with pytest.raises(ConsentRequired):
            write_latents(body, replace(latents, grant=grant), tmp_path / "a.mp4", None)
    assert not list(tmp_path.glob("*.mp4"))


def refused(body, anchor, speech, sound, told: str = "expected") -> None:
    """By every stage that moves an anchor."""
    with pytest.raises(ConsentRequired, match=told):
        denoise_chunk(body, anchor, speech, "", settings())
    with pytest.raises(ConsentRequired, match=told):
        continuum_latents(body, anchor, speech, "", settings())
    with pytest.raises(ConsentRequired, match=told):
        perform_full_body(body, anchor, sound, "", sound.path.with_suffix(".mp4"), settings())


def test_a_grant_for_one_picture_moves_no_other(body, person, anchor, grant_for, sound_of, tmp_path):
    """Both people have consented, and still neither's consent is good for the other: not for their anchor, not for a
    picture or a latent put in its place, and not for latents that were made of them."""
    stranger = replace(person, photo=person.photo.flip(1))
    theirs = encode_anchor(body, stranger, grant=grant_for(stranger.photo, stranger.face.landmarks68, "full-body"))
    speech = heard(body, sound_of(0.5))
    ours = denoise_chunk(body, anchor, speech, "", settings())
    for change in ({"grant": theirs.grant}, {"latent": theirs.latent}, {"picture": theirs.picture}, {"stamp": b""}):
        refused(body, replace(anchor, **change), speech, sound_of(0.5), "is not for what it came with")
    made = denoise_chunk(body, theirs, speech, "", settings())
    for change in ({"latents": made.latents}, {"anchor": made.anchor}, {"grant": made.grant}, {"stamp": made.stamp}):
        with pytest.raises(ConsentRequired, match="is not for what it came with"):
            write_latents(body, replace(ours, **change), tmp_path / "a.mp4", None)
    assert write_latents(body, ours, tmp_path / "a.mp4", None) == ours.frames


def test_the_grant_is_asked_again_while_a_video_is_written(body, anchor, sound_of, ledger, monkeypatch):
    """Taken back at frame 50 of 250, it stops the work at frame 100, long before the end."""
    monkeypatch.setattr(full_body, "VideoWriter", Nowhere)
    sound, written = sound_of(10.0), []
    small = anchored(anchor, anchor.latent[:, :16, :16])
    latents = continuum_latents(body, small, heard(body, sound), "", settings(steps=1))

    def progress(done: int, _: int, frame: torch.Tensor | None) -> None:
        written.extend([done] * (frame is not None))
        if done == 50 and frame is not None:
            ledger.revoke(anchor.grant.record, 0)

    with pytest.raises(ConsentRequired, match="revoked; expected a valid one: if the person agrees, add a record"):
        write_latents(body, latents, sound.path.with_suffix(".mp4"), None, progress=progress)
    assert written[-1] == CHECK_EVERY


def test_the_grant_is_asked_again_while_latents_are_made(body, anchor, sound_of, ledger):
    speech, steps = heard(body, sound_of(10.0)), []

    def progress(*step: object) -> None:
        steps.append(step)
        if len(steps) == 3:
            ledger.revoke(anchor.grant.record, 0)

    with pytest.raises(ConsentRequired, match="revoked"):
        continuum_latents(body, anchor, speech, "", settings(steps=1), progress)
    assert steps[-1][0] < steps[-1][1] / 2


def test_consent_taken_back_while_it_is_made_leaves_no_file(body, anchor, sound_of, ledger, tmp_path):
    def progress(done: int, *_: object) -> None:
        if done == 5:
            ledger.revoke(anchor.grant.record, 0)

    with pytest.raises(ConsentRequired, match="revoked"):
        perform_full_body(body, anchor, sound_of(0.5), "", tmp_path / "a.mp4", settings(), progress)
    assert not list(tmp_path.glob("*.mp4"))


def test_a_child_is_not_moved(body, person, anchor, monkeypatch):
    monkeypatch.setattr(portrait, "looks_like_a_child", lambda _: True)
    with pytest.raises(UnderAge):
        encode_anchor(body, person, grant=anchor.grant)


def test_what_performs_hears_as_it_was_trained(body, anchor, sound_of, tmp_path):
    stranger = EmbeddedEncoder(AudioEncoderConfig(width=8, inner=8, dilations=(1,)))
    with pytest.raises(InputError, match=r"\(2 layers of 8 numbers\); expected .* 3 layers of 16"):
        full_body.joined(None, stranger, body.vae, body.dit)
    speech = encode(stranger, read_waveform(sound_of(0.5).path))
    with pytest.raises(InputError, match="expected an encoder with 3 layers of 16"):
        continuum_latents(body, anchor, speech, "", settings())
    with pytest.raises(InputError, match="expected an encoder"):
        perform_full_body(
            replace(body, audio_encoder=stranger), anchor, sound_of(0.5), "", tmp_path / "a.mp4", settings()
        )


@pytest.mark.parametrize(
    ("samples", "rate"), [(torch.zeros(1, 100), 16000), (torch.zeros(16000), 16000), (torch.zeros(1, 16000), 4000)]
)
def test_unusable_sound_is_refused_in_one_sentence(body, anchor, tmp_path, samples, rate):
    with pytest.raises(InputError, match="expected"):
        perform_full_body(body, anchor, Waveform(samples, rate), "", tmp_path / "a.mp4", settings())
    assert not list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize("scale", [0, 9, -1])
def test_a_scale_that_no_file_should_have_is_refused(scale):
    with pytest.raises(InputError, match=f"scale is {scale}; expected .* 1 to 8"):
        FullBodySettings(scale=scale)


@pytest.mark.parametrize("schedule", [3.0, "rcm", (1.0, 0.9, 0.5)])
def test_the_shipped_sampling_takes_other_steps(monkeypatch, schedule):
    """Also when what ships are stops, which are for three steps and no other number."""
    monkeypatch.setattr(full_body, "SHIPPED", Sampling(schedule=schedule))
    assert full_body.shipped_sampling(3, seed=4) == Sampling(schedule=schedule, seed=4)
    assert full_body.shipped_sampling(2).steps == 2
    assert full_body.shipped_sampling(30, schedule="uniform").schedule == "uniform"


def test_latents_tell_sizes_only_as_text(anchor):
    zeros = torch.zeros(3, *latent_shape(anchor.latent.shape))
    latents = PerformedLatents(zeros, anchor.latent, 3 * FRAMES, Fraction(25), grant=anchor.grant)
    assert isinstance(latents, VideoLatents)
    assert repr(latents) == "VideoLatents(3 x 16 x 8 x 8, 12 frames at 25 fps)"
