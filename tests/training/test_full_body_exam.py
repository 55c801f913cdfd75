"""Stand-ins for model and reader: pictures carry their mouth and hands in a few pixels, sounds in a few numbers."""

from dataclasses import dataclass, replace
from statistics import fmean
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.full_body import correlation, hand_speed, motion
from neo_core.evaluation.mouth_reader import MouthReader, MouthReaderConfig, Reading, save_mouth_reader
from neo_core.neo2.continuum_sync import continuum
from neo_core.neo2.latent_space import HEARD
from neo_core.neo2.sampler import Sampling
from neo_core.neo2.window_layout import join_frames
from neo_core.training import full_body_exam
from neo_core.training.exam_halves import bench_half
from neo_core.training.full_body_exam import (
    MANY,
    NAIVE,
    SYNC,
    TUNED,
    Exam,
    choose,
    delivery,
    gestures,
    held_out_sounds,
    identity,
    moment,
    prepare,
    seams,
    sound,
    steps,
)
from neo_core.training.synthetic.librispeech import HELD_OUT_SPEAKERS
from neo_core.training.synthetic.prompts import manner_words
from neo_core.weights import safetensors_io

T, H = 64, 64
FROM, TO = "95 % of draws of people, from", "the same, to"
FACE = torch.tensor([24.0, 6.0, 40.0, 26.0])


def painted(picture, mouth, hands):
    """Frames of a person with bright squares for hands; the first row tells what shall be read. u8 [T, H, H, 3]"""
    video = picture.repeat(len(mouth), 1, 1, 1)
    for frame, opening, places in zip(video, mouth, hands, strict=True):
        for x, y in places.round().long().clamp(4, H - 5).tolist():
            frame[y - 3 : y + 4, x - 3 : x + 4] = 250
        frame[0, 0] = int(opening * 255)
        frame[0, 1 : 1 + 4, 0] = places.flatten().clamp(0, 255).round().to(torch.uint8)
    return video


def read(_, video):
    hands = video[:, 0, 1:5, 0].float().unflatten(1, (2, 2))
    return Reading(video[:, 0, 0, 0].float() / 255, torch.zeros(len(video), 2), hands, torch.ones(len(video), 2))


