"""Stand-ins for model and reader: pictures carry their mouth and hands in a few pixels, sounds in a few numbers."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.mouth_reader import MouthReader, MouthReaderConfig, Reading, save_mouth_reader
from neo_core.neo2.window_layout import join_frames
from neo_core.training import full_body_exam
from neo_core.training.full_body_exam import (
    SYNC,
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

    def encode(self, video):
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
        return Exam(actor({}), None, tuple(moment(film) for film in choose(full_body_exam.load_films(films), 8)))

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


def test_a_model_that_knows_one_person_fails_identity(exam):
    alike = exam(OnePerson)
    assert identity(alike)["another reference, another person"] < 3
    assert alike.notes["takes nearest to the own reference"] < 1


def test_steps_are_compared_by_their_distance_to_the_films(exam):
    found = steps(exam(Perfect))
    assert found["3 steps over 30"] == pytest.approx(1, abs=1e-3)
    assert found["tuned 3 steps over naive 3"] < 0.85, "the naive schedule of the stand-in adds noise"


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
    assert [f.scene for f in choose([good[2], *others, *good[:2]], 9)] == ["0", "1", "2"]
    assert len(choose(good, 2)) == 2
    with pytest.raises(CouldNotRun, match="several people"):
        choose([film(0), film(1, voice="espeak/0/2"), *others], 9)


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
    monkeypatch.setattr(full_body_exam, "held_out_sounds", lambda *_: [heard])
    small = full_body_exam.picture_report  # of the left hand alone: flow takes long
    monkeypatch.setattr(full_body_exam, "picture_report", lambda video, *rest: small(video[:, 24:56, 8:40], *rest))


@pytest.mark.usefixtures("long_sounds")
def test_a_video_without_joins_has_no_seams_and_a_jump_is_found(exam):
    whole, jumping = seams(exam(Perfect), None), seams(exam(Jumping), None)
    assert whole["seam velocity"] < 1.1
    assert whole["motion-interpolation error at seams"] < 1.2
    assert jumping["seam velocity"] > 1.5
    assert jumping["motion-interpolation error at seams"] > whole["motion-interpolation error at seams"]


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
    with pytest.raises(CouldNotRun, match="held-out voice"):
        held_out_sounds(tmp_path, frames=250, count=3)
