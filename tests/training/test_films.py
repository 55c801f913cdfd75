from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neo_core.data_types import AudioFeatures, InputError
from neo_core.media.audio import inspect_sound
from neo_core.media.video import read_frames
from neo_core.motion_space import SIZE, rest
from neo_core.training import films_sheet
from neo_core.training.films import held_out_films, load_films, training_films
from neo_core.training.synthetic import filming
from neo_core.training.synthetic.body_motion import prosody_energy
from neo_core.training.synthetic.filming import FRAMES, PARTS, film_paths, plan_scenes, recordings
from neo_core.training.synthetic.human import held_out
from neo_core.training.synthetic.human_render import Picture
from neo_core.training.synthetic.performances import Performances, Take
from neo_core.training.synthetic.prosody import read_score
from neo_core.training.synthetic.speech import is_held_out
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance

SIDE, LAYERS, WIDTH, SECONDS = 16, 3, 8, 6
KNOWN, EXAM = "espeak/gmw/en+f1", "espeak/gmw/en+f5"


def utterance(voice: str) -> Utterance:
    samples = torch.linspace(-0.5, 0.5, SECONDS * RATE)
    return Utterance(samples, (Phone("SIL", 0.0, float(SECONDS)),), (), voice, "" if voice == "room" else "hello")


def world_of(voices) -> Performances:
    takes = [
        Take(
            utterance=k,
            geometry=torch.zeros(60),
            style=torch.zeros(16),
            reference=rest(),
            motion=torch.zeros(SECONDS * 25, SIZE),
            seed=k,
            held_out=is_held_out(v),
            emotion=torch.zeros(6),
        )
        for k, v in enumerate(voices)
    ]
    return Performances(tuple(utterance(v) for v in voices), tuple(takes), torch.zeros(SIZE), torch.ones(SIZE))