def write_film(path, number, **other):
    """A person of their own colours who speaks a sound of their own; hands move while the voice is loud."""
    dice = torch.Generator().manual_seed(number)
    picture = torch.full((H, H, 3), 128, dtype=torch.uint8)
    picture[6:26, 24:40] = torch.randint(0, 256, (3,), generator=dice, dtype=torch.uint8)
    picture[26:, 12:52] = torch.randint(0, 256, (3,), generator=dice, dtype=torch.uint8)
    mouth = torch.rand(T, generator=dice)
    loud = (torch.rand(2, generator=dice) * 8).repeat_interleave(T // 2)
    phase = torch.arange(T) / 4.0
    hands = torch.full((T, 2, 3), 1.0)
    hands[..., 0] = torch.tensor([24.0, 40.0])
    hands[..., 1] = 44 + (loud * phase.sin())[:, None]
    heard = torch.zeros(1, 2 * T, 6)
    heard[0, :, 0] = mouth.repeat_interleave(2)
    heard[0, :, 1:5] = hands[..., :2].flatten(1).repeat_interleave(2, dim=0)
    tensors = {
        "video": painted(picture, mouth, hands[..., :2]),
        "anchor": picture,
        "heard": heard,
        "mouth": mouth,
        "hands": hands,
        "head": FACE.expand(T, 4),
        "prosody": loud,
    }
    config = {
        **{"frames": T, "size": H, "prompt": "a person speaks", "manner": ("calm", "emphatic")[number % 2]},
        **{"speaking": True, "person": 8 * number + 7, "scene": f"{number:04d}", "part": 0},
        **{"held_out": True, "voice": f"librispeech/{number}/1", "framing": "half body"},
    }
    safetensors_io.save(path / f"scene_{number:04d}_0.safetensors", tensors, config | other)


@dataclass
class Perfect:
    """Does what the sound says, larger when asked to be emphatic. A latent is four frames of the picture told to it."""

    pictures: dict

    def anchor(self, picture):
        return picture.float().permute(2, 0, 1)

    def encode(self, video, _):
        return video[::4].float().permute(0, 3, 1, 2) / 50

    def perform(self, anchor, heard, prompt, total, sampling, _=SYNC):
        mouth, hands = heard[0, ::2, 0], heard[0, ::2, 1:5].unflatten(1, (2, 2))
        size = 1.0 if any(word in prompt for word in manner_words("calm")) else 2.0
        return self.shown(anchor, mouth, hands, size, sampling, total)

    def shown(self, anchor, mouth, hands, size, sampling, total):
        hands = hands.mean(0) + size * (hands - hands.mean(0)) / 2
        picture = anchor.permute(1, 2, 0).to(torch.uint8)
        video = painted(picture, mouth[: 4 * total], hands[: 4 * total])
        dice = torch.Generator().manual_seed(0)
        noise = (0.02 if sampling.schedule == "uniform" else 0.005) * torch.randn(total, 3, H, H, generator=dice)
        latents = video[::4].float().permute(0, 3, 1, 2) / 50 + noise
        self.pictures[id(latents)] = (latents, video)  # kept alive: the id stays its own
        return latents

    def show(self, latents, _):
        return self.pictures[id(latents)][1]


class Frozen(Perfect):
    def shown(self, anchor, mouth, hands, size, sampling, total):
        rest = torch.zeros_like(mouth)
        return super().shown(anchor, rest, hands.mean(0).expand_as(hands), size, sampling, total)


class Deaf(Perfect):
    """Moves, but to no sound and no words."""

    def perform(self, anchor, heard, _, total, sampling, sync=SYNC):
        dice = torch.Generator().manual_seed(sampling.seed)
        heard = torch.rand(heard.shape, generator=dice) * 20 + heard.mean()
        heard[0, :, 0] /= 80
        return super().perform(anchor, heard, "", total, sampling, sync)


class Jumping(Perfect):
    """Hands jump where chunks meet."""

    def perform(self, anchor, heard, prompt, total, sampling, sync=SYNC):
        heard = heard.clone()
        for join in join_frames(total, sync, sampling.steps):
            heard[0, 2 * join :, 2:5:2] -= 14
        return super().perform(anchor, heard, prompt, total, sampling, sync)


class Restless(Perfect):
    """Jumps wherever windows of any step met; chunks alone, which meet once, are calm inside."""

    def perform(self, anchor, heard, prompt, total, sampling, sync=SYNC):
        heard = heard.clone()
        if sync.phase:
            for k, frame in enumerate(range(6, 4 * total, 6)):
                heard[0, 2 * frame :, 2:5:2] += 14 if k % 2 else -14
        return super().perform(anchor, heard, prompt, total, sampling, sync)


class Faint(Perfect):
    """Gestures twice as large when emphatic, and all of them too small to see."""

    def shown(self, anchor, mouth, hands, size, sampling, total):
        return super().shown(anchor, mouth, hands, 0.15 * size, sampling, total)


class Lively(Perfect):
    """Gestures all the time, in films with a loud voice more than in others: not when the voice does."""

    def shown(self, anchor, mouth, hands, size, sampling, total):
        swing = hands[..., 1].std() * (torch.arange(len(hands)) / 4.0).sin()
        hands = torch.stack((hands[..., 0], 44 + 2 * swing[:, None].expand(-1, 2)), -1)
        return super().shown(anchor, mouth, hands, size, sampling, total)


class OnePerson(Perfect):
    """Shows the same person whoever is asked for."""

    def anchor(self, _):
        return torch.full((3, H, H), 90.0)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for number in range(8):
        write_film(folder, number)
    return folder


@pytest.fixture
def exam(films, monkeypatch):
    monkeypatch.setattr(full_body_exam, "read", read)
    monkeypatch.setattr(full_body_exam, "reconstructed", lambda _, video, __: video)

    def made(actor):
        return Exam(actor({}), None, tuple(moment(film) for film in choose(full_body_exam.load_films(films))))

    return made


def test_a_perfect_model_passes_every_part(exam):
    perfect = exam(Perfect)
    mouth = sound(perfect)
    assert mouth["mouth opening, right sound"] > 0.95
    assert abs(mouth["mouth opening, shuffled sound"]) < 0.2
    assert gestures(perfect)["gestures follow the voice"] > 0.9
    assert identity(perfect)["another reference, another person"] > 3
    assert delivery(perfect)["emphatic over calm delivery"] == pytest.approx(2, rel=0.1)
    assert perfect.notes["reader on films mouth correlation"] > 0.95
    assert perfect.notes["takes nearest to the own reference"] == 1


def test_a_frozen_model_fails_every_part(exam):
    frozen = exam(Frozen)
    assert sound(frozen)["mouth opening, right sound"] == 0
    assert gestures(frozen)["gestures follow the voice"] == 0
    assert identity(frozen)["another reference, another person"] == 0, "a still picture proves no identity"
    assert delivery(frozen)["emphatic over calm delivery"] < 1.5


def test_a_deaf_model_moves_and_follows_nothing(exam):
    deaf = exam(Deaf)
    assert sound(deaf)["mouth opening, right sound"] < 0.3
    assert gestures(deaf)["gestures follow the voice"] < 0.45
    assert delivery(deaf)["emphatic over calm delivery"] < 1.5


def test_gestures_too_small_to_see_are_no_contrast(exam):
    faint = exam(Faint)
    assert delivery(faint)["emphatic over calm delivery"] < 1.5
    assert faint.notes["swing of emphatic hands over that of films"] < 0.3


def test_whoever_gestures_much_whatever_is_said_does_not_follow_the_voice(exam):
    lively = exam(Lively)
    found = gestures(lively)["gestures follow the voice"]
    assert found < 0.45
    by_film = [[float(x.mean()) for x in tracks] for tracks in _speeds_and_voices(lively)]
    assert correlation(*map(torch.tensor, by_film)) > 0.8, "films with a loud voice are those with large gestures"


def _speeds_and_voices(exam):
    speeds = [hand_speed(take.reading.hands, take.visible) for take in exam.emphatic]
    return speeds, [m.prosody for m in exam.moments]


def test_rows_tell_how_far_other_people_could_move_them(exam):
    deaf = exam(Deaf)
    row = gestures(deaf)["gestures follow the voice"]
    low, high = (deaf.notes[f"gestures follow the voice, {edge}"] for edge in (FROM, TO))
    assert low < row < high
    assert high - low > 0.1, "eight people are few"


def test_a_model_that_knows_one_person_fails_identity(exam):
    alike = exam(OnePerson)
    assert identity(alike)["another reference, another person"] < 3
    assert alike.notes["takes nearest to the own reference"] < 1


def test_steps_are_compared_by_their_distance_to_the_films(exam):
    perfect = exam(Perfect)
    found = steps(perfect)
    assert found["3 steps over 30"] == pytest.approx(1, abs=1e-3)
    assert found["tuned 3 steps over naive 3"] < 0.85, "the naive schedule of the stand-in adds noise"
    for row, value in found.items():
        assert perfect.notes[f"{row}, {FROM}"] <= value * 1.001
        assert perfect.notes[f"{row}, {TO}"] >= value * 0.999


def test_many_steps_are_guided_as_the_few_are():
    assert replace(TUNED, steps=30, schedule=1.0, start=1.0) == MANY
    assert (MANY.audio, MANY.text, MANY.rescale, MANY.apg) == (TUNED.audio, TUNED.text, TUNED.rescale, TUNED.apg)
    assert MANY.amplitude == NAIVE.amplitude == TUNED.amplitude
    assert (NAIVE.schedule, NAIVE.start, NAIVE.rescale, NAIVE.apg, NAIVE.audio) == ("uniform", 1, 0, False, TUNED.audio)


def test_the_wrong_sound_has_another_voice(exam):
    found = exam(Perfect)
    voices = [m.film.voice for m in found.moments]
    assert all(voices[k] != voices[j] for k, j in enumerate(found.partners))


def test_only_held_out_speakers_in_the_models_framing_are_taken():
    def film(number, **other):
        usual = {"held_out": True, "speaking": True, "framing": "half body", "part": 0, "scene": str(number)}
        return SimpleNamespace(**usual | {"voice": f"espeak/{number}/1", "person": number} | other)

    good = [film(0), film(1), film(2, part=1)]
    others = [film(3, held_out=False), film(4, speaking=False), film(5, framing="full body")]
    assert [f.scene for f in choose([good[2], *others, *good[:2]])] == ["0", "1", "2"]
    with pytest.raises(CouldNotRun, match="several people"):
        choose([film(0), film(1, voice="espeak/0/2"), *others])


def test_only_people_on_whom_nothing_was_chosen_are_judged_and_as_many_as_the_rows_state(films, tmp_path):
    reader = tmp_path / "reader.safetensors"
    save_mouth_reader(reader, MouthReader(MouthReaderConfig(size=H, width=8)), {})
    half = {film.person for film in bench_half(full_body_exam.load_films(films))}
    assert 2 <= len(half) < 8
    assert set(prepare(None, films, reader, {}, count=len(half)).people) == half
    with pytest.raises(CouldNotRun, match=f"expected {len(half) + 1}"):
        prepare(None, films, reader, {}, count=len(half) + 1)


def test_the_readers_own_figures_are_kept(films, tmp_path):
    reader = tmp_path / "reader.safetensors"
    net = MouthReader(MouthReaderConfig(size=H, width=8))
    save_mouth_reader(reader, net, {"held_out_figures": {"mouth error": 0.03}})
    exam = prepare(None, films, reader, {}, count=3)
    assert exam.notes["the reader by its recipe: mouth error"] == 0.03
    assert (exam.notes["films"], exam.notes["people"], exam.notes["voices"]) == (3, 3, 3)


def test_a_folder_without_films_is_refused(tmp_path):
    reader = tmp_path / "reader.safetensors"
    save_mouth_reader(reader, MouthReader(MouthReaderConfig(size=H, width=8)), {})
    with pytest.raises(InputError, match="factory films"):
        prepare(None, tmp_path, reader, {})


@pytest.fixture
def long_sounds(monkeypatch):
    """A sound of two chunks, and joins where the stand-ins put them."""
    frames = 4 * (SYNC.chunk + SYNC.stride)
    phase = torch.arange(frames) / 4.0
    heard = torch.zeros(1, 2 * frames, 6)
    heard[0, :, 1:5] = torch.tensor([24.0, 44.0, 40.0, 44.0])
    heard[0, :, 2] += 6 * phase.sin().repeat_interleave(2)
    monkeypatch.setattr(full_body_exam, "LONG_FRAMES", frames)
    monkeypatch.setattr(full_body_exam, "LONG_VIDEOS", 1)
    monkeypatch.setattr(full_body_exam, "SEAMLESS", 2)
    monkeypatch.setattr(full_body_exam, "held_out_sounds", lambda *_: [heard])
    small = full_body_exam.picture_report  # of the left hand alone: flow takes long
    monkeypatch.setattr(full_body_exam, "picture_report", lambda video, *rest: small(video[:, 24:56, 8:40], *rest))


@pytest.mark.usefixtures("long_sounds")
def test_a_video_without_joins_has_no_seams_and_a_jump_is_found(exam):
    perfect = exam(Perfect)
    whole, jumping = seams(perfect, None), seams(exam(Jumping), None)
    assert len([name for name in perfect.notes if name.endswith("of films, where nothing meets")]) == 2
    assert whole["seam velocity"] < 1.1
    assert whole["motion-interpolation error at seams"] < 1.2
    assert jumping["seam velocity"] > 1.5
    assert not any(name.endswith("meets") and value > 1.5 for name, value in perfect.notes.items())
    assert jumping["motion-interpolation error at seams"] > whole["motion-interpolation error at seams"]


@pytest.mark.usefixtures("long_sounds")
def test_seams_of_earlier_steps_are_no_measure_for_those_of_the_last(exam):
    restless = exam(Restless)
    assert seams(restless, None)["seam velocity"] > 1.5
    assert restless.notes["seam velocity, against the inside of the same video"] < 1.3


@pytest.mark.usefixtures("long_sounds")
def test_fewer_people_than_the_row_states_are_too_few(exam, monkeypatch):
    monkeypatch.setattr(full_body_exam, "LONG_VIDEOS", 9)
    with pytest.raises(CouldNotRun, match="8 people; expected 9"):
        seams(exam(Perfect), None)


def test_chunks_alone_know_nothing_of_each_other():
    """What is heard and drawn elsewhere changes nothing in a chunk: not even where it ends."""
    total, frames = 22, full_body_exam.FRAMES
    joins = join_frames(total, full_body_exam.ALONE, 3)
    sound = torch.randn(1, HEARD * total, 1)

    def predict(x, _, given):  # all that it is told, mixed over the whole window
        told = given.audio.mean((1, 2, 3))[:, None, None, None, None] + given.context.sum()
        return x.mean((1, 2, 3, 4), keepdim=True) + told + 0 * x

    def made(heard, sync):
        anchor, words = torch.zeros(16, 8, 8), torch.zeros(0, 3, dtype=torch.int64)
        pieces = continuum(
            predict, anchor, lambda a, b: heard[:, HEARD * a : HEARD * b], words, total, sync, Sampling()
        )
        return torch.cat(list(pieces))

    other = sound.clone()
    other[:, HEARD * joins[0] // frames :] += 1
    first = slice(0, joins[0] // frames)
    assert torch.equal(made(sound, full_body_exam.ALONE)[first], made(other, full_body_exam.ALONE)[first])
    cut = replace(full_body_exam.ALONE, overlap=4)
    assert not torch.equal(made(sound, cut)[:8], made(other, cut)[:8]), "a cut of overlapping chunks is not that"


@pytest.mark.usefixtures("long_sounds")
def test_a_video_that_does_not_move_proves_nothing_about_seams(exam):
    with pytest.raises(CouldNotRun, match="nothing is seen"):
        seams(exam(Frozen), None)


def test_as_many_voices_as_there_are_are_heard(monkeypatch, tmp_path):
    def said(voice, seconds, value):
        return SimpleNamespace(voice=voice, samples=torch.full((int(16000 * seconds),), value))

    first, second = (f"librispeech/{name}" for name in list(HELD_OUT_SPEAKERS)[:2])
    spoken = [said(f"{first}/1", 2, 0.1), said(f"{first}/2", 2, 0.2), said("librispeech/nobody/1", 9, 0.3)]
    world = SimpleNamespace(utterances=[*spoken, said(f"{second}/1", 2, 0.4), said(f"{second}/2", 0.5, 0.5)])
    monkeypatch.setattr(full_body_exam, "load_performances", lambda _: world)
    monkeypatch.setattr(full_body_exam, "load_audio_encoder", lambda: None)

    def encode(_, waveform):
        return SimpleNamespace(hidden_states=waveform.samples[:, ::320, None])

    monkeypatch.setattr(full_body_exam, "encode", encode)
    found = held_out_sounds(tmp_path, frames=25, count=3)
    assert [round(float(hidden.mean()), 1) for hidden in found] == [0.1, 0.4, 0.2]
    assert all(hidden.shape[1] == 50 for hidden in found)
    for frames, count in ((250, 3), (25, 4)):
        with pytest.raises(CouldNotRun, match=f"expected {count}"):
            held_out_sounds(tmp_path, frames=frames, count=count)


def test_the_length_is_judged_by_how_films_move(films, monkeypatch, tmp_path):
    asked = {}

    def bench(pictures, moves, *_):
        asked.update(pictures=pictures, moves=moves)
        return {}

    monkeypatch.setattr(full_body_exam.full_body_length, "bench", bench)
    full_body_exam.length(films, tmp_path, (None, None), {})
    half = bench_half(full_body_exam.load_films(films))[: full_body_exam.CANDIDATES]
    assert len(asked["pictures"]) == len(half)
    assert asked["moves"] == pytest.approx(fmean(motion(film.video()) for film in half))
