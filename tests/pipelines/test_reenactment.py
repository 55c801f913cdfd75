"""A driving video moves a photo: frame for frame, with its moments and its sound, in constant memory."""

import json
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError, silent
from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, shape
from neo_core.governance import ConsentRequired
from neo_core.media.audio import inspect_sound
from neo_core.media.footage import Footage, inspect_footage
from neo_core.media.video import VideoWriter, read_frames
from neo_core.motion_space import GAZE, INDEX, POSE
from neo_core.pictar import head_track
from neo_core.pictar.analysis import Face
from neo_core.pictar.fit import HeadFit
from neo_core.pictar.head_track import Head
from neo_core.pictar.transfer import RELATIONS
from neo_core.pipelines import reenactment, talking_head
from neo_core.pipelines.motion_file import load_motion
from neo_core.pipelines.reenactment import Reenactment, Watched, carried_over, motion_of, reenact, watch

PLACE = (64, 64)
WHOLE = Reenactment()


@pytest.fixture
def star(enrolled, portrait, grant_for) -> talking_head.Avatar:
    """The portrait, allowed to be re-enacted."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68, "reenactment")
    return replace(enrolled, volume=replace(enrolled.volume, grant=grant))


@pytest.fixture
def driving(monkeypatch, models, portrait):
    """A function: a driving video of so many frames in which a head turns and speaks, but is not seen in some; its
    frames may come in another order.

    Unless it is `fitted`, what is known of the head is exact, which takes no time.
    """

    def fit(k: int) -> HeadFit:
        expression = torch.zeros(53)
        expression[INDEX["jawOpen"]] = 0.3 * (k % 5 in (2, 3))
        place = torch.tensor([0.0, 0.0, -70.0])
        camera = Camera(torch.tensor(256.0), torch.tensor([64.0, 64.0]), rotation_matrix(0, k, 0), place)
        return HeadFit(torch.zeros(60), expression, torch.zeros(4), camera, None, None)

    def face(k: int) -> Face:
        exact = fit(k)
        points = project(exact.camera, landmarks(models.head, shape(models.head, exact.identity, exact.expression)))
        return replace(portrait.face, landmarks=points[:, :2], sigma=torch.full((len(points),), 0.1))

    def make(frames: int, unseen=(), moments=None, fitted=False, order=None) -> Footage:
        alive = make.alive = []

        def pictures(_):
            for _ in range(frames):
                picture = torch.zeros(*PLACE, 3, dtype=torch.uint8)
                alive.append(weakref.ref(picture))
                yield picture

        def followed(_, pictures, __):
            for k, _picture in enumerate(pictures):
                del _picture
                shown = order[k] if order else k
                yield None if k in unseen else face(shown) if fitted else fit(shown)

        monkeypatch.setattr(reenactment, "read_pictures", pictures)
        monkeypatch.setattr(reenactment, "followed", followed)
        if not fitted:
            monkeypatch.setattr(reenactment, "heads", lambda _, fits, __: (fit and Head(None, fit) for fit in fits))
        fps = Fraction(25)
        return Footage(Path("driving.mp4"), (128, 128), frames, fps, Fraction(0), moments)

    return make


@pytest.fixture
def still() -> SimpleNamespace:
    """What of an avatar is asked for its motion."""
    reference = motion_space.rest()
    reference[INDEX["mouthSmile_L"]] = 0.1
    camera = SimpleNamespace(rotation=rotation_matrix(3, -5, 1))
    volume = SimpleNamespace(bust=SimpleNamespace(camera=camera), reference=reference)
    return SimpleNamespace(volume=volume, identity=SimpleNamespace(reference=reference))


def performed(models, star, footage, settings=WHOLE):
    watched = Watched()
    seen = watch(models, footage, None, settings, watched)
    return torch.stack(list(carried_over(star.volume, seen, settings))), watched


def test_the_photo_turns_and_speaks_as_the_driver_does(models, still, driving):
    motion, watched = performed(models, still, driving(10, fitted=True))
    assert watched.frames == len(motion) == 10
    assert torch.allclose(motion[:, INDEX["yaw"]], torch.arange(10.0), atol=0.7)
    jaw = motion[:, INDEX["jawOpen"]]
    assert jaw[[2, 3, 7, 8]].min() > 0.15 > jaw[[0, 1, 4, 5, 6, 9]].max()


def test_hundreds_of_frames_do_not_drift(still):
    """What is seen again moves the portrait as it did, however much lies between."""
    reference = motion_space.rest()
    around = torch.arange(7) * 2 * torch.pi / 7
    cycle = reference.repeat(7, 1)
    cycle[:, INDEX["yaw"]], cycle[:, INDEX["x"]] = 8 * torch.sin(around), 0.4 * torch.cos(around)
    cycle[:, INDEX["z"]], cycle[:, INDEX["jawOpen"]] = -90.0, 0.2 + 0.1 * torch.sin(around)
    for relation in RELATIONS:
        sightings = (cycle[k % 7] for k in range(350))
        moved = list(carried_over(still.volume, sightings, Reenactment(relation=relation)))
        assert all(torch.equal(motion, moved[k % 7]) for k, motion in enumerate(moved))


def test_tremor_of_measuring_does_not_reach_the_portrait(models, still, driving, monkeypatch):
    """A head that stands still, measured with noise; unless it is asked for as measured."""
    noise = torch.tensor([0.01] * 53 + [0.3] * 3 + [0.05] * 3 + [0.3] * 4)
    exact = reenactment.sighting
    monkeypatch.setattr(reenactment, "sighting", lambda *x: exact(*x) + noise * torch.randn(63))
    steady, measured = (
        performed(models, still, driving(60, order=[0] * 60), Reenactment(steady=steady))[0] for steady in (True, False)
    )
    for part in (POSE, GAZE):
        assert steady[:, part].diff(dim=0).std() < 0.5 * measured[:, part].diff(dim=0).std()
    assert (steady.diff(dim=0).std(0) <= measured.diff(dim=0).std(0)).all()


def moved(models, star, footage, anchor, relation="relative"):
    settings = Reenactment(relation=relation, steady=False, anchor=anchor)
    return motion_of(models, star.volume, footage, settings, None)[0].motion


@pytest.mark.parametrize("relation", list(RELATIONS))
def test_what_a_video_begins_with_does_not_matter(models, star, driving, relation):
    """One that begins turned aside, in the middle of a word, moves the portrait as the same frames do that do not."""
    order = [7, 8, 9, 10, 0, 1, 2, 3, 4, 5, 6]
    plain = moved(models, star, driving(11), "quiet", relation)
    assert torch.equal(moved(models, star, driving(11, order=order), "quiet", relation), plain[order])
    begun = moved(models, star, driving(11, order=order), "first", relation)
    assert (begun - plain[order]).abs().max() > (0.01 if relation == "absolute" else 1)  # of which only shifts are told
    assert plain[5, POSE.start : POSE.start + 3].abs().max() < 1e-3 or relation == "absolute"


def test_at_rest_is_as_it_is_seen_and_not_as_it_is_made_up(models, star, driving):
    """A driver who is away for most of the video, last seen aside, does not usually look there."""
    order = [*range(8), *[7] * 12]
    motion = moved(models, star, driving(20, unseen=range(8, 20), order=order), "quiet")
    assert torch.equal(motion[:8], moved(models, star, driving(8), "quiet"))
    assert torch.equal(motion[8:], motion[7].expand(12, -1))


@pytest.mark.parametrize(("anchor", "readings"), [("quiet", 1), ("first", 0)])
def test_watching_is_told_as_progress_of_its_own(models, star, driving, tmp_path, anchor, readings):
    told = []
    settings = Reenactment(anchor=anchor)
    reenact(models, star, driving(6), tmp_path / "out.mp4", settings, None, lambda *x: told.append(x[:2]))
    done = [one for one, _ in told]
    assert {total for _, total in told} == {6 * (readings + 1)}
    assert done == sorted(done)
    assert set(done) == set(range(6 * (readings + 1) + 1))


def test_it_is_written_frame_for_frame_and_what_was_lost_is_told(models, star, driving, tmp_path):
    footage = driving(8, unseen=(3, 4, 7))
    output, kept = tmp_path / "out.mp4", []
    watched = reenact(models, star, footage, output, Reenactment(lost="interpolate"), None, kept=kept)
    made = inspect_footage(output)
    assert (made.frames, made.fps, made.size) == (8, footage.fps, (128, 128))
    assert [run.told(footage)["frames"] for run in watched.lost] == [[3, 4], [7, 7]]
    assert [run.done for run in watched.lost] == ["interpolated", "held"]
    yaw = torch.stack(kept)[:, INDEX["yaw"]]
    assert (yaw.diff()[:6] > 0).all()


def test_what_is_passed_over_shows_the_photo_itself(models, star, driving):
    motion, watched = performed(models, star, driving(6, unseen=(0, 4)), Reenactment(lost="pass"))
    assert torch.equal(motion[0], star.identity.reference)
    assert torch.equal(motion[4], star.identity.reference)
    assert motion[3, INDEX["yaw"]] > 1
    assert [run.done for run in watched.lost] == ["passed", "passed"]
    shown = next(talking_head.render(star.volume, [motion[4]]))
    assert (shown.int() - star.volume.photo.int()).abs().float().mean() < 0.5


def test_a_lost_face_can_stop_it_and_leaves_no_file(models, star, driving, tmp_path):
    output = tmp_path / "out.mp4"
    with pytest.raises(InputError, match=r"frame 5 of driving\.mp4"):
        reenact(models, star, driving(8, unseen=(5,)), output, Reenactment(lost="error"), None)
    assert not list(tmp_path.glob("out*"))


def test_uneven_moments_are_kept(models, star, driving, tmp_path):
    moments = tuple(Fraction(k, 25) for k in (0, 1, 4, 5, 9))
    output = tmp_path / "out.mp4"
    reenact(models, star, driving(5, moments=moments), output, Reenactment(), None)
    shown = [moment for moment, _ in read_frames(output)]
    assert max(abs(a - b) for a, b in zip(shown, moments, strict=True)) < Fraction(1, 500)


def test_the_sound_of_the_driving_video_goes_along(models, star, driving, tmp_path):
    speech = Path(reenactment.__file__).parents[1] / "samples" / "speech.flac"
    source = tmp_path / "driving.mp4"
    with VideoWriter(source, PLACE, Fraction(25), inspect_sound(speech)) as writer:
        for _ in range(5):
            writer.write(torch.zeros(*PLACE, 3, dtype=torch.uint8))
    footage = replace(inspect_footage(source), size=(128, 128))
    driving(5)
    reenact(models, star, footage, tmp_path / "out.mp4", Reenactment(), None)
    made = inspect_footage(tmp_path / "out.mp4").sound
    assert (made.sample_rate, made.samples) == (footage.sound.sample_rate, footage.sound.samples)
    assert abs(made.late) < Fraction(1, 40)


def test_without_consent_to_reenactment_nothing_is_made(models, avatar, driving, tmp_path):
    with pytest.raises(ConsentRequired, match="expected reenactment"):
        reenact(models, avatar, driving(3), tmp_path / "out.mp4", Reenactment(), None)
    assert not list(tmp_path.glob("out*"))


def test_pictures_are_forgotten_as_they_are_seen(models, still, driving, monkeypatch):
    """However long the video: the picture being looked at and no other is alive."""
    monkeypatch.setattr(head_track, "refit_head", lambda *arguments: arguments[3])
    footage = driving(150, unseen=range(70, 110), fitted=True)
    most = 0
    seen = watch(models, footage, None, Reenactment(lost="interpolate"), Watched())
    for _ in carried_over(still.volume, seen, WHOLE):
        most = max(most, sum(picture() is not None for picture in driving.alive))
    assert len(driving.alive) == 150
    assert most <= 2


def test_the_work_can_be_stopped_while_the_driver_is_watched(models, driving):
    class Stopped(Exception):
        pass

    def stop(*_):
        raise Stopped

    with pytest.raises(Stopped):
        list(watch(models, driving(5), None, Reenactment(), Watched(), stop))


@pytest.mark.parametrize("region", ["expression", "pose"])
def test_only_what_is_asked_for_moves(models, still, driving, region):
    motion, _ = performed(models, still, driving(6), Reenactment(region))
    moved = (motion - still.identity.reference).abs().amax(0)
    assert (moved[POSE].max() > 1) == (region == "pose")
    assert (moved[INDEX["jawOpen"]] > 0.1) == (region == "expression")


def test_amplitudes_hold_it_back(models, still, driving):
    whole, _ = performed(models, still, driving(6))
    half, _ = performed(models, still, driving(6), Reenactment(amplitudes=(("head", 0.5),)))
    assert torch.allclose(half[:, INDEX["yaw"]], 0.5 * whole[:, INDEX["yaw"]], atol=1e-4)


def test_from_files_to_a_file_and_a_report(models, star, driving, monkeypatch, tmp_path):
    footage = driving(4, unseen=(2,))
    monkeypatch.setattr(reenactment, "inspect_footage", lambda _: footage)
    monkeypatch.setattr(reenactment, "load_models", lambda: models)
    monkeypatch.setattr(reenactment, "enrol_photo", lambda *asked: star if asked[-2] == "reenactment" else None)
    motion = tmp_path / "m.safetensors"
    paths = Path("driving.mp4"), Path("me.png"), tmp_path / "out.mp4"
    report = reenactment.make_reenactment(*paths, WHOLE, motion=motion, progress=silent)
    assert json.loads(json.dumps(report)) == report
    assert (report["frames"], report["lost"]) == (4, [{"frames": [2, 2], "seconds": [0.08, 0.12], "done": "held"}])
    assert (len(load_motion(motion).motion), load_motion(motion).use) == (4, "reenactment")


def test_kept_motion_is_told_evenly(models, star, driving, monkeypatch, tmp_path):
    """`render` draws it at an even rate, and must stay in step with the video's sound."""
    footage = driving(6, moments=tuple(Fraction(k, 25) for k in (0, 1, 2, 6, 7, 8)))
    monkeypatch.setattr(reenactment, "inspect_footage", lambda _: footage)
    monkeypatch.setattr(reenactment, "load_models", lambda: models)
    monkeypatch.setattr(reenactment, "enrol_photo", lambda *_: star)
    paths = Path("driving.mp4"), Path("me.png"), tmp_path / "out.mp4"
    reenactment.make_reenactment(*paths, WHOLE, motion=tmp_path / "m.safetensors", progress=silent)
    kept = load_motion(tmp_path / "m.safetensors").motion
    assert torch.equal(kept, motion_of(models, star.volume, driving(6, moments=footage.moments), WHOLE, None)[0].motion)
    assert torch.equal(kept[2], kept[5])


def test_the_motion_alone_is_told_evenly(models, star, driving):
    moments = tuple(Fraction(k, 25) for k in (0, 1, 2, 6, 7, 8))
    footage = driving(6, moments=moments)
    motion, watched = motion_of(models, star.volume, footage, WHOLE, None)
    assert (len(motion.motion), motion.fps, motion.use, watched.frames) == (6, 25, "reenactment", 6)
    yaw = motion.motion[:, INDEX["yaw"]]
    assert yaw[0] < yaw[1] < yaw[2] == yaw[3] == yaw[4] == yaw[5]  # frame 2 was shown up to 6/25 s
    assert torch.equal(motion.reference, star.volume.reference)


def test_the_motion_alone_needs_consent_too(models, avatar, driving):
    with pytest.raises(ConsentRequired, match="expected reenactment"):
        motion_of(models, avatar.volume, driving(3), WHOLE, None)