@pytest.fixture
def studio(monkeypatch):
    """A studio where people, gestures and pictures cost nothing: the picture of frame k is of one gray."""
    voices = [KNOWN] * 6 + [EXAM] * 3 + ["room"] * 16
    frames = SECONDS * 25
    body = np.arange(frames, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 3, 3), np.float32)

    def picture(_human, rotations, _motion, _shot, size, _supersample):
        box = torch.tensor([1.0, 2.0, 3.0, 4.0])
        gray = torch.full((size, size, 3), float(rotations[0, 0, 0]) / 255)
        return Picture(gray, 0.25, box, box + 1, torch.ones(2, 3), torch.stack([box, box]))

    heard = torch.arange(2 * frames).float()[None, :, None].expand(LAYERS, -1, WIDTH) / 500
    stand_ins = {
        "load_performances": lambda _folder: world_of(voices),
        "load_pack": lambda _folder: None,
        "load_audio_encoder": lambda: None,
        "sample_human": lambda seed, _pack: SimpleNamespace(seed=seed, body=None),
        "sample_shot": lambda *_: None,
        "gestures": lambda *_: body,
        "at_rest": lambda *_: np.full((2, 3, 3), 200, np.float32),
        "encode": lambda _encoder, waveform: AudioFeatures(heard, waveform.samples.shape[1], RATE),
        "facts_of": lambda *_: None,
        "prompt": lambda _facts, seed: f"number {seed}",
        "render": picture,
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(filming, name, stand_in)


def options(out: Path, **changed) -> SimpleNamespace:
    plain = {"assets": out, "performances": out, "out": out, "minutes": 0.004, "seed": 1, "held_out": False}
    plain |= {"framing": "half body", "size": SIDE, "supersample": 1, "resume": False}
    return SimpleNamespace(**(plain | changed))


@pytest.mark.usefixtures("studio")
def test_a_film_comes_back_as_it_was_made(tmp_path):
    filming.run(options(tmp_path))
    films = load_films(tmp_path)
    film = films[1]
    first = int(film.video(0, 1).amax())
    assert (film.frames, film.size, film.part, film.framing) == (FRAMES, SIDE, 1, "half body")
    assert film.video().shape == (FRAMES, SIDE, SIDE, 3)
    assert film.video().dtype == torch.uint8
    torch.testing.assert_close(film.video(10, 20), film.video()[10:20])
    assert film.video()[:, 0, 0, 0].tolist() == list(range(first, first + FRAMES))
    assert film.anchor().unique().tolist() == [200]
    assert film.heard().shape == (LAYERS, 2 * FRAMES, WIDTH)
    torch.testing.assert_close(film.heard(8, 16), film.heard()[:, 16:32])
    assert abs(float(film.heard()[0, 0, 0]) * 500 - 2 * first) < 1  # sound and picture of one time
    expected = torch.linspace(-0.5, 0.5, SECONDS * RATE)[first * 640 : (first + FRAMES) * 640]
    torch.testing.assert_close(film.sound(), expected)
    assert film.mouth().tolist() == [0.25] * FRAMES
    assert torch.equal(film.hands(), torch.ones(FRAMES, 2, 3))
    assert film.mouth_box(3, 5).tolist() == [[1, 2, 3, 4]] * 2
    assert film.head(3, 5).tolist() == [[2, 3, 4, 5]] * 2
    assert film.hand_boxes(3, 5).tolist() == [[[1, 2, 3, 4]] * 2] * 2
    energy = torch.from_numpy(prosody_energy(read_score(utterance(film.voice)))).float()
    torch.testing.assert_close(film.prosody(), energy[first : first + FRAMES])


@pytest.mark.usefixtures("studio")
def test_films_of_a_scene_follow_each_other(tmp_path):
    filming.run(options(tmp_path))
    first, second = load_films(tmp_path)[:2]
    assert first.scene == second.scene
    assert (first.part, second.part) == (0, 1)
    assert int(second.video(0, 1).amax()) == int(first.video(FRAMES - 1).amax()) + 1


@pytest.mark.usefixtures("studio")
def test_resuming_keeps_what_is_there(tmp_path):
    filming.run(options(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    gone = sorted(before)[0]
    gone.unlink()
    filming.run(options(tmp_path, resume=True, minutes=0.02))
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    assert gone in after
    kept = [path for path in before if path.name.rpartition("_")[0] != gone.name.rpartition("_")[0]]
    assert all(after[path] == before[path] for path in kept)
    assert len(after) > len(before)


def test_held_out_people_and_voices_are_never_mixed_with_others():
    performances = world_of([KNOWN, EXAM, KNOWN, "room", *["room"] * 12, EXAM])
    kept, exam = (recordings(performances, flag) for flag in (False, True))
    assert not set(kept.speech + kept.rooms) & set(exam.speech + exam.rooms)
    assert exam.rooms
    for chosen, flag in ((kept, False), (exam, True)):
        for number in range(80):
            for scene in plan_scenes(chosen, 4, number, flag, "half body"):
                voice = performances.utterances[scene.take].voice
                assert held_out(scene.person) == flag
                assert voice == "room" or is_held_out(voice) == flag


def test_scenes_are_varied_and_sometimes_come_in_two_manners():
    chosen = recordings(world_of([KNOWN] * 20 + ["room"] * 16), exam=False)
    groups = [plan_scenes(chosen, 2, number, False, "half body") for number in range(400)]
    assert groups == [plan_scenes(chosen, 2, number, False, "half body") for number in range(400)]
    twice = [group for group in groups if len(group) == 2]
    assert 0.15 < len(twice) / len(groups) < 0.4
    for one, other in twice:
        assert (one.person, one.take, one.start, one.seed) == (other.person, other.take, other.start, other.seed)
        assert one.manner != other.manner
        assert one.name != other.name
    manners = [group[0].manner for group in groups]
    assert {m: 0.1 < manners.count(m) / 400 < 0.4 for m in filming.MANNER_SHARES} == dict.fromkeys(manners, True)
    rooms = {index for index, _ in chosen.rooms}
    assert 0.03 < np.mean([group[0].take in rooms for group in groups]) < 0.15
    assert len(film_paths(Path(), groups[0][0])) == PARTS


@pytest.mark.usefixtures("studio")
def test_performances_without_such_voices_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(filming, "load_performances", lambda _folder: world_of([KNOWN] * 3))
    with pytest.raises(InputError, match="held-out"):
        filming.run(options(tmp_path, held_out=True))


def test_a_folder_without_films_is_told(tmp_path):
    with pytest.raises(InputError, match="factory films"):
        load_films(tmp_path)


@pytest.mark.usefixtures("studio")
def test_nobody_is_judged_by_films_of_who_was_learned_from(tmp_path):
    known, strangers = tmp_path / "known", tmp_path / "strangers"
    filming.run(options(known))
    filming.run(options(strangers, held_out=True))
    both = [known, strangers]
    assert {film.path.parent for film in training_films(both)} == {known}
    assert len(training_films(both)) == len(load_films(known))
    assert held_out_films(strangers) == load_films(strangers)
    with pytest.raises(InputError, match="held-out person"):
        held_out_films(both)
    with pytest.raises(InputError, match="held out; expected some to learn from"):
        training_films(strangers)


@pytest.mark.usefixtures("studio")
def test_a_sheet_shows_the_anchor_and_moments_of_every_film(tmp_path):
    filming.run(options(tmp_path))
    films = load_films([tmp_path])[:3]
    picture = films_sheet.sheet(films, 4)
    assert picture.shape == (3 * SIDE, 5 * SIDE, 3)
    cells = picture[::SIDE, ::SIDE, 0].tolist()
    moments = [8, 24, 40, 56]
    assert cells == [[200, *(int(film.video(k, k + 1)[0, 0, 0, 0]) for k in moments)] for film in films]
    films_sheet.write_scene(films[:2], tmp_path / "scene.mp4")
    shown = torch.stack([frame for _, frame in read_frames(tmp_path / "scene.mp4")]).float().mean((1, 2, 3))
    wanted = torch.cat([film.video() for film in films[:2]]).float().mean((1, 2, 3))
    torch.testing.assert_close(shown, wanted, atol=3, rtol=0)
    assert inspect_sound(tmp_path / "scene.mp4").seconds == pytest.approx(2 * FRAMES / 25, abs=0.07)
